"""The token for the next call: the present one, or one that a single worker gets for all others."""

import logging
import time
from contextlib import suppress
from datetime import timedelta

import psycopg2
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo import api, models
from odoo.tools import SQL

from ...exact_api import (
    ExactError,
    Forbidden,
    NeedsReconnect,
    OAuthRefused,
    RateLimited,
    SecretClosedError,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
    origin_text,
)
from ..base.exact_clock import CLOCKS_DIFFER, aware, naive, past, utcnow
from .exact_secret import SecretBox, digest_of
from .exact_token import LOCK_TIMEOUT
from .exact_token_refresh import ANNOUNCE_TIMEOUT, EARLIEST_REFRESH

_logger = logging.getLogger(__name__)

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
# So long a client sends the token that it was given: a consent that was taken away ends it then.
KEPT_FOR = timedelta(minutes=1)
# Seconds before each try to store a pair though the database lost the cursor that held its row.
RESCUE_PAUSES = (0, 1, 2, 4, 8)


def doubled(pauses, number):
    """Return the pause after the so manieth failure.

    :param pauses: (the first one, the longest one)
    """
    first, longest = pauses
    return min(first * 2 ** min(number - 1, 20), longest)


class ExactToken(models.Model):
    _inherit = 'exact.token'

    # === ASKING === #

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
        return self._token_until(connection, base_url)[0]

    @api.model
    def _token_until(self, connection, base_url=None):
        """Return what `_access_token` does, and until when nobody has to ask for it again: None if
        the next call asks anew.

        :return: (access token, aware UTC or None)
        """
        origin = connection._exact_origin() if base_url is None else origin_text(base_url)
        # The snapshot of the business transaction may be older than the last refresh: look afresh
        with self.env.registry.cursor() as cr:
            row = self._read_row(cr, connection.id)
        tokens, problem = self._open_row(row, origin)
        if tokens:
            now, refresh_at = utcnow(), self._not_before(row, tokens)
            if now < refresh_at:
                token = self._not_refused(row, tokens, refresh_at)
                return token, min(refresh_at, now + KEPT_FOR)
        if not problem:
            token, problem = self._refresh(connection, base_url or connection.api_url())
            if token:
                return token, None
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
                        refused_hash=digest_of(access_token), refused_at=naive(now),
                    )
        except psycopg2.Error as failure:
            # A refresh is under way, or the next refusal is noted
            _logger.info(
                "The refused token of Exact connection %s is not noted: %s",
                connection.id, type(failure).__name__,
            )
        finally:
            self.env['exact.token'].invalidate_model(flush=False)

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
            oauth = self.env['exact.connection'].browse(connection_id).oauth(base_url)
        except SecretClosedError as closed:
            return None, closed.reason, None
        tries = self._tries(row, tokens)
        if tries >= MAX_TRIES:
            problem = 'lost' if row['failures'] else 'crashed'
            return None, self._give_up(connection_id, problem), None
        tracker = self.env['exact.token.refresh']
        tracker._announce(connection_id, digest_of(tokens.refresh_token))
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

    # === WHAT THE ROW SAYS === #

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
        if row['refused_hash'] == digest_of(tokens.access_token):
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
        announced = row['fingerprint'] == digest_of(tokens.refresh_token)
        return row['tries'] if announced else 0

    @api.model
    def _is_unspent(self, error):
        """Tell whether Exact surely did not use up the refresh token when it answered this."""
        return (
            isinstance(error, (Forbidden, RateLimited, Transient, Unreachable))
            or error.status in (429, 503)
        )

    # === WRITING THE HELD ROW === #

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
