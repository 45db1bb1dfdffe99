import logging
from contextlib import suppress
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, ormcache

from ...exact_api import SecretClosedError, Tokens, origin_text
from ..base.exact_clock import aware, ceil, past, utcnow
from .exact_secret import SecretBox, digest_of, home_digest, home_expression
from .exact_token_refresh import EARLIEST_REFRESH

_logger = logging.getLogger(__name__)

# Exact forgets a refresh token that nobody used for so long.
IDLE_LIFE = timedelta(days=30)
# Long before that, an idle link is refreshed for its own sake.
KEEP_ALIVE_AFTER = timedelta(days=20)
# A refresh takes 35 s at most (5 to connect, 30 to read); who waits longer than this waits for
# itself.
LOCK_TIMEOUT = '60s'


class ExactToken(models.Model):
    """Secrets and tokens of a connection, in a table that nobody edits.

    They sit apart from `exact.connection` because refreshing happens in a cursor of its own: if the
    business transaction had already written the same row, the second cursor would wait for the
    first for ever.

    All secrets are encrypted with a key that is not in the database.
    """

    _name = 'exact.token'
    _description = "Exact Token"
    _rec_name = 'connection_id'

    connection_id = fields.Many2one('exact.connection', required=True, ondelete='cascade')
    client_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    webhook_secret = fields.Char(groups=fields.NO_ACCESS, copy=False)
    access_token = fields.Char(groups=fields.NO_ACCESS, copy=False)
    refresh_token = fields.Char(groups=fields.NO_ACCESS, copy=False)
    issued_at = fields.Datetime(copy=False)
    expires_in = fields.Integer(default=600, copy=False)
    not_before = fields.Datetime(
        copy=False, help="No refresh before: 570 s after the issue, or later if Exact said so.",
    )
    retry_at = fields.Datetime(copy=False, help="No refresh before: the last one did not succeed.")
    failures = fields.Integer(copy=False, help="Refreshes in a row that brought no tokens.")
    failing_since = fields.Datetime(copy=False)
    refused_hash = fields.Char(
        groups=fields.NO_ACCESS, copy=False, help="Access token that Exact refused too soon.",
    )
    refused_at = fields.Datetime(copy=False)
    problem = fields.Char(
        copy=False, help="Why only a new consent helps: a key of the reasons of the connection.",
    )

    # The consent under way
    nonce_hash = fields.Char(groups=fields.NO_ACCESS, copy=False)

    _connection_uniq = models.Constraint(
        'UNIQUE(connection_id)', "A connection has one set of secrets.",
    )

    # === STORING === #

    @api.private
    def of(self, connection):
        """Return the row of the connection, made if there is none, in the cursor of `self`."""
        token_sudo = self.sudo().search([('connection_id', '=', connection.id)])
        return token_sudo or self.sudo().create({'connection_id': connection.id})

    def _keep(self, values):
        """Write at once: the cursors of the refresh look at the table, not at this cache."""
        self.write(values)
        self.flush_recordset()

    @api.model
    def _box(self, connection):
        """Return what closes and opens the secrets of the connection."""
        [[home]] = self.env.execute_query(SQL("SELECT %s", self._home_expression()))
        return SecretBox(home_digest(home), connection.id)

    @api.model
    def _store_client_secret(self, connection, secret):
        """Store the secret of the app. An empty one forgets it.

        It is for the address that Exact has now, and for no other one.

        :return: whether this cures what stood in the way of the tokens
        """
        token_sudo = self.of(connection)
        present_problem = self._present_problem(connection, self.env.cr)
        origin = origin_text(connection.api_url())
        values = {
            'client_secret': self._box(connection).close('client_secret', secret, origin),
        }
        if secret and present_problem == 'client':
            values |= {'problem': False, 'retry_at': False}
        token_sudo._keep(values)
        # The key that is missing may have been needed for the old secret alone
        return bool(
            secret and present_problem in ('client', 'key')
            and not self._present_problem(connection, self.env.cr)
        )

    @api.model
    def _client_secret(self, connection, base_url):
        """Return the secret of the app in clear text, '' if there is none.

        :param str base_url: the address that would get it
        :raise SecretClosedError: if it may not, or if it cannot be opened
        """
        token_sudo = self.sudo().search([('connection_id', '=', connection.id)])
        return self._box(connection).open(
            'client_secret', token_sudo.client_secret, origin_text(base_url),
        )

    @api.model
    def _move_client_secret(self, connection, origin):
        """A person chose another site of Exact for a connection that was never connected: the
        secret that was entered for the other one is meant for this one.

        :param str origin: of the site that was chosen before
        """
        token_sudo = self.sudo().search([('connection_id', '=', connection.id)])
        box, present = self._box(connection), origin_text(connection.api_url())
        if token_sudo.client_secret and origin != present:
            # One that does not open stays as it is, and is told when it is needed
            with suppress(SecretClosedError):
                secret = box.open('client_secret', token_sudo.client_secret, origin)
                token_sudo._keep({'client_secret': box.close('client_secret', secret, present)})

    @api.model
    def _store_webhook_secret(self, connection, secret):
        """Store what the app signs its notifications with. An empty one forgets it.

        It is never sent, so it is for no address.
        """
        self.of(connection)._keep({
            'webhook_secret': self._box(connection).close('webhook_secret', secret),
        })

    @api.model
    @api.private
    def secret_of_webhook(self, connection):
        """Return the webhook secret in clear text, '' if there is none.

        :raise SecretClosedError: if it cannot be opened
        """
        token_sudo = self.sudo().search([('connection_id', '=', connection.id)])
        return self._box(connection).open('webhook_secret', token_sudo.webhook_secret)

    @api.model
    def _store_tokens(self, connection, tokens):
        """Store a pair of a new consent; what stood in the way of the old pair is gone."""
        origin = tokens.origin or origin_text(connection.api_url())
        self.of(connection)._keep({
            **self._tokens_to_vals(tokens, self._box(connection), origin),
            'refused_hash': False, 'refused_at': False,
        })
        self.env['exact.token.refresh']._note_call(self.env.cr, connection.id)

    @api.model
    def _forget_tokens(self, connection):
        """Delete the tokens; the secret of the app stays, for the next consent."""
        self.of(connection)._keep({
            'access_token': False, 'refresh_token': False, 'issued_at': False,
            'not_before': False, 'retry_at': False, 'failures': 0, 'failing_since': False,
            'problem': False, 'nonce_hash': False, 'refused_hash': False, 'refused_at': False,
        })

    @api.model
    def _tokens_to_vals(self, tokens, box, origin):
        return {
            'access_token': box.close('access_token', tokens.access_token, origin),
            'refresh_token': box.close('refresh_token', tokens.refresh_token, origin),
            'issued_at': ceil(tokens.issued_at),
            'expires_in': int(tokens.expires_in),
            # The client notes when it asked, Exact counts from when it answered
            'not_before': ceil(utcnow()) + EARLIEST_REFRESH,
            'retry_at': False, 'failures': 0, 'failing_since': False,
            'problem': False,
        }

    def _closed_reason(self):
        """Return why the stored secrets cannot be opened on this server and in this database:
        'key', 'copied' or None.
        """
        self.ensure_one()
        box = self._box(self.connection_id)
        try:
            for name in ('client_secret', 'webhook_secret', 'refresh_token'):
                box.check(name, self[name])
        except SecretClosedError as closed:
            return closed.reason
        return None

    def _bind_here(self):
        """A person said that this database is the original: what was closed in the place where it
        was before is closed for this one. What no key opens stays as it is.
        """
        for token in self:
            connection, values = token.connection_id, {}
            box, origin = self._box(connection), connection._exact_origin()
            for name in ('client_secret', 'access_token', 'refresh_token', 'webhook_secret'):
                is_sent = name != 'webhook_secret'
                try:
                    if is_sent and not origin:
                        raise SecretClosedError('origin')
                    values[name] = box.close_anew(
                        name, token[name], origin if is_sent else '', moved=True,
                    )
                except SecretClosedError as closed:
                    _logger.warning(
                        "Exact connection %s: a stored secret stays as it is: %s",
                        connection.id, closed.reason,
                    )
            token._keep(values)

    # === THE CONSENT UNDER WAY === #

    @api.model
    def _store_nonce(self, connection, nonce):
        """Remember which consent is awaited; one that was begun earlier no longer counts."""
        self.of(connection)._keep({'nonce_hash': digest_of(nonce)})

    @api.model
    @api.private
    def use_nonce(self, connection, nonce):
        """Tell whether the consent is the awaited one, and make sure that it is so only once."""
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                "UPDATE exact_token SET nonce_hash = NULL WHERE connection_id = %s AND nonce_hash "
                "= %s",
                connection.id, digest_of(nonce),
            ))
            used = bool(cr.rowcount)
        self.env['exact.token'].invalidate_model(['nonce_hash'], flush=False)
        return used

    # === THE ROW, PAST ALL CACHES === #

    @api.model
    @ormcache()
    def _home_expression(self):
        # In a cursor of its own: who holds the token must not have asked anything before
        with self.env.registry.cursor() as cr:
            return home_expression(cr)

    @api.model
    def _read_row(self, cr, connection_id, lock=False):
        """Return the row with its announcement as a dict, None if there is none, past all caches.
        """
        cr.execute(SQL(
            """
            SELECT token.client_secret, token.webhook_secret,
                   token.access_token, token.refresh_token, token.issued_at, token.expires_in,
                   token.not_before, token.retry_at, token.problem, token.failing_since,
                   token.refused_hash, token.refused_at,
                   COALESCE(token.failures, 0) AS failures,
                   refresh.fingerprint, refresh.tries, refresh.started_at, refresh.paid_until,
                   token.connection_id, %s AS home
              FROM exact_token AS token
         LEFT JOIN exact_token_refresh AS refresh ON refresh.connection_id = token.connection_id
             WHERE token.connection_id = %s %s
            """,
            self._home_expression(), connection_id,
            SQL("FOR NO KEY UPDATE OF token") if lock else SQL(),
        ), log_exceptions=not lock)
        row = cr.dictfetchone()
        return row and {**row, 'home': home_digest(row['home'])}

    @api.model
    def _present_problem(self, connection, cr=None):
        """Return why only a person can help now, None if the tokens may be used.

        :param cr: the cursor to look with; a fresh one if there is none
        """
        if cr is None:
            with self.env.registry.cursor() as fresh:
                row = self._read_row(fresh, connection.id)
        else:
            row = self._read_row(cr, connection.id)
        return self._open_row(row, connection._exact_origin())[1]

    @api.model
    def _open_row(self, row, origin):
        """Return (tokens, None) or (None, the reason why only a person can help).

        :param str origin: of the address that would get them
        """
        if not row or not row['refresh_token'] or not row['issued_at']:
            return None, 'not_connected'
        if row['problem']:
            return None, row['problem']
        box = SecretBox(row['home'], row['connection_id'])
        now, life = utcnow(), row['expires_in'] or 600
        try:
            # Without it no refresh would succeed, however good the tokens are
            box.open('client_secret', row['client_secret'], origin)
            return Tokens(
                access_token=box.open('access_token', row['access_token'], origin),
                refresh_token=box.open('refresh_token', row['refresh_token'], origin),
                # When a clock was wrong, nobody knows how old they are: as old as can be
                issued_at=past(aware(row['issued_at']), now) or now - timedelta(seconds=life),
                expires_in=life,
                origin=origin,
            ), None
        except SecretClosedError as closed:
            return None, closed.reason
