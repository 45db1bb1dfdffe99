"""The books: records in memory for speed, written through to SQLite for keeps.

A record is a plain dict of JSON values. Dates are kept as text (``2026-01-31`` or Dutch wall clock
``2026-01-31T12:00:00.123``), money as floats made from rounded decimals. Every write gives the
record a higher ``Timestamp`` than anything before, as Exact's rowversion does (fact sheet 3.5).
"""

import bisect
import contextlib
import fcntl
import json
import sqlite3
import threading
import uuid

#: properties looked up often by equality; a hash index is built on first use
INDEXED = frozenset(
    (
        'ID',
        'EntryID',
        'Account',
        'Code',
        'Document',
        'TransactionEntryID',
        'VATCodeID',
        'YourRef',
        'EntryNumber',
        'Journal',
        'JournalCode',
        'Customer',
        'Supplier',
        'BankAccount',
        'VATNumber',
        'ChamberOfCommerce',
        'FinancialTransactionEntryID',
    )
)
NAMESPACE = uuid.UUID('5f6f9b4e-0000-4000-8000-00000000e0a1')


def stable_guid(*parts):
    """A GUID that is the same on every run for the same parts (seeds)."""
    return str(uuid.uuid5(NAMESPACE, '/'.join(str(part) for part in parts)))


class BooksInUseError(Exception):
    """Another simulator has these books open; two would undo each other's work."""


def guard(path):
    """A lock on the books of this process, held until closed; None for books in memory.

    :raise BooksInUseError: somebody else holds it
    """
    if path == ':memory:':
        return None
    handle = open(f'{path}.lock', 'w', encoding='utf-8')  # noqa: SIM115 - held until closed
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise BooksInUseError(f'{path} is open in another simulator') from None
    return handle


def as_text(body):
    """A record as JSON; half a surrogate pair, which has no bytes of its own, escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(',', ':'))
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(body, separators=(',', ':'))
    return text


def normal(value):
    """Texts as a filter compares them at most loosely: no outer blanks, no case."""
    return value.strip().casefold() if isinstance(value, str) else value


class Table:
    """Records of one kind in one division, by key, with lazy indexes.

    An index named ``~Name`` holds :func:`normal` values of ``Name``.
    """

    @staticmethod
    def _value(row, name):
        return normal(row.get(name[1:])) if name[0] == '~' else row.get(name)

    def __init__(self):
        self.rows = {}
        self._indexes = {}
        self._order = None

    def _unindex(self, row):
        for name, index in self._indexes.items():
            keys = index.get(self._value(row, name))
            if keys is not None:
                keys.pop(row['_key'], None)

    def put(self, row):
        old = self.rows.pop(row['_key'], None)
        if old is not None:
            self._unindex(old)
        self.rows[row['_key']] = row
        for name, index in self._indexes.items():
            index.setdefault(self._value(row, name), {})[row['_key']] = None
        self._order = None
        return old

    def drop(self, key):
        old = self.rows.pop(key, None)
        if old is not None:
            self._unindex(old)
            self._order = None
        return old

    def by(self, name, value):
        """Records whose property ``name`` equals ``value``, in order of Timestamp of first index
        use.
        """
        if name not in self._indexes:
            index = {}
            for key, row in self.rows.items():
                index.setdefault(self._value(row, name), {})[key] = None
            self._indexes[name] = index
        return [self.rows[key] for key in self._indexes[name].get(value, ())]

    def after(self, timestamp):
        """Records with a higher Timestamp, in that order."""
        if self._order is None:
            rows = sorted(self.rows.values(), key=lambda row: row['Timestamp'])
            self._order = ([row['Timestamp'] for row in rows], rows)
        stamps, rows = self._order
        return rows[bisect.bisect_right(stamps, timestamp) :]

    def __len__(self):
        return len(self.rows)


class Store:
    """All tables of all divisions, with one lock and transactions that undo memory and file
    together.

    :param path: SQLite file, or ``':memory:'``
    :param clock: :class:`~.clock.Clock`
    """

    def __init__(self, path, clock):
        self.path = str(path)
        self.clock = clock
        self.lock = threading.RLock()
        self._guard = guard(self.path)
        self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        self._db.execute('PRAGMA journal_mode=WAL')
        self._db.execute('PRAGMA synchronous=NORMAL')
        self._db.executescript("""
            CREATE TABLE IF NOT EXISTS record (
                kind TEXT NOT NULL, division INTEGER NOT NULL, key TEXT NOT NULL,
                stamp INTEGER NOT NULL, at REAL NOT NULL, body TEXT NOT NULL,
                PRIMARY KEY (kind, division, key)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS blob (
                key TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS call (
                id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, app TEXT NOT NULL,
                user TEXT NOT NULL, division INTEGER NOT NULL, method TEXT NOT NULL,
                resource TEXT NOT NULL, status INTEGER NOT NULL, counted INTEGER NOT NULL,
                ms REAL NOT NULL, message TEXT NOT NULL);
            CREATE INDEX IF NOT EXISTS call_at ON call (at);
            CREATE INDEX IF NOT EXISTS call_division ON call (division, id);
        """)
        self.tables = {}
        self.last_stamp = 1_000_000
        self._undo = None
        self._writes = {}
        self._commit_hooks = []
        self._changes = []
        self._silent = False
        self._load()

    def _load(self):
        rows = self._db.execute(
            'SELECT kind, division, key, stamp, at, body FROM record ORDER BY stamp'
        )
        for kind, division, key, stamp, at, body in rows:
            row = json.loads(body)
            row.update(_key=key, _at=at, Timestamp=stamp)
            self.table(kind, division).put(row)
            self.last_stamp = max(self.last_stamp, stamp)

    def close(self):
        with self.lock:
            self._db.close()
            if self._guard is not None:
                self._guard.close()

    # === reading === #

    def table(self, kind, division):
        key = (kind, division)
        table = self.tables.get(key)
        if table is None:
            table = self.tables[key] = Table()
        return table

    def get(self, kind, division, key):
        table = self.tables.get((kind, division))
        return table.rows.get(key) if table is not None and key is not None else None

    def all(self, kind, division):
        """Records of a kind, a list in no promised order."""
        table = self.tables.get((kind, division))
        return list(table.rows.values()) if table is not None else []

    def by(self, kind, division, name, value):
        """Records of a kind whose property equals ``value``."""
        return self.table(kind, division).by(name, value)

    def one(self, kind, division, name, value):
        """The record whose property equals ``value``, or None."""
        found = self.table(kind, division).by(name, value) if value is not None else ()
        return found[0] if found else None

    def blob(self, key):
        """Bytes of an attachment, or None."""
        with self.lock:
            found = self._db.execute('SELECT content FROM blob WHERE key = ?', (key,)).fetchone()
        return found[0] if found else None

    # === writing === #

    @contextlib.contextmanager
    def transaction(self):
        """All writes inside happen together, in memory and in the file, or not at all.

        Nested use joins the outer one. Callbacks given to :meth:`after_commit` run at its end,
        outside of the lock's critical work but still in this thread.
        """
        with self.lock:
            if self._undo is not None:
                yield
                return
            self._undo, self._writes, self._changes = [], {}, []
            blobs = self._blobs = {}
            try:
                yield
            except BaseException:
                for table, key, old in reversed(self._undo):
                    if old is None:
                        table.drop(key)
                    else:
                        table.put(old)
                self._undo = None
                raise
            self._undo = None
            if not self._writes and not blobs:
                return
            self._db.execute('BEGIN')
            try:
                for (kind, division, key), row in self._writes.items():
                    if row is None:
                        self._db.execute(
                            'DELETE FROM record WHERE kind = ? AND division = ? AND key = ?',
                            (kind, division, key),
                        )
                    else:
                        body = {
                            name: value
                            for name, value in row.items()
                            if name not in ('_key', '_at', 'Timestamp')
                        }
                        self._db.execute(
                            'INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)',
                            (
                                kind,
                                division,
                                key,
                                row['Timestamp'],
                                row['_at'],
                                as_text(body),
                            ),
                        )
                for key, content in blobs.items():
                    if content is None:
                        self._db.execute('DELETE FROM blob WHERE key = ?', (key,))
                    else:
                        self._db.execute(
                            'INSERT OR REPLACE INTO blob VALUES (?, ?)', (key, content)
                        )
                self._db.execute('COMMIT')
            except BaseException:
                self._db.execute('ROLLBACK')
                raise
            changes = self._changes
        for hook in self._commit_hooks:
            hook(changes)

    def on_commit(self, hook):
        """Call ``hook(changes)`` after each commit; changes: list of (action, kind, division,
        key).
        """
        self._commit_hooks.append(hook)

    @contextlib.contextmanager
    def unannounced(self):
        """Changes inside notify nobody."""
        before, self._silent = self._silent, True
        try:
            yield
        finally:
            self._silent = before

    def put(self, kind, division, row, key=None):
        """Insert or change a record; it gets the next Timestamp. Returns the stored dict.

        :param row: whole record; ``key`` defaults to its ``ID``
        """
        with self.lock:
            if self._undo is None:
                with self.transaction():
                    return self.put(kind, division, row, key)
            self.last_stamp += 1
            key = key or row.get('_key') or row.get('ID')
            row = {
                **row,
                '_key': key,
                '_at': self.clock().timestamp(),
                'Timestamp': self.last_stamp,
            }
            table = self.table(kind, division)
            old = table.put(row)
            self._undo.append((table, key, old))
            self._writes[(kind, division, key)] = row
            if not self._silent:
                self._changes.append(('Update' if old else 'Create', kind, division, key))
            return row

    def drop(self, kind, division, key):
        """Remove a record; returns what it was, or None."""
        with self.transaction():
            table = self.table(kind, division)
            old = table.drop(key)
            if old is not None:
                self._undo.append((table, key, old))
                self._writes[(kind, division, key)] = None
                if not self._silent:
                    self._changes.append(('Delete', kind, division, key))
            return old

    def put_blob(self, key, content):
        """Store (or with None remove) the bytes of an attachment inside the transaction."""
        with self.transaction():
            self._blobs[key] = content

    def next_number(self, name, division, start=1):
        """A counter that never goes back (numbers of deleted records stay used)."""
        with self.transaction():
            row = self.get('_counter', division, name) or {'value': start - 1}
            value = row['value'] + 1
            self.put('_counter', division, {'value': value}, key=name)
            return value

    # === calls === #

    def log_call(self, **values):
        """Remember one API request for the limits and for the page of calls."""
        with self.lock:
            self._db.execute(
                'INSERT INTO call (at, app, user, division, method, resource, status, counted, ms,'
                ' message) VALUES (:at, :app, :user, :division, :method, :resource, :status,'
                ' :counted, :ms, :message)',
                values,
            )

    def query(self, sql, *args):
        """Rows of a read-only SQL query on the call table."""
        with self.lock:
            return self._db.execute(sql, args).fetchall()
