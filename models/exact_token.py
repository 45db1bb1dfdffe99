import hashlib
import logging
import os
import tempfile
from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL, config

from ..exact_api import (
    ExactError,
    Forbidden,
    NeedsReconnect,
    OAuthRefused,
    RateLimited,
    Tokens,
    TooEarlyToRefresh,
    Transient,
    Unreachable,
)

_logger = logging.getLogger(__name__)

# Exact refuses an earlier refresh, and counts it as an error.
EARLIEST_REFRESH = timedelta(seconds=570)
# Exact forgets a refresh token that nobody used for so long.
IDLE_LIFE = timedelta(days=30)
# Long before that, an idle link is refreshed for its own sake.
KEEP_ALIVE_AFTER = timedelta(days=20)
# After "too early" the present token is used a little longer before the next try.
TOO_EARLY_PAUSE = timedelta(seconds=30)
# A refresh takes 35 s at most (5 to connect, 30 to read); who waits longer than this waits for
# itself.
LOCK_TIMEOUT = '60s'


class WrongKeyError(Exception):
    """The key at hand does not open what is stored: another key file, another option, a copied
    database.
    """


def utcnow():
    """Return the present moment, aware, in UTC."""
    return datetime.now(timezone.utc)


def ceil(moment):
    """Return the moment as the database keeps it, naive in UTC, at the next full second."""
    moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return moment + timedelta(microseconds=-moment.microsecond % 1_000_000)


# === SECRETS AT REST === #


def _key_file():
    """Return the path of the key file, made (mode 600) if there is none.

    The file appears whole or not at all: two workers that start together end up with one key.
    """
    path = Path(config['data_dir']) / 'account_exact.key'
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes the file with mode 600
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix='.account_exact.key.')
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            # If another worker was first, its key counts
            with suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            os.unlink(temporary)
    if path.stat().st_mode & 0o077:
        _logger.warning("The key file %s can be read by other system users; closing it.", path)
        path.chmod(0o600)
    return path


def _fernet():
    """Return the cipher. Several keys may be given, separated by commas: the first encrypts, all
    decrypt.
    """
    option = (config.get('account_exact_secret_key') or '').strip()
    if not option:
        return MultiFernet([Fernet(_key_file().read_bytes().strip())])
    ciphers = []
    for text in filter(None, (part.strip() for part in option.split(','))):
        try:
            ciphers.append(Fernet(text))
        except ValueError:
            # Any passphrase will do; a Fernet key is 32 bytes
            digest = hashlib.sha256(text.encode()).digest()
            ciphers.append(Fernet(urlsafe_b64encode(digest)))
    return MultiFernet(ciphers)


def encrypt(text):
    """Return the text as it may lie in the database."""
    return _fernet().encrypt(text.encode()).decode() if text else False


def decrypt(stored):
    """Return the text again.

    :raise WrongKeyError: if another key encrypted it
    """
    if not stored:
        return ''
    try:
        return _fernet().decrypt(stored.encode()).decode()
    except InvalidToken:
        raise WrongKeyError from None


def fingerprint(text):
    """Return a digest that may be stored in the open: secrets of Exact are long and random."""
    return hashlib.sha256(text.encode()).hexdigest()


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
    def _store_client_secret(self, connection, secret):
        """Store the secret of the app. An empty one forgets it.

        :return: whether this cures what stood in the way of the tokens
        """
        token_sudo = self._of(connection)
        cured = bool(secret and token_sudo.problem == 'client')
        values = {'client_secret': encrypt(secret)}
        token_sudo._keep({**values, 'problem': False} if cured else values)
        return cured

    @api.model
    def _client_secret(self, connection):
        """Return the secret of the app in clear text, '' if there is none.

        :raise WrongKeyError: if the key changed
        """
        return decrypt(self.sudo().search([('connection_id', '=', connection.id)]).client_secret)

    @api.model
    def _store_webhook_secret(self, connection, secret):
        """Store what the app signs its notifications with. An empty one forgets it."""
        self._of(connection)._keep({'webhook_secret': encrypt(secret)})

    @api.model
    def _webhook_secret(self, connection):
        """Return the webhook secret in clear text, '' if there is none.

        :raise WrongKeyError: if the key changed
        """
        return decrypt(self.sudo().search([('connection_id', '=', connection.id)]).webhook_secret)

    @api.model
    def _store_tokens(self, connection, tokens):
        """Store a pair of a new consent; what stood in the way of the old pair is gone."""
        self._of(connection)._keep(self._tokens_to_vals(tokens))

    @api.model
    def _forget_tokens(self, connection):
        """Delete the tokens; the secret of the app stays, for the next consent."""
        self._of(connection)._keep({
            'access_token': False, 'refresh_token': False, 'issued_at': False,
            'not_before': False, 'problem': False, 'nonce_hash': False,
        })

    @api.model
    def _tokens_to_vals(self, tokens):
        return {
            'access_token': encrypt(tokens.access_token),
            'refresh_token': encrypt(tokens.refresh_token),
            'issued_at': ceil(tokens.issued_at),
            'expires_in': int(tokens.expires_in),
            # The client notes when it asked, Exact counts from when it answered
            'not_before': ceil(utcnow()) + EARLIEST_REFRESH,
            'problem': False,
        }

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
    def _access_token(self, connection):
        """Return an access token that Exact takes now, refreshed if needed.

        To be asked right before the call: a token fetched before a wait is stale after it.

        :raise NeedsReconnect: only a new consent of a person helps
        :raise Unreachable: Exact cannot be reached now; nothing is lost
        :raise Transient: Exact or another worker is busy with it; nothing is lost
        """
        # The snapshot of the business transaction may be older than the last refresh: look afresh
        with self.env.registry.cursor() as cr:
            row = self._read_row(cr, connection.id)
        problem = self._problem(row)
        if not problem:
            tokens, problem = self._open_tokens(row)
            if tokens and utcnow() < self._refresh_from(row, tokens):
                return tokens.access_token
        if not problem:
            token, problem = self._refresh(connection)
            if token:
                return token
        connection._note_reconnect(problem)
        raise NeedsReconnect(f"connection {connection.id}: {problem}", reason=problem)

    def _refresh(self, connection):
        """Let one worker refresh and all others have its result.

        :return: (access token, None) or (None, the reason why only a person can help)
        """
        for _attempt in range(5):
            try:
                with self.env.registry.cursor() as cr:
                    return self.with_env(self.env(cr=cr, su=True))._refresh_locked(connection.id)
            except SerializationFailure:
                continue  # another worker refreshed while this one waited: read again
            except LockNotAvailable:
                break
            finally:
                self.env['exact.token'].invalidate_model(flush=False)
        raise Transient("the token is being refreshed")

    def _refresh_locked(self, connection_id):
        """Refresh while the row is held. Leaving normally commits the new pair, before anybody uses
        it.
        """
        cr = self.env.cr
        cr.execute(SQL("SET LOCAL lock_timeout = %s", LOCK_TIMEOUT))
        # Taking the lock must be the first query: only then is the snapshot as young as the lock
        row = self._read_row(cr, connection_id, lock=True)
        problem = self._problem(row)
        if problem:
            return None, problem
        tokens, problem = self._open_tokens(row)
        if problem:
            return None, problem
        now = utcnow()
        if now < self._refresh_from(row, tokens):
            return tokens.access_token, None

        connection = self.env['exact.connection'].browse(connection_id)
        try:
            oauth = connection._oauth()
        except WrongKeyError:
            return None, 'key'
        spent = fingerprint(tokens.refresh_token)
        tracker = self.env['exact.token.refresh']
        tries = tracker._announce(connection_id, spent)
        if tries > 2:
            return None, self._give_up(connection_id, 'crashed')
        try:
            fresh = oauth.refresh(tokens)
        except TooEarlyToRefresh:
            tracker._withdraw(connection_id)
            not_before = (now + TOO_EARLY_PAUSE).replace(tzinfo=None)
            self._update(connection_id, not_before=not_before)
            return tokens.access_token, None
        except ExactError as error:
            if self._is_unspent(error):
                tracker._withdraw(connection_id)
                if now < tokens.expires_at:
                    return tokens.access_token, None
                raise
            if isinstance(error, NeedsReconnect):
                problem = 'crashed' if tries > 1 else error.reason
            elif isinstance(error, OAuthRefused):
                # Nothing was used up: with the right client secret the same pair works again
                tracker._withdraw(connection_id)
                problem = error.reason
            else:
                problem = 'lost'
            _logger.warning(
                "Refreshing the token of Exact connection %s: %s, %s",
                connection_id, type(error).__name__, problem,
            )
            return None, self._give_up(connection_id, problem)
        self._update(connection_id, **self._tokens_to_vals(fresh))
        return fresh.access_token, None

    # === HELPERS === #

    @api.model
    def _read_row(self, cr, connection_id, lock=False):
        """Return the row as a dict, None if there is none, past all caches."""
        cr.execute(SQL(
            "SELECT access_token, refresh_token, issued_at, expires_in, not_before, problem"
            "  FROM exact_token WHERE connection_id = %s %s",
            connection_id, SQL("FOR NO KEY UPDATE") if lock else SQL(),
        ), log_exceptions=not lock)
        rows = cr.dictfetchall()
        return rows[0] if rows else None

    @api.model
    def _problem(self, row):
        """Return why the row is of no use, None if it is."""
        if not row or not row['refresh_token'] or not row['issued_at']:
            return 'not_connected'
        return row['problem'] or None

    @api.model
    def _open_tokens(self, row):
        """Return (tokens, None) or (None, reason)."""
        try:
            return Tokens(
                access_token=decrypt(row['access_token']),
                refresh_token=decrypt(row['refresh_token']),
                issued_at=row['issued_at'].replace(tzinfo=timezone.utc),
                expires_in=row['expires_in'] or 600,
            ), None
        except WrongKeyError:
            return None, 'key'

    @api.model
    def _is_unspent(self, error):
        """Tell whether Exact surely did not use up the refresh token when it answered this."""
        return (
            isinstance(error, (Forbidden, RateLimited, Transient, Unreachable))
            or error.status in (429, 503)
        )

    @api.model
    def _refresh_from(self, row, tokens):
        """Return the moment from which on a refresh is due: 570 s after the issue, or later if
        Exact said so.
        """
        moments = [tokens.refreshable_at]
        if row['not_before']:
            moments.append(row['not_before'].replace(tzinfo=timezone.utc))
        return max(moments)

    @api.model
    def _update(self, connection_id, **values):
        """Write the held row, past the ORM: this cursor knows nothing else."""
        self.env.cr.execute(SQL(
            "UPDATE exact_token SET %s, write_date = (now() AT TIME ZONE 'UTC') WHERE "
            "connection_id = %s",
            SQL(', ').join(
                SQL("%s = %s", SQL.identifier(name), value if value is not False else None)
                for name, value in values.items()
            ),
            connection_id,
        ))

    @api.model
    def _give_up(self, connection_id, problem):
        """Mark the pair as useless but keep it: deleting on an error has ended many good links."""
        self._update(connection_id, problem=problem)
        return problem


class ExactTokenRefresh(models.Model):
    """Which refresh token is being sent, committed before it is.

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

    _connection_uniq = models.Constraint(
        'UNIQUE(connection_id)', "A connection is refreshed once at a time.",
    )

    @api.model
    def _announce(self, connection_id, spent):
        """Tell that this refresh token is sent now; return how often it was, this time included."""
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                """
                INSERT INTO exact_token_refresh AS old
                            (connection_id, fingerprint, tries, started_at)
                     VALUES (%(connection)s, %(spent)s, 1, %(now)s)
                ON CONFLICT (connection_id) DO UPDATE
                        SET tries = CASE WHEN old.fingerprint = %(spent)s
                                         THEN old.tries + 1 ELSE 1 END,
                            fingerprint = %(spent)s,
                            started_at = %(now)s
                  RETURNING tries
                """,
                connection=connection_id, spent=spent, now=utcnow().replace(tzinfo=None),
            ))
            return cr.fetchone()[0]

    @api.model
    def _withdraw(self, connection_id):
        """Tell that the token was surely not used."""
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL("DELETE FROM exact_token_refresh WHERE connection_id = %s", connection_id),
            )
