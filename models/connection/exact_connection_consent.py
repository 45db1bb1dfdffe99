"""A person gives Odoo access to Exact, or takes it back."""

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import SQL, hash_sign, hmac

from ...exact_api import SecretClosedError, Transient, is_loopback
from ..base.exact_error_text import reason_text
from .exact_token import LOCK_TIMEOUT

CONSENT_SCOPE = 'account_exact.consent'
CONSENT_LIFE = timedelta(minutes=10)
SESSION_MARKER = 'account_exact_consent'


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

    # === ACTIONS === #

    def action_connect(self):
        """Begin a consent.

        :return: an act_url action whose `url` is the consent page of Exact
        """
        self.ensure_one()
        self.check_may_connect()
        base_url = self.api_url()
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
            [self.env.uid, self.id, nonce, self.session_marker(create=True)],
            expiration=CONSENT_LIFE,
        )
        try:
            self._check_not_copied()
            # A person who reconnects may have to choose another Exact user than the one still
            # logged in
            url = self.oauth().consent_url(state, force_login=bool(self.connected_at))
        except SecretClosedError as closed:
            raise UserError(reason_text(self.env, closed.reason)) from closed
        return {'type': 'ir.actions.act_url', 'url': url, 'target': 'self'}

    def action_disconnect(self):
        """Delete the tokens. Mappings and history stay, so does the client secret."""
        self.check_may_connect()
        for connection in self:
            self.env['exact.token']._forget_tokens(connection)
        self._activity_done()
        # sudo: the state is the engine's; that the person may was checked
        self.sudo().write({'state': 'disconnected', 'reason': False, 'reason_date': False})
        return True

    def action_try_again(self):
        """See whether the key that protects the secrets is the right one again."""
        self.ensure_one()
        self.check_may_connect()
        if not self._recover():
            raise UserError(self.state_reason)
        return True

    # === BUSINESS METHODS === #

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

    @api.private
    def session_marker(self, create=False):
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

    @api.private
    def keep_consent(self, tokens):
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
