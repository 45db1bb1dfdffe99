from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..base.exact_engine_fields import named_at_creation, refuse_engine_fields

REASONS = [
    ('same_code', "Same code"),
    ('same_name', "Same name"),
    ('name_likeness', "Similar name"),
    ('vat', "Same VAT"),
    ('payment_days', "Same days"),
    ('journal_type', "Same type"),
    ('only_one', "The only one"),
    ('previous', "As elsewhere"),
    ('no_dimensions', "Nothing to choose from"),
    ('own_entries', "Booked by Exact itself"),
    ('chamber_of_commerce', "Same chamber of commerce number"),
    ('iban', "Same bank account"),
    ('created', "Created by Odoo"),
    ('manual', "Chosen by hand"),
]
# States in which Exact has, or may have, the entry of a document already.
EXPORTED_STATES = ('sending', 'sent', 'uncertain', 'verified', 'changed')
# Who chose what, and whose it is, is not for people to write.
_KEPT = {'state', 'company_id', 'mapped_by_id', 'mapped_on'}


class ExactMappingMixin(models.AbstractModel):
    """What a record of Odoo is called in one administration of Exact.

    A concrete mapping names its fields in `_source_fields` (exactly one of them is set) and
    `_target_fields` (each has a twin `suggested_<target>`; a Boolean among them decides against a
    target), and says what fits in `_problem_with` and what is likely in `_find_suggestions`.
    """

    _name = 'exact.mapping.mixin'
    _description = "Exact Mapping"
    _inherit = ['mail.thread', 'exact.visible.mixin']
    _check_company_auto = True

    _source_fields = ()
    _target_fields = ()
    # What else of a row decides how documents are booked.
    _policy_fields = ()

    # missing   --[something likely is found]----> suggested
    # missing, suggested --[person chooses]------> mapped
    # suggested --[accept]-----------------------> mapped
    # mapped    --[target gone, blocked, unfit]--> broken
    # broken    --[person chooses, or accept]----> mapped
    state = fields.Selection(
        [
            ('missing', "Missing"),
            ('suggested', "Suggested"),
            ('broken', "Broken"),
            ('mapped', "Mapped"),
        ],
        string="Status", compute='_compute_state', store=True, index=True,
    )
    division_id = fields.Many2one(
        'exact.division', string="Administration", required=True, ondelete='cascade', index=True,
        default=lambda self: self._default_division(),
    )
    company_id = fields.Many2one(related='division_id.company_id', store=True, index=True)
    suggestion_reason = fields.Selection(
        REASONS, string="Why", readonly=True,
        help="What speaks for the suggestion, or for the choice that was made.",
    )
    has_suggestion = fields.Boolean(compute='_compute_has_suggestion')
    suggestion_detail = fields.Char(string="Reason", compute='_compute_suggestion_detail')
    problem = fields.Char(compute='_compute_problem', help="Why the choice does not work.")
    move_count = fields.Integer(
        string="Documents Stopped", compute='_compute_move_count',
        help="Posted documents, not exported yet, that cannot go to Exact without this.",
    )
    mapped_by_id = fields.Many2one('res.users', string="Chosen By", readonly=True)
    mapped_on = fields.Datetime(string="Chosen On", readonly=True)

    @api.model
    def _default_division(self):
        return self.env['exact.division'].search(
            [('company_id', '=', self.env.company.id)], limit=1,
        )

    # === WHAT A CONCRETE MAPPING SAYS === #

    @api.model
    def _state_depends(self):
        """Names of the fields, dotted, that decide whether the target fits."""
        return [
            'division_id',
            *self._target_fields,
            *(f'suggested_{name}' for name in self._target_fields),
            *(f'{name}.active' for name in self.record_fields),
            *(f'{name}.division_id' for name in self.record_fields),
        ]

    def _problem_with(self, field, target):
        """Why a target must not be chosen, as a sentence; '' if it fits.

        :param str field: one of `_target_fields`.
        :param target: record of that field's model.
        """
        self.ensure_one()
        if target.division_id != self.division_id:
            # Nameless: the id may have been typed by who may not see it
            return self.env._("the choice belongs to another administration of Exact.")
        if not target.active:
            return self.env._(
                "%(target)s is not in Exact any more.", target=target.display_name,
            )
        if 'is_blocked' in target._fields and target.is_blocked:
            return self.env._("%(target)s is blocked in Exact.", target=target.display_name)
        return ''

    def _find_suggestions(self, division):
        """What is likely meant, for rows of one division.

        :return: {mapping: (values of target fields, reason)}; rows without are left out.
        """
        return {}

    @api.model
    def _wanted_sources(self, division):
        """The records of Odoo that should have a row, per source field.

        :return: {source field: recordset}
        """
        return {}

    @api.private
    def stopped_query(self):
        """Pairs (mapping id, move id) of the posted documents that wait for a row.

        :return: SQL with the columns mapping_id and move_id, False for none; may repeat pairs.
        """
        return False

    # === COMPUTE === #

    @property
    def record_fields(self):
        """The target fields that hold a record of Exact."""
        return [name for name in self._target_fields if self._fields[name].relational]

    def _target(self, prefix=''):
        """The first target that is set, None without; `suggested_` as prefix for the suggested."""
        self.ensure_one()
        return next(filter(None, (self[prefix + name] for name in self.record_fields)), None)

    @property
    def source_record(self):
        """The record of Odoo that a row is about."""
        self.ensure_one()
        for name in self._source_fields:
            if self[name]:
                return self[name]
        return self[self._source_fields[0]]

    @api.private
    def is_decided(self):
        """Whether somebody made a choice."""
        self.ensure_one()
        return any(self[name] for name in self._target_fields)

    def _is_suggested(self):
        self.ensure_one()
        return any(self[f'suggested_{name}'] for name in self._target_fields)

    def _current_problem(self):
        """The first reason why the choice does not work; '' if it does."""
        self.ensure_one()
        for name in self.record_fields:
            problem = self[name] and self._problem_with(name, self[name])
            if problem:
                return problem
        return ''

    @api.depends(lambda self: self._state_depends())
    def _compute_state(self):
        for mapping in self:
            if mapping.is_decided():
                mapping.state = 'broken' if mapping._current_problem() else 'mapped'
            else:
                mapping.state = 'suggested' if mapping._is_suggested() else 'missing'

    @api.depends(lambda self: [f'suggested_{name}' for name in self._target_fields])
    def _compute_has_suggestion(self):
        for mapping in self:
            mapping.has_suggestion = mapping._is_suggested()

    @api.depends('state')
    @api.depends_context('lang')
    def _compute_problem(self):
        for mapping in self:
            mapping.problem = mapping.state == 'broken' and mapping.sudo()._current_problem()

    @api.depends('state', 'suggestion_reason')
    @api.depends_context('lang')
    def _compute_suggestion_detail(self):
        for mapping in self:
            # Codes and names of master data are no secret to whoever may see the mapping.
            mapping_sudo = mapping.sudo()
            target = mapping_sudo._target('suggested_') or mapping_sudo._target()
            mapping.suggestion_detail = (
                mapping_sudo._describe_reason(mapping.suggestion_reason, target)
                if mapping.suggestion_reason else False
            )

    def _describe_reason(self, reason, target):
        """The reason in words that name what is alike."""
        self.ensure_one()
        if target is not None:
            if reason == 'same_code':
                return self.env._("Same code %(code)s", code=target.code)
            if reason == 'same_name':
                return self.env._("Same name “%(name)s”", name=target.name)
            if reason == 'name_likeness':
                return self.env._("Name like “%(name)s”", name=target.name)
            if reason == 'previous':
                return self.env._("%(code)s in another administration", code=target.code)
        return dict(self._fields['suggestion_reason']._description_selection(self.env))[reason]

    @api.depends('state')
    def _compute_move_count(self):
        counts = {}
        waiting = self.filtered(lambda mapping: mapping.id and mapping.state != 'mapped')
        query = waiting.stopped_query() if waiting.ids else None
        if query:
            self.env['account.move'].flush_model()
            self.env['account.move.line'].flush_model()
            self.env['exact.export'].flush_model(['move_id', 'state'])
            self.flush_model()
            counts = dict(self.env.execute_query(SQL(
                "SELECT mapping_id, count(DISTINCT move_id) FROM (%s) AS stopped GROUP BY 1", query,
            )))
        for mapping in self:
            mapping.move_count = counts.get(mapping.id, 0)

    def _waiting_moves(self, divisions=None):
        """Posted documents that are to be exported and are not yet.

        :param divisions: `exact.division` records; those of the rows if not given.
        :return: SQL of a sub-select: id, move_type, journal_id, division_id and more of the move.
        """
        return SQL(
            """
            SELECT move.id, move.move_type, move.journal_id, move.invoice_payment_term_id,
                   move.commercial_partner_id, division.id AS division_id
              FROM exact_division division
              JOIN account_move move ON move.company_id = division.company_id
             WHERE division.id IN %(divisions)s
               AND move.state = 'posted'
               AND (division.export_start_date IS NULL
                    OR COALESCE(move.invoice_date, move.date) >= division.export_start_date)
               AND NOT EXISTS (
                   SELECT 1 FROM exact_export export
                    WHERE export.move_id = move.id AND export.division_id = division.id
                      AND export.state IN %(exported)s)
               AND (move.move_type <> 'entry' OR move.statement_line_id IS NULL
                    AND move.origin_payment_id IS NULL AND EXISTS (
                   SELECT 1 FROM exact_journal_mapping mapped
                    WHERE mapped.journal_id = move.journal_id AND mapped.state = 'mapped'
                      AND NOT COALESCE(mapped.is_left_out, FALSE)
                      AND mapped.division_id = division.id))
            """,
            divisions=tuple((divisions or self.division_id).ids), exported=EXPORTED_STATES,
        )

    @api.depends(lambda self: (*self._source_fields, *self._target_fields))
    def _compute_display_name(self):
        for mapping in self:
            target = mapping._target()
            source = mapping.source_record.display_name or ''
            mapping.display_name = f"{source} → {target.display_name}" if target else source

    # === CONSTRAINTS === #

    @api.constrains(lambda self: ('division_id', *self._source_fields, *self._target_fields))
    def _check_target(self):
        """Refuse a target that does not fit, with the sentence that says what does not."""
        for mapping in self:
            problem = mapping._current_problem()
            if problem:
                raise ValidationError(self.env._(
                    "%(name)s cannot be mapped so: %(problem)s",
                    name=mapping.source_record.display_name, problem=problem,
                ))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_engine_fields(self, named_at_creation(self, vals) & _KEPT)
            if any(vals.get(name) for name in self._target_fields):
                vals.setdefault('suggestion_reason', 'manual')
                vals.update(self._chosen_values())
        # The chatter tells who changed what; that a row began to exist is no news.
        quiet = self.with_context(mail_create_nolog=True, mail_create_nosubscribe=True)
        mappings = super(ExactMappingMixin, quiet).create(vals_list).with_env(self.env)
        mappings._suggest()
        return mappings

    def write(self, vals):
        # Record rules look at the administration that was, not at the one that comes
        refuse_engine_fields(self, vals.keys() & {*_KEPT, 'division_id'}, 'division_id')
        chosen = [name for name in self._target_fields if name in vals]
        if not chosen:
            return super().write(vals)
        vals = {**vals, **self._chosen_values()}
        if 'suggestion_reason' not in vals and any(vals[name] for name in chosen):
            # What was suggested keeps its reason; anything else is a person's own choice.
            as_suggested = self.filtered(lambda mapping: all(
                mapping.id_or_value(f'suggested_{name}') == (vals[name] or False)
                for name in chosen
            ))
            by_hand = self - as_suggested
            super(ExactMappingMixin, as_suggested).write(vals)
            super(ExactMappingMixin, by_hand).write({**vals, 'suggestion_reason': 'manual'})
        else:
            super().write(vals)
        self._suggest()
        return True

    @api.private
    def id_or_value(self, name):
        """The value of a field as it is written: the id of a record."""
        return self[name].id if self._fields[name].relational else self[name]

    def _chosen_values(self):
        return {'mapped_by_id': self.env.uid, 'mapped_on': fields.Datetime.now()}

    # === VIEWS === #

    @api.model
    def get_empty_list_help(self, help_message):
        """Where nothing is there to map yet, say what comes first."""
        divisions = self.env['exact.division'].search_count(
            [('company_id', 'in', self.env.companies.ids)], limit=1,
        )
        if not divisions:
            help_message = Markup(
                '<p class="o_view_nocontent_smiling_face">%s</p><p>%s</p>',
            ) % (
                self.env._("Connect to Exact first"),
                self.env._(
                    "Make a connection under Configuration, Exact, and choose the administration "
                    "of your company. What there is to map then comes by itself.",
                ),
            )
        return super().get_empty_list_help(help_message)
