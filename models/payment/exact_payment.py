"""What stands in Odoo for one thing that settled a document in Exact."""

from datetime import timedelta
from decimal import Decimal

from odoo import Command, api, fields, models

from ...booking import settlement as plain
from ..base.exact_note import day, money, note, told
from ..export.exact_export import BOOKED_STATES

OPEN_ACCOUNTS = ('asset_receivable', 'liability_payable')


class ExactPayment(models.Model):
    """A payment, a write-off or a match of Exact, and its mirror in Odoo."""

    _name = 'exact.payment'
    _description = "Exact Payment"
    _order = 'date, id'
    _log_access = False

    settlement_id = fields.Many2one(
        'exact.settlement', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(related='settlement_id.company_id', store=True, precompute=True)
    currency_id = fields.Many2one(related='settlement_id.currency_id')
    key = fields.Char(required=True, readonly=True, help="Line of Exact's ledger.")
    kind = fields.Selection(
        [
            ('payment', "Payment"), ('exchange', "Exchange Difference"),
            ('write_off', "Payment Difference"), ('document', "Other Document"),
            ('unknown', "Paid, Split Unknown"),
        ],
        required=True, readonly=True,
    )
    date = fields.Date(readonly=True)
    amount = fields.Monetary(readonly=True)
    amount_dc = fields.Float(string="In Exact's Currency", readonly=True)
    has_amount_dc = fields.Boolean(readonly=True)
    discount = fields.Monetary(readonly=True)
    write_off = fields.Monetary(string="Payment Difference", readonly=True)
    entry_guid = fields.Char(readonly=True)
    entry_number = fields.Char(string="Entry in Exact", readonly=True)
    payment_id = fields.Many2one('account.payment', readonly=True, ondelete='set null')
    entry_id = fields.Many2one(
        'account.move', string="Journal Entry", readonly=True, ondelete='set null',
    )

    _key_uniq = models.UniqueIndex(
        '(settlement_id, key)', "A payment of Exact stands in Odoo once.",
    )

    def _plain(self):
        """:rtype: booking.settlement.Settled"""
        self.ensure_one()

        def cents(amount):
            return Decimal(f'{amount:.2f}') + 0

        return plain.Settled(
            self.key, self.kind, self.date or None, cents(self.amount),
            cents(self.amount_dc) if self.has_amount_dc else None, cents(self.discount),
            self.entry_guid or '', self.entry_number or '', cents(self.write_off),
        )

    # === MAKING === #

    def _make(self, settlement, part, *, by_hand):
        """Make in Odoo what settled a part of a document in Exact.

        :param part: `booking.settlement.Settled`
        :param bool by_hand: somebody has registered it in Odoo
        :return: a note of why that cannot be, False if it was made
        """
        if part.kind == plain.EXCHANGE_DIFFERENCE:
            # Odoo books it by itself, as soon as nothing is open.
            self._keep(settlement, part)
            return False
        move = settlement.move_id
        amount = money(part.amount, move.currency_id.name)
        if move.state != 'posted':
            return note('payment/not_posted', amount=amount)
        if part.kind == plain.DOCUMENT:
            return self._match(settlement, part)
        if part.amount < 0:
            return note('payment/unknown', amount=amount)
        lines, journal = self.open_lines(move), settlement.division_id.payment_journal_id
        if not journal.active or not journal.default_account_id:
            return note('payment/no_journal', amount=amount)
        if by_hand:
            # What somebody registered or reconciled by hand is never touched.
            return note('payment/by_hand', amount=amount, date=day(part.date))
        date = self._open_day(settlement, part.date or fields.Date.context_today(self))
        if not date:
            return note('payment/locked', amount=amount, date=day(part.date))
        is_plain = part.kind in (plain.PAYMENT, plain.UNKNOWN)
        needed = [
            (not is_plain or part.write_off, 'payment_difference_account_id'),
            (part.discount, 'payment_discount_account_id'),
        ]
        if any(is_needed and not settlement.division_id[name] for is_needed, name in needed):
            return note('payment/no_account', amount=amount)
        if move.currency_id != move.company_currency_id and (
            part.money != part.amount or part.amount_dc is None
        ):
            # Nothing tells the difference in Odoo's own currency, and no rate is asked.
            return note('payment/unknown', amount=amount)
        if is_plain and part.money > 0:
            payment = self._pay(settlement, part, date)
            made, values = payment.move_id, {'payment_id': payment.id}
        else:
            made = self._write_off(settlement, part, date)
            values = {'entry_id': made.id}
        (lines + self.open_lines(made)).reconcile()
        self._keep(settlement, part, **values)
        return False

    def _keep(self, settlement, part, **values):
        return self.create({
            'settlement_id': settlement.id, 'key': part.key, 'kind': part.kind,
            'date': part.date, 'amount': float(part.amount),
            'has_amount_dc': part.amount_dc is not None, 'amount_dc': float(part.amount_dc or 0),
            'discount': float(part.discount), 'write_off': float(part.write_off),
            'entry_guid': part.entry, 'entry_number': part.number,
            **values,
        })

    @api.model
    @api.private
    def open_lines(self, move):
        """What of a document or an entry stands on its partner's account and is not reconciled."""
        return move.line_ids.filtered(
            lambda line: line.account_id.account_type in OPEN_ACCOUNTS and not line.reconciled,
        )

    def _open_day(self, settlement, date):
        """The day on which Odoo takes it; None if Odoo's lock date forbids it and it is to wait."""
        division = settlement.division_id
        # Odoo itself would take another day, and not say so.
        locked = settlement.company_id._get_violated_lock_dates(
            date, False, division.payment_journal_id,
        )
        if not locked:
            return date
        if division.payment_lock == 'hold':
            return None
        return max(lock for lock, _field in locked) + timedelta(days=1)

    def _memo(self, settlement, part):
        """What people find it by: the document, Exact's entry, and its date if Odoo has another."""
        return " ".join(filter(None, (
            settlement.move_id.payment_reference or settlement.move_id.name,
            part.number and f"Exact {part.number}", part.date and str(part.date),
        )))

    def _lines(self, settlement, part):
        """Commands for the lines of the entry: the partner's account against money and what was
        none.
        """
        division, move = settlement.division_id, settlement.move_id
        [account] = move.line_ids.account_id.filtered(
            lambda account: account.account_type in OPEN_ACCOUNTS,
        )[:1]
        side = settlement.side()
        is_foreign = move.currency_id != move.company_currency_id and part.amount_dc is not None
        no_money = division.payment_difference_account_id
        is_plain = part.kind in (plain.PAYMENT, plain.UNKNOWN)
        rows = [
            (account, -part.amount),
            (
                division.payment_journal_id.default_account_id if is_plain else no_money,
                part.money,
            ),
            (division.payment_discount_account_id, part.discount),
            (no_money, part.write_off),
        ]
        return [
            Command.create({
                'account_id': one.id, 'partner_id': move.commercial_partner_id.id,
                'name': self._memo(settlement, part), 'currency_id': move.currency_id.id,
                'amount_currency': float(side * amount),
                # Of a foreign one there are two lines, each of the whole amount.
                'balance': float(side * (
                    abs(part.amount_dc).copy_sign(amount) if is_foreign else amount
                )),
            })
            for one, amount in rows if amount
        ]

    def _pay(self, settlement, part, date):
        """A payment of Odoo for a payment of Exact."""
        division, move = settlement.division_id, settlement.move_id
        journal = division.payment_journal_id
        comes_in = settlement.side() > 0
        methods = (
            journal.inbound_payment_method_line_ids if comes_in
            else journal.outbound_payment_method_line_ids
        )
        payment = self.env['account.payment'].create({
            'payment_type': 'inbound' if comes_in else 'outbound',
            'partner_type': 'customer' if move.is_sale_document(include_receipts=True)
            else 'supplier',
            'partner_id': move.commercial_partner_id.id, 'date': date,
            'amount': float(part.money),
            'currency_id': move.currency_id.id, 'journal_id': journal.id,
            'payment_method_line_id': methods[:1].id,
            'outstanding_account_id': journal.default_account_id.id,
            'memo': self._memo(settlement, part),
            'line_ids': self._lines(settlement, part),
        })
        payment.action_post()
        return payment

    def _write_off(self, settlement, part, date):
        """A journal entry for what was settled without money."""
        division = settlement.division_id
        entry = self.env['account.move'].create({
            'move_type': 'entry', 'journal_id': division.payment_journal_id.id, 'date': date,
            'ref': self._memo(settlement, part), 'currency_id': settlement.move_id.currency_id.id,
            'partner_id': settlement.move_id.commercial_partner_id.id,
            'line_ids': self._lines(settlement, part),
        })
        entry.action_post()
        return entry

    def _match(self, settlement, part):
        """Reconcile the document with another one that Exact matched with it."""
        move, amount = settlement.move_id, money(part.amount, settlement.currency_id.name)
        other = self.env['exact.export'].search([
            ('division_id', '=', settlement.division_id.id), ('exact_guid', '=', part.entry),
            ('state', 'in', BOOKED_STATES),
        ], limit=1).move_id
        if not other:
            return note('payment/unknown_document', number=part.number, amount=amount)
        lines, others = self.open_lines(move), self.open_lines(other)
        if self._matched(move, other):
            # By the other document, or by a person
            self._keep(settlement, part, entry_id=other.id)
            return False
        both = min(abs(sum(some.mapped('amount_residual_currency'))) for some in (lines, others))
        if (
            other.state != 'posted' or len((lines | others).account_id) != 1
            or abs(both - float(part.amount)) >= 0.005
        ):
            return note('payment/match_by_hand', document=other.name, amount=amount)
        (lines + others).reconcile()
        self._keep(settlement, part, entry_id=other.id)
        return False

    def _matched(self, move, other):
        """What reconciles two entries with each other."""
        lines = move.line_ids
        return (lines.matched_debit_ids | lines.matched_credit_ids).filtered(
            lambda partial: {partial.debit_move_id.move_id, partial.credit_move_id.move_id}
            == {move, other},
        )

    def _match_again(self):
        """Match with its document what Odoo parted from it, as where the document was edited.

        :return: a note if somebody has cancelled it, else False
        """
        self.ensure_one()
        move, made = self.settlement_id.move_id, self.payment_id.move_id or self.entry_id
        if self.kind in (plain.EXCHANGE_DIFFERENCE, plain.DOCUMENT) or move.state != 'posted':
            return False
        if made.state != 'posted':
            return note('payment/cancelled_here', date=day(self.date), amount=money(
                f'{self.amount:.2f}', self.currency_id.name,
            ))
        lines, others = self.open_lines(move), self.open_lines(made)
        if lines and others and len((lines | others).account_id) == 1:
            (lines + others).reconcile()
        return False

    # === TAKING BACK === #

    def _take_back(self):
        """Take back in Odoo what Exact does not have any more.

        :return: a note if the money stays as the partner's credit, else False
        """
        self.ensure_one()
        move, trouble = self.settlement_id.move_id, False
        made = self.payment_id.move_id or self.entry_id
        if self.kind == plain.DOCUMENT:
            self._matched(move, made).unlink()
        elif made and made.state == 'posted':
            self._matched(move, made).unlink()
            if self.settlement_id.company_id._get_violated_lock_dates(
                made.date, False, made.journal_id,
            ):
                # What is locked stays; the document is open again all the same.
                trouble = note('payment/kept', date=day(made.date))
            elif self.payment_id:
                self.payment_id.action_cancel()
            else:
                made.button_cancel()
        if made:
            move.message_post(body=told(self.env, note(
                'payment/taken_back', date=day(self.date),
                amount=money(f'{self.amount:.2f}', self.currency_id.name),
            )))
        self.unlink()
        return trouble
