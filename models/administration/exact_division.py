from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, plaintext2html

from ..base.exact_engine_fields import refuse_engine_fields
from ..base.exact_error_text import division_reason_text, hold_reason_text, reason_text

STATES = [
    ('free', "Not Linked"),
    ('syncing', "Coming In"),
    ('ready', "Ready"),
    ('hold', "On Hold"),
    ('unreachable', "Not Reachable"),
]


class ExactDivision(models.Model):
    """One Exact administration, linked to at most one company."""

    _name = 'exact.division'
    _description = "Exact Administration"
    _inherit = ['mail.thread', 'mail.activity.mixin', 'exact.visible.mixin']
    _order = 'code'

    # === WHAT EXACT SAYS === #

    connection_id = fields.Many2one(
        'exact.connection', required=True, ondelete='cascade', index=True,
        readonly=True,
    )
    code = fields.Integer(string="Number", required=True, readonly=True)
    name = fields.Char(string="Administration", required=True, readonly=True)
    owner_name = fields.Char(string="Owner", readonly=True)
    country_code = fields.Char(string="Country", readonly=True)
    vat_number = fields.Char(string="VAT Number", readonly=True)
    currency_id = fields.Many2one('res.currency', readonly=True)
    exact_status = fields.Selection(
        [('0', "Inactive"), ('1', "Active"), ('2', "Archived")], string="Status in Exact",
        readonly=True,
    )
    move_date = fields.Datetime(
        string="Moved On", readonly=True,
        help="When Exact moved the administration to another database; all cursors start anew "
             "then.",
    )
    unreachable_reason = fields.Char(
        readonly=True, copy=False, help="Why Exact does not let us in, as a code.",
    )
    connection_state = fields.Selection(related='connection_id.state', string="Connection State")
    site = fields.Selection(related='connection_id.site', string="Exact Site")

    # === STATE === #

    # Not stored: it hangs on rows that workers write (the connection, the cursors)
    state = fields.Selection(
        STATES, string="Status", compute='_compute_state', search='_search_state',
    )
    state_reason = fields.Char(string="Reason", compute='_compute_state')

    # === LINK === #

    company_id = fields.Many2one(
        'res.company', index=True, tracking=True, copy=False,
        help="The company whose documents are booked in this administration.",
    )
    active = fields.Boolean(default=True)
    hold = fields.Boolean(
        string="On Hold", tracking=True,
        help="Documents wait; nothing is sent until the hold is released.",
    )
    hold_reason = fields.Char(readonly=True, help="Why, as a code: see exact_error_text.")
    hold_params = fields.Json(readonly=True)
    hold_after = fields.Integer(
        string="Hold after Differences", default=5, tracking=True,
        help="When so many entries in Exact differ from what was sent, nothing more is sent until "
             "a person has looked. 0 switches this off.",
    )
    released_at = fields.Datetime(readonly=True, copy=False)

    # === POLICY === #

    numbering = fields.Selection(
        [('odoo', "Odoo numbers the documents"), ('exact', "Exact numbers the documents")],
        string="Who Numbers", required=True, default='odoo', tracking=True,
    )
    credit_note_style = fields.Selection(
        [
            ('sign', "Negative amounts"),
            ('explicit', "Positive amounts with the type of a credit note"),
        ],
        string="Credit Notes", required=True, default='sign', tracking=True,
        help="How Exact wants credit notes. Negative amounts unless your administration proves "
             "otherwise.",
    )
    export_start_date = fields.Date(
        string="Export From", tracking=True,
        help="Documents dated before this day are never exported.",
    )
    auto_export_sale = fields.Boolean(string="Export Sales on Posting", tracking=True)
    auto_export_purchase = fields.Boolean(string="Export Purchases on Posting", tracking=True)
    auto_export_general = fields.Boolean(string="Export Journal Entries on Posting", tracking=True)
    send_documents = fields.Boolean(
        default=True, tracking=True,
        help="The PDF of an invoice and the received files of a bill travel to Exact.",
    )
    sale_document_type = fields.Integer(default=10)
    purchase_document_type = fields.Integer(default=20)

    # === DEFAULTS PER DOCUMENT KIND === #

    default_sale_journal_id = fields.Many2one(
        'exact.journal', string="Sales Journal", tracking=True,
    )
    default_purchase_journal_id = fields.Many2one(
        'exact.journal', string="Purchase Journal", tracking=True,
    )
    default_general_journal_id = fields.Many2one(
        'exact.journal', string="General Journal", tracking=True,
    )
    default_sale_gl_account_id = fields.Many2one(
        'exact.gl.account', string="Sales Ledger", tracking=True,
    )
    default_purchase_gl_account_id = fields.Many2one(
        'exact.gl.account', string="Purchase Ledger", tracking=True,
    )

    difference_gl_account_id = fields.Many2one(
        'exact.gl.account', string="Rounding Differences", tracking=True,
        help="Where cents go that no VAT amount can carry; the largest line's ledger if empty.",
    )

    can_use = fields.Boolean(compute='_compute_can_use')

    _code_uniq = models.Constraint(
        'UNIQUE(connection_id, code)', "This administration is already on the connection.",
    )
    _company_uniq = models.UniqueIndex(
        '(company_id) WHERE company_id IS NOT NULL',
        "The company is already linked to another Exact administration.",
    )

    @api.depends('code', 'name')
    def _compute_display_name(self):
        for division in self:
            division.display_name = f"{division.code} {division.name}"

    @api.depends(
        'company_id', 'hold', 'hold_reason', 'hold_params', 'unreachable_reason',
        'connection_state', 'connection_id.reason',
    )
    @api.depends_context('lang')
    def _compute_state(self):
        syncing = self._syncing()
        for division in self:
            division.state_reason = False
            if not division.company_id:
                division.state = 'free'
            elif division.connection_state != 'connected':
                division.state = 'unreachable'
                # sudo: the connection may be another company's
                reason = division.connection_id.sudo().reason
                division.state_reason = reason_text(self.env, reason or 'not_connected')
            elif division.unreachable_reason:
                division.state = 'unreachable'
            elif division.hold:
                division.state = 'hold'
                division.state_reason = hold_reason_text(
                    self.env, division.hold_reason, division.hold_params,
                )
            else:
                division.state = 'syncing' if division in syncing else 'ready'
            if division.unreachable_reason and not division.state_reason:
                division.state_reason = division_reason_text(self.env, division.unreachable_reason)

    @api.depends('company_id', 'active')
    @api.depends_context('company', 'uid')
    def _compute_can_use(self):
        """Offer an administration only to a company that has none yet."""
        # sudo: the company's administration counts even where the person does not see it
        has_one = bool(self.sudo().with_context(active_test=False).search_count(
            [('company_id', '=', self.env.company.id)], limit=1,
        ))
        for division in self:
            division.can_use = not has_one and not division.company_id and division.active

    @api.model
    def _search_state(self, operator, value):
        if operator != 'in':
            return NotImplemented
        open_domain = Domain([
            ('company_id', '!=', False), ('connection_state', '=', 'connected'),
            ('unreachable_reason', '=', False),
        ])
        # sudo: which rows are coming in is no secret, the rules of the search itself still count
        syncing = Domain('id', 'in', self.sudo().search(open_domain)._syncing().ids)
        domains = {
            'free': Domain('company_id', '=', False),
            'unreachable': Domain('company_id', '!=', False) & (
                Domain(
                    'connection_state', '!=', 'connected',
                ) | Domain('unreachable_reason', '!=', False)
            ),
            'hold': open_domain & Domain('hold', '=', True),
            'syncing': open_domain & Domain('hold', '=', False) & syncing,
            'ready': open_domain & Domain('hold', '=', False) & ~syncing,
        }
        return Domain.OR(domains[state] for state in value if state in domains)

    def _syncing(self):
        """Return those whose master data is not complete yet."""
        # sudo: progress is for everyone who sees the administration
        waiting = self.env['exact.cursor'].sudo()._read_group(
            [
                ('division_id', 'in', self.ids), ('is_complete', '=', False),
                ('state', '!=', 'skipped'),
            ],
            ['division_id'],
        )
        return self.browse(division.id for [division] in waiting)

    @api.model
    @api.private
    def linked_among(self, companies):
        """Those of these companies that are linked to an administration, which is no secret."""
        # sudo: as above, it is for everyone
        return self.sudo().search([('company_id', 'in', companies.ids)]).company_id

    # === CRUD METHODS === #

    def write(self, vals):
        refuse_engine_fields(self, vals)
        access = self.filtered(
            lambda division: 'unreachable_reason' in vals
            and division.unreachable_reason != (vals['unreachable_reason'] or False)
        )
        restored = self.filtered(lambda division: vals.get('active') and not division.active)
        if 'company_id' not in vals:
            result = super().write(vals)
            access._tell_of_access()
            restored.go_on()
            return result
        company = self.env['res.company'].browse(vals['company_id'] or [])
        changing = self.filtered(lambda division: division.company_id != company)
        changing._check_link(company)
        result = super().write(vals)
        access._tell_of_access()
        restored.go_on()
        if company and changing:
            changing._start_sync()
        return result

    def _check_link(self, company):
        """Check who may link, and that books and history stay together.

        :raise AccessError: for people who are no administrator of that company
        :raise UserError: if the administration cannot serve that company
        """
        if not self:
            return
        if not self.env.su:
            if not self.env.user.has_group('account.group_account_manager'):
                raise AccessError(self.env._(
                    "Only accounting administrators choose the company of an administration.",
                ))
            if (company | self.company_id) - self.env.user.company_ids:
                raise AccessError(self.env._("You can only choose among your own companies."))
        for division in self:
            # sudo: history counts even where the person does not see it
            if self.env['exact.export'].sudo().search_count(
                [('division_id', '=', division.id)], limit=1,
            ):
                raise UserError(self.env._(
                    "Documents of %(company)s were exported to %(division)s already, so they "
                    "belong together. For another company choose another administration.",
                    company=division.company_id.name, division=division.display_name,
                ))
            if not company:
                continue
            other = self.sudo().with_context(active_test=False).search(
                [('company_id', '=', company.id), ('id', '!=', division.id)], limit=1,
            )
            if other:
                raise UserError(self.env._(
                    "%(company)s is already linked to %(division)s. Remove that link first.",
                    company=company.name, division=other.display_name,
                ))
            if division.currency_id and division.currency_id != company.currency_id:
                raise UserError(self.env._(
                    "%(division)s keeps its books in %(division_currency)s, %(company)s in "
                    "%(company_currency)s. Choose an administration in the same currency.",
                    division=division.display_name, division_currency=division.currency_id.name,
                    company=company.name, company_currency=company.currency_id.name,
                ))

    # === ACTION METHODS === #

    def action_use_for_company(self):
        """Link the administration to the company that the person works in."""
        self.ensure_one()
        self.company_id = self.env.company
        return True

    def action_open_connection(self):
        """Where what keeps Odoo out of the administration is mended."""
        self.ensure_one()
        self.connection_id.check_access('read')
        return {
            'type': 'ir.actions.act_window',
            'res_model': 'exact.connection',
            'res_id': self.connection_id.id,
            'view_mode': 'form',
            'views': [(False, 'form')],
        }

    def action_hold(self):
        """Stop sending until someone releases the hold."""
        self.check_access('write')
        # sudo: the reason is written along with the hold, never alone
        self.sudo().write({
            'hold': True, 'hold_reason': 'person', 'hold_params': {'user': self.env.user.name},
        })
        return True

    def action_release(self):
        """Let the waiting documents go."""
        self.check_access('write')
        # sudo: as above
        self.sudo().write({
            'hold': False, 'hold_reason': False, 'hold_params': False,
            'released_at': fields.Datetime.now(),
        })
        self.activity_unlink(['mail.mail_activity_data_todo'])
        self.env['exact.export'].enqueue(self)
        return True

    @api.private
    def hold_by_itself(self, reason, **params):
        """Stop sending and tell somebody, whatever becomes of the caller's work.

        In a cursor of its own: people edit the row, and a stop must not wait for them.

        :param str reason: a key of `exact_error_text.HOLD_REASONS`
        :param params: of its sentence
        """
        self.ensure_one()
        if self.hold:
            return
        self.flush_recordset()
        for _attempt in range(5):
            try:
                with self.env.registry.cursor() as cr:
                    division = self.with_env(self.env(cr=cr, user=SUPERUSER_ID, su=True))
                    division.write({
                        'hold': True, 'hold_reason': reason, 'hold_params': params,
                    })
                    division._tell_of_hold()
                break
            except SerializationFailure:
                continue  # somebody edited the administration at this very moment
        self.invalidate_recordset(['hold', 'hold_reason', 'hold_params'], flush=False)
        self.modified(['hold', 'hold_reason', 'hold_params'])

    def _tell_of_hold(self):
        """Ask the person who is responsible for the connection to look, once."""
        self.ensure_one()
        if self.activity_search(['mail.mail_activity_data_todo']):
            return
        user = self.connection_id.responsible_users()
        self.activity_schedule(
            'mail.mail_activity_data_todo',
            summary=self.with_context(lang=user.lang).env._("Exact: sending is on hold"),
            note=plaintext2html(hold_reason_text(
                self.with_context(lang=user.lang).env, self.hold_reason, self.hold_params,
            )),
            user_id=user.id,
        )

    def _tell_of_access(self):
        """Ask the person who is responsible for the connection to see to it that Exact lets us in,
        once; and nobody any more as soon as it does.
        """
        self.activity_unlink(['mail.mail_activity_data_warning'])
        for division in self.filtered(lambda one: one.company_id and one.unreachable_reason):
            user = division.connection_id.responsible_users()
            env = division.with_context(lang=user.lang).env
            division.activity_schedule(
                'mail.mail_activity_data_warning',
                summary=env._("Exact does not let Odoo into %s", division.display_name),
                note=plaintext2html(division_reason_text(env, division.unreachable_reason)),
                user_id=user.id,
            )

    # === BUSINESS METHODS === #

    def _start_sync(self):
        """Hook: the administration was linked to a company, its master data has to come in."""

    @api.private
    def go_on(self):
        """Nothing stands in the way any more: send and read at once what waited."""
        # sudo: the queue and the cursors are the engine's
        linked_sudo = self.sudo().filtered('company_id')
        if linked_sudo:
            linked_sudo._start_sync()
            linked_sudo.env['exact.export.queue'].resume(linked_sudo)

    def _note_reachable(self, reason):
        """Keep whether Exact lets us in, in a cursor of its own; never wait for somebody's edit.

        :param reason: a key of `exact_sentences.DIVISION_REASONS`, False if it does
        """
        self.ensure_one()
        # What the caller wrote must be seen as held
        self.flush_recordset()
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                "SELECT unreachable_reason FROM exact_division WHERE id = %s"
                " FOR NO KEY UPDATE SKIP LOCKED", self.id,
            ))
            row = cr.fetchone()
            if not row or (row[0] or False) == reason:
                return
            division = self.with_env(self.env(cr=cr, user=SUPERUSER_ID, su=True))
            division.unreachable_reason = reason
            if not reason:
                division.go_on()
        self.invalidate_recordset(['unreachable_reason'], flush=False)
        self.modified(['unreachable_reason'])
