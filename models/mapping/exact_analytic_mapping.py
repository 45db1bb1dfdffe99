from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ...booking.suggest import Candidate, NameIndex, suggest_by_name

_MODELS = {
    'cost_center_id': 'exact.cost.center',
    'cost_unit_id': 'exact.cost.unit',
    'project_id': 'exact.project',
}
_FIELDS = {model: name for name, model in _MODELS.items()}


class ExactAnalyticMapping(models.Model):
    """What an analytic account is in Exact: a cost centre, a cost unit, a project, or nothing.

    Administrations without these dimensions are common; the documents go without them then.
    """

    _name = 'exact.analytic.mapping'
    _description = "Exact Analytic Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'analytic_account_id, id'

    _source_fields = ('analytic_account_id',)
    _target_fields = ('cost_center_id', 'cost_unit_id', 'project_id', 'is_left_out')

    analytic_account_id = fields.Many2one(
        'account.analytic.account', required=True, ondelete='cascade',
        index=True, check_company=True,
    )
    plan_id = fields.Many2one(related='analytic_account_id.root_plan_id', string="Plan")
    cost_center_id = fields.Many2one(
        'exact.cost.center', string="Cost Centre", ondelete='restrict', index=True, tracking=True,
        domain="[('division_id', '=', division_id)]",
    )
    cost_unit_id = fields.Many2one(
        'exact.cost.unit', ondelete='restrict', index=True, tracking=True,
        domain="[('division_id', '=', division_id)]",
    )
    project_id = fields.Many2one(
        'exact.project', ondelete='restrict', index=True, tracking=True,
        domain="[('division_id', '=', division_id)]",
    )
    is_left_out = fields.Boolean(
        string="Leave Out", tracking=True,
        help="The amounts go to Exact without a cost centre, cost unit or project.",
    )
    suggested_cost_center_id = fields.Many2one(
        'exact.cost.center', string="Suggested Cost Centre", ondelete='set null', readonly=True,
    )
    suggested_cost_unit_id = fields.Many2one(
        'exact.cost.unit', ondelete='set null', readonly=True,
    )
    suggested_project_id = fields.Many2one(
        'exact.project', ondelete='set null', readonly=True,
    )
    suggested_is_left_out = fields.Boolean(string="Better Left Out", readonly=True)
    suggestion_label = fields.Char(string="Suggestion", compute='_compute_suggestion_label')

    _analytic_uniq = models.UniqueIndex(
        '(division_id, analytic_account_id)', "The analytic account has a row already.",
    )

    @api.depends(lambda self: [f'suggested_{name}' for name in self._target_fields])
    @api.depends_context('lang')
    def _compute_suggestion_label(self):
        for mapping in self:
            mapping_sudo = mapping.sudo()
            target = mapping_sudo._target('suggested_')
            if target is not None:
                kind = self.env[mapping._name]._fields[_FIELDS[target._name]]._description_string(
                    self.env,
                )
                mapping.suggestion_label = f"{kind} {target.display_name}"
            else:
                mapping.suggestion_label = (
                    self.env._("Leave out") if mapping.suggested_is_left_out else False
                )

    # === WHAT FITS === #

    @api.constrains('is_left_out', 'cost_center_id', 'cost_unit_id', 'project_id')
    def _check_left_out(self):
        for mapping in self:
            if mapping.is_left_out and mapping._target() is not None:
                raise ValidationError(self.env._(
                    "%(account)s cannot be left out and mapped at once.",
                    account=mapping.analytic_account_id.display_name,
                ))

    @api.onchange('cost_center_id', 'cost_unit_id', 'project_id')
    def _onchange_target(self):
        if self._target() is not None:
            self.is_left_out = False

    @api.onchange('is_left_out')
    def _onchange_is_left_out(self):
        if self.is_left_out:
            self.update(dict.fromkeys(_MODELS, False))

    def _problem_with(self, field, target):
        problem = super()._problem_with(field, target)
        if not problem and target.end_date and target.end_date < fields.Date.context_today(self):
            problem = self.env._(
                "%(target)s ended on %(date)s in Exact.",
                target=target.display_name, date=fields.Date.to_string(target.end_date),
            )
        return problem

    @api.model
    def _state_depends(self):
        return [*super()._state_depends(), *(f'{name}.end_date' for name in _MODELS)]

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        """The likest of cost centres, cost units and projects; nothing where there are none."""
        today = fields.Date.context_today(self)
        indexes = {
            name: NameIndex(
                Candidate(record.id, record.code or '', record.name or '')
                for record in self.env[model].search([
                    ('division_id', '=', division.id),
                    '|', ('end_date', '=', False), ('end_date', '>=', today),
                ])
            )
            for name, model in _MODELS.items()
        }
        if not any(index.candidates for index in indexes.values()):
            return {mapping: ({'is_left_out': True}, 'no_dimensions') for mapping in self}
        found = {}
        for mapping in self:
            account = mapping.analytic_account_id
            best = None
            for name, index in indexes.items():
                suggestion = suggest_by_name(account.code or '', account.name or '', index)
                if suggestion and (best is None or suggestion.score > best[1].score):
                    best = (name, suggestion)
            if best:
                found[mapping] = ({best[0]: best[1].key}, best[1].reason)
        return found

    def _describe_reason(self, reason, target):
        if reason == 'no_dimensions':
            return self.env._("Exact has no cost centres, cost units or projects")
        return super()._describe_reason(reason, target)

    @api.model
    def _wanted_sources(self, division):
        self.env['account.move.line'].flush_model()
        rows = self.env.execute_query(SQL(
            """
            SELECT DISTINCT account.id::integer
              FROM account_move_line line
        CROSS JOIN jsonb_object_keys(line.analytic_distribution) AS part(key)
        CROSS JOIN unnest(string_to_array(part.key, ',')) AS account(id)
             WHERE line.company_id = %s
               AND line.parent_state IN ('draft', 'posted')
               AND line.analytic_distribution IS NOT NULL
               AND account.id ~ '^[0-9]+$'
            """,
            division.company_id.id,
        ))
        ids = [account_id for (account_id,) in rows]
        return {'analytic_account_id': self.env['account.analytic.account'].browse(ids).exists()}

    @api.private
    def stopped_query(self):
        return SQL(
            """
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM (%(waiting)s) move
              JOIN account_move_line line ON line.move_id = move.id
        CROSS JOIN jsonb_object_keys(line.analytic_distribution) AS part(key)
        CROSS JOIN unnest(string_to_array(part.key, ',')) AS account(id)
              JOIN exact_analytic_mapping mapping
                   ON mapping.analytic_account_id::text = account.id
                  AND mapping.division_id = move.division_id
             WHERE mapping.id IN %(ids)s
               AND line.analytic_distribution IS NOT NULL
               AND line.balance <> 0
            """,
            waiting=self._waiting_moves(), ids=tuple(self.ids),
        )
