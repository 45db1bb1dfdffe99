from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ...exact_api import SecretClosedError
from ..base.exact_error_text import reason_text, rights_of
from .exact_token import IDLE_LIFE


class ExactConnection(models.Model):
    """One consent of one Exact user for one Exact app on one country site.

    Its secrets and tokens are in `exact.token`. The state is written by the worker that finds out;
    it is the only thing that a worker writes here.
    """

    _name = 'exact.connection'
    _description = "Exact Connection"
    _inherit = ['exact.engine.fields.mixin', 'mail.thread', 'mail.activity.mixin']
    _order = 'company_id, id'
    _check_company_auto = True

    # === APP AND SITE === #

    name = fields.Char(
        required=True, compute='_compute_name', store=True, readonly=False, precompute=True,
    )
    company_id = fields.Many2one(
        'res.company', required=True, index=True, tracking=True,
        default=lambda self: self.env.company,
        help="Its administrators keep this connection. One connection can serve several companies.",
    )
    site = fields.Selection(
        [
            ('nl', "Netherlands (exactonline.nl)"),
            ('be', "Belgium (exactonline.be)"),
            ('de', "Germany (exactonline.de)"),
            ('uk', "United Kingdom (exactonline.co.uk)"),
            ('fr', "France (exactonline.fr)"),
            ('es', "Spain (exactonline.es)"),
            ('com', "United States (exactonline.com)"),
        ],
        string="Exact Site", required=True, default='nl', tracking=True,
        help="The country site where you log in to Exact. Apps, users and administrations exist on "
             "one site only; it cannot be changed once connected.",
    )
    client_id = fields.Char(
        string="Client ID", copy=False, tracking=True,
        help="From the app registration in the Exact App Center.",
    )
    client_secret = fields.Char(
        compute='_compute_client_secret', inverse='_inverse_client_secret',
        groups='account.group_account_manager', copy=False,
        help="From the app registration in the Exact App Center. It is stored encrypted and never "
             "shown again.",
    )
    has_client_secret = fields.Boolean(compute='_compute_token')
    client_secret_placeholder = fields.Char(compute='_compute_token')
    webhook_secret = fields.Char(
        compute='_compute_client_secret', inverse='_inverse_webhook_secret',
        groups='account.group_account_manager', copy=False,
        help="From the app registration in the Exact App Center. It is stored encrypted and never "
             "shown again. Without it, notifications of Exact are refused.",
    )
    webhook_secret_placeholder = fields.Char(compute='_compute_token')
    webhook_address = fields.Char(
        compute='_compute_webhook_address', groups='account.group_account_manager',
        help="Where Exact tells Odoo at once that something changed.",
    )
    redirect_uri = fields.Char(
        string="Redirect Address", compute='_compute_redirect_uri',
        help="Enter exactly this as redirect URI in the app registration.",
    )
    user_id = fields.Many2one(
        'res.users', string="Responsible", default=lambda self: self.env.user, tracking=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="Is told when the connection needs a person.",
    )

    # === STATE === #

    # draft --[consent]--> connected --[Exact refuses the tokens]--> reconnect --[consent]-->
    # connected any --[disconnect]--> disconnected --[consent]--> connected
    state = fields.Selection(
        [
            ('draft', "Not Connected"),
            ('connected', "Connected"),
            ('reconnect', "Reconnect Needed"),
            ('disconnected', "Disconnected"),
        ],
        required=True, readonly=True, default='draft', copy=False, tracking=True, index=True,
    )
    reason = fields.Char(
        string="Reason Code", readonly=True, copy=False,
        help="Why the last consent or refresh did not succeed, as a code.",
    )
    reason_date = fields.Datetime(string="Since", readonly=True, copy=False)
    state_reason = fields.Char(string="Reason", compute='_compute_state_reason')
    exact_user_guid = fields.Char(readonly=True, help="The user in Exact who consented.")
    exact_user_name = fields.Char(
        string="Exact User", readonly=True, copy=False, tracking=True,
        help="Odoo sees in Exact what this user may see. A user of its own for Odoo is best.",
    )
    connected_at = fields.Datetime(string="Connected On", readonly=True, copy=False)
    token_issued_at = fields.Datetime(string="Last Renewed", compute='_compute_token')
    idle_until = fields.Datetime(
        string="Stays Alive Until", compute='_compute_token',
        help="Exact forgets a connection that is not used for 30 days. Odoo renews it by itself.",
    )
    forecast = fields.Char(
        compute='_compute_forecast',
        help="Exact forgets a connection that is not used for 30 days. Odoo renews it by itself.",
    )
    has_wrong_key = fields.Boolean(
        compute='_compute_token',
        help="The server that shows this cannot open the stored secrets.",
    )
    is_copied = fields.Boolean(
        compute='_compute_token',
        help="The secrets were stored in another database: this one is a copy, or was moved.",
    )
    told_user_id = fields.Many2one(
        'res.users', readonly=True, copy=False,
        help="Who was asked to connect again. If that person leaves, somebody else is asked.",
    )

    # === ADMINISTRATIONS AND RIGHTS === #

    division_ids = fields.One2many(
        'exact.division', 'connection_id', string="Administrations", context={'active_test': True},
    )
    is_manager = fields.Boolean(compute='_compute_is_manager')
    division_count = fields.Integer(compute='_compute_division_count')
    linked_division_count = fields.Integer(compute='_compute_division_count')
    missing_rights = fields.Json(
        string="Missing Rights (Data)", readonly=True, copy=False,
        help="What Exact refused when it was tried: list of {scope, resource, reason}.",
    )
    missing_rights_html = fields.Html(
        string="Missing Rights", compute='_compute_missing_rights_html', sanitize=False,
    )
    rights_checked_at = fields.Datetime(string="Rights Checked On", readonly=True, copy=False)

    # === COMPUTE METHODS === #

    @api.depends('site')
    def _compute_name(self):
        for connection in self:
            if not connection.name or connection.name.startswith("Exact Online"):
                connection.name = f"Exact Online {(connection.site or '').upper()}".strip()

    @api.depends_context('uid')
    def _compute_client_secret(self):
        """Never show a secret, not even to the person who typed it."""
        self.client_secret = self.webhook_secret = False

    def _inverse_client_secret(self):
        for connection in self:
            if not connection.client_secret:
                continue  # an untouched password field says nothing
            try:
                cured = self.env['exact.token']._store_client_secret(
                    connection, connection.client_secret.strip(),
                )
            except SecretClosedError as closed:
                raise UserError(reason_text(self.env, closed.reason)) from None
            if cured:
                connection._works_again()
        self.invalidate_recordset([
            'client_secret', 'has_client_secret', 'client_secret_placeholder', 'has_wrong_key',
        ], flush=False)

    def _inverse_webhook_secret(self):
        for connection in self.filtered('webhook_secret'):
            self.env['exact.token']._store_webhook_secret(
                connection, connection.webhook_secret.strip(),
            )
        self.invalidate_recordset(['webhook_secret', 'webhook_secret_placeholder'], flush=False)

    @api.depends('state')
    def _compute_token(self):
        # sudo: people see that there is a secret and how long the link lives, nothing else of the
        # row
        tokens_sudo = self.env['exact.token'].sudo().search_fetch(
            [('connection_id', 'in', self.ids)],
            ['connection_id', 'client_secret', 'webhook_secret', 'refresh_token', 'issued_at'],
        )
        by_connection = {token.connection_id.id: token for token in tokens_sudo}
        for connection in self:
            token_sudo = by_connection.get(connection._origin.id)
            issued_at = token_sudo.issued_at if token_sudo else False
            connection.has_client_secret = bool(token_sudo and token_sudo.client_secret)
            connection.client_secret_placeholder = (
                self.env._("Stored, encrypted") if connection.has_client_secret else ""
            )
            connection.webhook_secret_placeholder = (
                self.env._("Stored, encrypted") if token_sudo and token_sudo.webhook_secret else ""
            )
            connection.token_issued_at = issued_at
            alive = issued_at and connection.state == 'connected'
            connection.idle_until = issued_at + IDLE_LIFE if alive else False
            closed = token_sudo and token_sudo._closed_reason()
            connection.has_wrong_key = closed == 'key'
            connection.is_copied = closed == 'copied'

    @api.depends('state')
    @api.depends_context('lang', 'tz')
    def _compute_forecast(self):
        tokens_sudo = self.env['exact.token'].sudo().search_fetch(
            [('connection_id', 'in', self.ids)], ['connection_id', 'issued_at', 'failing_since'],
        )
        by_connection = {token.connection_id.id: token for token in tokens_sudo}
        for connection in self:
            token_sudo = by_connection.get(connection._origin.id)
            if connection.state != 'connected' or not token_sudo or not token_sudo.issued_at:
                connection.forecast = False
                continue
            end = connection._format_day(token_sudo.issued_at + IDLE_LIFE)
            if token_sudo.failing_since:
                connection.forecast = self.env._(
                    "Could not be renewed since %(since)s; Odoo goes on trying. Otherwise it ends "
                    "on %(end)s",
                    since=connection._format_day(token_sudo.failing_since), end=end,
                )
            else:
                connection.forecast = self.env._(
                    "Renews itself; without any use it would end on %(end)s", end=end,
                )

    @api.depends_context('uid')
    def _compute_redirect_uri(self):
        for connection in self:
            connection.redirect_uri = connection._redirect_uri()

    def _compute_webhook_address(self):
        for connection in self:
            # Who only shares the connection has no use for it
            keeps = bool(connection.ids) and connection.has_access('write')
            connection.webhook_address = connection._webhook_address() if keeps else False

    @api.depends('reason')
    @api.depends_context('lang')
    def _compute_state_reason(self):
        for connection in self:
            connection.state_reason = reason_text(
                self.env, connection.reason,
            ) if connection.reason else False

    @api.depends_context('uid')
    def _compute_is_manager(self):
        self.is_manager = self.env.user.has_group('account.group_account_manager')

    @api.depends('division_ids.company_id')
    def _compute_division_count(self):
        counts = {
            connection.id: (total, linked)
            for connection, total, linked in self.env['exact.division']._read_group(
                [('connection_id', 'in', self.ids)], ['connection_id'],
                ['__count', 'company_id:count'],
            )
        }
        for connection in self:
            total, linked = counts.get(connection._origin.id, (0, 0))
            connection.division_count = total
            connection.linked_division_count = linked

    @api.depends('missing_rights')
    @api.depends_context('lang')
    def _compute_missing_rights_html(self):
        for connection in self:
            if not connection.missing_rights:
                connection.missing_rights_html = False
                continue
            rows = Markup().join(
                Markup("<tr><td>%s</td><td>%s</td><td>%s</td></tr>") % rights_of(self.env, missing)
                for missing in connection.missing_rights
            )
            connection.missing_rights_html = Markup(
                "<table class='table table-sm "
                "mb-0'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead><tbody>%s</tbody></table>",
            ) % (
                self.env._("Scope in Exact"),
                self.env._("What will not work"),
                self.env._("What Exact said"),
                rows,
            )

    # === CRUD METHODS === #

    def write(self, vals):
        if 'company_id' in vals and not self.env.su:
            # Record rules look at the company that was, not at the one that comes
            company = self.env['res.company'].browse(vals['company_id'])
            if company not in self.env.user.company_ids:
                raise AccessError(self.env._("You can only choose among your own companies."))
        if 'site' in vals and any(
            connection.connected_at and connection.site != vals['site'] for connection in self
        ):
            raise UserError(self.env._(
                "The site of a connection cannot be changed: the administrations of another site "
                "are other books. Create a new connection for the other site.",
            ))
        if 'client_id' in vals:
            vals['client_id'] = (vals['client_id'] or '').strip() or False
            if any(
                connection.state == 'connected' and connection.client_id != vals['client_id']
                for connection in self
            ):
                raise UserError(self.env._(
                    "The connection uses this client ID. Disconnect first, then change it and "
                    "connect again.",
                ))
        origins = {connection: connection._exact_origin() for connection in self if 'site' in vals}
        result = super().write(vals)
        for connection, origin in origins.items():
            self.env['exact.token']._move_client_secret(connection, origin)
        if 'user_id' in vals:
            for connection in self.filtered(lambda connection: connection.state == 'reconnect'):
                connection.sudo()._activity_reconnect()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_linked(self):
        if self.env['exact.division'].sudo().with_context(active_test=False).search_count(
            [('connection_id', 'in', self.ids), ('company_id', '!=', False)], limit=1,
        ):
            raise UserError(self.env._(
                "Companies keep their books through this connection. Disconnect it instead of "
                "deleting it: mappings and history stay.",
            ))

    # === ACTION METHODS === #

    def action_view_divisions(self):
        """Open the administrations of this connection."""
        self.ensure_one()
        self.check_access('read')
        action = self.env['ir.actions.act_window']._for_xml_id(
            'account_exact.exact_division_action',
        )
        action['domain'] = [('connection_id', '=', self.id)]
        action['context'] = {}
        return action

    # === BUSINESS METHODS === #

    @api.private
    def check_may_connect(self):
        """Only accounting administrators of the company connect.

        :raise AccessError: for all others
        """
        if not self.env.su and not self.env.user.has_group('account.group_account_manager'):
            raise AccessError(self.env._(
                "Only accounting administrators can connect Odoo to Exact.",
            ))
        self.check_access('write')

    @api.private
    def on_notified(self, notification):
        """Let the administration that a notification names be read sooner.

        :param notification: a `Notification` that was found to be true
        """
        self.ensure_one()
        self.division_ids.filtered(
            lambda division: division.code == notification.division and division.company_id,
        ).wake_sync(notification.topic, notification.action)
