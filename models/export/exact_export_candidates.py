"""What of a document a refusal of Exact can be about: the records that a person would mend."""

from odoo import api, models

from ...booking import from_dict
from ..document.exact_booking_built import account_name
from .exact_export_refusal import MAX_CANDIDATES


class ExactExportCandidates(models.AbstractModel):
    _name = 'exact.export.candidates'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: What a Document Can Be Booked On"

    @api.private
    def candidates(self, export, part):
        """What this document has of a part of the entry.

        :param str part: a key of `catalog.PARTS`.
        :return: list of ((model, id) of the record to mend, its name, its name in Exact); empty
            where the document itself is to be looked at.
        """
        find = getattr(self, f'_candidates_{part}', None) if part else None
        found = list(dict.fromkeys(find(export))) if find else []
        return found if len(found) <= MAX_CANDIDATES else []

    def _candidates_vat_code(self, export):
        for line in export.line_ids.filtered('vat_code_id'):
            for tax in line.move_line_id.tax_ids.flatten_taxes_hierarchy():
                yield ('account.tax', tax.id), tax.display_name, line.vat_code_id.display_name

    def _candidates_gl_account(self, export):
        for line in export.line_ids.filtered('gl_account_id'):
            model, _comma, mapping_id = (line.chosen_by or '').partition(',')
            mapping = self.env['exact.account.mapping'].browse(
                int(mapping_id) if model == 'exact.account.mapping' else [],
            ).exists()
            account = line.move_line_id.account_id
            target = ('account.account', account.id) if account else None
            name = account_name(account)
            if mapping and not mapping.account_id:
                # A product or a category chose the ledger, not the account.
                target, name = (mapping._name, mapping.id), mapping.source_record.display_name
            if target:
                yield target, name, line.gl_account_id.display_name

    @api.private
    def narrowed_by_type(self, export, candidates):
        """The accounts that are mapped to a ledger that Exact books itself, if there are any; else
        all.
        """
        forbidden = export.line_ids.gl_account_id.filtered(
            lambda ledger: ledger.gl_type in (20, 22, 24),
        ).mapped('display_name')
        return [row for row in candidates if row[2] in forbidden] or candidates

    def _candidates_journal(self, export):
        journal = export.move_id.journal_id
        yield ('account.journal', journal.id), journal.display_name, export.journal_id.display_name

    def _candidates_division(self, export):
        division = export.division_id
        yield ('exact.division', division.id), division.display_name, division.display_name

    def _candidates_currency(self, export):
        if export.booking:
            division, code = export.division_id, from_dict(export.booking).currency
            yield ('exact.division', division.id), division.display_name, code

    def _candidates_payment_term(self, export):
        """The term of the document, else who could have a condition of its own."""
        found = list(self._candidates_payment_condition(export))
        return found or self._candidates_relation(export)

    def _candidates_payment_condition(self, export):
        term = export.move_id.invoice_payment_term_id
        if term:
            code = from_dict(export.booking).payment_condition if export.booking else ''
            yield ('account.payment.term', term.id), term.display_name, code

    def _candidates_relation(self, export):
        if export.partner_id:
            partner = export.partner_id
            meant = export.relation_id.display_name or partner.display_name
            yield ('res.partner', partner.id), partner.display_name, meant

    def _candidates_cost_center(self, export):
        return self._candidates_analytic(
            export, 'cost_center_id', export.line_ids.mapped('cost_center')
        )

    def _candidates_cost_unit(self, export):
        return self._candidates_analytic(
            export, 'cost_unit_id', export.line_ids.mapped('cost_unit')
        )

    def _candidates_project(self, export):
        return self._candidates_analytic(
            export, 'project_id', export.line_ids.project_id.mapped('code')
        )

    def _candidates_analytic(self, export, field, codes):
        account_ids = {
            int(part)
            for line in export.line_ids.move_line_id
            for key in line.analytic_distribution or {}
            for part in key.split(',')
        }
        for mapping in self.env['exact.analytic.mapping'].search([
            ('division_id', '=', export.division_id.id),
            ('analytic_account_id', 'in', list(account_ids)), (f'{field}.code', 'in', codes),
        ]):
            account = mapping.analytic_account_id
            yield (
                ('account.analytic.account', account.id), account.display_name,
                mapping[field].display_name,
            )
