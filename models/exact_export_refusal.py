"""What Exact said no to, as findings that somebody can act on.

Exact names a kind of thing ("Ongeldige referentie: Btw-code"), never which one. What this document
has of that kind is found from the lines that were sent, so that a person is led to its mapping.
"""

from collections import defaultdict

from odoo import models
from odoo.fields import Domain

from ..booking import from_dict
from ..exact_api import Forbidden, Rejected
from ..exact_api.catalog import LATER, kind_of, understand
from .exact_booking_builder import Problem, account_name
from .exact_error_text import describe
from .exact_export_worker import MAX_ATTEMPTS
from .exact_note import note, told

# How often Exact may report a problem of its own before a person is told (facts: twice more).
TRANSIENT_ATTEMPTS = 3
# A document with more candidates than this tells nobody where to look; it is shown itself then.
MAX_CANDIDATES = 5
# Kinds of refusals -> (code of the finding, part of the entry). Without a part it is the one that
# the sentence names; without that, the document itself is to be looked at.
_FINDINGS = {
    'vat_percentage': ('refused_vat_percentage', 'vat_code'),
    'vat_code_not_allowed': ('refused_vat_of_journal', 'journal'),
    'gl_account_type': ('refused_account_type', 'gl_account'),
    'journal_type': ('refused_journal_type', 'journal'),
    'customer_type': ('refused_customer', 'relation'),
    'supplier_type': ('refused_supplier', 'relation'),
    'mandatory': ('refused_mandatory', ''),
    'duplicate_number': ('refused_number', 'document'),
    'duplicate_code': ('refused_exists', 'document'),
    'already_processed': ('refused_processed', 'document'),
    'financial_year': ('refused_year', 'document'),
    'opening_balance': ('refused_balance', 'document'),
    'not_base64': ('refused_file', 'document'),
}

# What is said of an entry that Exact has already.
_DUPLICATES = {'duplicate_number', 'duplicate_code'}
# What Exact says of a journal it says to every document of it.
_OF_THE_JOURNAL = {'refused_journal', 'refused_journal_type', 'refused_vat_of_journal'}
# And what it says of one of these to every document that has it: finding -> field of our lines.
# (The percentage of a VAT code is another one at another date.)
_OF_THE_LINES = {
    'refused_vat_code': 'vat_code_id',
    'refused_gl_account': 'gl_account_id',
    'refused_account_type': 'gl_account_id',
    'refused_cost_center': 'cost_center',
    'refused_cost_unit': 'cost_unit',
    'refused_project': 'project_id',
}


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === WHAT EXACT REFUSED === #

    def _refused(self, step, error):
        """Exact said no. What it said of a period is learned, and the document checked anew as if
        that had been known; everything else becomes findings for people.

        :param str step: 'relation', 'document' or 'entry': what was being sent.
        """
        self.ensure_one()
        message = describe(error)
        self._log_attempt(step, 'refused', message)
        self.answer = "\n".join(error.messages) or told(self.env, message)
        if step == 'entry' and self._learn_closed_period(error):
            return
        problems = self._refusal_problems(error, step)
        self._set_findings(problems)
        self._learn_relation(error)
        self.state = 'refused'
        self._spare_others(problems)

    def _refusal_problems(self, error, step='entry'):
        """What a refusal asks of people, a problem for each of Exact's sentences and each record
        that it can mean.

        :param error: `Rejected`, `Forbidden` or `NotFound`.
        :rtype: list[Problem]
        """
        self.ensure_one()
        if isinstance(error, Forbidden):
            problems = [self._forbidden_problem(error)]
        elif isinstance(error, Rejected) and error.messages:
            problems = [
                problem
                for words in dict.fromkeys(error.messages)
                for problem in self._sentence_problems(understand(words), step)
            ]
        else:
            problems = [Problem('refused', params={'message': describe(error)})]
        return problems

    def _forbidden_problem(self, error):
        """What the user, the app or the licence may not do; mended at the connection. (What closes
        the whole administration is no document's refusal: the division waits.)"""
        target = ('exact.connection', self.division_id.connection_id.id)
        words = " ".join(error.messages)
        if error.scope:
            return Problem('refused_scope', params={'scope': error.scope}, target=target)
        if kind_of('division_not_accessible').fragment in words:
            return Problem('refused_licence', params={'words': words}, target=target)
        return Problem(
            'refused_right', params={'resource': error.resource or '?', 'words': words},
            target=target,
        )

    def _sentence_problems(self, refusal, step):
        """The problems that one sentence of Exact stands for."""
        words, code, part = refusal.words, refusal.kind.code, refusal.part
        if step == 'relation' and self.partner_id:
            return [Problem(
                'refused_partner', params={'name': self.partner_id.display_name, 'words': words},
                target=('res.partner', self.partner_id.id),
            )]
        if code == 'period_closed' and self.booking:
            return [self._period_problem(refusal)]
        if code in _DUPLICATES and self.exact_guid:
            # Of an entry that is ours already this is nothing to compare and link.
            code = 'unknown'
        if code == 'invalid_reference':
            known = self._candidates(part) if part else []
            if not known:
                return [Problem(
                    'refused_reference', params={'words': words},
                    target=('exact.division', self.division_id.id),
                )]
            code = f'refused_{part}'
        elif code in _FINDINGS:
            code, always = _FINDINGS[code]
            known = self._candidates(always or part)
            if code == 'refused_account_type':
                known = self._narrowed_by_type(known)
        else:
            # New words: they are shown as they are, and the one record that they can mean.
            known = self._candidates(part) if part else []
            if len(known) != 1:
                return [Problem('refused', params={'message': words})]
            code = 'refused_part'
        return [
            Problem(code, params={'name': name, 'target': meant, 'words': words}, target=target)
            for target, name, meant in known
        ] or [Problem(
            code, params={'name': '', 'target': '', 'words': words},
            target=('account.move', self.move_id.id),
        )]

    def _period_problem(self, refusal):
        """A closed period that no check could find, or that is not all that Exact refused."""
        booking = from_dict(self.booking)
        year, number = refusal.period or (booking.year, booking.period)
        period = self.env['exact.journal.period'].with_context(active_test=False).search([
            ('division_id', '=', self.division_id.id), ('journal_code', '=', booking.journal),
            ('year', '=', year), ('period', '=', number),
        ], limit=1)
        return Problem(
            'period_closed',
            params={
                'year': year, 'period': number, 'journal': booking.journal, 'words': refusal.words,
            },
            target=(
                (period._name, period.id) if period
                else ('exact.division', self.division_id.id)
            ),
        )

    # === WHAT OF THIS DOCUMENT IT CAN MEAN === #

    def _candidates(self, part):
        """What this document has of a part of the entry.

        :param str part: a key of `catalog.PARTS`.
        :return: list of ((model, id) of the record to mend, its name, its name in Exact); empty
            where the document itself is to be looked at.
        """
        find = getattr(self, f'_candidates_{part}', None) if part else None
        found = list(dict.fromkeys(find())) if find else []
        return found if len(found) <= MAX_CANDIDATES else []

    def _candidates_vat_code(self):
        for line in self.line_ids.filtered('vat_code_id'):
            for tax in line.move_line_id.tax_ids.flatten_taxes_hierarchy():
                yield ('account.tax', tax.id), tax.display_name, line.vat_code_id.display_name

    def _candidates_gl_account(self):
        for line in self.line_ids.filtered('gl_account_id'):
            model, _comma, mapping_id = (line.chosen_by or '').partition(',')
            mapping = self.env['exact.account.mapping'].browse(
                int(mapping_id) if model == 'exact.account.mapping' else [],
            ).exists()
            account = line.move_line_id.account_id
            target = ('account.account', account.id) if account else None
            name = account_name(account)
            if mapping and not mapping.account_id:
                # A product or a category chose the ledger, not the account.
                target, name = (mapping._name, mapping.id), mapping._source.display_name
            if target:
                yield target, name, line.gl_account_id.display_name

    def _narrowed_by_type(self, candidates):
        """Of several accounts those on a ledger that Exact books itself, if there are any."""
        forbidden = self.line_ids.gl_account_id.filtered(
            lambda ledger: ledger.gl_type in (20, 22, 24),
        ).mapped('display_name')
        return [row for row in candidates if row[2] in forbidden] or candidates

    def _candidates_journal(self):
        journal = self.move_id.journal_id
        yield ('account.journal', journal.id), journal.display_name, self.journal_id.display_name

    def _candidates_payment_condition(self):
        term = self.move_id.invoice_payment_term_id
        if term:
            code = from_dict(self.booking).payment_condition if self.booking else ''
            yield ('account.payment.term', term.id), term.display_name, code

    def _candidates_relation(self):
        if self.partner_id:
            partner = self.partner_id
            meant = self.relation_id.display_name or partner.display_name
            yield ('res.partner', partner.id), partner.display_name, meant

    def _candidates_cost_center(self):
        return self._candidates_analytic('cost_center_id', self.line_ids.mapped('cost_center'))

    def _candidates_cost_unit(self):
        return self._candidates_analytic('cost_unit_id', self.line_ids.mapped('cost_unit'))

    def _candidates_project(self):
        return self._candidates_analytic('project_id', self.line_ids.project_id.mapped('code'))

    def _candidates_analytic(self, field, codes):
        account_ids = {
            int(part)
            for line in self.line_ids.move_line_id
            for key in line.analytic_distribution or {}
            for part in key.split(',')
        }
        for mapping in self.env['exact.analytic.mapping'].search([
            ('division_id', '=', self.division_id.id),
            ('analytic_account_id', 'in', list(account_ids)), (f'{field}.code', 'in', codes),
        ]):
            account = mapping.analytic_account_id
            yield (
                ('account.analytic.account', account.id), account.display_name,
                mapping[field].display_name,
            )

    # === WHAT A REFUSAL TEACHES === #

    def _learn_closed_period(self, error):
        """A period was closed after the check: check this document anew, and all others that are
        about to meet the same, by the rule of their journals.

        :return: whether that was it.
        """
        periods = [
            refusal.period for refusal in map(understand, error.messages)
            if refusal.kind.code == 'period_closed'
        ]
        if not periods or len(periods) < len(error.messages) or not self.booking:
            return False
        booking = from_dict(self.booking)
        year, number = periods[0] or (booking.year, booking.period)
        if (year, number) != (booking.year, booking.period):
            # Not the period that we asked for: nothing that a check could find.
            return False
        self.division_id._note_closed(year, number, booking.journal)
        same = self.search([
            ('division_id', '=', self.division_id.id), ('state', '=', 'ready'),
            ('journal_id', '=', self.journal_id.id), ('pending_action', '=', False),
        ]).filtered(lambda export: export.booking and (
            export.booking.get('year'), export.booking.get('period')) == (year, number))
        (self | same).write({'state': 'proposed', 'next_try': False})
        (self | same)._trigger_worker()
        return True

    def _spare_others(self, problems):
        """What other documents would meet as well is not tried with each of them: Exact takes few
        errors an hour. They are told the same, so that one fix releases all.
        """
        spared = defaultdict(list)
        waiting = Domain([
            ('division_id', '=', self.division_id.id), ('state', '=', 'ready'),
            ('pending_action', '=', False),
        ])
        for problem in problems:
            others = self.search(waiting & self._having_the_same(problem, problems))
            for export in others:
                spared[export].append(problem)
            others._log_attempt(
                'check', 'refused', note(f'finding/{problem.code}', **problem.params),
            )
        if spared:
            others = self.browse().union(*spared)
            others._set_all_findings(spared)
            others.write({'state': 'refused', 'next_try': False})

    def _having_the_same(self, problem, problems):
        """Domain of the exports that a refusal is about as well: none where it may be this
        document's alone, or where this document has several things that Exact can mean.
        """
        if problem.code in _OF_THE_JOURNAL:
            domain = Domain('journal_id', '=', self.journal_id.id) & Domain(
                'move_id.journal_id', '=', self.move_id.journal_id.id,
            )
            if problem.code == 'refused_vat_of_journal':
                domain &= Domain('line_ids.vat_code_id', '!=', False)
            return domain
        meant = [
            one for one in problems
            if (one.code, one.params.get('words')) == (problem.code, problem.params.get('words'))
        ]
        model, res_id = problem.target or (None, None)
        if meant != [problem] or model in (None, 'account.move') or not self.booking:
            return Domain.FALSE
        booking = from_dict(self.booking)
        if problem.code == 'refused_payment_condition':
            return Domain('move_id.invoice_payment_term_id', '=', res_id)
        if problem.code == 'refused_relation':
            relations = {booking.relation, *(line.relation for line in booking.lines)} - {''}
            if relations != {self.relation_id.exact_guid}:
                return Domain.FALSE
            return Domain('relation_id', '=', self.relation_id.id) & Domain(
                'move_id.commercial_partner_id', '=', res_id,
            )
        field = _OF_THE_LINES.get(problem.code, '')
        name = field.removesuffix('_id')
        if not field or len({getattr(line, name) for line in booking.lines} - {''}) != 1:
            return Domain.FALSE
        return self._having_the_line(field, model, res_id)

    def _having_the_line(self, field, model, res_id):
        """Domain of the exports with a line that has what this document's lines have in a field, by
        the same record of Odoo that is to be mended.
        """
        lines = self.line_ids.filtered(field)
        values = lines.mapped(field)
        same = Domain(field, 'in', values if isinstance(values, list) else values.ids)
        if field == 'gl_account_id':
            chosen_by = set(lines.mapped('chosen_by'))
            if 'override' in chosen_by:
                return Domain.FALSE
            same &= Domain('chosen_by', 'in', list(chosen_by))
        source = {
            'account.tax': 'move_line_id.tax_ids',
            'account.account': 'move_line_id.account_id',
            'account.analytic.account': 'move_line_id.analytic_distribution',
        }.get(model)
        if source:
            same &= Domain(source, 'in', [res_id])
        return Domain('line_ids', 'any', same)

    def _learn_relation(self, error):
        """A relation that is no customer or supplier any more is made one by the next attempt."""
        kinds = getattr(error, 'kinds', ())
        if 'customer_type' in kinds and self.relation_id.is_customer:
            self.relation_id.status = False
        if 'supplier_type' in kinds and self.relation_id.is_supplier:
            self.relation_id.is_supplier = False

    # === TRIED AGAIN BY ITSELF === #

    def _may_try_again(self):
        """Whether an attempt without result is repeated; a person looks after some of them."""
        limit = TRANSIENT_ATTEMPTS if self._is_transient() else MAX_ATTEMPTS
        return bool(self.attempt_count % limit)

    def _is_transient(self):
        """Whether Exact answered the last attempt with a problem of its own."""
        words = (self.answer or '').splitlines()
        return bool(words) and all(understand(line).kind.reaction == LATER for line in words)

    def _given_up(self):
        """The finding of an export that was tried often enough."""
        if self._is_transient():
            return Problem('refused_again', params={
                'count': self.attempt_count, 'words': " ".join(self.answer.splitlines()),
            })
        return Problem('no_answer', params={'count': self.attempt_count})

    # === SEND AGAIN WHAT WAITED === #

    def _allowed(self):
        """Those that the person may act on."""
        exports = self._filtered_access('read')
        moves = exports.move_id._filtered_access('write')
        return exports.filtered(lambda export: export.move_id in moves)

    def _with_the_same_cause(self):
        """These exports, and all that wait for the same records to be mended."""
        findings = self.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks'
            and finding.res_model not in (False, 'account.move')
        )
        return self | findings._waiting_for_the_same()._allowed()


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
