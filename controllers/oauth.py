import logging

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.http import request
from odoo.tools import consteq, verify_hash_signed

from ..exact_api import (
    ExactError,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    SecretClosedError,
    Transient,
    Unreachable,
)
from ..models.connection.exact_connection_address import CALLBACK_PATH
from ..models.connection.exact_connection_consent import CONSENT_SCOPE

_logger = logging.getLogger(__name__)


class ExactOAuthController(http.Controller):
    """Where Exact sends people back to after the consent.

    The request's own transaction only reads; whatever is kept is written in short cursors of its
    own. So Odoo never runs the request a second time, which would offer a code to Exact that is
    already used.
    """

    @http.route(CALLBACK_PATH, type='http', auth='user', methods=['GET'], save_session=False)
    def account_exact_oauth_callback(self, code=None, state=None, error=None, **_kwargs):
        """Finish a consent.

        :param str code: proof of the consent, valid once and for three minutes
        :param str state: what `action_connect` signed
        :param str error: set instead of `code` if the person refused
        :return: a redirect to the form of the connection, which tells how it went; an error page
            where the answer cannot be tied to a connection of this person
        """
        connection, nonce, message = self._read_state(state)
        if message:
            return self._error_page(message, connection)
        if not request.env['exact.token'].use_nonce(connection, nonce):
            return self._error_page(request.env._(
                "This answer of Exact was used already, or a newer consent was begun. Open the "
                "connection and see whether it is connected; if not, connect again.",
            ), connection)
        reason = self._check_rights(connection)
        if not reason:
            reason = self._finish(connection, code, error)
        if reason:
            _logger.info(
                "Consent for Exact connection %s did not succeed: %s", connection.id, reason
            )
            with request.env.registry.cursor() as cr:
                connection.with_env(connection.env(cr=cr)).note_failure(reason)
        return request.redirect(self._form_url(connection))

    # === CHECKS === #

    def _read_state(self, state):
        """Return the connection, the nonce, and a sentence if the answer must not be used.

        The connection is given along with the sentence only where the person may see it.
        """
        env = request.env
        nothing = env['exact.connection']
        try:
            # sudo: verifying needs the secret of the database
            values = verify_hash_signed(env(su=True), CONSENT_SCOPE, state or '')
            uid, connection_id, nonce, marker = values or (None,) * 4
        except (ValueError, TypeError):
            values = None
        if not values:
            return nothing, None, env._(
                "This answer of Exact is not valid or came later than ten minutes. Open the "
                "connection and connect again.",
            )
        if uid != env.uid:
            return nothing, None, env._(
                "Somebody else began this consent. Only the person who pressed Connect can finish "
                "it; log in as that person or connect again.",
            )
        connection = env['exact.connection'].browse(connection_id).exists()
        if not connection or not connection.has_access('read'):
            return nothing, None, env._(
                "The connection was deleted meanwhile, or you may no longer see it. Ask an "
                "accounting administrator to connect.",
            )
        if marker and not consteq(marker, connection.session_marker()):
            return connection, None, env._(
                "This consent was begun in another browser or before you logged in again. Open "
                "the connection and connect again.",
            )
        return connection, nonce, None

    def _check_rights(self, connection):
        """Return 'no_rights' if the person lost the right to connect since the consent began."""
        try:
            connection.check_may_connect()
        except (AccessError, UserError):
            return 'no_rights'
        return None

    # === WORK === #

    def _finish(self, connection, code, error):
        """Trade the code for tokens and read what can be seen with them.

        :return: the reason if that did not succeed, a key of `exact_error_text.REASONS`
        """
        if error or not code:
            return 'denied' if error == 'access_denied' else 'consent_failed'
        try:
            tokens = connection.oauth().exchange(code)
        except SecretClosedError as closed:
            return closed.reason
        except OAuthRefused as refused:
            return refused.reason if refused.reason in (
                'code', 'client', 'redirect', 'denied',
            ) else 'consent_failed'
        except (Unreachable, OutcomeUnknown, Transient, RateLimited):
            return 'network'
        except ExactError:
            return 'consent_failed'
        # The code is used up and the pair exists: keep it before anything else can go wrong
        try:
            connection.keep_consent(tokens)
        except (Transient, SecretClosedError) as problem:
            return problem.reason if isinstance(problem, SecretClosedError) else 'network'
        try:
            with request.env.registry.cursor() as cr:
                connection.with_env(connection.env(cr=cr)).explore()
        except (RateLimited, Transient, Unreachable) as problem:
            _logger.info(
                "Exact connection %s: nothing read yet: %s", connection.id, type(problem).__name__,
            )
            return 'explore_later'
        except (ExactError, UserError) as problem:
            _logger.info(
                "Exact connection %s: nothing read yet: %s", connection.id, type(problem).__name__,
            )
            return 'explore'
        try:
            with request.env.registry.cursor() as cr:
                connection.with_env(connection.env(cr=cr)).explore_rights()
        except ExactError as problem:
            # Not worth a worry: the button tries it again
            _logger.info(
                "Exact connection %s: rights not tried: %s", connection.id, type(problem).__name__,
            )
        connection.invalidate_recordset(flush=False)
        return connection.explored_reason() or None

    # === ANSWERS === #

    def _form_url(self, connection):
        return f'/odoo/exact-connections/{connection.id}'

    def _error_page(self, message, connection):
        return request.render('account_exact.oauth_error', {
            'message': message,
            'back_url': self._form_url(connection) if connection else '/odoo/exact-connections',
        }, status=400)
