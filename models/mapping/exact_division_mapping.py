from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from .exact_account_mapping import FORBIDDEN_TYPES

DEFAULT_JOURNAL_TYPES = {
    'default_sale_journal_id': '20',
    'default_purchase_journal_id': '22',
    'default_general_journal_id': '90',
}
# Types of the ledgers that may be proposed as the one for everything (facts: GLAccount.Type):
# revenue; cost of goods and costs.
DEFAULT_LEDGER_TYPES = {
    'default_sale_gl_account_id': (110,),
    'default_purchase_gl_account_id': (111, 120, 121, 122, 123, 124, 125, 126),
}


def _journal_domain(kind):
    return (
        f"[('division_id', '=', id), ('journal_type', '=', '{kind}'), ('is_blocked', '=', False)]"
    )


_LEDGER_DOMAIN = (
    "[('division_id', '=', id), ('is_blocked', '=', False),"
    f" ('gl_type', 'not in', {list(FORBIDDEN_TYPES['line'])})]"
)


def _rows_of(kinds):
    """Domain of the rows of these kinds."""
    return Domain.OR(Domain(kind.source, '!=', False) for kind in kinds)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    default_sale_journal_id = fields.Many2one(domain=_journal_domain('20'))
    default_purchase_journal_id = fields.Many2one(domain=_journal_domain('22'))
    default_general_journal_id = fields.Many2one(domain=_journal_domain('90'))
    default_sale_gl_account_id = fields.Many2one(domain=_LEDGER_DOMAIN)
    default_purchase_gl_account_id = fields.Many2one(domain=_LEDGER_DOMAIN)

    account_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    override_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    journal_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    tax_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    payment_term_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    analytic_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    partner_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    account_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    override_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    journal_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    tax_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    payment_term_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    analytic_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    partner_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')
    mapping_open_count = fields.Integer(
        string="Mappings to Do", compute='_compute_mapping_counts',
        help="Rows without a choice, or with one that does not work any more.",
    )
    mapping_suggested_count = fields.Integer(
        string="Suggestions", compute='_compute_mapping_counts',
    )

    # === COMPUTE === #

    def _compute_mapping_counts(self):
        """How many rows there are, and how many wait for a person: a query per counter."""
        for division in self:
            division.mapping_open_count = division.mapping_suggested_count = 0
        for counter, kinds in self._counted_kinds().items():
            groups = self.env[kinds[0].model]._read_group(
                _rows_of(kinds) & Domain('division_id', 'in', self.ids),
                ['division_id', 'state'], ['__count'],
            )
            counts = {(division.id, state): count for division, state, count in groups}
            for division in self:
                own = {
                    state: counts.get((division._origin.id, state), 0)
                    for state in ('missing', 'suggested', 'broken', 'mapped')
                }
                waiting = sum(own.values()) - own['mapped']
                division[f'{counter}_mapping_count'] = sum(own.values())
                division[f'{counter}_mapping_open_count'] = waiting
                division.mapping_open_count += waiting
                division.mapping_suggested_count += (
                    division._acceptable_relation_count() if counter == 'partner'
                    else own['suggested']
                )

    def _acceptable_relation_count(self):
        """How many suggested relations may be accepted without a look at each."""
        if not self._origin:
            return 0
        # The others are no numbers, so they prove nothing.
        return len(self.env['exact.partner.mapping'].search([
            ('division_id', '=', self._origin.id), ('state', '=', 'suggested'),
            ('suggestion_reason', 'in', ('vat', 'chamber_of_commerce')),
        ])._acceptable_in_bulk())

    # === CONSTRAINTS === #

    @api.constrains(*DEFAULT_JOURNAL_TYPES, *DEFAULT_LEDGER_TYPES)
    def _check_defaults(self):
        for division in self:
            for name in (*DEFAULT_JOURNAL_TYPES, *DEFAULT_LEDGER_TYPES):
                target = division[name]
                if not target:
                    continue
                if target.division_id != division:
                    # Nameless: the id may have been typed by who may not see it
                    raise ValidationError(self.env._(
                        "The default “%(field)s” belongs to another administration of Exact.",
                        field=division._fields[name]._description_string(self.env),
                    ))
                wrong = (
                    target.journal_type != DEFAULT_JOURNAL_TYPES[name]
                    if name in DEFAULT_JOURNAL_TYPES
                    else target.gl_type in FORBIDDEN_TYPES['line']
                )
                if wrong:
                    raise ValidationError(self.env._(
                        "%(target)s is of a type in Exact that cannot be the default “%(field)s”.",
                        target=target.display_name,
                        field=division._fields[name]._description_string(self.env),
                    ))

    # === ROWS AND SUGGESTIONS === #

    def _after_sync(self):
        result = super()._after_sync()
        self._refresh_mappings()
        return result

    def _refresh_mappings(self):
        """Add rows for what is used in Odoo and has none, look anew at what Exact has.

        What people chose stays; a choice that fits no more becomes `broken`.
        """
        for division in self:
            company = division.company_id
            if not company:
                continue
            # The rows are the administration's, whoever's click or which cron brought the news.
            division_sudo = division.sudo().with_company(company).with_context(
                allowed_company_ids=company.ids,
                lang=company.partner_id.lang or self.env.lang,
                mail_notrack=True,
            )
            division_sudo._refresh_own_mappings()

    def _refresh_own_mappings(self):
        self.ensure_one()
        models_ = self.mapping_models()
        domain = [('division_id', '=', self.id)]
        if not any(model.search_count(domain, limit=1) for model in models_):
            self._prefill_defaults()
        for model in models_:
            known = model.search(domain)
            # Masters may have been written in ways that the ORM did not see.
            self.env.add_to_compute(model._fields['state'], known)
            model._create_missing(self)
            known._suggest()

    def _prefill_defaults(self):
        """Defaults at the first sync, where Exact leaves no choice: the only one of its kind."""
        self.ensure_one()
        values = {}
        for name, kind in DEFAULT_JOURNAL_TYPES.items():
            values[name] = self.env['exact.journal'].search([
                ('division_id', '=', self.id), ('journal_type', '=', kind),
                ('is_blocked', '=', False),
            ], limit=2)
        for name, kinds in DEFAULT_LEDGER_TYPES.items():
            values[name] = self.env['exact.gl.account'].search([
                ('division_id', '=', self.id), ('gl_type', 'in', kinds),
                ('is_blocked', '=', False),
            ], limit=2)
        self.write({
            name: records.id for name, records in values.items()
            if len(records) == 1 and not self[name]
        })

    # === WHAT THE EXPORT USES === #

    @api.private
    def mapping_index(self):
        """All choices that work, as plain dictionaries: one query per kind, whatever the number.

        :return: {'account': {account id: (mapping id, G/L account id)},
            'product': {product template id: likewise}, 'category': {product category id: likewise},
            'tax': {tax id: (mapping id, VAT code id)},
            'journal': {journal id: (mapping id, Exact journal id)},
            'payment_term': {payment term id: (mapping id, payment condition id)},
            'analytic': {analytic account id: (mapping id, cost centre id, cost unit id,
            project id)}, all three None if it is left out on purpose,
            'partner': {commercial partner id: (mapping id, relation id)},
            'broken': {kind: {id of the record in Odoo: mapping id}},
            'left_out': {'journal': {journal id: mapping id}}: kept in Odoo on purpose,
            'new': {'partner': {commercial partner id: mapping id}}: none of Exact's relations}.
        """
        self.ensure_one()
        index = {'broken': {}}
        for name, model, source, *_shown, without in self._mapping_kinds():
            mapping_model = self.env[model]
            mapping_model.flush_model()
            rows = self.env.execute_query(SQL(
                "SELECT %s, state, id, %s FROM %s"
                " WHERE division_id = %s AND %s IS NOT NULL AND state IN ('mapped', 'broken')",
                SQL.identifier(source),
                SQL(", ").join(map(SQL.identifier, mapping_model.record_fields)),
                SQL.identifier(mapping_model._table), self.id, SQL.identifier(source),
            ))
            index[name] = {
                row[0]: row[2:] for row in rows
                if row[1] == 'mapped' and (row[3] or without == 'itself')
            }
            index['broken'][name] = {row[0]: row[2] for row in rows if row[1] == 'broken'}
            if without not in ('', 'itself'):
                index.setdefault(without, {})[name] = {
                    row[0]: row[2] for row in rows if row[1] == 'mapped' and not row[3]
                }
        return index

    # === ACTIONS === #

    def action_accept_suggestions(self):
        """Accept every suggestion of these administrations; what has none waits for a person.

        What came in from Exact, or is used in Odoo, a moment ago is looked at before.
        """
        for mapping_model in self.mapping_models():
            mapping_model.browse().check_access('write')
        self._filtered_access('read')._refresh_mappings()
        done = left = looks = 0
        for mapping_model in self.mapping_models():
            waiting = mapping_model.search([
                ('division_id', 'in', self.ids), ('state', '!=', 'mapped'),
            ])
            accepted = waiting._accept(in_bulk=True)
            done += len(accepted)
            if mapping_model._name == 'exact.partner.mapping':
                # Of a partner that nothing resembles, a relation is made at its first export.
                looks = len((waiting - accepted).filtered(lambda row: row.state != 'missing'))
            else:
                left += len(waiting - accepted)
        return self.env['exact.mapping.mixin']._accepted_notification(done, left, looks)

    def action_look_for_new(self):
        """Add rows for what is used in Odoo since the last time, and suggest anew."""
        self.check_access('write')
        before = sum(self.mapped(lambda division: division._mapping_row_count()))
        self._refresh_mappings()
        self.invalidate_recordset()
        new = sum(self.mapped(lambda division: division._mapping_row_count())) - before
        return self.env['exact.mapping.mixin']._new_rows_notification(new)

    def _mapping_row_count(self):
        self.ensure_one()
        return sum(
            mapping_model.search_count([('division_id', '=', self.id)])
            for mapping_model in self.mapping_models()
        )

    def action_open_mappings(self):
        """The list behind a counter, which is given as `mapping_kind` in the context."""
        self.ensure_one()
        self.check_access('read')
        kind = self.env.context.get('mapping_kind', 'account')
        kinds = self._counted_kinds()[kind]
        action = self.env['ir.actions.act_window']._for_xml_id(kinds[0].action)
        action['domain'] = list(_rows_of(kinds) & Domain('division_id', '=', self.id))
        action['context'] = {
            'default_division_id': self.id,
            'search_default_todo': 1 if self[f'{kind}_mapping_open_count'] else 0,
        }
        return action
