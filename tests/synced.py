"""What most tests of documents begin with, made once for all classes: a company of the Netherlands
whose administration is synchronised and mapped, and the books of the simulator it goes with.

scripts/test says where that is kept: ACCOUNT_EXACT_SYNCED is a path, its last part the name of a
database; ACCOUNT_EXACT_INSTALLED is the database to make it from. Whoever comes first makes it.
Each process works on copies. Without these, every class makes its own start, as in Odoo's own runs.
"""

import fcntl
import io
import os
import pathlib
import pickle
import tempfile
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import cache

import psycopg2
from psycopg2 import sql

from odoo import api, fields, models, sql_db
from odoo.tests.common import get_db_name
from odoo.tools import SQL, config

from odoo.addons.base.tests.common import BaseCommon

# What belongs to the class that runs, not to what it begins with.
OF_THE_CLASS = {
    'cr', 'env', 'registry', 'simulator', 'test_tags', 'test_module', 'simulator_books',
}
# May differ from class to class: what is done with the start. Whoever has the simulator start with
# other books has other master data, too.
MAY_DIFFER = {'setUpClass'}


class Pickler(pickle.Pickler):
    """Records and environments become what finds them in a copy of the database."""

    def persistent_id(self, obj):
        if isinstance(obj, models.BaseModel):
            return obj._name, obj.ids, obj.env.uid, obj.env.su, dict(obj.env.context)
        return None


class Unpickler(pickle.Unpickler):
    def __init__(self, file, env):
        super().__init__(file)
        self.env = env

    def persistent_load(self, pid):
        name, ids, uid, su, context = pid
        return self.env(user=uid, su=su, context=context)[name].browse(ids)


def attributes(cls):
    """What the set-up of a class left on it, as bytes."""
    kept = {
        name: value for name, value in vars(cls).items()
        if not name.startswith(('_', 'registry_')) and not name.endswith('_patcher')
        and name not in OF_THE_CLASS
    }
    file = io.BytesIO()
    # The end of the set-up, not the beginning of its transaction: when its moments are moved on,
    # none of them may come to lie in the future
    Pickler(file).dump({
        'now': fields.Datetime.now() + timedelta(seconds=1),
        'user': cls.env.uid, 'context': dict(cls.env.context),
    })
    Pickler(file).dump(kept)
    return file.getvalue()


def fits(cls, base):
    """Tell whether a class begins as its base does, whatever it does then."""
    before = cls.__mro__[:cls.__mro__.index(BaseCommon) + 1]
    if before[before.index(base):] != base.__mro__[:base.__mro__.index(BaseCommon) + 1]:
        return False
    return not any(
        isinstance(vars(base_of).get(name), classmethod)
        for other in before[:before.index(base)]
        for name in set(vars(other)) - MAY_DIFFER
        for base_of in base.__mro__
    )


def statement(text, *names):
    """Run a statement about databases, which no transaction may surround."""
    with closing(psycopg2.connect(dbname='postgres')) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(text).format(*map(sql.Identifier, names)))


def exists(database):
    with closing(psycopg2.connect(dbname='postgres')) as connection, connection.cursor() as cursor:
        cursor.execute('SELECT 1 FROM pg_database WHERE datname = %s', [database])
        return bool(cursor.fetchone())


def is_made(path):
    return path.with_suffix('.pickle').exists() and exists(path.name)


@contextmanager
def working_on(database):
    """Let all of Odoo's tests and its server work on another database."""
    before = {name: config[name] for name in ('db_name', 'dbfilter', 'test_enable')}
    config['db_name'], config['dbfilter'] = [database], f'^{database}$'
    config['test_enable'] = True
    try:
        yield
    finally:
        for name, value in before.items():
            config[name] = value


@contextmanager
def locked(path):
    """Sixteen locks for all, as a file that is locked must not be removed."""
    name = f"synced-{path.name.rpartition('_')[2][0]}"
    with open(path.parent.parent / 'locks' / name, 'a', encoding='utf-8') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Start:
    """The start of this process's classes."""

    def __init__(self, base, path, database):
        self.base, self.database = base, database
        content, books = path.with_suffix('.pickle'), path.with_suffix('.sqlite')
        sql_db.close_db(database)
        with locked(path):
            statement('DROP DATABASE IF EXISTS {} WITH (FORCE)', database)
            if is_made(path):
                statement('CREATE DATABASE {} TEMPLATE {}', database, path.name)
            else:
                statement('CREATE DATABASE {} TEMPLATE {}', database,
                          os.environ['ACCOUNT_EXACT_INSTALLED'])
                self.make(path.name, content, books)
            content.touch()
            self.content, self.books = content.read_bytes(), books.read_bytes()

    def make(self, name, content, books):
        """Let a class set up all of it, and keep what it made."""
        for path in (content, *books.parent.glob(f'{books.name}*')):
            path.unlink(missing_ok=True)
        statement('DROP DATABASE IF EXISTS {} WITH (FORCE)', name)
        # The base itself only begins here
        maker = type('Synced', (self.base.__base__,), {
            '__module__': __name__, 'simulator_books': str(books),
        })
        with working_on(self.database):
            try:
                maker.setUpClass()
                kept = attributes(maker)
                maker.env.flush_all()
                maker.commit_patcher.stop()
                own_cursor = maker.cr
                own_cursor.commit()
            finally:
                maker.doClassCleanups()
            for _kind, error, _traceback in maker.tearDown_exceptions:
                raise error
        # A database that is copied has no other visitors
        sql_db.close_db(self.database)
        statement('CREATE DATABASE {} TEMPLATE {}', name, self.database)
        statement('ALTER DATABASE {} ALLOW_CONNECTIONS false', name)
        content.write_bytes(kept)

    def set_up(self, cls):
        """Let a class begin here, with a simulator of its own."""
        cls.enterClassContext(working_on(self.database))
        # Past all that made the start, to Odoo's own set-up of the class and its server
        after = cls.__mro__[cls.__mro__.index(BaseCommon) + 1]
        after.setUpClass.__func__(cls)
        file = io.BytesIO(self.content)
        head = pickle.load(file)
        cls.env = api.Environment(cls.cr, head['user'], head['context'])
        for name, value in Unpickler(file, cls.env).load().items():
            setattr(cls, name, value)
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.simulator_books = str(folder / 'books.sqlite')
        pathlib.Path(cls.simulator_books).write_bytes(self.books)
        self.pass_time(cls.cr, head['now'])
        cls.start_simulator()
        cls.consent_again(cls.connection)

    def pass_time(self, cr, then):
        """What was done when the start was made was done just now."""
        cr.execute(SQL(
            "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
            " JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            " AND data_type LIKE 'timestamp%%'"
            " AND (table_name LIKE 'exact\\_%%' OR table_name = 'ir_cron_trigger')"
            " GROUP BY table_name"
        ))
        for table, columns in cr.fetchall():
            cr.execute(SQL("UPDATE %s SET %s", SQL.identifier(table), SQL(", ").join(
                SQL("%s = %s + %s", SQL.identifier(name), SQL.identifier(name), cr.now() - then)
                for name in columns
            )))


class Plan:
    """What the tests that were collected need."""

    # Nobody needs a database without a start: this process's own becomes one.
    alone = False

    @classmethod
    def path(cls):
        path = os.environ.get('ACCOUNT_EXACT_SYNCED')
        return path and pathlib.Path(path)

    @classmethod
    def begin(cls, classes, base):
        """Called before Odoo is loaded; what is there already need not be loaded twice."""
        cls.alone = bool(classes) and all(
            issubclass(one, base) and fits(one, base) for one in classes
        )
        if cls.alone and cls.path() and is_made(cls.path()):
            start_of(base)

    @classmethod
    def prepare(cls, classes, base):
        """Called before the first test, so that the start is not the time of a class."""
        if any(issubclass(one, base) and fits(one, base) for one in classes):
            start_of(base)


@cache
def start_of(base):
    if not Plan.path():
        return None
    return Start(base, Plan.path(), get_db_name() + ('' if Plan.alone else '_synced'))


def start(cls, base):
    """Return the start for a class that begins as `base` does; None: it has to make its own."""
    return start_of(base) if fits(cls, base) else None
