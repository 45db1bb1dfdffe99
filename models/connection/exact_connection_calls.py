"""Calls to Exact through a connection."""

from contextlib import contextmanager

from odoo import api, models

from ...exact_api import ExactClient, NeedsReconnect, OAuth
from ..base.exact_clock import utcnow


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

    @api.private
    def oauth(self, base_url=None):
        """Return the OAuth side of the client.

        :param str base_url: the address that is asked; the present one if none is given
        :raise SecretClosedError: if the stored secret is not for this address or cannot be opened
        """
        self.ensure_one()
        base_url = base_url or self.api_url()
        return OAuth(
            base_url, self.client_id, self.env['exact.token']._client_secret(self, base_url),
            self._redirect_uri(), clock=utcnow,
        )

    def _access_token(self):
        """Return an access token that Exact takes now; see `exact.token`."""
        self.ensure_one()
        return self.env['exact.token']._access_token(self)

    @contextmanager
    @api.private
    def client(self, division=None, before=None, after=None):
        """Give a client for one division number, or for what has no division.

        :param int division: the number of the administration
        :return: a context manager that gives an `ExactClient`
        """
        self.ensure_one()
        # The token is for this address, whatever becomes of the system parameter meanwhile
        base_url = self.api_url()
        sent = until = None

        def token():
            nonlocal sent, until
            if not until or utcnow() >= until:
                sent, until = self.env['exact.token']._token_until(self, base_url)
            return sent

        def told(call):
            nonlocal until
            if after:
                after(call)
            if isinstance(call.error, NeedsReconnect):
                until = None
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
        known = division_sudo.client('person') if division_sudo else self.client(code)
        with known as client:
            yield client
