from collections import Counter, defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import split_every

from ..models.exact_booking_builder import BookingBuilder, Problem
from ..models.exact_export_worker import CHECK_BATCH
from ..models.exact_finding import MAPPINGS, sentence

MOVE_TYPES = {
    'sale': ['out_invoice', 'out_refund', 'out_receipt'],
    'purchase': ['in_invoice', 'in_refund', 'in_receipt'],
    'general': ['entry'],
}


class ExactExportWizard(models.TransientModel):
    """All that is not in Exact yet: how much, what would stop it, and then: go."""

    _name = 'exact.export.wizard'
    _description = "Export All to Exact"

    division_id = fields.Many2one(
        'exact.division', string="Administration", required=True,
        default=lambda self: self._default_division(),
    )
    company_id = fields.Many2one(related='division_id.company_id', related_sudo=False)
    scope = fields.Selection(
        [('all', "Everything"), ('sale', "Sales Only"), ('purchase', "Purchases Only")],
        string="Documents", required=True, default='all',
    )
    date_from = fields.Date(string="From")
    date_to = fields.Date(string="Until")
    sale_count = fields.Integer(string="Sales", compute='_compute_counts')
    purchase_count = fields.Integer(string="Purchases", compute='_compute_counts')
    general_count = fields.Integer(string="Journal Entries", compute='_compute_counts')
    total_count = fields.Integer(string="Not Exported", compute='_compute_counts')
    checked_count = fields.Integer(readonly=True)
    ready_count = fields.Integer(readonly=True)
    ready_percentage = fields.Float(compute='_compute_ready_percentage')
    is_checked = fields.Boolean(readonly=True)
    line_ids = fields.One2many('exact.export.wizard.line', 'wizard_id', readonly=True)

    @api.constrains('division_id')
    def _check_visible(self):
        """An id that is made up must not show the name of what the person may not see."""
        # Odoo checks with sudo; this is about the person
        self.sudo(False).division_id.check_access('read')

    @api.model
    def _default_division(self):
        return self.env['exact.division'].search(
            [('company_id', '=', self.env.company.id)], limit=1,
        )

    def _domain(self, kinds=None):
        """Documents of the division's company that Exact has not got.

        :param kinds: subset of MOVE_TYPES; those of the chosen scope by default.
        """
        self.ensure_one()
        if kinds is None:
            kinds = list(MOVE_TYPES) if self.scope == 'all' else [self.scope]
        types = [name for kind in kinds for name in MOVE_TYPES[kind]]
        domain = Domain([
            ('company_id', '=', self.company_id.id),
            ('state', '=', 'posted'),
            ('move_type', 'in', types),
            ('exact_state', 'in', ['not_exported', 'undone', 'blocked']),
        ])
        if 'general' in kinds:
            # Journal entries go out of mapped journals only.
            mappings = self.env['exact.journal.mapping'].sudo().search([
                ('division_id', '=', self.division_id.id), ('exact_journal_id', '!=', False),
            ])
            general = mappings.filtered(lambda row: row.exact_journal_id.journal_type == '90')
            bank_entries = self.env['account.move']._exact_bank_entry_domain()
            domain &= (
                Domain('move_type', '!=', 'entry')
                | Domain('journal_id', 'in', general.journal_id.ids)
                | Domain('journal_id', 'in', mappings.journal_id.ids) & bank_entries
            )
        starts = (self.date_from, self.division_id.export_start_date)
        start = max(filter(None, starts), default=None)
        if start:
            domain &= Domain('date', '>=', start)
        if self.date_to:
            domain &= Domain('date', '<=', self.date_to)
        return domain

    @api.depends('division_id', 'scope', 'date_from', 'date_to')
    def _compute_counts(self):
        for wizard in self:
            counts = Counter()
            if wizard.company_id:
                for move_type, count in self.env['account.move']._read_group(
                    wizard._domain(list(MOVE_TYPES)), ['move_type'], ['__count'],
                ):
                    kind = next(k for k, types in MOVE_TYPES.items() if move_type in types)
                    counts[kind] += count
            wizard.sale_count = counts['sale']
            wizard.purchase_count = counts['purchase']
            wizard.general_count = counts['general']
            wizard.total_count = (
                sum(counts.values()) if wizard.scope == 'all' else counts[wizard.scope]
            )

    @api.depends('ready_count', 'checked_count')
    def _compute_ready_percentage(self):
        for wizard in self:
            wizard.ready_percentage = (
                100.0 * wizard.ready_count / wizard.checked_count if wizard.checked_count else 0.0
            )

    @api.onchange('division_id', 'scope', 'date_from', 'date_to')
    def _onchange_scope(self):
        self.is_checked = False
        self.line_ids = [fields.Command.clear()]

    def _moves(self):
        self.division_id.check_access('read')
        return self.env['account.move'].search(self._domain(), order='date, id')

    def action_check(self):
        """Dry run: build and check every document, send nothing; say what would stop how many."""
        self.ensure_one()
        stopped = defaultdict(self.env['account.move'].browse)
        problems = {}
        checked = ready = 0
        # sudo: master data and mappings are read for the document's own company; the moves were
        # searched with the person's rights.
        division_sudo = self.division_id.sudo()
        exports_sudo = self.env['exact.export'].sudo()
        moves = self._moves()
        for batch_ids in split_every(CHECK_BATCH, moves.ids):
            batch = self.env['account.move'].sudo().browse(batch_ids)
            builder = BookingBuilder(division_sudo, batch)
            built = [builder.build(move) for move in batch]
            facts = division_sudo._booking_facts(builder, built)
            for one in built:
                checked += 1
                blocking = {
                    self._key(problem): problem
                    for problem in exports_sudo._problems(division_sudo, one, facts)
                    if problem.severity == 'blocks'
                }
                ready += not blocking
                for key, problem in blocking.items():
                    problems[key] = problem
                    stopped[key] |= one.move
            # What one batch read is of no use to the next; 10,000 documents must fit.
            self.env.invalidate_all()
        self.write({
            'is_checked': True,
            'checked_count': checked,
            'ready_count': ready,
            'line_ids': [fields.Command.clear()] + [
                fields.Command.create({
                    'message': sentence(self.env, problems[key].code, problems[key].params),
                    'move_count': len(stopped[key]),
                    'move_ids_json': stopped[key].ids,
                    'res_model': problems[key].target[0] if problems[key].target else False,
                    'res_id': problems[key].target[1] if problems[key].target else False,
                })
                for key in sorted(stopped, key=lambda key: -len(stopped[key]))
            ],
        })
        return self._reopen()

    @api.model
    def _key(self, problem: Problem):
        """Problems that one fix solves are one."""
        if problem.target and problem.target[0] in MAPPINGS:
            return (problem.code, problem.target)
        return (problem.code, tuple(sorted((k, str(v)) for k, v in problem.params.items())))

    def action_export(self):
        """Queue all documents of the chosen scope."""
        self.ensure_one()
        moves = self._moves()
        if not moves:
            raise UserError(self.env._("Everything is in Exact already."))
        exports = self.env['exact.export']
        exports._check_may_act()
        exports._propose(moves)
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'success',
                'title': self.env._("Export to Exact"),
                'message': self.env._("%s documents wait to be booked in Exact.", len(moves)),
                'next': self.env['ir.actions.actions']._for_xml_id(
                    'account_exact.exact_export_action',
                ),
            },
        }

    def _reopen(self):
        return {
            'type': 'ir.actions.act_window',
            'name': self.env._("Export to Exact"),
            'res_model': self._name,
            'res_id': self.id,
            'view_mode': 'form',
            'views': [(False, 'form')],
            'target': 'new',
        }


class ExactExportWizardLine(models.TransientModel):
    _name = 'exact.export.wizard.line'
    _description = "Export All to Exact: Finding"

    wizard_id = fields.Many2one('exact.export.wizard', required=True, ondelete='cascade')
    message = fields.Char(readonly=True)
    move_count = fields.Integer(string="Documents", readonly=True)
    move_ids_json = fields.Json(readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Integer(readonly=True)

    def action_fix(self):
        """Go to what stops these documents; without a record to fix, to the documents."""
        self.ensure_one()
        if self.res_model in MAPPINGS:
            return self.wizard_id.division_id._open_mapping(self.res_model, self.res_id)
        return self.action_open_moves()

    def action_open_moves(self):
        self.ensure_one()
        return {
            'type': 'ir.actions.act_window',
            'name': self.env._("Documents"),
            'res_model': 'account.move',
            'view_mode': 'list,form',
            'views': [(False, 'list'), (False, 'form')],
            'domain': [('id', 'in', self.move_ids_json or [])],
        }
