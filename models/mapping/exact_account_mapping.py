from odoo import api, fields, models
from odoo.tools import SQL

from ...booking.suggest import AccountCandidate, NameIndex, suggest_account

# Exact's control accounts: receivable, payable, VAT. Exact books on them by itself and refuses them
# on the lines of a sales or purchase entry (facts: GLAccount.Type).
RECEIVABLE, PAYABLE, VAT = 20, 22, 24
FORBIDDEN_TYPES = {
    'line': (RECEIVABLE, PAYABLE, VAT),
    'partner': (VAT,),
    'vat': (RECEIVABLE, PAYABLE),
}
# Odoo's charts fill codes up with zeros: 800000 is often Exact's 8000.
_SHORTEST_CODE = 3


class ExactAccountMapping(models.Model):
    """Which G/L account of Exact an amount is booked on.

    A row per account; a row for a product or a product category overrides it on lines with such a
    product ("service -> ledger"), the product before its category.
    """

    _name = 'exact.account.mapping'
    _description = "Exact Ledger Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'account_id, product_category_id, product_tmpl_id, id'

    _source_fields = ('account_id', 'product_tmpl_id', 'product_category_id')
    _target_fields = ('gl_account_id',)

    account_id = fields.Many2one(
        'account.account', ondelete='cascade', index=True, check_company=True,
    )
    account_code = fields.Char(string="Code", compute='_compute_account_code')
    product_tmpl_id = fields.Many2one(
        'product.template', string="Product", ondelete='cascade', index='btree_not_null',
        check_company=True,
        help="Lines with this product are booked on the ledger, whatever their account.",
    )
    product_category_id = fields.Many2one(
        'product.category', ondelete='cascade', index='btree_not_null',
        help="Lines with products of this category, or of those below it, are booked on the "
             "ledger, whatever their account.",
    )
    ledger_use = fields.Selection(
        [
            ('line', "Lines of documents"),
            ('partner', "Receivable or payable in journal entries"),
            ('vat', "VAT in journal entries"),
        ],
        string="Used For", compute='_compute_ledger_use', store=True,
    )
    gl_account_id = fields.Many2one(
        'exact.gl.account', string="Ledger in Exact", ondelete='restrict', index=True,
        tracking=True,
    )
    suggested_gl_account_id = fields.Many2one(
        'exact.gl.account', string="Suggestion", ondelete='set null', readonly=True,
    )
    target_domain = fields.Binary(compute='_compute_target_domain')

    _one_source = models.Constraint(
        'CHECK(num_nonnulls(account_id, product_tmpl_id, product_category_id) = 1)',
        "Choose an account, or a product, or a product category: one of them per row.",
    )
    _account_uniq = models.UniqueIndex(
        '(division_id, account_id) WHERE account_id IS NOT NULL',
        "The account has a row already.",
    )
    _product_uniq = models.UniqueIndex(
        '(division_id, product_tmpl_id) WHERE product_tmpl_id IS NOT NULL',
        "The product has a row already.",
    )
    _category_uniq = models.UniqueIndex(
        '(division_id, product_category_id) WHERE product_category_id IS NOT NULL',
        "The product category has a row already.",
    )

    @api.depends('account_id.code', 'company_id')
    def _compute_account_code(self):
        for mapping in self:
            # An account has a code per company, and Odoo shows it to few people.
            account = mapping.account_id.with_company(mapping.company_id)
            mapping.account_code = account.code

    # === WHAT FITS === #

    @api.depends('account_id.account_type')
    def _compute_ledger_use(self):
        vat_accounts = self.env['account.tax.repartition.line'].sudo()._read_group(
            [('repartition_type', '=', 'tax'), ('account_id', 'in', self.account_id.ids)],
            ['account_id'],
        )
        vat_ids = {account.id for (account,) in vat_accounts}
        for mapping in self:
            account = mapping.account_id
            if account.account_type in ('asset_receivable', 'liability_payable'):
                mapping.ledger_use = 'partner'
            elif account.id in vat_ids and account.internal_group not in ('income', 'expense'):
                mapping.ledger_use = 'vat'
            else:
                mapping.ledger_use = 'line'

    @api.depends('division_id', 'ledger_use')
    def _compute_target_domain(self):
        for mapping in self:
            mapping.target_domain = [
                ('division_id', '=', mapping.division_id.id),
                ('is_blocked', '=', False),
                ('gl_type', 'not in', FORBIDDEN_TYPES[mapping.ledger_use or 'line']),
            ]

    @api.model
    def _state_depends(self):
        return [
            *super()._state_depends(), 'ledger_use',
            'gl_account_id.is_blocked', 'gl_account_id.gl_type',
        ]

    def _problem_with(self, field, target):
        problem = super()._problem_with(field, target)
        if not problem and target.gl_type in FORBIDDEN_TYPES[self.ledger_use or 'line']:
            kinds = {
                RECEIVABLE: self.env._("a receivable account"),
                PAYABLE: self.env._("a payable account"),
                VAT: self.env._("a VAT account"),
            }
            problem = self.env._(
                "%(target)s is %(kind)s, which Exact books on by itself. Choose another ledger.",
                target=target.display_name, kind=kinds[target.gl_type],
            )
        return problem

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        candidates = self.env['exact.gl.account'].search_fetch(
            [('division_id', '=', division.id), ('is_blocked', '=', False)],
            ['code', 'name', 'gl_type'],
        )
        found, indexes = {}, {}
        for mapping in self:
            use = mapping.ledger_use
            if use not in indexes:
                indexes[use] = NameIndex(
                    AccountCandidate(gl.id, gl.code or '', gl.name or '', gl.gl_type)
                    for gl in candidates if gl.gl_type not in FORBIDDEN_TYPES[use]
                )
            suggestion = mapping._suggest_ledger(indexes[use])
            if suggestion:
                found[mapping] = ({'gl_account_id': suggestion[0]}, suggestion[1])
        return found

    def _suggest_ledger(self, index):
        """(id of the G/L account, reason), or None."""
        account = self.account_id
        if not account:
            # A product or category has no code of a ledger and is named after what is sold.
            suggestion = index.by_name(self.source_record.name or '')
            return suggestion and (suggestion.key, suggestion.reason)
        code, name = account.code or '', account.name or ''
        suggestion = suggest_account(code, name, account.account_type, index)
        if suggestion is None or suggestion.reason != 'same_code':
            shorter = code
            while len(shorter) > _SHORTEST_CODE and shorter.endswith('0'):
                shorter = shorter[:-1]
                padded = suggest_account(shorter, '', account.account_type, index)
                if padded:
                    return padded.key, 'same_code'
        if suggestion is None and self.ledger_use == 'partner':
            control = RECEIVABLE if account.account_type == 'asset_receivable' else PAYABLE
            only = [candidate for candidate in index.candidates if candidate.type == control]
            if len(only) == 1:
                return only[0].key, 'only_one'
        return suggestion and (suggestion.key, suggestion.reason)

    @api.model
    def _wanted_sources(self, division):
        """The accounts of lines that become lines in Exact, and those that new lines would get.

        Receivable, payable and VAT accounts only where journal entries use them: on invoices Exact
        finds them by itself.
        """
        self.env['account.move.line'].flush_model()
        rows = self.env.execute_query(SQL(
            """
            SELECT DISTINCT line.account_id
              FROM account_move_line line
              JOIN account_move move ON move.id = line.move_id
              JOIN account_journal journal ON journal.id = move.journal_id
              JOIN account_account account ON account.id = line.account_id
             WHERE line.company_id = %(company)s
               AND line.parent_state IN ('draft', 'posted')
               AND CASE WHEN move.move_type <> 'entry'
                        THEN line.display_type <> 'payment_term' AND (
                             line.display_type <> 'tax'
                             OR split_part(account.account_type, '_', 1) IN ('income', 'expense'))
                        WHEN journal.type <> 'general'
                             AND (move.statement_line_id IS NOT NULL
                                  OR move.origin_payment_id IS NOT NULL)
                             AND split_part(account.account_type, '_', 1)
                                 NOT IN ('income', 'expense')
                        THEN FALSE
                        ELSE COALESCE((
                             SELECT mapped.exact_journal_id IS NOT NULL
                               FROM exact_journal_mapping mapped
                              WHERE mapped.journal_id = journal.id
                                AND mapped.division_id = %(division)s
                                AND mapped.state = 'mapped'), journal.type = 'general')
                   END
            """,
            company=division.company_id.id, division=division.id,
        ))
        accounts = self.env['account.account'].browse(account_id for (account_id,) in rows)
        journals = self.env['account.journal'].search([
            *self.env['account.journal']._check_company_domain(division.company_id),
            ('type', 'in', ('sale', 'purchase')),
        ])
        categories = self.env['product.category'].search([
            '|', ('property_account_income_categ_id', '!=', False),
            ('property_account_expense_categ_id', '!=', False),
        ])
        accounts |= journals.default_account_id
        accounts |= categories.property_account_income_categ_id
        accounts |= categories.property_account_expense_categ_id
        return {'account_id': accounts}

    @api.private
    def stopped_query(self):
        return SQL(
            """
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM exact_account_mapping mapping
              JOIN exact_division division ON division.id = mapping.division_id
              JOIN (%(waiting)s) move ON move.division_id = division.id
              JOIN account_move_line line ON line.move_id = move.id
         LEFT JOIN account_account account ON account.id = line.account_id
         LEFT JOIN product_product product
                   ON product.id = line.product_id AND line.display_type = 'product'
         LEFT JOIN product_template template ON template.id = product.product_tmpl_id
         LEFT JOIN product_category category ON category.id = template.categ_id
             WHERE mapping.id IN %(ids)s
               AND mapping.account_id = line.account_id
               AND line.balance <> 0
               AND (move.move_type = 'entry' OR (
                    line.display_type <> 'payment_term'
                    AND (line.display_type <> 'tax'
                         OR split_part(account.account_type, '_', 1) IN ('income', 'expense'))
                    AND CASE WHEN move.move_type LIKE 'out_%%'
                             THEN division.default_sale_gl_account_id
                             ELSE division.default_purchase_gl_account_id END IS NULL))
               AND NOT EXISTS (
                   SELECT 1
                     FROM exact_account_mapping other
                LEFT JOIN product_category above ON above.id = other.product_category_id
                    WHERE other.division_id = mapping.division_id
                      AND other.state = 'mapped'
                      AND (other.product_tmpl_id = template.id
                           OR category.parent_path LIKE above.parent_path || '%%'))
            """,
            waiting=self._waiting_moves(), ids=tuple(self.ids),
        )
