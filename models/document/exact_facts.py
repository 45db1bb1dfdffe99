"""What is known of a division, as the plain `booking.facts` that the rules check against."""

from collections import defaultdict
from decimal import Decimal

from odoo import api, models

from ...booking.facts import (
    Facts,
    GlFacts,
    JournalFacts,
    LineTax,
    RelationFacts,
)
from ...booking.reverse_charge import is_reverse_charge
from ..mapping.exact_tax_mapping import tax_factors


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def booking_facts(self, builder, built):
        """Facts for one batch, in a query per kind of master data. What is in Odoo twice is noted
        among the problems of the documents.

        :param BookingBuilder builder: of the batch.
        :param built: list of `Built` of the batch.
        :rtype: Facts
        """
        self.ensure_one()
        self.find_same(built)
        domain = [('division_id', '=', self.id)]

        def rows(model, fields):
            return self.env[model].with_context(active_test=False).search_read(domain, fields)

        journals = {
            row['code']: JournalFacts(
                type=row['journal_type'] or '',
                currency=row['currency_code'] or '',
                allow_vat=row['allow_vat'],
                allow_variable_currency=row['allow_variable_currency'],
                allow_variable_rate=row['allow_variable_exchange_rate'],
                blocked=row['is_blocked'] or not row['active'],
                gl_account=row['gl_account_guid'] or '',
                name=row['name'] or '',
            )
            for row in rows('exact.journal', [
                'code', 'name', 'journal_type', 'currency_code', 'allow_vat', 'is_blocked',
                'active', 'gl_account_guid',
                'allow_variable_currency', 'allow_variable_exchange_rate',
            ])
        }
        gl_accounts = {
            row['exact_guid']: GlFacts(
                code=row['code'] or '',
                type=row['gl_type'],
                blocked=row['is_blocked'] or not row['active'],
                use_cost_center=row['use_cost_center'] or '0',
                use_cost_unit=row['use_cost_unit'] or '0',
                name=row['name'] or '',
            )
            for row in rows('exact.gl.account', [
                'exact_guid', 'code', 'name', 'gl_type', 'is_blocked', 'active',
                'use_cost_center', 'use_cost_unit',
            ])
        }
        currencies, unread = self._known_currencies()
        return Facts(
            division=self.code,
            currency=self.currency_id.name or self.company_id.currency_id.name,
            journals=journals,
            gl_accounts=gl_accounts,
            vat_codes=builder.vat_codes,
            cost_centers={
                row['code']: row['active']
                for row in rows('exact.cost.center', ['code', 'active'])
            },
            cost_units={
                row['code']: row['active'] for row in rows('exact.cost.unit', ['code', 'active'])
            },
            projects={
                row['exact_guid']: row['active']
                for row in rows('exact.project', ['exact_guid', 'active'])
            },
            periods=builder.periods,
            closed=builder.closed.keys(),
            relations=self._relation_facts(built),
            payment_conditions={r['code'] for r in rows('exact.payment.condition', ['code'])},
            currencies=currencies,
            unread=unread,
        )

    def _known_currencies(self):
        """The currencies of the administration.

        :return: (codes, names of facts that Exact does not let us read); codes are None where they
            are not known (yet).
        """
        cursor = self.env['exact.cursor'].search([
            ('division_id', '=', self.id), ('resource', '=', 'currency'),
        ])
        if cursor.state == 'skipped':
            return None, frozenset({'currencies'})
        codes = cursor.is_complete and frozenset(self.env['exact.currency'].search([
            ('division_id', '=', self.id),
        ]).mapped('code'))
        return codes or None, frozenset()

    def _relation_facts(self, built):
        """Relations that the batch names; a relation yet to be made has all that is asked of it."""
        guids, result = set(), {}
        for one in built:
            if one.booking:
                guids.add(one.booking.relation)
                guids.update(line.relation for line in one.booking.lines)
            for guid in one.new_relations.values():
                result[guid] = RelationFacts(name=one.move.commercial_partner_id.name or '')
        for relation in self.env['exact.relation'].search([
            ('division_id', '=', self.id), ('exact_guid', 'in', list(guids - {''})),
        ]):
            result[relation.exact_guid] = RelationFacts(
                name=relation.display_name,
                is_customer=relation.is_customer,
                is_supplier=relation.is_supplier,
                blocked=relation.is_blocked,
                receivable=relation.gl_receivable_guid or '',
                payable=relation.gl_payable_guid or '',
            )
        return result


def line_taxes(one):
    """{line position: LineTax} of a built document: what Odoo computed on each line.

    :param Built one: with a booking.
    """
    by_line = {line.id: line for line in one.move.line_ids}
    result, cache = {}, defaultdict(lambda: None)
    for position, (line_id, _chosen) in enumerate(one.sources):
        line = by_line.get(line_id)
        taxes = line.tax_ids.flatten_taxes_hierarchy() if line else ()
        if len(taxes) > 1:
            # Fixed amounts beside the VAT have lines of their own.
            taxes = taxes.filtered(lambda tax: tax.amount_type != 'fixed')
        if len(taxes) != 1 or one.booking.kind == 'general':
            continue
        tax = taxes
        if cache[tax.id] is None:
            cache[tax.id] = LineTax(_fraction(tax), is_reverse_charge(tax_factors(tax)))
        result[position] = cache[tax.id]
    return result


def _fraction(tax):
    """Percentage of a tax as a fraction; taxes that are no percentage have none to compare."""
    if tax.amount_type not in ('percent', 'division'):
        return Decimal(0)
    return Decimal(f'{tax.amount:.6f}').normalize() / 100 + 0
