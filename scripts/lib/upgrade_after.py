"""The second half of scripts/upgrade_test, with the present code, on a database that was upgraded:
the scheduled actions, a person who presses Retry, and the count in Exact's own books.
"""

import argparse
import collections
import json
import sys
import time
from types import SimpleNamespace

from bench_tools import DIVISION
from kill_test import Books, Host, Watcher, say, wait_for
from rehearse.books import Count
from stage_result import log_findings

import odoo
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

# First key of the lock of whoever serves an administration (exact.export.queue).
SERVING = 1164206452
# So long nothing moves, and then what waits for a moment has waited for it.
STILL = 4
UNFINISHED = """
    state IN ('proposed', 'ready', 'sending', 'uncertain') OR pending_action IS NOT NULL
    OR (state = 'sent' AND has_difference IS NOT TRUE)
"""
# What passes by is the time that Exact needs to show what it was asked for, and the pauses between
# two tries. When it was asked stays: Exact remembers the moments of its own.
LATER = """
    UPDATE exact_operation SET shown_by = shown_by - interval '20 minutes'
     WHERE shown_by IS NOT NULL;
    UPDATE exact_export SET next_try = next_try - interval '90 minutes'
     WHERE next_try IS NOT NULL;
    UPDATE exact_export SET sent_at = sent_at - interval '20 minutes' WHERE state = 'sent';
    UPDATE exact_export_queue SET retry_at = NULL WHERE retry_at IS NOT NULL
"""
WRONG = (
    'never done', 'not finished as it should be', 'entries too many or too few',
    'entries that no export knows', 'exports too many', 'relations made twice',
    'bank accounts made twice', 'documents of no entry', 'files too many or too few',
    'verified, but not equal', 'calls of which nobody knows what became',
    "warnings and errors in Odoo's log",
)
# How an export may end, and how many entries Exact has of it then.
ENDS = {
    'entry': (('verified',), 1),
    'nothing': (('undone', 'blocked', 'deleted'), 0),
    'opposite': (('undone',), 2),
}


class Ledger(Count):
    """Documents against the lines of Exact's ledger, as the rehearsal compares them."""

    def __init__(self, env, books):
        self.env, self.books = env, books
        self.store = SimpleNamespace(all=lambda kind, _division: books.records(kind))
        self.lines = collections.defaultdict(list)
        for line in books.records('TransactionLines'):
            self.lines[line['EntryID']].append(line)

    def code(self, _move):
        return DIVISION

    def differences(self, export):
        lines = self.lines[export.exact_guid]
        return list(self._differences(export.move_id, lines)) if lines else ["no ledger lines"]


class After:
    def __init__(self, options):
        self.options = options
        with open(options.documents, encoding='utf-8') as file:
            noted = json.load(file)
        self.documents, self.entries_before = noted['documents'], set(noted['entries_before'])
        self.books, self.watcher = Books(options.books), Watcher(options.database)
        self.wrong = {kind: [] for kind in WRONG}

    # === LEFT ALONE === #

    def start(self, host):
        """Start the server; it has its scheduled actions from then on."""
        log = host.folder / f'odoo-{host.number}.log'
        host.start()
        if not wait_for(
            lambda: log.exists() and 'HTTP service' in log.read_text(encoding='utf-8'), 300, 0.5,
        ):
            raise SystemExit("Odoo did not start after the upgrade.")

    def unfinished(self):
        [[number]] = self.watcher.rows(f"SELECT count(*) FROM exact_export WHERE {UNFINISHED}")
        return number

    def trace(self):
        """What is another with each step of a worker, or while one is at work."""
        return (
            self.watcher.rows(
                "SELECT id, state, pending_action, next_try, attempt_count FROM exact_export"
                " ORDER BY id",
            ),
            self.watcher.rows("SELECT id, state FROM exact_operation ORDER BY id"),
            self.watcher.rows(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                "   AND granted AND database ="
                "       (SELECT oid FROM pg_database WHERE datname = current_database())"
                " HAVING count(*) > 0", SERVING,
            ) and time.monotonic(),
        )

    def wait_until_still(self):
        """Until the servers have done all that they can do now."""
        while True:
            before = self.trace()
            if not wait_for(lambda seen=before: self.trace() != seen, STILL, pause=0.5):
                return

    def left_alone(self):
        """Whether nothing is due any more after some minutes at most, of which each is many."""
        end = time.monotonic() + self.options.minutes * 60
        while time.monotonic() < end:
            self.watcher.wake()
            self.wait_until_still()
            if not self.unfinished():
                return True
            with self.watcher.connection.cursor() as cursor:
                cursor.execute(LATER)
        return False

    def states(self):
        return collections.Counter(dict(self.watcher.rows(
            "SELECT concat_ws(', ', state, pending_action), count(*) FROM exact_export GROUP BY 1",
        )))

    # === A PERSON === #

    def press(self, env):
        """Press Retry where a person has to, and Update on what was edited."""
        moves = env['account.move'].browse(row['move'] for row in self.documents)
        latest = moves.exact_export_id
        stopped = latest.filtered(
            lambda export: export.state in ('blocked', 'refused')
            or (export.state == 'sent' and export.has_difference)
        ).move_id
        edited = latest.filtered(lambda export: export.state == 'changed').move_id
        for move in stopped:
            move.action_exact_retry()
        for move in edited:
            move.action_exact_update()
        say(f"Retry on {len(stopped)} documents, Update on {len(edited)}")
        env.cr.commit()

    # === THE COUNT === #

    def count(self, env):
        exports = env['exact.export'].search([], order='id')
        entries = self.entries()
        say(f"\n{'document':44}{'before':22}{'after':12}entries in Exact")
        for row in self.documents:
            self.count_document(env['account.move'].browse(row['move']), row, entries)
        known = {*exports.mapped('exact_guid'), *exports.mapped('reversal_guid')}
        self.wrong['entries that no export knows'] += [
            text for guid, text in entries.items() if guid not in known
        ]
        self.count_relations()
        self.count_files(exports, entries)
        ledger = Ledger(env, self.books)
        for export in exports.filtered(lambda export: export.state == 'verified'):
            self.wrong['verified, but not equal'] += [
                f"{export.name}: {text}" for text in ledger.differences(export)
            ]
        self.wrong['calls of which nobody knows what became'] += [
            f"{operation.verb} {operation.part} of {operation.res_model} {operation.res_id}"
            for operation in env['exact.operation'].search([('state', 'in', ['asked', 'unknown'])])
        ]

    def entries(self):
        """{entry id: reference} of those that came since the first document."""
        entries = self.books.entries()
        for line in self.books.records('GeneralJournalEntryLines'):
            # Journal entries have none of their own: their lines begin with it.
            entries[line['EntryID']] = line['Description']
        return {
            guid: text for guid, text in entries.items() if guid not in self.entries_before
        }

    def count_document(self, move, row, entries):
        """One document: its state, and the entries that carry its reference."""
        exports = move.exact_export_ids.sorted('id')
        latest = exports[-1:]
        reference = latest.reference or move.name
        there = [
            guid for guid, text in entries.items()
            if text == reference or text.startswith(f'{reference}:')
        ]
        states, number = ENDS[row['ends']]
        say(f"{row['name']:44}{row['before']:22}{latest.state:12}{len(there)}")
        name = f"{row['name']} ({move.name})"
        if latest.state not in states or latest.pending_action:
            self.wrong['not finished as it should be'].append(
                f"{name}: {latest.state} {latest.pending_action or ''}"
                f" {latest.finding_ids.mapped('message')}",
            )
        if len(there) != number:
            self.wrong['entries too many or too few'].append(f"{name}: {len(there)}")
        elif row['ends'] == 'entry' and there != [latest.exact_guid]:
            self.wrong['entries too many or too few'].append(f"{name}: another than the export's")
        elif row['ends'] == 'opposite':
            if set(there) != {latest.exact_guid, latest.reversal_guid}:
                self.wrong['entries too many or too few'].append(f"{name}: others")
        if len(exports) > 1:
            self.wrong['exports too many'].append(f"{name}: {exports.mapped('state')}")

    def count_relations(self):
        made = [
            row for row in self.books.records('Accounts') if row['Name'].startswith('Relatie ')
        ]
        names = collections.Counter(row['Name'].strip() for row in made)
        self.wrong['relations made twice'] += [name for name, times in names.items() if times > 1]
        ids = {row['ID'] for row in made}
        accounts = collections.Counter(
            (row['Account'], row['BankAccount']) for row in self.books.records('BankAccounts')
            if row['Account'] in ids
        )
        self.wrong['bank accounts made twice'] += [
            str(account) for account, times in accounts.items() if times > 1
        ]

    def count_files(self, exports, entries):
        """Each entry has its document with the files, each of them once; no document else."""
        subjects = set(exports.mapped('name'))
        documents = {
            row['ID']: row for row in self.books.records('Documents')
            if row.get('Subject') in subjects
        }
        files = collections.defaultdict(list)
        for row in self.books.records('DocumentAttachments'):
            files[row['Document']].append(row['FileName'])
        standing = exports.filtered(lambda export: export.exact_guid in entries)
        # (Who deletes an entry in Exact leaves its document there.)
        ended = exports.filtered(lambda export: export.state == 'deleted')
        known = set((standing | ended).mapped('document_guid'))
        self.wrong['documents of no entry'] += [
            row['Subject'] for guid, row in documents.items() if guid not in known
        ]
        for export in standing.filtered(lambda export: export.state == 'verified'):
            # Of a sale the printed page; it is not printed to find that out.
            move = export.move_id
            wanted = 1 if move.is_sale_document() else len(move._exact_files())
            there = files[export.document_guid]
            if len(there) != wanted or len(set(there)) != wanted:
                self.wrong['files too many or too few'].append(f"{export.name}: {there}")

    # === ALL OF IT === #

    def run(self):
        host = Host(1, self.options.port, self.options)
        say(f"after the upgrade: {dict(self.states())}")
        try:
            self.start(host)
            finished = self.left_alone()
            say(f"left alone: {dict(self.states())}")
            with Registry(self.options.database).cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                self.press(env(user=env.ref('base.user_admin'), su=False))
            finished = self.left_alone() and finished
        finally:
            host.stop()
        if not finished:
            self.wrong['never done'].append(str(dict(self.states())))
        with Registry(self.options.database).cursor() as cr:
            self.count(api.Environment(cr, SUPERUSER_ID, {}))
        logs = [self.options.log, host.folder / 'odoo-1.log']
        self.wrong["warnings and errors in Odoo's log"] += log_findings(logs)
        say('')
        for kind, texts in self.wrong.items():
            say(f"{kind:44}{len(texts)}")
            for text in texts:
                say(f"  {text}")
        return sum(map(len, self.wrong.values()))


def main():
    parser = argparse.ArgumentParser()
    for name in ('database', 'simulator', 'books', 'documents', 'log'):
        parser.add_argument(f'--{name}', required=True)
    parser.add_argument('--port', type=int, required=True)
    parser.add_argument('--minutes', type=int, default=10)
    options = parser.parse_args()
    odoo.tools.config.parse_config(['--log-level=warn'])
    sys.exit(1 if After(options).run() else 0)


if __name__ == '__main__':
    main()
