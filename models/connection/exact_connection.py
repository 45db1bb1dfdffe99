import logging
import secrets
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from markupsafe import Markup
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.http import request
from odoo.tools import SQL, format_date, hash_sign, hmac, verify_hash_signed

from ...exact_api import (
    SITES,
    ExactClient,
    ExactError,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    OAuth,
    RateLimited,
    SecretClosedError,
    Transient,
    Unreachable,
    checked_base_url,
    is_loopback,
    origin_text,
    wire,
)
from ..base.exact_clock import naive, utcnow
from ..base.exact_error_text import explain_to_asker, reason_text, rights_of
from .exact_token import (
    IDLE_LIFE,
    KEEP_ALIVE_AFTER,
    LOCK_TIMEOUT,
)

_logger = logging.getLogger(__name__)

BASE_URL_PARAMETER = 'account_exact.exact_online_base_url'
CALLBACK_PATH = '/account_exact/oauth/callback'
WEBHOOK_PATH = '/account_exact/webhook'
WEBHOOK_SCOPE = 'account_exact.webhook'
CONSENT_SCOPE = 'account_exact.consent'
CONSENT_LIFE = timedelta(minutes=10)
SESSION_MARKER = 'account_exact_consent'
# A disturbance of Exact or of the network that lasts longer than this is told to a person: the
# third daily try finds it so.
FAILING_WARNING = timedelta(hours=36)

DIVISION_FIELDS = [
    'Code', 'Description', 'CustomerName', 'Country', 'Currency', 'Status', 'VATNumber',
]
# One cheap GET per scope of the app registration: (scope as Exact names it, resource, key property,
# filter). Only reading can be tried without leaving something behind in the books; "manage" shows
# at the first write.
RIGHTS_PROBES = [
    ('financial accounting', 'vat/VATCodes', 'ID', None),
    ('financial generalledgers', 'financial/GLAccounts', 'ID', None),
    ('crm accounts', 'crm/BankAccounts', 'ID', None),
    ('financial cashflow', 'cashflow/PaymentConditions', 'ID', None),
    ('financial receivables', 'read/financial/ReceivablesList', 'HID', None),
    ('financial payables', 'read/financial/PayablesList', 'HID', None),
    ('financial costcenters', 'hrm/Costcenters', 'ID', None),
    ('financial currencies', 'general/Currencies', 'Code', None),
    ('organization documents', 'documents/DocumentTypes', 'ID', None),
    ('organization administration', 'system/Divisions', 'Code', None),
    ('projects projects', 'project/Projects', 'ID', None),
    ('logistics items', 'logistics/ItemGroups', 'ID', None),
]


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

    def _format_day(self, moment):
        """Return a moment of the database as a day of the person's calendar, '21 December'."""
        return format_date(self.env, moment, date_format='d MMMM')

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
                self.env._("Scope in Exact"), self.env._("What will not work"),
                self.env._("What Exact said"), rows,
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

    def action_connect(self):
        """Begin a consent.

        :return: an act_url action whose `url` is the consent page of Exact
        """
        self.ensure_one()
        self._check_may_connect()
        base_url = self._base_url()
        if not self.client_id or not self.has_client_secret:
            raise UserError(self.env._(
                "Enter the client ID and the client secret first. You find them in the Exact App "
                "Center, in the registration of your app.",
            ))
        self._check_redirect_uri(base_url)
        nonce = secrets.token_urlsafe(32)
        self.env['exact.token']._store_nonce(self, nonce)
        # sudo: signing needs the secret of the database
        state = hash_sign(
            self.env(su=True), CONSENT_SCOPE,
            [self.env.uid, self.id, nonce, self._session_marker(create=True)],
            expiration=CONSENT_LIFE,
        )
        try:
            self._check_not_copied()
            # A person who reconnects may have to choose another Exact user than the one still
            # logged in
            url = self._oauth().consent_url(state, force_login=bool(self.connected_at))
        except SecretClosedError as closed:
            raise UserError(reason_text(self.env, closed.reason)) from closed
        return {'type': 'ir.actions.act_url', 'url': url, 'target': 'self'}

    def action_disconnect(self):
        """Delete the tokens. Mappings and history stay, so does the client secret."""
        self._check_may_connect()
        for connection in self:
            self.env['exact.token']._forget_tokens(connection)
        self._activity_done()
        # sudo: the state is the engine's; that the person may was checked
        self.sudo().write({'state': 'disconnected', 'reason': False, 'reason_date': False})
        return True

    def action_try_again(self):
        """See whether the key that protects the secrets is the right one again."""
        self.ensure_one()
        self._check_may_connect()
        if not self._recover():
            raise UserError(self.state_reason)
        return True

    def action_refresh_divisions(self):
        """Read the list of administrations again."""
        self.ensure_one()
        self._check_may_connect()
        try:
            self._explore()
        except ExactError as error:
            raise UserError(explain_to_asker(self.env, error)) from error
        reason = self._explored_reason()
        if self.state == 'connected' and self.reason != reason:
            # sudo: as above
            self.sudo().write({'reason': reason, 'reason_date': reason and fields.Datetime.now()})
        return True

    def action_probe_rights(self):
        """Try what the app and the user may read in Exact, one call per scope."""
        self.ensure_one()
        self._check_may_connect()
        try:
            self._explore_rights()
        except ExactError as error:
            raise UserError(explain_to_asker(self.env, error)) from error
        return True

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

    # === CONSENT === #

    def _check_may_connect(self):
        """Only accounting administrators of the company connect.

        :raise AccessError: for all others
        """
        if not self.env.su and not self.env.user.has_group('account.group_account_manager'):
            raise AccessError(self.env._(
                "Only accounting administrators can connect Odoo to Exact.",
            ))
        self.check_access('write')

    def _check_redirect_uri(self, base_url):
        """Exact sends people back only to an https address that it can tell apart from a test
        machine.

        :raise UserError: if it would refuse the address of this Odoo
        """
        redirect = urlsplit(self.redirect_uri)
        if is_loopback(urlsplit(base_url).hostname):
            return  # the simulator on this machine takes any address
        if redirect.scheme != 'https' or is_loopback(redirect.hostname):
            raise UserError(self.env._(
                "Exact only sends people back to an https address, and this Odoo is known as "
                "%(address)s. Ask your system administrator to set the system parameter "
                "web.base.url to the https address of this Odoo.",
                address=self.get_base_url(),
            ))

    def _session_marker(self, create=False):
        """Return a digest that ties a consent to the browser session, '' where there is no session
        (RPC).
        """
        if not request or request.session.uid != self.env.uid:
            return ''
        marker = request.session.get(SESSION_MARKER)
        if not marker and create:
            marker = request.session[SESSION_MARKER] = secrets.token_urlsafe(24)
        # sudo: signing needs the secret of the database
        return hmac(self.env(su=True), CONSENT_SCOPE, marker) if marker else ''

    def _note_failure(self, reason):
        """Tell on the form why a consent did not succeed. A connection that works goes on working.
        """
        self.sudo().write({'reason': reason, 'reason_date': fields.Datetime.now()})

    def _keep_consent(self, tokens):
        """Store the pair of a new consent for good, whatever becomes of the caller's work.

        The code is used up: a worker that refreshes the old pair at this moment must not cost the
        new one. The caller must not have written the connection itself.

        :raise Transient: if others hold the tokens for too long
        """
        self.ensure_one()
        self.flush_recordset()
        for _attempt in range(5):
            try:
                with self.env.registry.cursor() as cr:
                    cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_TIMEOUT))
                    # First of all, so that what follows sees what another worker wrote meanwhile
                    self.env['exact.token']._read_row(cr, self.id, lock=True)
                    cr.execute(SQL(
                        "SELECT 1 FROM exact_connection WHERE id = %s FOR NO KEY UPDATE", self.id,
                    ), log_exceptions=False)
                    return self.with_env(self.env(cr=cr))._consented(tokens)
            except (LockNotAvailable, SerializationFailure):
                continue
            finally:
                self.invalidate_recordset(flush=False)
        raise Transient("the tokens are being refreshed")

    def _consented(self, tokens):
        """Store the pair of a new consent and be connected."""
        self.ensure_one()
        self.env['exact.token']._store_tokens(self, tokens)
        self.sudo().connected_at = fields.Datetime.now()
        self._works_again()

    def _works_again(self):
        """Be connected, and let everything go on that waited."""
        self.ensure_one()
        self._activity_done()
        self.sudo().write({'state': 'connected', 'reason': False, 'reason_date': False})
        # sudo: the administrations may be other companies'
        self.sudo().division_ids._go_on()

    def _recover(self):
        """Be connected again if what stood in the way is gone without a new consent.

        :return: whether the connection works
        """
        self.ensure_one()
        if self.state != 'reconnect':
            return self.state == 'connected'
        if self.env['exact.token']._present_problem(self):
            return False
        self._works_again()
        return True

    def _explore(self):
        """Read who we are and which administrations there are; 2 calls for up to 60 of them.

        :raise ExactError: if that cannot be read
        """
        self.ensure_one()
        with self._client() as client:
            me = self._read_me(client)
        rows = self._read_divisions(me)
        self._write_me(me)
        self._write_divisions(rows)

    def _explored_reason(self):
        """Return 'gone' if a company is linked to an administration that the Exact user does not
        see, False if all is well.
        """
        # sudo: the administrations may be other companies'
        return any(
            division.company_id and division.unreachable_reason == 'gone'
            for division in self.sudo().division_ids
        ) and 'gone'

    def _explore_rights(self):
        """Try what the app and the user may read; 13 calls.

        :raise ExactError: if it cannot be tried now; what is known stays
        """
        self.ensure_one()
        with self._client() as client:
            me = self._read_me(client)
        self._write_rights(self._probe_rights(self._probe_division(me)))

    # === CONNECTION STATE, FROM WORKERS === #

    def _note_reconnect(self, reason):
        """Mark the connection and tell the responsible person once, whatever becomes of the
        caller's work.

        In a cursor of its own, and without waiting: the caller may itself have written this row.
        The next caller tries again, since the row of the token tells it the same.
        """
        self.ensure_one()
        if reason == 'not_connected':
            return
        # What the caller wrote must be seen as held
        self.flush_recordset()
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                "SELECT 1 FROM exact_connection WHERE id = %s AND state = 'connected' FOR NO KEY "
                "UPDATE SKIP LOCKED",
                self.id,
            ))
            # A new consent may have come in since the caller looked
            if not cr.fetchone() or self.env['exact.token']._present_problem(self, cr) != reason:
                return
            connection = self.with_env(self.env(cr=cr, user=SUPERUSER_ID, su=True))
            connection.write(
                {'state': 'reconnect', 'reason': reason, 'reason_date': fields.Datetime.now()},
            )
            connection._activity_reconnect()
            if reason == 'copied':
                connection._hold_as_copy()
        self.invalidate_recordset(['state', 'reason', 'reason_date'], flush=False)
        self.modified(['state', 'reason'])

    def _responsible(self):
        """Return who has to be told: the responsible person, or whoever can connect if that person
        has left.
        """
        self.ensure_one()
        managers = self.env.ref('account.group_account_manager').all_user_ids.filtered(
            lambda user: user.active and not user.share and self.company_id in user.company_ids,
        )
        # Of several, the one who was here last
        managers = managers.sorted(lambda user: (user.login_date or user.create_date, user.id))
        return (
            self.user_id.filtered('active') or self.create_uid.filtered('active') & managers
            or managers[-1:] or self.create_uid
        )

    def _activity_reconnect(self):
        """Ask the responsible person to connect again."""
        self.ensure_one()
        user = self._responsible()
        lang_self = self.with_context(lang=user.lang)
        self._ask_a_person(
            user, lang_self._summary_reconnect(), reason_text(lang_self.env, self.reason),
        )
        self.told_user_id = user

    def _summary_reconnect(self):
        """Return in a few words what a person has to do, in the language of the environment."""
        return self.env._("Connect Odoo to Exact again")

    def _activity_failing(self, since, end):
        """Tell the responsible person, once, that Exact has not been reached for days.

        :param since: when the trouble began, in UTC
        :param end: when the connection ends if that goes on, in UTC
        """
        self.ensure_one()
        if self.activity_search(['mail.mail_activity_data_todo']):
            return
        user = self._responsible()
        lang_self = self.with_context(lang=user.lang, tz=user.tz)
        self._ask_a_person(user, lang_self.env._("Exact cannot be reached"), lang_self.env._(
            "Odoo could not renew the connection to Exact since %(since)s and goes on trying. "
            "Without renewal the connection ends on %(end)s and somebody has to connect again. "
            "Check the internet connection of the server, and whether Exact reports a "
            "disturbance.",
            since=lang_self._format_day(since), end=lang_self._format_day(end),
        ))

    def _ask_a_person(self, user, summary, note):
        """Leave one activity, in place of an earlier one."""
        self._activity_done()
        activity_type = self.env.ref('mail.mail_activity_data_todo', raise_if_not_found=False)
        self.activity_schedule(
            'mail.mail_activity_data_todo' if activity_type else '',
            summary=summary, note=note, user_id=user.id,
        )

    def _activity_done(self):
        """The connection works again, or is no longer wanted: nobody has to do anything."""
        self.sudo().activity_unlink(['mail.mail_activity_data_todo'])

    @api.model
    def _cron_keep_alive(self):
        """Renew links that nobody uses, long before Exact forgets them, and look after those that
        need a person.
        """
        connections = self.search([('state', 'in', ('connected', 'reconnect'))])
        self.env['ir.cron']._commit_progress(remaining=len(connections))
        for connection in connections:
            if connection.state == 'connected':
                connection._keep_alive()
            elif not connection._recover() and not connection.told_user_id.active:
                # Who was told has left
                connection._activity_reconnect()
            self.env['ir.cron']._commit_progress(1)

    def _keep_alive(self):
        """Renew the link if it is idle, or if that did not succeed lately."""
        self.ensure_one()
        token_sudo = self.env['exact.token'].sudo().search([('connection_id', '=', self.id)])
        issued_at, failing_since = token_sudo.issued_at, token_sudo.failing_since
        now = naive(utcnow())
        idle = issued_at and now >= issued_at + KEEP_ALIVE_AFTER
        if idle or failing_since or token_sudo.problem:
            try:
                self._access_token()
            except NeedsReconnect:
                return  # the form and the activity tell it
            except ExactError as error:
                _logger.info(
                    "Exact connection %s is not renewed today: %s", self.id, type(error).__name__,
                )
                if failing_since and now >= failing_since + FAILING_WARNING:
                    self._activity_failing(failing_since, issued_at + IDLE_LIFE)
                return
        # The warning, if there was one
        self._activity_done()

    # === CALLING EXACT === #

    def _redirect_uri(self):
        return self.get_base_url().rstrip('/') + CALLBACK_PATH

    def _webhook_address(self):
        """Return where Exact sends the notifications of this connection: an address that nobody
        guesses, so that a secret is not the only thing in the way.
        """
        self.ensure_one()
        # sudo: signing needs the secret of the database
        token = hash_sign(self.env(su=True), WEBHOOK_SCOPE, self.id)
        return f"{self.get_base_url().rstrip('/')}{WEBHOOK_PATH}/{token}"

    @api.model
    def _of_webhook_token(self, token):
        """Return the connection of a notification's address, none if it was not made here."""
        try:
            connection_id = verify_hash_signed(self.env(su=True), WEBHOOK_SCOPE, token)
        except (ValueError, TypeError):
            connection_id = None
        return self.sudo().browse(connection_id or []).exists()

    def _notified(self, notification):
        """Let the administration that a notification names be read sooner.

        :param notification: a `Notification` that was found to be true
        """
        self.ensure_one()
        self.division_ids.filtered(
            lambda division: division.code == notification.division and division.company_id,
        )._wake_sync(notification.topic, notification.action)

    def _base_url(self):
        """Return the address of Exact, without a slash at the end.

        :raise UserError: if the system parameter holds an address that tokens must not be sent to
        """
        self.ensure_one()
        # sudo: a system parameter, read by everyone who calls Exact
        override = self.env['ir.config_parameter'].sudo().get_param(BASE_URL_PARAMETER) or ''
        override = override.strip().rstrip('/')
        if not override:
            return SITES[self.site]
        try:
            return checked_base_url(override)
        except ValueError as error:
            raise UserError(self.env._(
                "The system parameter %(parameter)s must be an https address; http is for "
                "addresses of this machine only. It is %(value)s now.",
                parameter=BASE_URL_PARAMETER, value=override,
            )) from error

    def _exact_origin(self):
        """Return the origin of the address of Exact, '' if it is none that tokens may be sent to.
        """
        try:
            return origin_text(self._base_url())
        except UserError:
            return ''

    def _oauth(self, base_url=None):
        """Return the OAuth side of the client.

        :param str base_url: the address that is asked; the present one if none is given
        :raise SecretClosedError: if the stored secret is not for this address or cannot be opened
        """
        self.ensure_one()
        base_url = base_url or self._base_url()
        return OAuth(
            base_url, self.client_id, self.env['exact.token']._client_secret(self, base_url),
            self._redirect_uri(), clock=utcnow,
        )

    def _access_token(self, base_url=None):
        """Return an access token that Exact takes now; see `exact.token`."""
        self.ensure_one()
        return self.env['exact.token']._access_token(self, base_url)

    @contextmanager
    def _client(self, division=None, before=None, after=None):
        """Give a client for one division number, or for what has no division.

        :param int division: the number of the administration
        :return: a context manager that gives an `ExactClient`
        """
        self.ensure_one()
        # The token is for this address, whatever becomes of the system parameter meanwhile
        base_url = self._base_url()
        sent = None

        def token():
            nonlocal sent
            sent = self._access_token(base_url)
            return sent

        def told(call):
            if after:
                after(call)
            if isinstance(call.error, NeedsReconnect):
                self.env['exact.token']._note_refused(self, sent)

        with ExactClient(
            base_url, division, token, before=before, after=told, clock=utcnow,
        ) as client:
            yield client

    @contextmanager
    def _division_client(self, code):
        """Give a client for a person who waits, within the budget of an administration that is
        known already.

        :param int code: the number of the administration
        """
        # sudo: the connection may be used by companies that do not see the administration
        division_sudo = self.env['exact.division'].sudo().with_context(active_test=False).search([
            ('connection_id', '=', self.id), ('code', '=', code),
        ])
        known = division_sudo._client('person') if division_sudo else self._client(code)
        with known as client:
            yield client

    def _read_me(self, client):
        """Return the row of the user who consented."""
        rows = client.get(
            'current/Me', select=['UserID', 'FullName', 'UserName', 'CurrentDivision'],
        )
        if not rows:
            raise Forbidden("Exact does not say who we are")
        if not wire.as_int(rows[0]['CurrentDivision']):
            raise MalformedAnswer("no CurrentDivision", resource='current/Me', method='GET')
        return rows[0]

    def _write_me(self, me):
        values = {
            'exact_user_name': (
                wire.as_text(me.get('FullName')) or wire.as_text(me.get('UserName'))
            ),
            'exact_user_guid': wire.as_guid(me.get('UserID')),
        }
        if any(self[name] != value for name, value in values.items()):
            self.sudo().write(values)

    def _read_divisions(self, me):
        """Return the rows of all administrations that the user sees.

        Needs the scope of organization administration; without it, the smaller list of
        hrm/Divisions, which needs no scope, has to do.
        """
        with self._division_client(wire.as_int(me['CurrentDivision'])) as client:
            try:
                return client.get('system/Divisions', select=[*DIVISION_FIELDS, 'DivisionMoveDate'])
            except Forbidden as error:
                if not error.scope:
                    raise
                return client.get('hrm/Divisions', select=DIVISION_FIELDS)

    def _write_divisions(self, rows):
        """Bring the list of administrations up to date. One that is gone stays, with a reason, if
        it is in use.
        """
        self.ensure_one()
        # sudo: the mirror of what Exact says; the caller's right to connect was checked
        divisions_sudo = self.env['exact.division'].sudo().with_context(active_test=False)
        currencies = self.env['res.currency'].with_context(active_test=False)
        known = {
            division.code: division
            for division in divisions_sudo.search([('connection_id', '=', self.id)])
        }
        seen, broken = set(), 0
        for row in rows:
            try:
                code, values = self._division_values(row, currencies)
            except MalformedAnswer as error:
                broken += 1
                _logger.warning(
                    "Exact connection %s: an administration cannot be read: %s", self.id, error,
                )
                continue
            seen.add(code)
            division = known.get(code)
            if not division:
                divisions_sudo.create({'connection_id': self.id, 'code': code, **values})
                continue
            if division.company_id:
                values['active'] = True
            changed = {
                name: value for name, value in values.items()
                if division._fields[name].convert_to_write(division[name], division) != value
            }
            if changed:
                division.write(changed)
            if 'unreachable_reason' in changed:
                division._go_on()
        if broken:
            return  # which one it was, nobody knows: none is gone
        gone = divisions_sudo.union(
            *(division for code, division in known.items() if code not in seen),
        )
        gone.filtered('company_id').write({'unreachable_reason': 'gone'})
        gone.filtered(lambda division: not division.company_id).write(
            {'active': False, 'unreachable_reason': 'gone'},
        )

    def _division_values(self, row, currencies):
        """Return (number, values) of an administration.

        :raise MalformedAnswer: if the row cannot be read
        """
        code, status = wire.as_int(row.get('Code')), wire.as_int(row.get('Status'))
        if not code:
            raise MalformedAnswer("no Code")
        values = {
            'name': wire.as_text(row.get('Description')) or str(code),
            'owner_name': wire.as_text(row.get('CustomerName')) or False,
            'country_code': wire.as_text(row.get('Country')) or False,
            'vat_number': wire.as_text(row.get('VATNumber')) or False,
            'currency_id': currencies.search(
                [('name', '=', wire.as_text(row.get('Currency')))], limit=1,
            ).id,
            'exact_status': str(status) if status in (0, 1, 2) else False,
            'unreachable_reason': False,
            'active': status != 2,
        }
        if row.get('DivisionMoveDate'):
            values['move_date'] = wire.as_utc(row['DivisionMoveDate']).replace(tzinfo=None)
        return code, values

    def _probe_division(self, me):
        """Return the number of the administration whose rights matter most."""
        linked = self.division_ids.filtered('company_id')[:1]
        return linked.code or wire.as_int(me['CurrentDivision'])

    def _probe_rights(self, division):
        """Return what Exact refuses to show, as a list of dicts.

        :param int division: the number of the administration to try it in
        """
        missing = []
        with self._division_client(division) as client:
            for scope, resource, key, condition in RIGHTS_PROBES:
                try:
                    client.get(resource, select=[key], filter=condition, top=1)
                except Forbidden as error:
                    missing.append({
                        'scope': scope, 'resource': resource,
                        'lacks': error.scope, 'reason': error.reason,
                    })
                except (NeedsReconnect, RateLimited, Unreachable):
                    raise
                except ExactError as error:
                    # Whatever else is wrong with one resource, it is not a right
                    _logger.info("Probe of %s: %s", resource, type(error).__name__)
        return missing

    def _write_rights(self, missing):
        self.sudo().write(
            {'missing_rights': missing or False, 'rights_checked_at': fields.Datetime.now()},
        )
