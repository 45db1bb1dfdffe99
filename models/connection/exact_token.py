import logging
import time
from contextlib import suppress
from datetime import timedelta

import psycopg2
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL, ormcache

from ...exact_api import (
    ExactError,
    Forbidden,
    NeedsReconnect,
    OAuthRefused,
    RateLimited,
    SecretClosedError,
    Tokens,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
    origin_text,
)
from ..base.exact_clock import CLOCKS_DIFFER, aware, ceil, naive, past, utcnow
from .exact_secret import SecretBox, fingerprint, home_digest, home_expression

_logger = logging.getLogger(__name__)

# Exact refuses an earlier refresh, and counts it as an error.
EARLIEST_REFRESH = timedelta(seconds=570)
# Exact forgets a refresh token that nobody used for so long.
IDLE_LIFE = timedelta(days=30)
# Long before that, an idle link is refreshed for its own sake.
KEEP_ALIVE_AFTER = timedelta(days=20)
# After "too early" the present token is used a little longer before the next try: by Exact's count
# it is younger than 570 s, so it lives for another 30 s at least.
TOO_EARLY_PAUSE = timedelta(seconds=30)
# A refresh that surely did not reach the tokens is tried again after (first pause, longest pause);
# the pauses double.
FAILED_PAUSES = (timedelta(seconds=30), EARLIEST_REFRESH)
# A refresh without an answer may have used the token up, and only Exact can tell: it is asked again
# with the same token, so often at most and with longer pauses.
DOUBT_PAUSES = (timedelta(minutes=1), timedelta(hours=1))
MAX_TRIES = 10
# The token endpoint takes 200 calls per app, user and day (D 2021). A refresh every 570 s makes
# 152; so many more may be made besides, which leaves a few for consents.
SPARE_CALLS = 40
# A refused access token stops all calls until the next one comes, so often at most: what that one
# does not cure is not the token's fault, and stops nothing else.
REFUSED_EVERY = timedelta(hours=1)
# A refresh takes 35 s at most (5 to connect, 30 to read); who waits longer than this waits for
# itself.
LOCK_TIMEOUT = '60s'
# The refresh is announced in a second cursor while the first holds the token: no long waits there.
ANNOUNCE_TIMEOUT = '5s'
# Seconds before each try to store a pair though the database lost the cursor that held its row.
RESCUE_PAUSES = (0, 1, 2, 4, 8)


def doubled(pauses, number):
    """Return the pause after the so manieth failure.

    :param pauses: (the first one, the longest one)
    """
    first, longest = pauses
    return min(first * 2 ** min(number - 1, 20), longest)


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

    def _of(self, connection):
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
        token_sudo = self._of(connection)
        present_problem = self._present_problem(connection, self.env.cr)
        origin = origin_text(connection._base_url())
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
        box, present = self._box(connection), origin_text(connection._base_url())
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
        self._of(connection)._keep({
            'webhook_secret': self._box(connection).close('webhook_secret', secret),
        })

    @api.model
    def _webhook_secret(self, connection):
        """Return the webhook secret in clear text, '' if there is none.

        :raise SecretClosedError: if it cannot be opened
        """
        token_sudo = self.sudo().search([('connection_id', '=', connection.id)])
        return self._box(connection).open('webhook_secret', token_sudo.webhook_secret)

    @api.model
    def _store_tokens(self, connection, tokens):
        """Store a pair of a new consent; what stood in the way of the old pair is gone."""
        origin = tokens.origin or origin_text(connection._base_url())
        self._of(connection)._keep({
            **self._tokens_to_vals(tokens, self._box(connection), origin),
            'refused_hash': False, 'refused_at': False,
        })
        self.env['exact.token.refresh']._note_call(self.env.cr, connection.id)

    @api.model
    def _forget_tokens(self, connection):
        """Delete the tokens; the secret of the app stays, for the next consent."""
        self._of(connection)._keep({
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
        self._of(connection)._keep({'nonce_hash': fingerprint(nonce)})

    @api.model
    def _use_nonce(self, connection, nonce):
        """Tell whether the consent is the awaited one, and make sure that it is so only once."""
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                "UPDATE exact_token SET nonce_hash = NULL WHERE connection_id = %s AND nonce_hash "
                "= %s",
                connection.id, fingerprint(nonce),
            ))
            used = bool(cr.rowcount)
        self.env['exact.token'].invalidate_model(['nonce_hash'], flush=False)
        return used

    # === THE TOKEN FOR THE NEXT CALL === #

    @api.model
    def _access_token(self, connection, base_url=None):
        """Return an access token that Exact takes now, refreshed if needed.

        To be asked right before the call: a token fetched before a wait is stale after it.

        :param str base_url: the address that gets it; the present one if none is given
        :raise NeedsReconnect: only a new consent of a person helps
        :raise RateLimited: the last refresh did not succeed; with the moment of the next try
        :raise Unreachable: Exact cannot be reached now; nothing is lost
        :raise ExactError: Exact or another worker is busy with it; nothing is lost
        """
        origin = connection._exact_origin() if base_url is None else origin_text(base_url)
        # The snapshot of the business transaction may be older than the last refresh: look afresh
        with self.env.registry.cursor() as cr:
            row = self._read_row(cr, connection.id)
        tokens, problem = self._open_row(row, origin)
        if tokens:
            refresh_at = self._not_before(row, tokens)
            if utcnow() < refresh_at:
                return self._not_refused(row, tokens, refresh_at)
        if not problem:
            token, problem = self._refresh(connection, base_url or connection._base_url())
            if token:
                return token
        connection._note_reconnect(problem)
        raise NeedsReconnect(f"connection {connection.id}: {problem}", reason=problem)

    @api.model
    def _note_refused(self, connection, access_token):
        """Note that Exact refused the present token before its time, so that nobody sends it again:
        each time is an error of the endpoint, and Exact locks an endpoint with too many of them.
        """
        now = utcnow()
        try:
            with self.env.registry.cursor() as cr:
                cr.execute(SQL("SET LOCAL lock_timeout = %s", ANNOUNCE_TIMEOUT))
                row = self._read_row(cr, connection.id, lock=True)
                tokens, _problem = self._open_row(row, connection._exact_origin())
                if (
                    tokens and tokens.access_token == access_token and now < tokens.expires_at
                    and (past(aware(row['refused_at']), now) or now - REFUSED_EVERY)
                    <= now - REFUSED_EVERY
                ):
                    self.with_env(self.env(cr=cr))._update(
                        connection.id,
                        refused_hash=fingerprint(access_token), refused_at=naive(now),
                    )
        except psycopg2.Error as failure:
            # A refresh is under way, or the next refusal is noted
            _logger.info(
                "The refused token of Exact connection %s is not noted: %s",
                connection.id, type(failure).__name__,
            )
        finally:
            self.env['exact.token'].invalidate_model(flush=False)

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

    def _refresh(self, connection, base_url):
        """Let one worker refresh and all others have its result.

        :param str base_url: the address that is asked
        :return: (access token, None) or (None, the reason why only a person can help)
        """
        for _attempt in range(5):
            try:
                with self.env.registry.cursor() as cr:
                    token, problem, error = self.with_env(
                        self.env(cr=cr, su=True),
                    )._refresh_locked(connection.id, base_url)
            except SerializationFailure:
                continue  # another worker refreshed while this one waited: read again
            except LockNotAvailable:
                break
            except (psycopg2.OperationalError, psycopg2.InterfaceError) as failure:
                # The database lost this cursor. A pair that had come was stored all the same.
                _logger.info(
                    "Exact connection %s: the refresh begins anew: %s",
                    connection.id, type(failure).__name__,
                )
                continue
            finally:
                self.env['exact.token'].invalidate_model(flush=False)
            if error and not token:
                raise error
            return token, problem
        raise Transient("the token is being refreshed")

    def _refresh_locked(self, connection_id, base_url):
        """Refresh while the row is held. The new pair is committed before anybody uses it.

        :return: (access token that may be used, problem that only a person can solve, error of this
            try), each None if there is none. Leaving normally keeps what was learned of a failure.
        """
        cr = self.env.cr
        cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_TIMEOUT))
        # Taking the lock must be the first query: only then is the snapshot as young as the lock
        row = self._read_row(cr, connection_id, lock=True)
        tokens, problem = self._open_row(row, origin_text(base_url))
        if problem:
            return None, problem, None
        token = self._usable(row, tokens)
        if token:
            return token, None, None

        try:
            oauth = self.env['exact.connection'].browse(connection_id)._oauth(base_url)
        except SecretClosedError as closed:
            return None, closed.reason, None
        tries = self._tries(row, tokens)
        if tries >= MAX_TRIES:
            problem = 'lost' if row['failures'] else 'crashed'
            return None, self._give_up(connection_id, problem), None
        tracker = self.env['exact.token.refresh']
        tracker._announce(connection_id, fingerprint(tokens.refresh_token))
        try:
            fresh = oauth.refresh(tokens)
        except TooEarlyToRefresh:
            tracker._withdraw(connection_id)
            self._update(connection_id, not_before=naive(utcnow() + TOO_EARLY_PAUSE))
            return tokens.access_token, None, None
        except ExactError as error:
            return self._refresh_failed(connection_id, row, tokens, tries + 1, error)
        box = SecretBox(row['home'], connection_id)
        # Bound to the address that the refresh was sent to, which is the one they came from
        values = self._tokens_to_vals(fresh, box, origin_text(base_url))
        own_cursor = cr    # of this refresh alone
        try:
            # A key that was replaced may go as soon as nothing is encrypted with it any more
            self._update(connection_id, **values, **self._closed_anew(row, box, base_url))
            own_cursor.commit()
        except Exception:
            with suppress(psycopg2.Error):
                own_cursor.rollback()
            self._rescue(connection_id, row['refresh_token'], values)
            raise
        return fresh.access_token, None, None

    def _refresh_failed(self, connection_id, row, tokens, tries, error):
        """Note what a refusal, or no answer, means for the pair.

        :param int tries: how often this refresh token was sent by now without a known outcome
        :return: as `_refresh_locked`
        """
        now = utcnow()
        retry_at = now + doubled(FAILED_PAUSES, row['failures'] + 1)
        problem = None
        if self._is_unspent(error):
            self.env['exact.token.refresh']._withdraw(connection_id)
            retry_at = max(retry_at, getattr(error, 'retry_at', None) or retry_at)
        elif isinstance(error, OAuthRefused):
            # Nothing was used up: with the right client secret the same pair works again
            self.env['exact.token.refresh']._withdraw(connection_id)
            problem = error.reason
        elif isinstance(error, NeedsReconnect):
            problem = error.reason
            if tries > 1 and problem != 'expired':
                # It was Odoo itself that used the token, in a try whose answer nobody got
                problem = 'lost' if row['failures'] else 'crashed'
        elif tries >= MAX_TRIES:
            problem = 'lost'
        _logger.log(
            logging.WARNING if problem else logging.INFO,
            "Refreshing the tokens of Exact connection %s, try %s: %s, %s",
            connection_id, row['failures'] + 1, type(error).__name__, problem or "tried again",
        )
        if problem:
            return None, self._give_up(connection_id, problem), None
        self._update(
            connection_id, failures=row['failures'] + 1, retry_at=naive(retry_at),
            failing_since=row['failing_since'] or naive(now),
        )
        return tokens.access_token if now < tokens.expires_at else None, None, error

    def _rescue(self, connection_id, stored, values):
        """Store a new pair though the cursor that held its row failed: nothing else knows it.

        The announcement keeps other workers from sending the old token meanwhile.

        :param str stored: the old refresh token as it lies in the database; only that is replaced
        """
        for pause in RESCUE_PAUSES:
            time.sleep(pause)
            try:
                with self.env.registry.cursor() as cr:
                    cr.execute(SQL("SET LOCAL lock_timeout = %s", ANNOUNCE_TIMEOUT))
                    cr.execute(SQL(
                        "UPDATE exact_token SET %s WHERE connection_id = %s AND refresh_token = %s",
                        self._assignments(values), connection_id, stored,
                    ))
            except psycopg2.Error as failure:
                _logger.info(
                    "The new tokens of Exact connection %s are not stored yet: %s",
                    connection_id, type(failure).__name__,
                )
            else:
                return
        _logger.error(
            "The new tokens of Exact connection %s could not be stored and are lost.",
            connection_id,
        )

    # === HELPERS === #

    @api.model
    def _closed_anew(self, row, box, base_url):
        """Return the secrets that a refresh does not replace, closed with the present key."""
        values = {}
        origins = {'client_secret': origin_text(base_url), 'webhook_secret': ''}
        for name, origin in origins.items():
            # One that no key opens stays as it is: the key may come back
            with suppress(SecretClosedError):
                values[name] = box.close_anew(name, row[name], origin)
        return values

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

    @api.model
    def _not_before(self, row, tokens):
        """Return the moment from which on a refresh is due: 570 s after the issue, or later if
        Exact said so. Until then Exact takes the access token.
        """
        not_before = aware(row['not_before'])
        if not not_before or not_before > utcnow() + EARLIEST_REFRESH + CLOCKS_DIFFER:
            # None, or one of a clock that was ahead
            return tokens.refreshable_at
        return max(tokens.refreshable_at, not_before)

    @api.model
    def _not_refused(self, row, tokens, refresh_at):
        """Return the access token.

        :raise RateLimited: if Exact refuses it; with the moment of the next refresh
        """
        if row['refused_hash'] == fingerprint(tokens.access_token):
            raise RateLimited("Exact refuses the token", retry_at=refresh_at, scope='token')
        return tokens.access_token

    @api.model
    def _usable(self, row, tokens):
        """Return the access token if it is to be used as it is, None if a refresh is due.

        :param dict row: read while it is held, so that no refresh is under way
        :raise RateLimited: if a refresh is due and has to wait
        """
        now = utcnow()
        not_before = self._not_before(row, tokens)
        if now < not_before:
            return self._not_refused(row, tokens, not_before)
        retry_at = self._retry_at(row, tokens)
        if retry_at <= now:
            return None
        if now < tokens.expires_at:
            return self._not_refused(row, tokens, retry_at)
        raise RateLimited("the refresh waits", retry_at=retry_at, scope='token')

    @api.model
    def _retry_at(self, row, tokens):
        """Return the moment before which no refresh is tried again after one that failed, after one
        whose end nobody knows, and when the token endpoint was asked often today.
        """
        moments = [tokens.refreshable_at]
        if row['started_at'] and not past(aware(row['started_at']), utcnow()):
            # The clock was ahead at the last try, and so is all that was counted from it
            return tokens.refreshable_at
        if row['retry_at']:
            moments.append(aware(row['retry_at']))
        tries = self._tries(row, tokens)
        if tries:
            moments.append(aware(row['started_at']) + doubled(DOUBT_PAUSES, tries))
        if row['paid_until']:
            moments.append(aware(row['paid_until']) - SPARE_CALLS * EARLIEST_REFRESH)
        return max(moments)

    @api.model
    def _tries(self, row, tokens):
        """Return how often this refresh token was sent without a known outcome."""
        announced = row['fingerprint'] == fingerprint(tokens.refresh_token)
        return row['tries'] if announced else 0

    @api.model
    def _is_unspent(self, error):
        """Tell whether Exact surely did not use up the refresh token when it answered this."""
        return (
            isinstance(error, (Forbidden, RateLimited, Transient, Unreachable))
            or error.status in (429, 503)
        )

    @api.model
    def _update(self, connection_id, **values):
        """Write the held row, past the ORM: this cursor knows nothing else."""
        self.env.cr.execute(SQL(
            "UPDATE exact_token SET %s WHERE connection_id = %s",
            self._assignments(values), connection_id,
        ))

    @api.model
    def _assignments(self, values):
        return SQL(', ').join([
            *(
                SQL("%s = %s", SQL.identifier(name), None if value is False else value)
                for name, value in values.items()
            ),
            SQL("write_date = (now() AT TIME ZONE 'UTC')"),
        ])

    @api.model
    def _give_up(self, connection_id, problem):
        """Mark the pair as useless but keep it: deleting on an error has ended many good links."""
        self._update(connection_id, problem=problem)
        return problem


class ExactTokenRefresh(models.Model):
    """Which refresh token is being sent, committed before it is, and what the calls cost.

    A worker that dies between Exact's answer and its own commit leaves a pair that may be used up;
    without this row nobody would know. The row names the token by a digest: once a new pair is
    stored, it means nothing.
    """

    _name = 'exact.token.refresh'
    _description = "Exact Token Refresh"
    _rec_name = 'connection_id'

    connection_id = fields.Many2one('exact.connection', required=True, ondelete='cascade')
    fingerprint = fields.Char(groups=fields.NO_ACCESS)
    tries = fields.Integer()
    started_at = fields.Datetime()
    paid_until = fields.Datetime(
        help="Each call to the token endpoint moves it on by 570 s, from now on at least. So many "
             "calls are ahead of one every 570 s.",
    )

    _connection_uniq = models.Constraint(
        'UNIQUE(connection_id)', "A connection is refreshed once at a time.",
    )

    @api.model
    def _announce(self, connection_id, spent):
        """Tell that this refresh token is sent now, whatever becomes of the sender."""
        with self.env.registry.cursor() as cr:
            # Who deletes the connection meanwhile holds its row and waits for the token's
            cr.execute(SQL("SET LOCAL lock_timeout = %s", ANNOUNCE_TIMEOUT))
            self._note_call(cr, connection_id, spent)

    @api.model
    def _note_call(self, cr, connection_id, spent=None):
        """Count a call to the token endpoint.

        :param str spent: the fingerprint of the refresh token that it takes, if any
        """
        cr.execute(SQL(
            """
            INSERT INTO exact_token_refresh AS old
                        (connection_id, fingerprint, tries, started_at, paid_until)
                 VALUES (%(connection)s, %(spent)s, 1, %(now)s, %(now)s::timestamp + %(price)s)
            ON CONFLICT (connection_id) DO UPDATE
                    SET tries = CASE WHEN old.fingerprint = %(spent)s THEN old.tries + 1 ELSE 1 END,
                        fingerprint = %(spent)s,
                        started_at = %(now)s,
                        paid_until = %(price)s + CASE WHEN old.started_at > %(soon)s THEN %(now)s
                                                      ELSE GREATEST(old.paid_until, %(now)s) END
            """,
            connection=connection_id, spent=spent, now=naive(utcnow()),
            # A clock that was ahead at the call before counts for nothing
            soon=naive(utcnow() + CLOCKS_DIFFER), price=EARLIEST_REFRESH,
        ), log_exceptions=False)

    @api.model
    def _withdraw(self, connection_id):
        """Tell that the token was surely not used."""
        with self.env.registry.cursor() as cr:
            cr.execute(SQL("SET LOCAL lock_timeout = %s", ANNOUNCE_TIMEOUT))
            cr.execute(SQL(
                "UPDATE exact_token_refresh SET fingerprint = NULL, tries = 0"
                " WHERE connection_id = %s",
                connection_id,
            ), log_exceptions=False)
