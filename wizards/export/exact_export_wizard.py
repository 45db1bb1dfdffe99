import logging
from collections import Counter, defaultdict

from psycopg2 import OperationalError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import split_every
from odoo.tools.misc import formatLang

from ...models.base.exact_note import note, told
from ...models.document.exact_booking_builder import BookingBuilder, Problem
from ...models.export.exact_export_step import CHECK_BATCH

_logger = logging.getLogger(__name__)

# So many documents are checked while a person waits; more of them by a scheduled action, in steps
# of so many.
STEP = 1000
MOVE_TYPES = {
    'sale': ['out_invoice', 'out_refund', 'out_receipt'],
    'purchase': ['in_invoice', 'in_refund', 'in_receipt'],
    'general': ['entry'],
}


class ExactExportWizard(models.TransientModel):
    """All that is not in Exact yet: how much, what would stop it, and then: go."""

    _name = 'exact.export.wizard'
    _description = "Export All to Exact"
    _inherit = ['exact.visible.mixin']
    # A dry run of many documents goes on while its window is closed, and is found again.
    _transient_max_hours = 24

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
    is_checking = fields.Boolean(readonly=True, help="The dry run goes on in the background.")
    is_checked = fields.Boolean(readonly=True)
    checked_at = fields.Datetime(string="Checked On", readonly=True)
    progress = fields.Integer(string="Checked", compute='_compute_progress')
    checked_until = fields.Integer(readonly=True, help="Where the dry run has got to, as an id.")
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
            # Rounded down: as long as something is stopped, it is not all.
            wizard.ready_percentage = 100 * wizard.ready_count // max(wizard.checked_count, 1)

    @api.depends('checked_count', 'total_count')
    def _compute_progress(self):
        for wizard in self:
            wizard.progress = 100 * wizard.checked_count // max(wizard.total_count, 1)

    @api.onchange('division_id', 'scope', 'date_from', 'date_to')
    def _onchange_scope(self):
        self.is_checked = self.is_checking = False
        self.line_ids = [fields.Command.clear()]

    def _moves(self, domain=Domain.TRUE, *, order='date, id', limit=None):
        """Documents of the chosen scope, as far as the person may see them."""
        self.division_id.check_access('read')
        return self.env['account.move'].search(self._domain() & domain, order=order, limit=limit)

    @api.model
    def _open_latest(self):
        """Open the window: the person's dry run that is going on or was done today, else a new one.
        """
        wizard = self.search([
            ('create_uid', '=', self.env.uid), ('company_id', '=', self.env.company.id),
            ('division_id.active', '=', True),
            '|', ('is_checking', '=', True), ('is_checked', '=', True),
        ], order='id desc', limit=1)
        return wizard._reopen()

    def action_check(self):
        """Dry run: build and check every document, send nothing; say what would stop how many.

        More than a few are checked by a scheduled action: the window shows how far it is, and the
        person is told when it is done.
        """
        self.ensure_one()
        self._check_active()
        self.write({
            'is_checking': True, 'is_checked': False, 'checked_until': 0, 'checked_count': 0,
            'ready_count': 0, 'line_ids': [fields.Command.clear()],
        })
        if self.total_count <= STEP:
            while self.is_checking:
                self._check_step()
        else:
            self.env.ref('account_exact.ir_cron_dry_run').sudo()._trigger()
        return self._reopen()

    def _check_active(self):
        if not self.division_id.active:
            raise UserError(self.env._(
                "The administration %s is archived in Odoo. Unarchive it to export again.",
                self.division_id.display_name,
            ))

    def action_look(self):
        """Show how far the dry run is."""
        self.ensure_one()
        self.check_access('read')
        return self._reopen()

    @api.model
    def _cron_check(self):
        """Go on with the dry runs that people asked for, a step of each in turn."""
        running = self.sudo().search([('is_checking', '=', True)], order='id')
        cron = self.env['ir.cron']
        cron._commit_progress(remaining=len(running))
        while running:
            for wizard_sudo in running:
                wizard_sudo._check_as_its_person()
                done = not wizard_sudo.exists().is_checking
                if done:
                    running -= wizard_sudo
                if not cron._commit_progress(int(done)):
                    return

    def _check_as_its_person(self):
        """Do a step with the rights, the company and the language of who asked for it; what fails
        ends this dry run and no other.
        """
        self.ensure_one()
        user = self.create_uid
        wizard = self.with_user(user).with_company(self.company_id).with_context(
            allowed_company_ids=self.company_id.ids, lang=user.lang, tz=user.tz,
        )
        try:
            wizard._check_step()
        except OperationalError:
            raise
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Exact: dry run %s failed", self.id)
            self.is_checking = False
            wizard._tell(wizard.env._(
                "The dry run stopped: Odoo failed at it, the server log tells why. Start it again.",
            ), 'danger')
            return
        if wizard.is_checked:
            wizard._tell(wizard.env._(
                "%(ready)s of %(checked)s documents would book. See Export All.",
                ready=formatLang(wizard.env, wizard.ready_count, digits=0),
                checked=formatLang(wizard.env, wizard.checked_count, digits=0),
            ), 'success')

    def _tell(self, message, kind):
        """Tell the person, wherever they are in Odoo by now."""
        self.env.user._bus_send('simple_notification', {
            'type': kind, 'title': self.env._("Export to Exact"), 'message': message,
            'sticky': True,
        })

    def _check_step(self):
        """Check the next documents and add what would stop them to the lines."""
        stopped = defaultdict(list)
        problems = {}
        checked = ready = 0
        # sudo: master data and mappings are read for the document's own company; the moves were
        # searched with the person's rights.
        division_sudo = self.division_id.sudo()
        check_sudo = self.env['exact.export.check'].sudo()
        moves = self._moves(
            Domain('id', '>', self.checked_until), order='id', limit=STEP,
        )
        for batch_ids in split_every(CHECK_BATCH, moves.ids):
            batch = self.env['account.move'].sudo().browse(batch_ids)
            builder = BookingBuilder(division_sudo, batch)
            built = [builder.build(move) for move in batch]
            facts = division_sudo.booking_facts(builder, built)
            for one in built:
                checked += 1
                blocking = {
                    self._key(problem): problem
                    for problem in check_sudo.problems(division_sudo, one, facts)
                    if problem.severity == 'blocks'
                }
                ready += not blocking
                for key, problem in blocking.items():
                    problems[key] = problem
                    stopped[key].append(one.move.id)
            # What one batch read is of no use to the next; 10,000 documents must fit.
            self.env.invalidate_all()
        is_last = len(moves) < STEP
        self.write({
            'is_checking': not is_last,
            'is_checked': is_last,
            'checked_at': fields.Datetime.now(),
            'checked_until': moves[-1:].id,
            'checked_count': self.checked_count + checked,
            'ready_count': self.ready_count + ready,
        })
        self._add_lines(problems, stopped)

    def _add_lines(self, problems, stopped):
        """Add documents to the lines of what stops them.

        :param dict problems: `Problem` by its key.
        :param dict stopped: ids of documents by the key of what stops them.
        """
        lines = {line.key: line for line in self.line_ids}
        for key, move_ids in stopped.items():
            line = lines.get(key)
            if line:
                move_ids = line.move_ids_json + move_ids
                line.write({'move_ids_json': move_ids, 'move_count': len(move_ids)})
                continue
            problem = problems[key]
            model, res_id = problem.target or (False, False)
            self.line_ids.create({
                'wizard_id': self.id,
                'key': key,
                'note': note(f'finding/{problem.code}', **problem.params),
                'move_count': len(move_ids),
                'move_ids_json': move_ids,
                'res_model': model,
                'res_id': res_id,
            })

    @api.model
    def _key(self, problem: Problem):
        """Problems that one fix solves are one."""
        cause = problem.target
        if not cause or not self.division_id.mapping_kind_of(cause[0]):
            cause = sorted((name, str(value)) for name, value in problem.params.items())
        return f'{problem.code} {cause}'

    def action_export(self):
        """Queue all documents of the chosen scope."""
        self.ensure_one()
        self._check_active()
        moves = self._moves()
        if not moves:
            raise UserError(self.env._("Everything is in Exact already."))
        exports = self.env['exact.export']
        exports.check_may_act()
        exports.propose(moves)
        # What was checked is on its way: the window begins anew the next time.
        self.is_checked = False
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
    _inherit = ['exact.visible.mixin']
    _order = 'move_count desc, id'

    wizard_id = fields.Many2one('exact.export.wizard', required=True, ondelete='cascade')
    key = fields.Char(readonly=True, help="Problems that one fix solves have the same.")
    note = fields.Json(readonly=True)
    message = fields.Text(compute='_compute_message')
    move_count = fields.Integer(string="Documents", readonly=True)
    move_ids_json = fields.Json(readonly=True)
    res_model = fields.Char(readonly=True)
    res_id = fields.Integer(readonly=True)

    @api.depends('note')
    @api.depends_context('lang', 'tz')
    def _compute_message(self):
        for line in self:
            line.message = told(self.env, line.note)

    def action_fix(self):
        """Go to what stops these documents; without a record to fix, to the documents."""
        self.ensure_one()
        division = self.wizard_id.division_id
        if self.res_model and division.mapping_kind_of(self.res_model):
            return division.open_mapping(self.res_model, self.res_id)
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
