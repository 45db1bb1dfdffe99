"""The work of scripts/kill_test: documents, servers, kills, and the count in Exact's own books."""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import psycopg2
import requests
from bench_tools import DIVISION, prepare

import odoo
from odoo import SUPERUSER_ID, Command, api
from odoo.modules.registry import Registry

# What Exact takes for a booking, before it is done and before the answer: a kill falls into each.
SECONDS_BEFORE, SECONDS_AFTER = 0.1, 0.2
# Between the first sign of work after a kill and the next one.
SHORTEST, LONGEST = 0.1, 2.0
ENTRIES = ('SalesEntries', 'PurchaseEntries', 'GeneralJournalEntries')
ENDED = ('verified', 'blocked', 'refused')


def say(text):
    print(text, flush=True)


# === DOCUMENTS === #


def make_documents(env, count):
    """Invoices, bills, credit notes and journal entries of customers and suppliers, some of whom
    Exact does not know yet."""
    country = env.ref('base.nl').id
    partners = env['res.partner'].create([
        {'name': f"Relatie {number:03} B.V.", 'is_company': True, 'country_id': country,
         'city': "Ons Dorp", 'email': f"relatie{number:03}@relaties.example"}
        for number in range(max(count // 10, 2))
    ])
    taxes = {
        use: env['account.tax'].search([
            ('company_id', '=', env.company.id), ('type_tax_use', '=', use),
            ('amount', '=', 21), ('price_include_override', '!=', 'tax_included'),
        ], limit=1, order='sequence, id')
        for use in ('sale', 'purchase')
    }
    accounts = {
        use: env['exact.account.mapping'].search([
            ('account_id.account_type', 'in', types), ('gl_account_id', '!=', False),
        ], limit=1, order='id').account_id
        for use, types in (
            ('sale', ('income',)), ('purchase', ('expense', 'expense_direct_cost')),
        )
    }
    moves = env['account.move']
    for first in range(0, count, 50):
        values = []
        for number in range(first, min(first + 50, count)):
            move_type = ('out_invoice', 'in_invoice', 'out_invoice', 'out_refund')[number % 4]
            use = 'sale' if move_type.startswith('out') else 'purchase'
            values.append({
                'move_type': move_type,
                'partner_id': partners[number % len(partners)].id,
                'invoice_date': '2026-01-15',
                'date': '2026-01-15',
                'ref': f"K{number:05}" if use == 'purchase' else False,
                'invoice_line_ids': [Command.create({
                    'name': "Regel", 'quantity': 1, 'price_unit': 10 + number,
                    'account_id': accounts[use].id, 'tax_ids': [Command.set(taxes[use].ids)],
                })],
            })
        batch = env['account.move'].create(values)
        batch.action_post()
        env.cr.commit()
        moves |= batch
    return moves


# === SERVERS === #


class Host:
    """An Odoo server of its own, as on a machine of its own."""

    def __init__(self, number, port, options):
        self.number, self.port, self.options = number, port, options
        self.folder = pathlib.Path(os.environ['ODOO_RC']).parent
        self.process = None
        self.starts = 0

    def start(self):
        self.starts += 1
        log = self.folder / f'odoo-{self.number}.log'
        self.process = subprocess.Popen(
            ['setpriv', '--pdeathsig', 'KILL', '--', sys.executable, '-m', 'odoo',
             f'--database={self.options.database}', f'--http-port={self.port}',
             '--max-cron-threads=2', f'--logfile={log}'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=(self.folder / f'odoo-{self.number}.out').open('a'),
        )

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()


class Watcher:
    """Looks at the database from outside, and cuts connections."""

    def __init__(self, database):
        self.database = database
        self.connection = psycopg2.connect(dbname=database)
        self.connection.autocommit = True

    def rows(self, sql, *args):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, args)
            return cursor.fetchall()

    def states(self):
        return dict(self.rows('SELECT state, count(*) FROM exact_export GROUP BY state'))

    def progress(self):
        """A figure that grows with each step of any worker."""
        [[figure]] = self.rows(
            "SELECT coalesce(sum(attempt_count), 0) FROM exact_export",
        )
        return figure

    def sending(self):
        return [row[0] for row in self.rows(
            "SELECT reference FROM exact_export WHERE state = 'sending'",
        )]

    def cut(self):
        """End every connection of Odoo to this database."""
        return len(self.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'odoo-%%'"
            " AND application_name <> %s", f'odoo-{os.getpid()}',
        ))

    def wake(self):
        """What a person does who presses Export just then: servers look for what is due at once
        instead of within the minute."""
        connection = psycopg2.connect(dbname='postgres')
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute('SELECT pg_notify(%s, %s)', ('cron_trigger', self.database))
        connection.close()


# === EXACT'S OWN BOOKS === #


class Books:
    """The simulator's database, read without any help of the addon."""

    def __init__(self, path):
        self.connection = sqlite3.connect(f'file:{path}?mode=ro', uri=True)

    def records(self, kind):
        return [
            json.loads(body) for [body] in self.connection.execute(
                'SELECT body FROM record WHERE kind = ? AND division = ?', (kind, DIVISION),
            )
        ]

    def entries(self):
        """{entry id: reference} of all entries there are."""
        return {
            row['EntryID']: row.get('YourRef') or row.get('Description') or ''
            for kind in ENTRIES for row in self.records(kind)
        }


# === THE RUN === #


def wait_for(condition, seconds, pause=0.05):
    """Whether it came true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return False


def kill_round(chance, hosts, watcher, books, before, counts):
    """One kill, some time after the first sign of work since the last one; whether there was any.
    """
    started = watcher.progress()
    watcher.wake()
    if not wait_for(lambda: watcher.progress() != started, 120):
        counts['without work'] += 1
    time.sleep(chance.uniform(SHORTEST, LONGEST))
    claimed = watcher.sending()
    what = chance.choices(('one server', 'both servers', 'connections'), (6, 2, 2))[0]
    victims = {
        'one server': [chance.choice(hosts)], 'both servers': hosts, 'connections': [],
    }[what]
    if what == 'connections':
        watcher.cut()
    for host in victims:
        host.kill()
    counts[what] += 1
    booked = {
        reference for entry, reference in books.entries().items() if entry not in before
    }
    lost = [reference for reference in claimed if reference in watcher.sending()]
    if lost:
        counts['with a claim open'] += 1
    if any(reference in booked for reference in lost):
        counts['between booking and commit'] += 1
    for host in victims:
        host.start()


def left_alone(watcher, minutes):
    """Whether nothing is due any more after some minutes at most."""
    return wait_for(
        lambda: all(state in ENDED for state in watcher.states()), minutes * 60, pause=1,
    )


def count(env, books, before, moves):
    """The figures; how many of them are wrong."""
    env.invalidate_all()
    exports = env['exact.export'].search([('move_id', 'in', moves.ids)])
    entries = {entry: ref for entry, ref in books.entries().items() if entry not in before}
    by_reference = collections.Counter(entries.values())
    per_document = collections.Counter()
    for export in exports:
        per_document[by_reference.get(export.reference, 0)] += 1
    duplicates = sum(times - 1 for times in by_reference.values() if times > 1)
    losses = len(moves) - sum(per_document[times] for times in per_document if times)
    unknown = set(entries) - set(exports.mapped('exact_guid'))
    names = collections.Counter(
        row['Name'].strip() for row in books.records('Accounts')
        if row['Name'].startswith('Relatie ')
    )
    figures = {
        'documents': len(moves),
        'entries in Exact': len(entries),
        'duplicates': duplicates,
        'losses': losses,
        'entries that no export knows': len(unknown),
        'exports too many or too few': abs(len(exports) - len(moves)),
        'relations made twice': sum(times - 1 for times in names.values()),
        'not verified': len(exports.filtered(lambda export: export.state != 'verified')),
    }
    for name, figure in figures.items():
        say(f"{name:42}{figure}")
    for export in exports.filtered(lambda export: export.state != 'verified')[:10]:
        say(f"  {export.name}: {export.state}, {export.finding_ids.mapped('message')}")
    looked_up = env['exact.export.attempt'].search([
        ('export_id', 'in', exports.ids), ('action', '=', 'look_up'),
    ])
    say(f"{'look-ups in doubt':42}{len(looked_up.filtered('message'))}")
    wrong = sum(figure for name, figure in list(figures.items())[2:])
    return wrong + abs(len(entries) - len(moves))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--database', required=True)
    parser.add_argument('--simulator', required=True)
    parser.add_argument('--books', required=True)
    parser.add_argument('--ports', type=int, nargs=2, required=True)
    parser.add_argument('--queue-job', action='store_true')
    parser.add_argument('--booked', action='store_true')
    parser.add_argument('--kills', type=int, default=50)
    parser.add_argument('--documents', type=int, default=500)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--minutes', type=int, default=20)
    options = parser.parse_args()
    odoo.tools.config.parse_config(['--log-level=warn'])

    def control(action, **values):
        requests.post(
            f'{options.simulator}/_control/{action}', json=values, timeout=30,
        ).raise_for_status()

    # The limits are measured elsewhere; here they would only make the run long.
    control('switches', rate_limits=False)
    clock = time.monotonic()
    with Registry(options.database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env = env(user=env.ref('base.user_admin'), su=False)
        prepare(env)
        moves = make_documents(env, options.documents)
        books = Books(options.books)
        before = set(books.entries())
        moves.action_exact_export()
        cr.commit()
        say(f"{len(moves)} documents asked for export after {time.monotonic() - clock:.0f} s")
        control('faults', faults=[
            {'kind': kind, 'method': 'POST', 'seconds': seconds, 'times': None}
            for kind, seconds in (('delay', SECONDS_BEFORE), ('delay_after', SECONDS_AFTER))
            if kind == 'delay_after' or not options.booked
        ])
        hosts = [Host(number, port, options) for number, port in enumerate(options.ports, 1)]
        watcher, chance = Watcher(options.database), random.Random(options.seed)
        counts = collections.Counter()
        clock = time.monotonic()
        for host in hosts:
            host.start()
        for number in range(options.kills):
            kill_round(chance, hosts, watcher, books, before, counts)
            say(f"kill {number + 1} of {options.kills}: {watcher.states()}")
        say(f"{options.kills} kills in {time.monotonic() - clock:.0f} s: {dict(counts)}")
        control('faults', clear=True)
        clock = time.monotonic()
        finished = left_alone(watcher, options.minutes)
        say(f"left alone for {time.monotonic() - clock:.0f} s: {watcher.states()}")
        for host in hosts:
            host.stop()
        cr.rollback()
        wrong = count(env, books, before, moves)
        cr.rollback()
    sys.exit(1 if wrong or not finished else 0)


if __name__ == '__main__':
    main()
