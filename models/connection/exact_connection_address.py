"""Where Exact is, and where Exact finds this Odoo."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import hash_sign, verify_hash_signed

from ...exact_api import SITES, checked_base_url, origin_text

BASE_URL_PARAMETER = 'account_exact.exact_online_base_url'
CALLBACK_PATH = '/account_exact/oauth/callback'
WEBHOOK_PATH = '/account_exact/webhook'
WEBHOOK_SCOPE = 'account_exact.webhook'


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

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
    @api.private
    def of_webhook_token(self, token):
        """Return the connection of a notification's address, none if it was not made here."""
        try:
            connection_id = verify_hash_signed(self.env(su=True), WEBHOOK_SCOPE, token)
        except (ValueError, TypeError):
            connection_id = None
        return self.sudo().browse(connection_id or []).exists()

    @api.private
    def api_url(self):
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
            return origin_text(self.api_url())
        except UserError:
            return ''
