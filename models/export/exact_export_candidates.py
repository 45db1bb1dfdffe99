"""What of a document a refusal of Exact can be about: the records that a person would mend."""


from odoo import models

from ...booking import from_dict
from ..document.exact_booking_built import account_name
from .exact_export_refusal import MAX_CANDIDATES


class ExactExport(models.Model):
    _inherit = 'exact.export'

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
        """The accounts that are mapped to a ledger that Exact books itself, if there are any; else
        all.
        """
        forbidden = self.line_ids.gl_account_id.filtered(
            lambda ledger: ledger.gl_type in (20, 22, 24),
        ).mapped('display_name')
        return [row for row in candidates if row[2] in forbidden] or candidates

    def _candidates_journal(self):
        journal = self.move_id.journal_id
        yield ('account.journal', journal.id), journal.display_name, self.journal_id.display_name

    def _candidates_division(self):
        division = self.division_id
        yield ('exact.division', division.id), division.display_name, division.display_name

    def _candidates_currency(self):
        if self.booking:
            division, code = self.division_id, from_dict(self.booking).currency
            yield ('exact.division', division.id), division.display_name, code

    def _candidates_payment_term(self):
        """The term of the document, else who could have a condition of its own."""
        found = list(self._candidates_payment_condition())
        return found or self._candidates_relation()

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
