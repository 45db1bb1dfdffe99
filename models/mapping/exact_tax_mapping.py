import re
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, html2plaintext

from ...booking.reverse_charge import is_reverse_charge
from ...booking.suggest import Tax, suggest_vat, vat_fits
from ...booking.vat_words import EU, GOODS, HOME, SERVICES, VatUse, candidates_for, use_of

# Boxes of the VAT return that are the EU sales listing: what Exact calls them (facts:
# VATCodes.EUSalesListing).
_LISTINGS = {
    'NL': (('3bg', 'L'), ('3bs', 'S'), ('3bt', 'T')),
    'BE': (('46L', 'L'), ('46T', 'T'), ('44', 'S')),
}
_SCOPES = {'consu': GOODS, 'service': SERVICES}
_LETTERS = {GOODS: 'L', SERVICES: 'S'}


class ExactTaxMapping(models.Model):
    """Which VAT code of Exact stands for a tax.

    Lines are sent net, so that a tax included in the price maps to an excluding code like any
    other. A group of taxes is not mapped; its taxes are.
    """

    _name = 'exact.tax.mapping'
    _description = "Exact VAT Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'tax_use DESC, tax_id, id'

    _source_fields = ('tax_id',)
    _target_fields = ('vat_code_id',)

    tax_id = fields.Many2one(
        'account.tax', required=True, ondelete='cascade', index=True,
        check_company=True,
    )
    tax_use = fields.Selection(
        [('sale', "Sales"), ('purchase', "Purchases")], string="Used In",
        compute='_compute_tax_use', store=True,
    )
    tax_description = fields.Char(string="Description", compute='_compute_tax_description')
    vat_code_id = fields.Many2one(
        'exact.vat.code', string="VAT Code in Exact", ondelete='restrict', index=True,
        tracking=True,
    )
    suggested_vat_code_id = fields.Many2one(
        'exact.vat.code', string="Suggestion", ondelete='set null', readonly=True,
    )
    target_domain = fields.Binary(compute='_compute_target_domain')

    _tax_uniq = models.UniqueIndex('(division_id, tax_id)', "The tax has a row already.")

    # === WHAT FITS === #

    @api.depends('tax_id.type_tax_use')
    def _compute_tax_use(self):
        parents = {}
        children = self.tax_id.filtered(lambda tax: tax.type_tax_use == 'none')
        if children:
            groups = self.env['account.tax'].sudo().with_context(active_test=False).search(
                [('children_tax_ids', 'in', children.ids)],
            )
            parents = {child.id: group for group in groups for child in group.children_tax_ids}
        for mapping in self:
            tax = parents.get(mapping.tax_id.id, mapping.tax_id)
            use = tax.type_tax_use
            mapping.tax_use = use if use in ('sale', 'purchase') else False

    @api.depends('tax_id.description', 'tax_id.invoice_label')
    def _compute_tax_description(self):
        for mapping in self:
            tax = mapping.tax_id
            text = html2plaintext(tax.description or '').strip()
            mapping.tax_description = text or tax.invoice_label or False

    def _tax_facts(self):
        """The tax as the plain facts that `booking.suggest` knows, None if Exact has no such VAT.

        :rtype: Tax
        """
        self.ensure_one()
        tax = self.tax_id
        if tax.amount_type == 'division':
            # "Percentage of price, tax included": 17.36 % of the gross is 21 % of the net.
            percentage = Decimal(repr(tax.amount)) / (100 - Decimal(repr(tax.amount)))
            percentage = percentage.quantize(Decimal('0.0001'))
        elif tax.amount_type == 'percent':
            percentage = Decimal(repr(tax.amount)) / 100
        else:
            return None
        use = self._tax_use()
        return Tax(
            percentage=percentage,
            direction=self.tax_use or 'sale',
            price_include=tax.price_include,
            reverse_charge=use.reverse,
            eu=self._eu_listing(use),
            name=self._tax_text(),
        )

    def _tax_text(self):
        """All that the tax is called."""
        tax = self.tax_id
        return ' '.join(filter(None, (
            tax.name, html2plaintext(tax.description or '').strip(), tax.invoice_label,
        )))

    def _tax_use(self):
        """Where and what the tax is for, as its names and fiscal positions tell.

        :rtype: VatUse
        """
        tax = self.tax_id
        use = use_of(self._tax_text())
        own = tax.company_id.account_fiscal_country_id
        countries = tax.fiscal_position_ids.country_id - own
        if self.tax_use == 'sale' and tax.amount and countries:
            # VAT of another country on a sale: the one-stop-shop.
            return VatUse(HOME, countries=frozenset(countries.mapped('code')))
        place = use.place or HOME
        abroad = tax.fiscal_position_ids.filtered(
            lambda position: position.country_group_id and position.vat_required,
        )
        if not use.place and abroad and abroad == tax.fiscal_position_ids:
            place = EU
        nature = use.nature or _SCOPES.get(tax.tax_scope, '')
        if not nature and place != HOME:
            # Charts of accounts name the services and leave the goods unnamed.
            nature = GOODS
        reverse = use.reverse and self.tax_use == 'sale' and not tax.amount
        return VatUse(place, nature, reverse or is_reverse_charge(tax_factors(tax)))

    def _eu_listing(self, use):
        """Exact's letter for the EU sales listing, '' if it cannot be told."""
        tax = self.tax_id
        if self.tax_use != 'sale':
            return ''
        tags = ' '.join(
            (tag.name or '').lstrip('+-') for tag in tax.invoice_repartition_line_ids.tag_ids
        )
        for box, letter in _LISTINGS.get(tax.country_id.code, ()):
            if re.search(rf'(^|\s){box}\b', tags):
                return letter
        return _LETTERS.get(use.nature, '') if use.place == EU else 'N'

    def _misfits(self, record):
        """Why a VAT code does not stand for the tax: reasons of `vat_fits`; () if it does."""
        facts = self._tax_facts()
        return vat_fits(facts, record.as_facts()) if facts else ('no_percentage',)

    @api.depends('division_id', 'tax_id')
    def _compute_target_domain(self):
        for division, mappings in self.grouped('division_id').items():
            codes = self.env['exact.vat.code'].search([('division_id', '=', division.id)])
            for mapping in mappings:
                fitting = codes.filtered(lambda code: not mapping._misfits(code))  # noqa: B023
                mapping.target_domain = [('id', 'in', fitting.ids)]

    @api.model
    def _state_depends(self):
        return [
            *super()._state_depends(), 'tax_use',
            'tax_id.amount', 'tax_id.amount_type', 'tax_id.type_tax_use',
            'tax_id.repartition_line_ids.factor_percent',
            'vat_code_id.is_blocked', 'vat_code_id.vat_type', 'vat_code_id.percentage',
            'vat_code_id.charged', 'vat_code_id.transaction_type', 'vat_code_id.percentages',
        ]

    def _problem_with(self, field, target):
        problem = super()._problem_with(field, target)
        if problem:
            return problem
        sentences = {
            'blocked': self.env._("it is blocked in Exact"),
            'direction': (
                self.env._("it is for purchases only, the tax is for sales")
                if self.tax_use == 'sale' else
                self.env._("it is for sales only, the tax is for purchases")
            ),
            'including': self.env._(
                "it is of the type “including”, but amounts are sent without VAT"
            ),
            'reverse_charge': (
                self.env._("it is a reverse charge, the tax is none") if target.charged else
                self.env._("it is no reverse charge, the tax is one")
            ),
            'percentage': self.env._(
                "it is %(code)s, the tax is %(tax)s",
                code=_percent(0 if target.vat_type in ('B', 'N') else target.percentage),
                tax=_percent(self.tax_id.amount),
            ),
            'no_percentage': self.env._(
                "the tax is no percentage, and Exact knows only those"
            ),
        }
        misfits = self._misfits(target)
        if not misfits:
            return ''
        return self.env._(
            "The VAT code %(code)s does not fit: %(reasons)s.",
            code=target.display_name,
            reasons="; ".join(sentences[reason] for reason in misfits),
        )

    @api.constrains('tax_id')
    def _check_no_group(self):
        for mapping in self:
            if mapping.tax_id.amount_type == 'group':
                raise ValidationError(self.env._(
                    "%(tax)s is a group of taxes. Map each of its taxes instead.",
                    tax=mapping.tax_id.name,
                ))

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        records = self.env['exact.vat.code'].search([('division_id', '=', division.id)])
        codes = {record.id: record.as_facts() for record in records}
        uses = {
            record.id: use_of(
                record.name or '',
                listing=(record.eu_sales_listing or '').replace('N', ''),
                charged=record.charged, country=record.oss_country or '',
            )
            for record in records
        }
        found = {}
        for mapping in self.filtered('tax_use'):
            keys = candidates_for(mapping._tax_use(), uses.items())
            facts = mapping._tax_facts()
            suggestion = facts and suggest_vat(facts, [(key, codes[key]) for key in keys])
            if suggestion:
                found[mapping] = ({'vat_code_id': suggestion.key}, suggestion.reason)
        return found

    def _describe_reason(self, reason, target):
        if reason == 'vat' and target is not None:
            labels = dict(target._fields['vat_type']._description_selection(self.env))
            text = self.env._(
                "%(percentage)s %(use)s, %(type)s",
                percentage=_percent(target.percentage),
                use=(
                    self.env._("sales") if self.tax_use == 'sale' else self.env._("purchases")
                ),
                type=labels.get(target.vat_type, '').lower(),
            )
            if target.charged:
                text += ", " + self.env._("reverse charge")
            return text
        return super()._describe_reason(reason, target)

    @api.model
    def _wanted_sources(self, division):
        """All active taxes of sales and purchases, those of documents; for a group its taxes."""
        tax_model = self.env['account.tax'].with_context(active_test=False)
        own = tax_model._check_company_domain(division.company_id)
        self.env['account.move.line'].flush_model()
        used = [tax_id for (tax_id,) in self.env.execute_query(SQL(
            """
            SELECT DISTINCT taxes.account_tax_id
              FROM account_move_line_account_tax_rel taxes
              JOIN account_move_line line ON line.id = taxes.account_move_line_id
              JOIN account_move move ON move.id = line.move_id
             WHERE line.company_id = %s
               AND line.parent_state IN ('draft', 'posted')
               AND move.move_type <> 'entry'
            """,
            division.company_id.id,
        ))]
        taxes = tax_model.search([
            *own, ('type_tax_use', 'in', ('sale', 'purchase')),
            '|', ('active', '=', True), ('id', 'in', used),
        ])
        taxes |= taxes.filtered(lambda tax: tax.amount_type == 'group').children_tax_ids
        return {'tax_id': taxes.filtered(lambda tax: tax.amount_type != 'group')}

    @api.private
    def stopped_query(self):
        return SQL(
            """
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM exact_tax_mapping mapping
              JOIN account_move_line_account_tax_rel taxes
                   ON taxes.account_tax_id = mapping.tax_id
                   OR EXISTS (SELECT 1 FROM account_tax_filiation_rel child
                               WHERE child.parent_tax = taxes.account_tax_id
                                 AND child.child_tax = mapping.tax_id)
              JOIN account_move_line line ON line.id = taxes.account_move_line_id
              JOIN (%(waiting)s) move
                   ON move.id = line.move_id AND move.division_id = mapping.division_id
             WHERE mapping.id IN %(ids)s
               AND move.move_type <> 'entry'
            """,
            waiting=self._waiting_moves(), ids=tuple(self.ids),
        )


def tax_factors(tax):
    """The shares of its amount that a tax books, in percent: what `is_reverse_charge` looks at."""
    return [
        line.factor_percent
        for line in tax.invoice_repartition_line_ids if line.repartition_type == 'tax'
    ]


def _percent(value):
    """A percentage as people write it: 21%, 5.5%."""
    return f"{value:.4f}".rstrip('0').rstrip('.') + "%"
