"""What is paid of a document in Exact, and the same in Odoo: the state is compared, not events.

`booking.settlement` decides what Exact has; what lacks in Odoo is made, what differs is made anew,
what is gone is taken back. Whatever comes twice, late or half changes nothing.
"""

import logging
from contextlib import contextmanager
from decimal import Decimal

from psycopg2 import OperationalError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ...booking import settlement as plain
from ...exact_api import MalformedAnswer, odata, wire
from ..base.exact_note import day, money, note, told
from ..export.exact_export import BOOKED_STATES, ENDED_STATES
from ..export.exact_export_read_back import READ_BATCH
from ..work.exact_work import Work, index_of_work
from .exact_payment import OPEN_ACCOUNTS

_logger = logging.getLogger(__name__)

_LINES = 'bulk/Financial/TransactionLines'
_LINE_FIELDS = (
    'ID', 'EntryID', 'EntryNumber', 'OffsetID', 'Type', 'Date', 'AmountFC', 'AmountDC', 'Currency',
    'PaymentDiscountAmount', 'Account', 'InvoiceNumber', 'YourRef',
)
CENT = Decimal('0.01')
SETTLE = Work(
    'settle', lambda row: SQL("%s", row('is_due')), is_told=False, model='exact.settlement',
    step='_settle', order=30, priority='payment',
)
# Exact's status of a term that nobody has paid or chosen for payment.
OPEN = 20


def _cents(value):
    return (wire.as_decimal(value) or Decimal(0)).quantize(Decimal('0.01'))


def _about(row):
    """What tells the documents of one payment apart."""
    return (
        wire.as_guid(row['Account']) or '', str(wire.as_int(row['InvoiceNumber']) or ''),
        wire.as_text(row['YourRef']),
    )


def _matched_line(row):
    """The plain line of a row of TransactionLines."""
    return plain.MatchedLine(
        wire.as_guid(row['ID']), wire.as_guid(row['EntryID']), wire.as_int(row['Type']),
        wire.as_date(row['Date']), _cents(row['AmountFC']), _cents(row['AmountDC']),
        wire.as_text(row['Currency']), abs(_cents(row['PaymentDiscountAmount'])),
        str(wire.as_int(row['EntryNumber']) or ''), _about(row),
    )


def _difference(row):
    return plain.Difference(
        wire.as_guid(row['EntryID']), wire.as_int(row['Type']), _cents(row['AmountFC']),
        _cents(row['AmountDC']), _about(row),
    )


class ExactSettlement(models.Model):
    """What of a document is paid in Exact."""

    _name = 'exact.settlement'
    _description = "Exact Settlement"
    _inherit = ['exact.work.mixin']
    _rec_name = 'export_id'
    _order = 'id desc'
    _log_access = False

    export_id = fields.Many2one(
        'exact.export', required=True, ondelete='cascade', readonly=True,
    )
    division_id = fields.Many2one(
        related='export_id.division_id', store=True, precompute=True, index=True,
    )
    company_id = fields.Many2one(related='export_id.company_id', store=True, precompute=True)
    move_id = fields.Many2one(
        related='export_id.move_id', store=True, precompute=True, index=True,
    )
    currency_id = fields.Many2one(related='export_id.currency_id')
    is_due = fields.Boolean(readonly=True, help="Exact told something new of it.")
    next_try = fields.Datetime(readonly=True)
    state = fields.Selection(
        [('open', "Open"), ('partly', "Partly Paid"), ('paid', "Paid")], readonly=True,
    )
    open_amount = fields.Monetary(string="Amount Open in Exact", readonly=True)
    paid_amount = fields.Monetary(string="Paid in Exact", readonly=True)
    paid_on = fields.Date(string="Last Paid On", readonly=True)
    run = fields.Selection(
        [('selected', "Selected for Payment"), ('sent', "Sent to the Bank")], readonly=True,
    )
    batch = fields.Char(string="Payment Run", readonly=True)
    differs = fields.Boolean(readonly=True, help="Odoo has another amount open than Exact.")
    trouble = fields.Json(
        readonly=True, help="Why Odoo does not have the same, to be told: see exact_note.",
    )
    message = fields.Char(compute='_compute_message')
    payment_ids = fields.One2many('exact.payment', 'settlement_id', readonly=True)

    _export_uniq = models.Constraint('UNIQUE(export_id)', "An export is settled once.")
    _due_idx = models.Index(index_of_work('division_id', (SETTLE,)))

    @api.depends('trouble', 'payment_ids.kind')
    @api.depends_context('lang', 'tz')
    def _compute_message(self):
        for settlement in self:
            unknown = settlement.payment_ids.filtered(lambda one: one.kind == plain.UNKNOWN)
            settlement.message = told(self.env, settlement.trouble or (
                unknown and note('payment/unknown', amount=money(
                    f"{sum(unknown.mapped('amount')):.2f}", settlement.currency_id.name,
                ))
            ))

    @api.model
    @api.private
    def note_terms(self, exports):
        """Exact told what is open of these exports: they are settled anew if anything is paid or
        was.
        """
        exports = exports.filtered(
            lambda export: export.division_id.payments == 'mirror'
            # What paid an entry goes with it, whatever is switched off since.
            or export.state in ENDED_STATES,
        )
        known = self.search([('export_id', 'in', exports.ids)])
        proof = self.env['exact.export.proof']
        known |= self.create([
            {'export_id': export.id} for export in exports - known.export_id
            if export.state in BOOKED_STATES and any(
                term.status != OPEN or term.total > term.amount
                for term in proof.own_terms(export)
            )
        ])
        known.follow_anew()

    @api.private
    def follow_anew(self):
        """Have these documents compared with Exact once more."""
        if self:
            self.write({'is_due': True, 'next_try': False})
            self.env['exact.export'].enqueue(self.division_id)

    # === SETTLING === #

    def _settle(self, division, client):
        """Read how these documents were paid, and pay them so in Odoo."""
        for batch in self.env['exact.export.proof'].batches(self, READ_BATCH):
            lines = batch._read_lines(client)
            self.env['exact.work.mixin'].commit_half()
            for settlement in batch:
                settlement._follow_alone(lines)
            batch._tell()
            if not self.env['ir.cron']._commit_progress(len(batch)):
                return True
        return False

    def _tell(self):
        """Let the forms that show these documents read them anew; ids alone are told."""
        self.env['bus.bus']._sendone(
            self.env.ref('account.group_account_invoice'), 'account_exact/payment',
            {'move_ids': self.move_id.ids},
        )

    def _terms(self):
        return self.env['exact.export.proof'].own_terms(self.export_id)

    def _plain_terms(self):
        """:rtype: list[booking.settlement.PaidTerm]"""
        return [
            plain.PaidTerm(
                term.exact_guid, term.transaction_guid or '', term.status,
                Decimal(f'{term.amount:.2f}'), Decimal(f'{term.total:.2f}'),
                term.paid_on or None, term.changed_on or None, term.batch or '',
            )
            for term in self._terms()
        ]

    def _read_lines(self, client):
        """Read the lines of Exact's ledger that were matched with these documents, and what their
        entries have that is no money.

        :return: {GUID of a document's line: list of `MatchedLine`}
        """
        matched = {}
        for row in self._rows(client, 'OffsetID', {
            term.transaction for one in self if plain.is_touched(terms := one._plain_terms())
            for term in terms if term.transaction
        }):
            with self._readable(row):
                matched.setdefault(wire.as_guid(row['OffsetID']), []).append(_matched_line(row))
        self._add_own_lines(client, matched)
        differences = []
        for row in self._rows(client, 'EntryID', {
            line.entry for lines in matched.values() for line in lines if line.type == plain.CASH
        }):
            with self._readable(row):
                if row['Type'] in (plain.EXCHANGE, plain.DIFFERENCE) and not row['OffsetID']:
                    differences.append(_difference(row))
        return plain.with_differences(matched, differences)

    def _add_own_lines(self, client, matched):
        """Of two documents that were matched with each other, the line of one alone names the
        other's. Whom nothing names is asked for its own line; the other is one of ours, or nobody
        knows it.

        :param matched: of `with_differences`; what is found is added
        """
        unnamed = {
            transaction: one for one in self
            if plain.is_touched(terms := one._plain_terms())
            for transaction in {term.transaction for term in terms} if transaction not in matched
        }
        found = {}
        for row in self._rows(client, 'EntryID', {
            one.export_id.exact_guid for one in unnamed.values()
        }):
            with self._readable(row):
                if wire.as_guid(row['ID']) in unnamed and row['OffsetID']:
                    found[wire.as_guid(row['ID'])] = wire.as_guid(row['OffsetID']), row
        others = self.env['exact.export.term'].search([
            ('transaction_guid', 'in', [offset for offset, _row in found.values()]),
            ('export_id.division_id', 'in', self.division_id.ids),
        ])
        entries = {term.transaction_guid: term.entry_guid for term in others}
        for transaction, (offset, row) in found.items():
            if offset in entries:
                # How much, the term says: the line is that of the whole document.
                matched[transaction] = [_matched_line(row)._replace(
                    entry=entries[offset], currency='',
                )]

    def _rows(self, client, name, guids):
        """Rows of the ledger of which a property is one of these, 40 with one call."""
        for some in odata.batches(sorted(guids)):
            for rows in client.pages(_LINES, select=_LINE_FIELDS, filter=odata.any_of(
                name, [odata.guid(guid) for guid in some],
            )):
                yield from rows

    @contextmanager
    def _readable(self, row):
        """Leave a row out that has not the form of the reference."""
        try:
            yield
        except (KeyError, MalformedAnswer) as error:
            _logger.info("Exact: row %s of %s: %s", row.get('ID'), _LINES, error)

    def _follow_alone(self, lines):
        """As `_follow`; one document's trouble is no other's."""
        try:
            with self.env.cr.savepoint():
                self._follow(lines)
        except OperationalError:
            raise
        except Exception as error:
            # It is not tried again by itself: each time costs calls, and fails in the same way.
            _logger.exception("Exact: the payment of export %s failed", self.export_id.id)
            reason = str(error) if isinstance(error, UserError) else type(error).__name__
            self.write({
                'is_due': False, 'differs': True, 'trouble': note('payment/broken', reason=reason),
            })

    def _follow(self, lines):
        """Make Odoo say of this document what Exact does."""
        self.ensure_one()
        terms = self._plain_terms()
        if self.export_id.state not in BOOKED_STATES:
            # The entry is gone, and with it what paid it.
            self.write({
                'trouble': self._carry_out((), Decimal(0)), 'is_due': False, 'differs': False,
                'state': False, 'run': False, 'batch': False, 'paid_on': False,
                'open_amount': 0, 'paid_amount': 0,
            })
            return
        if not terms:
            # They are deleted before those in their place are read.
            self.is_due = False
            return
        move = self.move_id
        decided = plain.settlement(
            terms,
            [line for guid in {term.transaction for term in terms} for line in lines.get(guid, ())],
            side=self.side(),
            currency=move.currency_id.name,
        )
        trouble = self._carry_out(decided.parts, decided.open)
        self.write({
            'is_due': False, 'trouble': trouble,
            'differs': abs(self._open_in_odoo() - decided.open) >= CENT,
            'state': decided.state, 'open_amount': float(decided.open),
            'paid_amount': float(decided.paid),
            'paid_on': max((part.date for part in decided.parts if part.date), default=False),
            'run': decided.run or False, 'batch': decided.batch or False,
        })

    @api.private
    def side(self):
        """1 if the document is a debit on its partner's account, so that money comes in for it;
        else -1.
        """
        self.ensure_one()
        lines = self.move_id.line_ids.filtered(
            lambda line: line.account_id.account_type in OPEN_ACCOUNTS,
        )
        return 1 if sum(lines.mapped('balance')) > 0 else -1

    def _open_in_odoo(self):
        lines = self.env['exact.payment'].open_lines(self.move_id)
        return Decimal(f"{abs(sum(lines.mapped('amount_residual_currency'))):.2f}")

    def _carry_out(self, parts, rest):
        """Take back what Exact does not have any more, and make what it has.

        :param parts: of `booking.settlement.Settlement`
        :param Decimal rest: what is open in Exact: no less is left open here, or what somebody
            registered by hand would be paid twice
        :return: a note of why something could not be made, False if all could
        """
        made = {payment.key: payment for payment in self.payment_ids}
        steps = plain.steps(parts, {key: payment._plain() for key, payment in made.items()})
        trouble = False
        for key in steps.remove:
            trouble = made[key]._take_back() or trouble
        for payment in self.payment_ids:
            trouble = payment._match_again() or trouble
        payable = plain.payable_parts(steps.create, self._open_in_odoo() - rest)
        for part in steps.create:
            trouble = self.env['exact.payment']._make(
                self, part, by_hand=part.key not in payable,
            ) or trouble
        return trouble

    @api.private
    def situation(self):
        """What people read of the payment of a document.

        :return: a note, None if there is nothing to tell
        """
        self.ensure_one()
        open_amount = money(f'{self.open_amount:.2f}', self.currency_id.name)
        run = self.batch or '?'
        if self.state == 'paid':
            return note('payment/paid', date=day(self.paid_on)) if self.paid_on else (
                note('payment/settled')
            )
        if self.run:
            return note(f'payment/{self.run}', run=run)
        if self.state == 'partly':
            return note('payment/partly', date=day(self.paid_on), amount=open_amount)
        return None


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def write(self, vals):
        result = super().write(vals)
        if vals.get('state') in ENDED_STATES:
            # What paid an entry goes with it.
            self.env['exact.settlement'].note_terms(self)
        return result


class AccountMove(models.Model):
    _inherit = 'account.move'

    def _exact_after_post(self):
        """What was paid of a document that was edited is matched with it again."""
        result = super()._exact_after_post()
        # sudo: as in the method that is extended
        self.env['exact.settlement'].sudo().search([
            ('move_id', 'in', self.ids), ('division_id.payments', '=', 'mirror'),
        ]).follow_anew()
        return result


class ExactExportProof(models.AbstractModel):
    _inherit = 'exact.export.proof'

    @api.private
    def read_terms(self, division, client, since):
        if division.payments == 'mirror':
            # Where reading begins, it begins with what was booked first.
            reading = self.env['exact.payment.reading'].search([('division_id', '=', division.id)])
            since = min(since, reading.since()) if reading else since
        return super().read_terms(division, client, since)

    @api.private
    def terms_changed(self, exports):
        result = super().terms_changed(exports)
        self.env['exact.settlement'].note_terms(exports)
        return result


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _work_kinds(self):
        return super()._work_kinds() + (SETTLE,)
