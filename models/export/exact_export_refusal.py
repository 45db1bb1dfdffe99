"""Turns what Exact refuses into findings that somebody can act on.

Exact names a kind of thing ("Ongeldige referentie: Btw-code"), never which one. What this document
has of that kind is found from the lines that were sent, so that a person is led to its mapping.
"""

import re
from typing import NamedTuple

from odoo import api, models

from ...booking import from_dict
from ...booking.likeness import bare
from ...exact_api import Forbidden, NotFound, Rejected
from ...exact_api.catalog import LATER, kind_of, understand
from ..base.exact_error_text import describe
from ..base.exact_note import told
from ..base.exact_problem import Problem
from ..document.exact_booking_built import stand_in
from .exact_export import BOOKED_STATES
from .exact_export_step import MAX_ATTEMPTS

# How often Exact may report a problem of its own before a person is told (facts: twice more).
TRANSIENT_ATTEMPTS = 3
# A document with more candidates than this tells nobody where to look; it is shown itself then.
MAX_CANDIDATES = 5


class Meaning(NamedTuple):
    """What becomes of one kind of refusal.

    :param code: of the finding.
    :param part: whose record a person mends (`_candidates_<part>`): '' for the part that Exact's
        sentence names, 'document' for the document itself.
    :param shares: name of the part (`booking.holding`) by which others would meet the same; '' for
        what is this document's alone.
    """

    code: str
    part: str = 'document'
    shares: str = ''


_MEANINGS = {
    'vat_percentage': Meaning('refused_vat_percentage', 'vat_code'),
    'vat_code_not_allowed': Meaning('refused_vat_of_journal', 'journal', 'journal_vat'),
    'vat_amount_not_allowed': Meaning('refused_vat_amount', 'vat_code', 'vat_amount'),
    'gl_account_type': Meaning('refused_account_type', 'gl_account', 'gl_account'),
    'journal_type': Meaning('refused_journal_type', 'journal', 'journal'),
    'customer_type': Meaning('refused_customer', 'relation', 'relation'),
    'supplier_type': Meaning('refused_supplier', 'relation', 'relation'),
    'control_account': Meaning('refused_relation_account', 'relation', 'relation'),
    'currency_not_allowed': Meaning('refused_currency_of_journal', 'journal', 'journal_currency'),
    'rate_not_allowed': Meaning('refused_rate_of_journal', 'journal', 'journal_currency'),
    'rate_missing': Meaning('refused_rate_missing', 'division', 'currency'),
    'year_unknown': Meaning('refused_year_unknown', 'division', 'year'),
    'cost_center_link': Meaning(
        'refused_cost_center_link', 'cost_center', 'cost_center_link',
    ),
    'condition_missing': Meaning(
        'refused_condition_missing', 'payment_term', 'no_payment_condition',
    ),
    'document_type': Meaning('refused_document_type', 'division', 'files'),
    'mandatory': Meaning('refused_mandatory', ''),
    'not_in_balance': Meaning('refused_not_in_balance'),
    'duplicate_number': Meaning('refused_number'),
    'duplicate_code': Meaning('refused_exists'),
    'already_processed': Meaning('refused_processed'),
    'financial_year': Meaning('refused_year'),
    'opening_balance': Meaning('refused_balance'),
    'not_base64': Meaning('refused_file'),
}

# What is said of an entry that Exact has already.
_DUPLICATES = {'duplicate_number', 'duplicate_code'}
# A property that Exact does not take: `Type` of a credit note, in the other style than it wants.
_READ_ONLY_TYPE = re.compile(r"\bType\b.*\b(read-?only|alleen[- ]lezen)\b", re.IGNORECASE)


class ExactExportRefusal(models.AbstractModel):
    _name = 'exact.export.refusal'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Refusals"

    # === WHAT EXACT REFUSED === #

    @api.private
    def refused(self, export, step, error):
        """Exact refused. If it names a closed period, this is learned and the document is checked
        anew; everything else becomes findings for people.

        :param str step: 'relation', 'document' or 'entry': what was being sent.
        """
        export.ensure_one()
        export.log_attempt(step, 'refused', describe(error))
        if step == 'entry' and self._learn_closed_period(export, error):
            return
        problems = self.refusal_problems(export, error, step)
        export._set_findings(problems)
        self._learn_relation(export, error)
        if step == 'entry' and any(
            understand(words).kind.code in _DUPLICATES for words in error.messages
        ):
            # Somebody may have booked it: it is looked up at once, and sent again only if a person
            # asks.
            export._go('in_doubt', next_try=False)
            return
        export._go('refused')
        self.env['exact.export.check'].spare_others(export, problems)

    @api.private
    def is_said_to_be_there(self, export):
        """Whether Exact refused this for being there already, under its number or as a whole."""
        codes = {_MEANINGS[kind].code for kind in _DUPLICATES} | {'refused_same'}
        return bool(codes & set(export.finding_ids.mapped('code')))

    @api.private
    def refusal_problems(self, export, error, step='entry'):
        """The problems that people have to solve after a refusal: one for each sentence of Exact
        and each record that the sentence can mean.

        :param error: `Rejected`, `Forbidden` or `NotFound`.
        :rtype: list[Problem]
        """
        export.ensure_one()
        if isinstance(error, Forbidden):
            problems = [self._forbidden_problem(export, error)]
            self._share(export, problems[0], step)
        elif isinstance(error, Rejected) and step == 'relation' and (
            partner := getattr(error, 'partner', export.partner_id)
        ):
            problems = [self._partner_problem(export, partner, error)]
        elif isinstance(error, Rejected) and error.messages:
            problems = [
                problem
                for words in dict.fromkeys(error.messages)
                for problem in self._sentence_problems(export, understand(words))
            ]
        else:
            problems = [Problem('refused', params={'message': describe(error)})]
            if isinstance(error, NotFound) and step == 'entry':
                self._share(export, problems[0], step)
        return problems

    def _share(self, export, problem, step):
        """A right that is missing stops all documents that need it.

        :param step: as of `refused`
        """
        name = {'entry': 'kind', 'document': 'files', 'relation': 'new_relation'}.get(step)
        part = self.env['exact.export.check'].shared_part(export, name)
        if part:
            problem.params['shared'] = list(part)

    def _forbidden_problem(self, export, error):
        """The problem of a right that the user, the app or the licence lacks; it is mended at the
        connection. (If the whole administration is closed to us, the division waits instead.)
        """
        target = ('exact.connection', export.division_id.connection_id.id)
        words = " ".join(error.messages)
        if error.scope:
            return Problem('refused_scope', params={'scope': error.scope}, target=target)
        if kind_of('division_not_accessible').fragment in words:
            return Problem('refused_licence', params={'words': words}, target=target)
        return Problem(
            'refused_right', params={'resource': error.resource or '?', 'words': words},
            target=target,
        )

    def _partner_problem(self, export, partner, error):
        """Exact does not take a partner as a relation. If the relation was yet to be made, the
        other documents of the partner wait as well.
        """
        problem = Problem('refused_partner', params={
            'name': partner.display_name,
            'words': " ".join(error.messages) or told(self.env, describe(error)),
        }, target=('res.partner', partner.id))
        part = self.env['exact.export.check'].shared_part(export, 'partner', stand_in(partner.id))
        if part:
            problem.params['shared'] = list(part)
        return problem

    def _sentence_problems(self, export, refusal):
        """The problems that one sentence of Exact stands for."""
        words, code = refusal.words, refusal.kind.code
        if code == 'period_closed' and export.booking:
            return [self._period_problem(export, refusal)]
        if self._is_about_its_style(export, refusal):
            return [self._problem(export, 'refused_credit_note_style', (
                ('exact.division', export.division_id.id), '', '',
            ), refusal, 'credit_note')]
        if code in _DUPLICATES and export.exact_guid:
            # The entry is ours already: there is nothing to compare and link.
            code = 'unknown'
        other = code == 'duplicate_code' and self._booked_with_the_number(export)
        if other:
            return [Problem(
                'refused_same', params={
                    'document': other.move_id.name, 'reference': other.reference,
                    'words': words,
                }, target=('account.move', other.move_id.id),
            )]
        meaning, known = self._meaning_of(export, code, refusal)
        if not meaning:
            return [Problem('refused', params={'message': words})]
        return [
            self._problem(export, meaning.code, candidate, refusal, meaning.shares)
            for candidate in known
        ] or [
            self._problem(
                export,
                meaning.code,
                (('account.move', export.move_id.id), '', ''),
                refusal,
                meaning.shares,
            )
        ]

    def _booked_with_the_number(self, export):
        """The export of another document that has the number of this one, day and amount: there is
        nothing to link, the entry is the other's.
        """
        booking = from_dict(export.booking)
        return export.search([
            ('division_id', '=', export.division_id.id), ('state', 'in', BOOKED_STATES),
            ('kind', '=', export.kind), ('id', '!=', export.id),
            ('reference_key', '=', bare(booking.your_ref)), ('reference_key', '!=', ''),
            ('move_id.invoice_date', '=', export.move_id.invoice_date),
            ('move_id.amount_total', '=', export.move_id.amount_total),
        ], limit=1)

    def _meaning_of(self, export, code, refusal):
        """The meaning of a kind of refusal, and the records of this document that it can be about.

        :return: (`Meaning`, candidates); no meaning where it is only known in Exact's words.
        """
        part = refusal.part
        meaning = _MEANINGS.get(code)
        if meaning:
            known = self.env['exact.export.candidates'].candidates(export, meaning.part or part)
            if code == 'gl_account_type':
                known = self.env['exact.export.candidates'].narrowed_by_type(export, known)
            return meaning, known
        known = self.env['exact.export.candidates'].candidates(export, part) if part else []
        if code == 'invalid_reference':
            if known:
                return Meaning(f'refused_{part}', part, part), known
            return Meaning('refused_reference'), [
                (('exact.division', export.division_id.id), '', ''),
            ]
        if code == 'blocked' and known:
            return Meaning('refused_blocked', part, part), known
        # New words: they are shown as they are, and the one record that they can mean.
        return (Meaning('refused_part', part, part) if len(known) == 1 else None), known

    def _problem(self, export, code, candidate, refusal, shares):
        """One problem, with what other documents would meet as well.

        :param candidate: as of `candidates`
        """
        target, name, meant = candidate
        booking = from_dict(export.booking) if export.booking else None
        params = {'name': name, 'target': meant, 'words': refusal.words}
        if booking:
            params |= {
                'currency': booking.currency, 'date': str(booking.entry_date),
                'year': booking.year, 'journal': booking.journal,
            }
        if refusal.kind.code == 'not_in_balance':
            params['difference'] = refusal.amount or "?"
        if refusal.entry_number:
            params |= {'number': refusal.entry_number, 'journal': refusal.journal}
        part = self.env['exact.export.check'].shared_part(export, shares)
        if part:
            params['shared'] = list(part)
        return Problem(code, params=params, target=target)

    def _is_about_its_style(self, export, refusal):
        """Whether a credit note was refused since the administration wants the other style."""
        booking = from_dict(export.booking) if export.booking else None
        return bool(booking and booking.is_refund) and (
            refusal.kind.code == 'amount' or bool(_READ_ONLY_TYPE.search(refusal.words))
        )

    def _period_problem(self, export, refusal):
        """The problem of a closed period that no check could find, or that Exact named among
        others.
        """
        booking = from_dict(export.booking)
        year, number = refusal.period or (booking.year, booking.period)
        period = self.env['exact.journal.period'].with_context(active_test=False).search([
            ('division_id', '=', export.division_id.id), ('journal_code', '=', booking.journal),
            ('year', '=', year), ('period', '=', number),
        ], limit=1)
        return Problem(
            'period_closed',
            params={
                'year': year, 'period': number, 'journal': booking.journal, 'words': refusal.words,
            },
            target=(
                (period._name, period.id) if period
                else ('exact.division', export.division_id.id)
            ),
        )

    # === WHAT A REFUSAL TEACHES === #

    def _learn_closed_period(self, export, error):
        """A period was closed after the check: check this document anew, and all others that are
        about to meet the same, by the rule of their journals.

        :return: whether that was it.
        """
        periods = [
            refusal.period for refusal in map(understand, error.messages)
            if refusal.kind.code == 'period_closed'
        ]
        if not periods or len(periods) < len(error.messages) or not export.booking:
            return False
        booking = from_dict(export.booking)
        year, number = periods[0] or (booking.year, booking.period)
        if (year, number) != (booking.year, booking.period):
            # Not the period that we asked for: nothing that a check could find.
            return False
        export.division_id._note_closed(year, number, booking.journal)
        same = export.search([
            ('division_id', '=', export.division_id.id), ('state', '=', 'ready'),
            ('journal_id', '=', export.journal_id.id), ('pending_action', '=', False),
        ]).filtered(lambda export: export.booking and (
            export.booking.get('year'), export.booking.get('period')) == (year, number))
        (export | same)._go('check_anew', next_try=False)
        (export | same).trigger_worker()
        return True

    def _learn_relation(self, export, error):
        """A relation that is no customer or supplier any more is made one by the next attempt."""
        kinds = getattr(error, 'kinds', ())
        if 'customer_type' in kinds and export.relation_id.is_customer:
            export.relation_id.status = False
        if 'supplier_type' in kinds and export.relation_id.is_supplier:
            export.relation_id.is_supplier = False

    # === TRIED AGAIN BY ITSELF === #

    @api.private
    def may_try_again(self, export, words):
        """Whether an attempt without result is repeated; a person looks after some of them.

        :param words: what Exact answered, sentence by sentence; empty without an answer
        """
        limit = TRANSIENT_ATTEMPTS if _is_transient(words) else MAX_ATTEMPTS
        return bool(export.attempt_count % limit)

    @api.private
    def given_up(self, export, words):
        """The finding of an export that was tried often enough.

        :param words: as of `may_try_again`
        """
        if _is_transient(words):
            return Problem('refused_again', params={
                'count': export.attempt_count, 'words': " ".join(words),
            })
        return Problem('no_answer', params={'count': export.attempt_count})

    # === SEND AGAIN WHAT WAITED === #

    @api.private
    def allowed(self, exports):
        """Those that the person may act on."""
        exports = exports._filtered_access('read')
        moves = exports.move_id._filtered_access('write')
        return exports.filtered(lambda export: export.move_id in moves)

    @api.private
    def with_the_same_cause(self, exports):
        """These exports, and all that wait for the same records to be mended."""
        findings = exports.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks' and (
                finding.res_model not in (False, 'account.move')
                or (finding.params or {}).get('shared')
            )
        )
        return exports | self.allowed(findings.waiting_for_the_same())


def _is_transient(words):
    """Whether Exact answered with a problem of its own."""
    return bool(words) and all(understand(line).kind.reaction == LATER for line in words)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _note_closed(self, year, number, journal_code):
        """Keep that Exact refused a period as closed, before the next reading finds out."""
        self.ensure_one()
        period_model = self.env['exact.journal.period'].with_context(active_test=False)
        period = period_model.search([
            ('division_id', '=', self.id), ('journal_code', '=', journal_code),
            ('year', '=', year), ('period', '=', number),
        ], limit=1)
        values = {'is_closed': True, 'active': True}
        if period:
            period.write(values)
            return
        code = f'{journal_code}/{year}/{number}'
        period_model.create({
            **values, 'division_id': self.id, 'exact_guid': code, 'code': code,
            'journal_code': journal_code, 'year': year, 'period': number,
        })
