"""Exact is not asked again for what it has refused: the documents that share the cause wait with
the refused one, all others go on. `booking.holding` decides which documents share a cause.
"""

from collections import defaultdict

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ...booking import from_dict
from ...booking.holding import Part, parts_of, shared, waits_with
from ..base.exact_note import note
from ..base.exact_problem import Problem

# Kinds of entries that name relations and currencies on their lines, which no column holds.
_LEDGER_KINDS = ('general', 'bank', 'cash')


class ExactExportCheck(models.AbstractModel):
    _inherit = 'exact.export.check'

    # === WHAT DOCUMENTS HAVE IN COMMON === #

    def _parts(self, exports):
        """The parts of these exports that others may share, as `booking.holding` defines them.

        :return: {export: frozenset of `Part`}; those that are not built yet have none.
        """
        return {
            export: self._own_parts(export) if export.booking else frozenset() for export in exports
        }

    def _own_parts(self, exports):
        move = exports.move_id
        journal = f'account.journal,{move.journal_id.id}'
        lines = []
        for line in exports.line_ids.sorted('sequence'):
            taxes = [
                f'account.tax,{tax.id}'
                for tax in line.move_line_id.tax_ids.flatten_taxes_hierarchy()
                if tax.amount_type != 'fixed'
            ]
            lines.append(
                {
                    'gl_account': [self._ledger_source(exports, line)],
                    'vat_code': taxes,
                    'vat_amount': taxes,
                }
            )
        booking = from_dict(exports.booking)
        relation = exports.relation_id
        condition = {
            'sale': relation.payment_condition_sale,
            'purchase': relation.payment_condition_purchase,
        }.get(booking.kind)
        return parts_of(
            booking,
            header={
                'journal': journal, 'journal_vat': journal, 'journal_currency': journal,
                'relation': f'res.partner,{exports.partner_id.id}',
                'payment_condition': f'account.payment.term,{move.invoice_payment_term_id.id}',
            },
            lines=lines, relation_condition=condition or '',
            with_files=self._may_have_files(exports, booking.kind),
            new_relations=self.env['exact.export.relations'].stand_ins(exports, booking),
        )

    def _may_have_files(self, export, kind):
        """Whether files travel with the document; sales have their PDF."""
        return export.division_id.send_documents and (
            kind == 'sale' or (kind == 'purchase' and bool(export.move_id.message_attachment_count))
        )

    def _ledger_source(self, export, line):
        """The record that chose the ledger of a line, which a person would mend."""
        chosen_by = line.chosen_by or ''
        if chosen_by == 'override':
            return f'{export._name},{export.id}'
        if chosen_by == 'default':
            return f'account.account,{line.move_line_id.account_id.id}'
        return chosen_by

    @api.private
    def shared_part(self, export, name, value=''):
        """The part of this name that this document shares with others when Exact refuses it; None
        if the refusal concerns this document alone.

        :param value: which one was refused, where that is known.
        """
        return shared(name, self._own_parts(export), value) if name and export.booking else None

    # === THOSE IN THE QUEUE === #

    @api.private
    def spare_others(self, export, problems):
        """Let the documents in the queue wait that share a cause with this one: Exact takes few
        errors an hour. They get the same findings, so that one fix releases all.
        """
        told = defaultdict(list)
        waiting = Domain([
            ('division_id', '=', export.division_id.id), ('state', '=', 'ready'),
            ('pending_action', '=', False),
        ])
        for problem in problems:
            if not problem.params.get('shared'):
                continue
            part = Part(*problem.params['shared'])
            others = export.search(waiting & self._may_have(export, part))
            for other, parts in self._parts(others).items():
                if part in parts:
                    told[other].append(problem)
        self._tell_held(told)

    def _tell_held(self, told):
        """Let these exports wait, with findings that say for what.

        :param told: {export: list of `Problem`}
        """
        if not told:
            return
        same = defaultdict(self.env['exact.export'].browse)
        for export, problems in told.items():
            for problem in problems:
                same[problem.code, str(problem.params)] |= export
        by_key = {
            (problem.code, str(problem.params)): problem
            for problems in told.values() for problem in problems
        }
        for key, exports in same.items():
            problem = by_key[key]
            exports.log_attempt(
                'check', 'refused', note(f'finding/{problem.code}', **problem.params),
            )
        exports = self.env['exact.export'].browse().union(*told)
        exports._set_all_findings(told)
        exports._go('refused', next_try=False)

    def _may_have(self, export, part):
        """Domain of the exports that may have a part of this one, as far as the database knows."""
        of_lines = {
            'gl_account': ('gl_account_id', '!=', False),
            'vat_code': ('vat_code_id.code', '=', part.value),
            'vat_amount': ('vat_code_id.code', '=', part.value),
            'cost_center': ('cost_center', '=', part.value),
            'cost_center_link': ('cost_center', '!=', False),
            'cost_unit': ('cost_unit', '=', part.value),
            'project': ('project_id', '!=', False),
        }
        if part.name in of_lines:
            return Domain('line_ids', 'any', [of_lines[part.name]])
        match part.name:
            case 'journal' | 'journal_vat' | 'journal_currency':
                return Domain('journal_id', '=', export.journal_id.id)
            case 'new_relation':
                return Domain('relation_id', '=', False)
            case 'partner':
                partner = self.env['exact.export.relations'].stand_ins(
                    export, from_dict(export.booking)
                )[part.value]
                return Domain('move_id.line_ids.partner_id', 'child_of', partner.id)
            case 'kind' | 'files' | 'no_payment_condition':
                return Domain('kind', '=', part.value)
            case 'credit_note':
                return Domain('kind', '=', part.value) & Domain(
                    'move_id.move_type', 'in', ['out_refund', 'in_refund'],
                )
            case 'payment_condition':
                term = export.move_id.invoice_payment_term_id
                return Domain('move_id.invoice_payment_term_id', '=', term.id)
            case 'relation':
                return Domain('relation_id', '=', export.relation_id.id) | Domain(
                    'kind', 'in', _LEDGER_KINDS,
                )
            case 'currency':
                return Domain('move_id.currency_id.name', '=', part.value) | Domain(
                    'kind', 'in', _LEDGER_KINDS,
                )
        return Domain.TRUE

    # === THOSE THAT COME LATER === #

    def _hold_with_refused(self, exports, division):
        """Let those of these exports wait, which were just checked, that share an open cause with a
        refused one.
        """
        causes = self.env['exact.finding']._open_causes(division)
        if not causes:
            return
        told = {}
        for export, parts in self._parts(exports).items():
            part = waits_with(parts, causes)
            if part:
                told[export] = [causes[part]]
        self._tell_held(told)


class ExactFinding(models.Model):
    _inherit = 'exact.finding'

    @api.model
    def _open_causes(self, division):
        """The causes of refusals in a division that other documents may share and nobody has
        mended.

        :return: {`Part`: `Problem`}
        """
        self.flush_model(['division_id', 'severity', 'params', 'export_id'])
        self.env['exact.export'].flush_model(['state', 'division_id'])
        newest = [row[0] for row in self.env.execute_query(SQL(
            """
            SELECT MAX(finding.id)
              FROM exact_export export
              JOIN exact_finding finding ON finding.export_id = export.id
             WHERE export.division_id = %s AND export.state = 'refused'
               AND finding.severity = 'blocks' AND finding.params ? 'shared'
          GROUP BY finding.params ->> 'shared'
            """, division.id,
        ))]
        return {
            Part(*finding.params['shared']): Problem(
                finding.code, finding.severity, finding.params,
                (finding.res_model, finding.res_id) if finding.res_model else None,
            )
            for finding in self.browse(newest)._not_edited()
        }

    def _not_edited(self):
        """The findings whose record nobody has edited since. After an edit the record may be right,
        so the next document that shares the cause is sent. (The worker itself writes the addon's
        own records, so they do not count.)
        """
        kept = self.browse()
        for model, findings in self.grouped('res_model').items():
            if model and not model.startswith('exact.'):
                # sudo: whoever exports need not see what others mend
                records_sudo = self.env[model].sudo().browse(findings.mapped('res_id')).exists()
                written = {record.id: record.write_date for record in records_sudo}
                findings = findings.filtered(lambda finding, written=written: (
                    finding.res_id in written and written[finding.res_id] <= finding.create_date
                ))
            kept |= findings
        return kept
