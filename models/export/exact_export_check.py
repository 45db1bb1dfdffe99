"""Documents are built and checked by Exact's own rules before anything is sent."""

from odoo import api, models
from odoo.tools import split_every

from ...booking import (
    fingerprint,
    to_dict,
)
from ...booking.rules import check
from ..base.exact_problem import Problem
from ..document.exact_booking_builder import BookingBuilder
from ..document.exact_facts import line_taxes
from ..mapping.exact_relation_match import RELATION_QUESTIONS
from .exact_export import ENTRY
from .exact_export_step import CHECK_BATCH

# Documents that are checked in one turn: the rest while what is checked is on its way.
CHECK_AT_ONCE = 1000
# Findings that block by the rules, but that the engine mends by itself on linked relations.
_MENDED = {'relation_not_customer', 'relation_not_supplier'}


class ExactExportCheck(models.AbstractModel):
    _name = 'exact.export.check'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Check of Documents"

    @api.private
    def check_proposed(self, division):
        """Build the bookings of what is proposed and check them by Exact's own rules.

        :return: whether more wait to be checked
        """
        proposed = self.env['exact.export'].search([
            ('division_id', '=', division.id), ('work', '=', 'check'),
        ], order='id', limit=CHECK_AT_ONCE)
        for batch_ids in split_every(CHECK_BATCH, proposed.ids):
            batch = self.env['exact.export'].browse(batch_ids).try_lock_for_update().filtered(
                lambda export: export.state == 'proposed',
            )
            self._each_by_itself(
                # While exports are done one by one, people may withdraw some of them.
                batch, lambda exports: self._check(exports.filtered(
                    lambda export: export.state == 'proposed',
                ), division),
                self._check_failed,
            )
            if not self._commit():
                return True
        return len(proposed) == CHECK_AT_ONCE

    def _check_failed(self, export, error):
        export._set_findings([self._unexpected(error)])
        export.log_attempt('check', 'refused', export.finding_ids[:1].as_note())
        export._go('check_blocked')

    def _check(self, exports, division):
        """Check exports of one division; each ends `ready` or `blocked`, or `uncertain` where Exact
        may have the entry already.
        """
        moves = exports.move_id
        builder = BookingBuilder(division, moves, link=True)
        built = {export: builder.build(export.move_id, export.own_choices()) for export in exports}
        facts = division.booking_facts(builder, list(built.values()))
        suspects = self.env['exact.export.alike'].suspects(division, {
            export: one.booking for export, one in built.items() if one.booking
        })
        ids = self.ids_in_exact(division, built.values())
        deviating = self.env['exact.export.einvoice'].einvoice_problems(exports, built)
        self._take_over_doubts(exports)
        all_problems, others_now = {}, exports.browse()
        for export, one in built.items():
            before = export.fingerprint
            problems = self.problems(division, one, facts) + deviating.get(export, [])
            blocked = any(problem.severity == 'blocks' for problem in problems)
            # What somebody else may have booked, or we ourselves when Exact was asked before, is
            # looked at before anything is sent.
            doubtful = export in suspects or self.env['exact.export.doubt'].asked_for(export)
            event = 'check_in_doubt' if doubtful else 'check_passed'
            export._go(
                'check_blocked' if blocked else event,
                name=export.move_id.name, next_try=False,
                **(self.booking_values(one, ids) if one.booking else {}),
            )
            all_problems[export] = problems
            if before and before != export.fingerprint:
                others_now |= export
        # In one row: a search would write the part that it asks for alone, and the rest behind it.
        exports.flush_recordset()
        exports._set_all_findings(all_problems)
        self.keep_lines(exports, built, ids)
        if others_now:
            others_now._release_same()
        self._hold_with_refused(exports.filtered(lambda export: export.state == 'ready'), division)

    def _take_over_doubts(self, exports):
        """Remember for which of these documents an earlier export has asked Exact, with an outcome
        that nobody has looked up: whoever withdraws it and exports anew has asked before, too.
        """
        before = exports.move_id.exact_export_ids - exports
        mine = {(export.move_id, export.division_id): export for export in exports}
        for operation in self.env['exact.export.doubt'].asked_for(before):
            earlier = before.browse(operation.res_id)
            export = mine.get((earlier.move_id, earlier.division_id))
            if export and not export.operation(*ENTRY):
                operation.res_id = export.id
                (earlier | export).invalidate_recordset(['operation_ids'])
                # That attempt counts: the next is not the first.
                export.attempt_count = max(export.attempt_count, 1)

    @api.private
    def problems(self, division, one, facts):
        """All findings on a built document, those of the build and those of the rules.

        :rtype: list[Problem]
        """
        problems = list(one.problems)
        move = one.move
        if move.state != 'posted':
            problems.append(Problem('not_posted'))
        start = division.export_start_date
        if start and move.date < start:
            problems.append(Problem('before_start_date', params={
                'date': str(move.date), 'start': str(start),
            }))
        if division.currency_id and division.currency_id != move.company_currency_id:
            problems.append(Problem('division_currency', params={
                'division_currency': division.currency_id.name,
                'currency': move.company_currency_id.name,
            }, target=('exact.division', division.id)))
        for partner_id in one.new_relations:
            partner = self.env['res.partner'].browse(partner_id)
            problems.append(Problem(
                'relation_new', 'informs', {'partner': partner.display_name},
            ))
        if not one.booking:
            return problems
        known = {problem.code for problem in problems}
        lines = {position: line_id for position, (line_id, _chosen) in enumerate(one.sources)}
        for finding in check(one.booking, facts, taxes=line_taxes(one)):
            if finding.code in known or self._said_already(finding.code, known):
                continue
            severity = 'informs' if finding.code in _MENDED else finding.severity
            problems.append(Problem(
                finding.code, severity,
                {key: str(value) for key, value in finding.params.items()},
                self._target(division, one, finding, lines.get(finding.line)),
            ))
        return problems

    def _said_already(self, code, known):
        """Whether a finding only repeats, in Exact's terms, what the build said in Odoo's."""
        causes = {
            'journal_missing': {'mapping_missing_journal'},
            'account_missing': {'mapping_missing_account', 'line_without_account'},
            'vat_code_missing': {'mapping_missing_tax', 'several_taxes'},
            'relation_missing': {'no_partner', *RELATION_QUESTIONS},
            'period_unknown': {'period_unknown'},
            'period_closed': {'period_ask', 'no_open_period'},
            'no_lines': {'nothing_to_book'},
            'total_differs': {
                'total_mismatch', 'mapping_missing_tax', 'mapping_missing_account', 'several_taxes',
            },
            'vat_total_differs': {'total_mismatch', 'mapping_missing_tax', 'several_taxes'},
        }
        return bool(causes.get(code, set()) & known)

    def _target(self, division, one, finding, line_id):
        """The record that a person has to mend for a finding of the rules."""
        move = one.move
        line = self.env['account.move.line'].browse(line_id or [])
        code = finding.code
        if code.startswith(('vat_', 'reverse_charge')) and line.tax_ids:
            return ('account.tax', line.tax_ids.flatten_taxes_hierarchy()[:1].id)
        if code.startswith('account_') and line.account_id:
            return ('account.account', line.account_id.id)
        if code.startswith('journal_'):
            return ('account.journal', move.journal_id.id)
        if code.startswith('relation_') and move.commercial_partner_id:
            return ('res.partner', move.commercial_partner_id.id)
        if code == 'period_closed':
            return one.closed_period
        if code.startswith(('period_', 'currency_')):
            return ('exact.division', division.id)
        if code == 'payment_condition_unknown':
            return ('account.payment.term', move.invoice_payment_term_id.id)
        return None

    @api.private
    def booking_values(self, one, ids):
        """What an export keeps of a built booking.

        :param dict ids: of `ids_in_exact`
        """
        booking = one.booking
        return {
            'booking': to_dict(booking),
            'document_written_at': one.move.write_date,
            'fingerprint': fingerprint(booking),
            'reference': booking.your_ref,
            'kind': booking.kind,
            'own_date': booking.own_date or False,
            'journal_id': ids['exact.journal'].get(booking.journal),
            'relation_id': ids['exact.relation'].get(booking.relation),
        }

    @api.private
    def keep_lines(self, exports, built, ids):
        """Keep the lines of the bookings, for people to read.

        :param built: {export: Built}
        :param dict ids: of `ids_in_exact`
        """
        self.env['exact.export.line'].search([('export_id', 'in', exports.ids)]).unlink()
        self.env['exact.export.line'].create([
            {
                'export_id': export.id,
                'sequence': position,
                'move_line_id': one.sources[position][0],
                'chosen_by': one.sources[position][1],
                'name': line.description,
                'gl_account_id': ids['exact.gl.account'].get(line.gl_account),
                'amount': float(line.amount),
                'vat_code_id': ids['exact.vat.code'].get(line.vat_code),
                'vat_amount': float(line.vat_amount or 0),
                'cost_center': line.cost_center,
                'cost_unit': line.cost_unit,
                'project_id': ids['exact.project'].get(line.project),
            }
            for export, one in built.items() if one.booking
            for position, line in enumerate(one.booking.lines)
        ])

    @api.private
    def ids_in_exact(self, division, built):
        """Ids of the master data that bookings name, in a query per kind of it.

        :param built: `Built` of one division
        :return: {model: {code or GUID: id}}
        """
        bookings = [one.booking for one in built if one.booking]
        lines = [line for booking in bookings for line in booking.lines]
        named = {
            'exact.journal': ('code', {booking.journal for booking in bookings}),
            'exact.relation': ('exact_guid', {booking.relation for booking in bookings}),
            'exact.gl.account': ('exact_guid', {line.gl_account for line in lines}),
            'exact.vat.code': ('code', {line.vat_code for line in lines}),
            'exact.project': ('exact_guid', {line.project for line in lines}),
        }
        return {
            model: {
                record[field]: record.id
                for record in self.env[model].with_context(active_test=False).search_fetch([
                    ('division_id', '=', division.id), (field, 'in', list(keys - {'', None})),
                ], [field])
            } if keys - {'', None} else {}
            for model, (field, keys) in named.items()
        }
