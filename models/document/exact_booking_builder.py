"""From posted documents to bookings.

A plain class rather than a model: it lives as long as one batch and holds what the batch shares,
so that nothing is asked of the database per document.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from uuid import NAMESPACE_URL, uuid5

from odoo.tools import format_date

from ...booking import (
    LIMITS,
    Booking,
    Facts,
    Line,
    Period,
    book_in,
    difference_line,
    exact_totals,
    fit_text,
    is_ledger_only,
    is_money,
    is_rounding,
    next_open_period,
    period_of,
    spread,
    vat_overrides,
    within,
)
from ...booking.choices import Choices
from ..base.exact_problem import Problem, decimal
from ..mapping.exact_relation_match import party
from .exact_booking_terms import terms_of

# Lines that say something to people but book nothing.
_TEXT_LINES = ('line_section', 'line_subsection', 'line_note')
# Names of the fields in which other addons keep the first and last day of a deferral.
_DEFERRAL_FIELDS = (('deferred_start_date', 'deferred_end_date'), ('start_date', 'end_date'))
# Exact's InvoiceNumber is an Int32.
_MAX_INVOICE_NUMBER = 2**31 - 1


@dataclass
class Built:
    """One document as it would be booked.

    :param booking: None where too much is missing to make one.
    :param sources: per booked line (move line id, what chose the ledger), in the booking's order.
    :param entry_date: the date that the entry has in Exact, which decides its VAT.
    :param closed_period: (model, id) of the period that it would be booked in, if that is closed.
    :param vat_codes: every VAT code of the division by its code.
    :param new_relation: the partner that has no relation yet; the booking then carries a stand-in.
    """

    move: object
    booking: Booking | None = None
    problems: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    new_relations: dict = field(default_factory=dict)
    closed_period: tuple[str, int] | None = None
    entry_date: date | None = None
    vat_codes: dict = field(default_factory=dict)

    @property
    def blocks(self):
        return any(problem.severity == 'blocks' for problem in self.problems)


def account_name(account):
    """Number and name of an account. Odoo shows the number to readers of accounting only, and the
    worker is none.
    """
    return f'{account.code} {account.name}' if account.code else account.name


def stand_in(partner_id):
    """The GUID that stands for a relation which is yet to be made in Exact."""
    return str(uuid5(NAMESPACE_URL, f'account_exact:res.partner:{partner_id}'))


def kind_of(move):
    """'sale', 'purchase', 'bank' or 'general': which kind of entry books this move."""
    if move.is_sale_document(include_receipts=True):
        return 'sale'
    if move.is_purchase_document(include_receipts=True):
        return 'purchase'
    return 'bank' if move._exact_is_bank_entry() else 'general'


class BookingBuilder:
    """Builds the bookings of a batch of moves of one division.

    :param division: `exact.division` record, linked to a company.
    :param moves: all moves of the batch, of that company; what they share is read once for them.
    :param link: keep certain matches of relations (a dry run does not).
    """

    def __init__(self, division, moves, *, link=False):
        self.env = division.env
        self.division = division
        self.moves = moves
        self.index = division._mapping_index()
        self._vat_codes_by_day = {}
        self.relations = division._match_relations(moves, self.index, link=link)
        self._read_ahead()

    def _read_ahead(self):
        """Read what the mappings point to in one go, rather than at each line."""
        index = self.index
        ledgers = [index[kind].values() for kind in ('account', 'product', 'category')]
        targets = {
            'exact.gl.account': {row[1] for rows in ledgers for row in rows},
            'exact.vat.code': {row[1] for row in index['tax'].values()},
            'exact.journal': {row[1] for row in index['journal'].values()},
            'exact.payment.condition': {row[1] for row in index['payment_term'].values()},
            'exact.cost.center': {row[1] for row in index['analytic'].values() if row[1]},
            'exact.cost.unit': {row[2] for row in index['analytic'].values() if row[2]},
            'exact.project': {row[3] for row in index['analytic'].values() if row[3]},
        }
        for model, ids in targets.items():
            self.env[model].browse(ids).fetch(['code', 'exact_guid'])

    # === WHAT THE BATCH SHARES === #

    @cached_property
    def vat_codes(self):
        """Every VAT code of the division by its code, with the percentages of all times."""
        records = self.env['exact.vat.code'].with_context(active_test=False).search([
            ('division_id', '=', self.division.id),
        ])
        return {record.code: record._plain() for record in records}

    def vat_codes_on(self, day):
        """Every VAT code as it is on a day, which for an entry is the entry's date."""
        if day not in self._vat_codes_by_day:
            self._vat_codes_by_day[day] = {
                code: vat_code.on(day) for code, vat_code in self.vat_codes.items()
            }
        return self._vat_codes_by_day[day]

    @cached_property
    def periods(self):
        """Every reporting period, as `booking.Period`."""
        return [
            Period(period.year, period.number, period.start_date, period.end_date)
            for period in self.env['exact.period'].search([
                ('division_id', '=', self.division.id), ('start_date', '!=', False),
            ])
        ]

    @cached_property
    def closed(self):
        """Id of the `exact.journal.period` of what is closed, by (journal code, year, period)."""
        return {
            (row.journal_code, row.year, row.period): row.id
            for row in self.env['exact.journal.period'].search([
                ('division_id', '=', self.division.id), ('is_closed', '=', True),
            ])
        }

    def _category_ledger(self, category):
        """The mapping of the nearest category that has one."""
        while category:
            if category.id in self.index['category']:
                return self.index['category'][category.id]
            category = category.parent_id
        return None

    # === ONE DOCUMENT === #

    def build(self, move, choices=None):
        """The booking of one posted move.

        :param move: `account.move` of the batch.
        :param Choices choices: of a person for this export alone.
        :rtype: Built
        """
        built = Built(move, vat_codes=self.vat_codes)
        choices = choices or Choices()
        kind = self._kind(move, choices)
        ledger_only = is_ledger_only(kind)
        journal = self._journal(built, kind, choices)
        period = self._period(built, journal, choices)
        if period and journal:
            closed_id = self.closed.get((journal.code, period.year, period.number))
            built.closed_period = closed_id and ('exact.journal.period', closed_id)
        relation = condition = ''
        if not ledger_only:
            relation = self._relation(built, move.commercial_partner_id, choices)
            condition = self._payment_condition(built)
        own_date = move.date if ledger_only else move.invoice_date or move.date
        is_moved = bool(period) and period != period_of(self.periods, move.date)
        built.entry_date = within(own_date, period) if is_moved else own_date
        maker = self._general_lines if ledger_only else self._invoice_lines
        if is_money(kind):
            maker = self._bank_lines
        lines, total, vat_total, currency, rate = maker(built, kind, choices)
        if not lines and not built.blocks:
            built.problems.append(Problem('nothing_to_book'))
        if built.blocks and not (journal and lines and period):
            return built
        built.booking = Booking(
            kind=kind,
            division=self.division.code,
            journal=journal.code if journal else '',
            relation=relation,
            entry_date=own_date,
            currency=currency,
            rate=rate,
            year=period.year if period else 0,
            period=period.number if period else 0,
            your_ref=self.reference(move, kind),
            description=self._description(move, kind),
            payment_condition=condition,
            payment_reference=self._payment_reference(built, kind),
            invoice_number=self._invoice_number(move, kind),
            is_refund=move.move_type in ('out_refund', 'in_refund'),
            lines=lines,
            total=total,
            vat_total=vat_total,
            own_total=self._own_total(move, kind),
            **({} if ledger_only else terms_of(self, built)),
        )
        if is_moved:
            self._move(built, period)
        return built

    # === HEADER === #

    def reference(self, move, kind=None):
        """Our key in Exact: the document's number, on bills the supplier's invoice number."""
        supplier_reference = move._exact_supplier_reference()
        if (kind or kind_of(move)) == 'purchase' and supplier_reference:
            return fit_text(supplier_reference)
        return fit_text(move.name or '')

    def _description(self, move, kind):
        if kind == 'purchase':
            # The bill's own number, since the reference is the supplier's.
            return f"{move.name} {move.commercial_partner_id.name or ''}".strip()
        if kind == 'sale':
            return move.ref or move.invoice_origin or move.name or ''
        return move.ref or ''

    def _payment_reference(self, built, kind):
        move = built.move
        if is_ledger_only(kind) or (kind == 'sale' and self.division.numbering == 'exact'):
            # Exact's own number becomes the reference of the payment then.
            return ''
        reference = fit_text(move.payment_reference or '')
        if len(reference) <= LIMITS['payment_reference']:
            return reference
        built.problems.append(Problem(
            'payment_reference_left_out', 'informs',
            {'text': reference, 'limit': LIMITS['payment_reference']},
        ))
        return ''

    def _invoice_number(self, move, kind):
        """Odoo's number as far as Exact takes it: an integer, and a hint only."""
        if kind != 'sale' or self.division.numbering != 'odoo' or move.move_type != 'out_invoice':
            # A credit note of the same rank would ask for the number of an invoice.
            return None
        digits = re.sub(r'\D', '', move.name or '')
        number = int(digits) if digits and len(digits) <= 10 else 0
        return number if 0 < number <= _MAX_INVOICE_NUMBER else None

    def _kind(self, move, choices):
        """Which kind of entry: the journal in Exact tells bank from cash, and who sends a bank
        journal to a general one gets general entries."""
        kind = kind_of(move)
        if kind == 'bank':
            chosen = self._chosen_journal(move, choices).journal_type
            return {'90': 'general', '10': 'cash'}.get(chosen, kind)
        return kind

    def _chosen_journal(self, move, choices):
        """The journal that a person chose, for this document or for all of its journal."""
        chosen = choices.journal_id
        if not chosen and move.journal_id.id in self.index['journal']:
            chosen = self.index['journal'][move.journal_id.id][1]
        return self.env['exact.journal'].browse(chosen or [])

    def _journal(self, built, kind, choices):
        move = built.move
        chosen = self._chosen_journal(move, choices)
        if chosen:
            return chosen
        default = not is_ledger_only(kind) and self.division[f'default_{kind}_journal_id']
        if default:
            return default
        # A general entry goes out of journals that somebody mapped, never out of all of them.
        built.problems.append(Problem(
            'mapping_missing_journal', params={'journal': move.journal_id.display_name},
            target=('account.journal', move.journal_id.id),
        ))
        return None

    def _period(self, built, journal, choices):
        """The period that a document is booked in: its own; where that is closed, what the rule of
        the journal says or lets a person choose."""
        move = built.move
        own = period_of(self.periods, move.date)
        code = journal.code if journal else ''
        booked = self._named_period(move, choices.booked_period)
        if booked or (own and choices.own_period):
            return booked or own
        if own is None:
            built.problems.append(Problem(
                'period_unknown', params={'date': str(move.date)},
                target=('exact.division', self.division.id),
            ))
            return None
        closed_id = self.closed.get((code, own.year, own.number))
        if not closed_id:
            return own
        values = {'year': own.year, 'period': own.number, 'journal': code}
        policy = self._closed_period_policy(move)
        if policy == 'ask':
            chosen = self._named_period(move, choices.period)
            if chosen and (code, chosen.year, chosen.number) not in self.closed:
                return chosen
            built.problems.append(Problem(
                'period_ask', params=values, target=('exact.journal.period', closed_id),
            ))
        elif policy == 'next_open':
            facts = Facts(
                self.division.code, periods=self.periods, closed=self.closed.keys(),
            )
            later = next_open_period(facts, code, move.date)
            if later:
                return later
            built.problems.append(Problem(
                'no_open_period', params=values, target=('exact.division', self.division.id),
            ))
        return own

    def _named_period(self, move, choice):
        """The period of a choice that was made for this accounting date; None for any other."""
        if not choice or choice.day != move.date:
            return None
        chosen = (choice.year, choice.number)
        return next((p for p in self.periods if (p.year, p.number) == chosen), None)

    def _closed_period_policy(self, move):
        mapping_id = self.index['journal'].get(move.journal_id.id, (False,))[0]
        mapping = self.env['exact.journal.mapping'].browse(mapping_id or [])
        return mapping.closed_period_policy

    def _move(self, built, period):
        """Book the document in another period than its own, and say so: in Exact and in Odoo."""
        booking, own_date = built.booking, built.move.date
        note = self.env._("(dated %s)", format_date(self.env, booking.entry_date))
        built.booking = book_in(booking, period, own_date, note)
        values = {'date': str(own_date), 'year': period.year, 'period': period.number}
        built.problems.append(Problem(
            'period_moved', 'informs', values | {'entry_date': str(built.booking.entry_date)},
        ))
        if any(line.vat_code for line in booking.lines):
            built.problems.append(Problem('vat_in_other_period', 'warns', values))

    def _relation(self, built, partner, choices):
        """GUID of the relation; a stand-in where one is to be made."""
        if choices.relation_id:
            return self.env['exact.relation'].browse(choices.relation_id).exact_guid
        if not partner:
            built.problems.append(Problem('no_partner'))
            return ''
        match = self.relations.get(partner.id)
        if match is None:
            return self._new_relation(built, partner)
        if match.candidates and not choices.create_relation:
            built.problems += [
                Problem(code, params=params, target=('res.partner', partner.id))
                for code, params in match.questions(partner)
            ]
            return ''
        if match.candidates:
            return self._new_relation(built, partner)
        return match.relation.exact_guid

    def _new_relation(self, built, partner):
        """A stand-in for the relation that is to be made."""
        built.new_relations[partner.id] = stand_in(partner.id)
        return built.new_relations[partner.id]

    def _payment_condition(self, built):
        term = built.move.invoice_payment_term_id
        if not term:
            return ''
        mapped = self.index['payment_term'].get(term.id)
        if mapped:
            return self.env['exact.payment.condition'].browse(mapped[1]).code
        # The due date is sent anyway; only several due dates need a condition that knows them.
        tranches = built.move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        built.problems.append(Problem(
            'mapping_missing_payment_term', 'blocks' if len(tranches) > 1 else 'warns',
            params={'payment_term': term.display_name},
            target=('account.payment.term', term.id),
        ))
        return ''

    # === LINES === #

    def _invoice_lines(self, built, kind, choices):
        """Lines of a sales or purchase entry: net amounts with VAT codes.

        Odoo's VAT per code is the target: where Exact's rule per line would give other cents, the
        line says so.
        """
        move = built.move
        sign = -1 if kind == 'sale' else 1
        currency = move.currency_id
        digits = currency.decimal_places
        lines = []
        codes_of_tax = defaultdict(lambda: defaultdict(Decimal))
        for line in move.line_ids.sorted(lambda line: (line.sequence, line.id)):
            if line.display_type in _TEXT_LINES or line.display_type == 'payment_term':
                continue
            if self._is_vat(line):
                continue
            amount = decimal(sign * line.amount_currency, digits)
            code = self._vat_code(built, line, choices)
            for tax in self._vat_taxes(line):
                codes_of_tax[tax.id][code] += amount
            if not amount:
                continue
            lines += self._split(built, line, amount, code, choices, of_invoice=True)
        lines = self._with_vat(
            built, lines, codes_of_tax, choices, digits,
            {line: decimal(sign * line.amount_currency, digits)
             for line in move.line_ids.filtered(self._is_vat)},
        )
        # What the partner owes, or is owed: the receivable or payable lines say it.
        terms = move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        total = decimal(-sign * sum(terms.mapped('amount_currency')), digits)
        totals = self._totals(built, lines, total)
        return tuple(lines), total, totals.vat, currency.name, self._rate(move)

    def _with_vat(self, built, lines, codes_of_tax, choices, digits, amounts):
        """These lines with the VAT that Odoo has of each code, to the cent.

        :param lines: booked lines, net of VAT.
        :param codes_of_tax: {tax id: {VAT code: net amount that has it}}
        :param amounts: {move line of VAT: its amount in the sign of the lines}
        :return: the lines, and those of what no VAT amount could carry
        """
        targets, cash_rounding = defaultdict(Decimal), Decimal(0)
        for line, amount in amounts.items():
            if line.display_type == 'rounding':
                cash_rounding += amount
            if line.account_id.internal_group in ('income', 'expense') and amount:
                # VAT that cannot be claimed is a cost of its own.
                lines += self._split(built, line, amount, '', choices)
                continue
            bases = codes_of_tax.get(line.tax_line_id.id)
            if not bases:
                bases = {self._mapped_vat_code(built, line.tax_line_id): Decimal(1)}
            # A person may have given lines of one tax different codes.
            parts = spread(amount, [abs(base) for base in bases.values()], digits)
            for code, part in zip(bases, parts, strict=True):
                # A reverse charge comes to 0: what does not is cash rounding.
                targets[code] += part
        used = {line.vat_code for line in lines if line.vat_code}
        vat_codes = self.vat_codes_on(built.entry_date)
        settled = vat_overrides(
            lines, vat_codes,
            {code: targets.get(code, Decimal(0)) for code in used | set(targets)}, digits,
        )
        lines = list(settled.lines)
        if settled.left and lines:
            lines += self._difference(built, settled.left, lines, digits, cash_rounding)
        return lines

    def _totals(self, built, lines, total):
        """What Exact will make of these lines; a total that is not Odoo's is a problem."""
        totals = exact_totals(lines, self.vat_codes_on(built.entry_date))
        if lines and not built.blocks and totals.total != total:
            built.problems.append(Problem(
                'total_mismatch', params={'meant': str(total), 'found': str(totals.total)},
            ))
        return totals

    def _is_vat(self, line):
        """Whether a line is VAT: that of a tax, or a cash rounding that was added to one."""
        if line.display_type == 'rounding':
            return bool(line.tax_repartition_line_id)
        return line.display_type == 'tax' and not self._is_levy(line.tax_line_id)

    def _is_levy(self, tax):
        """Whether a tax is a fixed amount (packaging, recycling) that no VAT code stands for: its
        line is booked like any other, with the VAT that Odoo computes on it."""
        return tax.amount_type == 'fixed' and tax.id not in self.index['tax']

    def _vat_taxes(self, line):
        return line.tax_ids.flatten_taxes_hierarchy().filtered(lambda tax: not self._is_levy(tax))

    def _difference(self, built, left, lines, digits, cash_rounding):
        """The named line that carries cents which no VAT amount could."""
        if not is_rounding(left, len(lines), digits, cash_rounding):
            return []
        account = self.division.difference_gl_account_id
        values = {'gl_account': account.exact_guid}
        if not account:
            largest = max(lines, key=lambda line: abs(line.amount))
            # The account may demand its dimensions.
            values = {
                name: getattr(largest, name)
                for name in ('gl_account', 'cost_center', 'cost_unit', 'project')
            }
        line = difference_line(
            left, description=self.env._("Rounding difference"), decimals=digits, **values,
        )
        if not line:
            # The cents of two codes cancel out: the total is right, the VAT of each is not.
            built.problems.append(Problem('vat_cents', 'informs', {
                'codes': ", ".join(f"{code} ({amount:+f})" for code, amount in left.items()),
            }))
            return []
        built.sources.append((False, 'difference'))
        built.problems.append(Problem(
            'difference_line', 'informs', {'amount': str(line.amount)},
        ))
        return [line]

    def _general_lines(self, built, kind, choices):
        """Lines of a general journal entry, debit positive, in the company's currency.

        VAT lines go as they are, on their ledger and without a code: Exact adds no VAT of its own.
        """
        move = built.move
        currency = move.company_currency_id
        digits = currency.decimal_places
        lines = []
        for line in move.line_ids.sorted(lambda line: (line.sequence, line.id)):
            amount = decimal(line.balance, digits)
            if line.display_type in _TEXT_LINES or not amount:
                continue
            relation = ''
            if line.account_id.account_type in ('asset_receivable', 'liability_payable'):
                relation = self._relation(built, party(line.partner_id, move.company_id), Choices())
            lines += self._split(built, line, amount, '', choices, relation=relation)
        if any(line.tax_ids or line.tax_line_id for line in move.line_ids):
            built.problems.append(Problem('general_vat', 'informs'))
        return tuple(lines), Decimal(0), Decimal(0), currency.name, Decimal(1)

    def _bank_lines(self, built, kind, choices):
        """Lines of a bank or cash entry, money in positive, in the currency of the account.

        The line that stands for the bank itself is left out: Exact makes it. VAT as on invoices:
        its code stands on the line, or the VAT would be in no VAT return.
        """
        move = built.move
        currency, field, rate = self._bank_currency(move)
        digits = currency.decimal_places
        bank_lines = move._exact_liquidity_lines()
        lines, vat_amounts = [], {}
        codes_of_tax = defaultdict(lambda: defaultdict(Decimal))
        for line in (move.line_ids - bank_lines).sorted(lambda line: (line.sequence, line.id)):
            if line.display_type in _TEXT_LINES:
                continue
            amount = decimal(-line[field], digits)
            # (Odoo calls no line of a journal entry a tax by its display type.)
            if line.tax_line_id and not self._is_levy(line.tax_line_id):
                vat_amounts[line] = amount
                continue
            code = self._vat_code(built, line, choices)
            for tax in self._vat_taxes(line):
                codes_of_tax[tax.id][code] += amount
            if not amount:
                continue
            partner = party(line.partner_id, move.company_id)
            if line.account_id.account_type in ('asset_receivable', 'liability_payable'):
                relation = self._relation(built, partner, Choices())
            else:
                # Good to know, but no reason to make a relation of every restaurant.
                match = self.relations.get(partner.id)
                known = match.relation if match else self.env['exact.relation']
                relation = known.exact_guid if known and not known.is_blocked else ''
            lines += self._split(built, line, amount, code, choices, relation=relation)
        lines = self._with_vat(built, lines, codes_of_tax, choices, digits, vat_amounts)
        total = decimal(sum(bank_lines.mapped(field)), digits)
        totals = self._totals(built, lines, total)
        return tuple(lines), total, totals.vat, currency.name, rate

    def _bank_currency(self, move):
        """Currency of a bank account, the field of a line that has its amounts, and the rate."""
        own, currency = move.company_currency_id, move.journal_id.currency_id
        if not currency or currency == own or move.line_ids.currency_id != currency:
            return own, 'balance', Decimal(1)
        moved = move._exact_liquidity_lines()
        foreign = decimal(sum(moved.mapped('amount_currency')), currency.decimal_places)
        balance = decimal(sum(moved.mapped('balance')), own.decimal_places)
        return currency, 'amount_currency', balance / foreign if foreign else Decimal(1)

    def _split(self, built, line, amount, vat_code, choices, *, relation='', of_invoice=False):
        """One move line as one booked line, or several where its analytic distribution says so."""
        gl_account, source = self._ledger(built, line, choices)
        # Of the amount, not of the line: a ledger entry is in the company's currency.
        digits = max(0, -amount.as_tuple().exponent)
        start = end = None
        for first, last in _DEFERRAL_FIELDS if of_invoice else ():
            if first in line._fields and line[first] and line[last]:
                start, end = line[first], line[last]
        parts = self._dimensions(built, line)
        amounts = spread(amount, [weight for weight, _dims in parts], digits)
        quantity = None
        if of_invoice and line.display_type == 'product' and len(parts) == 1 and line.quantity:
            quantity = decimal(line.quantity, 6).normalize()
        description, notes = built.move._exact_line_texts(line)
        result = []
        for part, (_weight, (cost_center, cost_unit, project)) in zip(amounts, parts, strict=True):
            if not part:
                continue
            built.sources.append((line.id, source))
            result.append(Line(
                gl_account=gl_account, amount=part, vat_code=vat_code,
                description=description, notes=notes,
                cost_center=cost_center, cost_unit=cost_unit, project=project,
                quantity=quantity, from_date=start, to_date=end,
                relation=relation, sources=(line.id,),
            ))
        return result

    def _ledger(self, built, line, choices):
        """GUID of the G/L account of a line, and what chose it."""
        chosen = choices.line(line.id).gl_account_id
        if chosen:
            return self.env['exact.gl.account'].browse(chosen).exact_guid, 'override'
        index, mapped = self.index, None
        if line.display_type == 'product' and line.product_id:
            mapped = (
                index['product'].get(line.product_id.product_tmpl_id.id)
                or self._category_ledger(line.product_id.categ_id)
            )
        if not mapped and line.account_id:
            mapped = index['account'].get(line.account_id.id)
        if mapped:
            gl_account = self.env['exact.gl.account'].browse(mapped[1])
            return gl_account.exact_guid, f'exact.account.mapping,{mapped[0]}'
        kind = kind_of(built.move)
        default = not is_ledger_only(kind) and self.division[f'default_{kind}_gl_account_id']
        if default:
            return default.exact_guid, 'default'
        if not line.account_id:
            problem = Problem('line_without_account', params={'line': line.name or ''})
        else:
            problem = Problem(
                'mapping_missing_account', params={'account': account_name(line.account_id)},
                target=('account.account', line.account_id.id),
            )
        if problem not in built.problems:
            built.problems.append(problem)
        return '', ''

    def _vat_code(self, built, line, choices):
        """VAT code of a line; '' = explicitly without VAT."""
        chosen = choices.line(line.id).vat_code_id
        if chosen:
            return self.env['exact.vat.code'].browse(chosen).code
        taxes = self._vat_taxes(line)
        if not taxes:
            return ''
        if len(taxes) > 1:
            built.problems.append(Problem(
                'several_taxes',
                params={'line': line.name or '', 'taxes': ", ".join(taxes.mapped('name'))},
            ))
            return ''
        return self._mapped_vat_code(built, taxes)

    def _mapped_vat_code(self, built, tax):
        mapped = self.index['tax'].get(tax.id)
        if mapped:
            return self.env['exact.vat.code'].browse(mapped[1]).code
        problem = Problem(
            'mapping_missing_tax', params={'tax': tax.display_name or ''},
            target=('account.tax', tax.id) if tax else None,
        )
        if problem not in built.problems:
            built.problems.append(problem)
        return ''

    def _dimensions(self, built, line):
        """[(weight, (cost centre, cost unit, project GUID))]: weights are percentages.

        A key of the distribution names one account of each plan ("3,7"); plans kept in keys of
        their own are crossed. What is not distributed goes without dimensions.
        """
        none = ('', '', '')
        distribution = line.analytic_distribution or {}
        by_plan = defaultdict(list)
        for key, percentage in distribution.items():
            ids = [int(part) for part in key.split(',')]
            accounts = self.env['account.analytic.account'].browse(ids)
            plan = tuple(sorted(accounts.root_plan_id.ids))
            by_plan[plan].append((decimal(percentage, 6), self._dimension(built, accounts)))
        parts = [(Decimal(100), none)]
        for shares in by_plan.values():
            rest = Decimal(100) - sum(weight for weight, _dims in shares)
            if rest > 0:
                shares = [*shares, (rest, none)]
            parts = [
                (
                    weight * share / 100,
                    tuple(mine or theirs for mine, theirs in zip(dims, other, strict=True)),
                )
                for weight, dims in parts
                for share, other in shares
            ]
        merged = defaultdict(Decimal)
        for weight, dims in parts:
            merged[dims] += weight
        return [(weight, dims) for dims, weight in merged.items()]

    def _dimension(self, built, accounts):
        cost_center = cost_unit = project = ''
        for account in accounts:
            mapped = self.index['analytic'].get(account.id)
            if not mapped:
                problem = Problem(
                    'mapping_missing_analytic', params={'analytic': account.display_name},
                    target=('account.analytic.account', account.id),
                )
                if problem not in built.problems:
                    built.problems.append(problem)
                continue
            _mapping_id, center_id, unit_id, project_id = mapped
            if center_id:
                cost_center = self.env['exact.cost.center'].browse(center_id).code
            if unit_id:
                cost_unit = self.env['exact.cost.unit'].browse(unit_id).code
            if project_id:
                project = self.env['exact.project'].browse(project_id).exact_guid
        return cost_center, cost_unit, project

    def _own_total(self, move, kind):
        """The total in the company's currency, where Exact has to convert it."""
        own = move.company_currency_id
        if is_ledger_only(kind) or move.currency_id == own:
            return None
        terms = move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        sign = 1 if kind == 'sale' else -1
        return decimal(sign * sum(terms.mapped('balance')), own.decimal_places)

    def _rate(self, move):
        """Value of one unit of the document's currency in the company's, at Odoo's rate; 0 where
        Odoo has none (it then computes with 1)."""
        currency, rate = move.currency_id, move.invoice_currency_rate
        if currency == move.company_currency_id:
            return Decimal(1)
        companies = (move.company_id.browse(), move.company_id.root_id)
        if not rate or (rate == 1 and not any(
            known.company_id in companies for known in currency.rate_ids
        )):
            return Decimal(0)
        return Decimal(1) / Decimal(repr(rate))
