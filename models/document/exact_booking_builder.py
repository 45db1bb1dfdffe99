"""From posted documents to bookings.

A plain class rather than a model: it lives as long as one batch and holds what the batch shares,
so that nothing is asked of the database per document.
"""

import re
from functools import cached_property

from ...booking import (
    LIMITS,
    Booking,
    Period,
    fit_text,
    is_ledger_only,
    is_money,
    period_of,
    within,
)
from ...booking.choices import Choices
from ..base.exact_problem import Problem, decimal
from .exact_booking_built import Built, entry_kind, stand_in
from .exact_booking_lines import LinesOfDocument
from .exact_booking_period import PeriodOfDocument
from .exact_booking_terms import terms_of

# Exact's InvoiceNumber is an Int32.
_MAX_INVOICE_NUMBER = 2**31 - 1


class BookingBuilder(PeriodOfDocument, LinesOfDocument):
    """Builds the bookings of a batch of moves of one division.

    :param division: `exact.division` record, linked to a company.
    :param moves: all moves of the batch, of that company; what they share is read once for them.
    :param link: keep certain matches of relations (a dry run does not).
    """

    def __init__(self, division, moves, *, link=False):
        self.env = division.env
        self.division = division
        self.moves = moves
        self.index = division.mapping_index()
        self._vat_codes_by_day = {}
        self.relations = division.match_relations(moves, self.index, link=link)
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
        return {record.code: record.as_facts() for record in records}

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

    @cached_property
    def gates(self):
        """What is to be settled first, as problems by move."""
        return self.moves._exact_gates()

    # === ONE DOCUMENT === #

    def build(self, move, choices=None):
        """The booking of one posted move.

        :param move: `account.move` of the batch.
        :param Choices choices: of a person for this export alone.
        :rtype: Built
        """
        built = self._built(move, choices or Choices())
        # Last of all: what is to be settled changes nothing of how it would be booked
        built.problems += self.gates.get(move, [])
        return built

    def _built(self, move, choices):
        built = Built(move, vat_codes=self.vat_codes)
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
        if (kind or entry_kind(move)) == 'purchase' and supplier_reference:
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
        kind = entry_kind(move)
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
        # The due date is sent anyway. Of several, Exact gets the last: a person has to have chosen
        # the nearest condition.
        tranches = built.move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        built.problems.append(Problem(
            'mapping_missing_payment_term', 'blocks' if len(tranches) > 1 else 'warns',
            params={'payment_term': term.display_name},
            target=('account.payment.term', term.id),
        ))
        return ''

    def _own_total(self, move, kind):
        """The total in the company's currency, where Exact has to convert it."""
        own = move.company_currency_id
        if is_ledger_only(kind) or move.currency_id == own:
            return None
        terms = move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        sign = 1 if kind == 'sale' else -1
        return decimal(sign * sum(terms.mapped('balance')), own.decimal_places)
