"""The first half of scripts/upgrade_test, with the code of the release before: brings documents
into the states of upgrade_cases.py.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import requests
from bench_tools import attach, prepare
from kill_test import Books, Watcher, make_documents, say, wait_for
from upgrade_cases import ALL, BOOKED, DOCUMENTS, ENTRY, FILES, LEFT, LEFT_BOOKED, PLACES, SENT

import odoo
from odoo import SUPERUSER_ID, Command, api, fields
from odoo.modules.registry import Registry

# A document that is ready for the upgrade is left alone by the workers that make the next one. Not
# for longer: what waits for hours is taken for a clock that was wrong.
PARKED = timedelta(minutes=90)
# How long Exact takes, where a worker is to be killed meanwhile.
SECONDS = 15


class Before:
    """The database of the release before."""

    def __init__(self, env, options):
        self.env, self.options = env, options
        self.books, self.watcher = Books(options.books), Watcher(options.database)
        # The limits are tested elsewhere; here they would only make it long.
        self.control('switches', rate_limits=False)
        self.division = prepare(env)
        self.entries_before = sorted(self.books.entries())
        self.division.send_documents = True
        self.moves = {}
        self.next_tries, self.unmet = {}, []

    def control(self, action, **values):
        answer = requests.post(
            f'{self.options.simulator}/_control/{action}', json=values, timeout=30,
        )
        answer.raise_for_status()
        return answer.json()

    # === DOCUMENTS === #

    def make(self, cases):
        """A posted document for each case, with a file of its own."""
        wanted = Counter(case.kind for case in cases)
        fours = max(-(-wanted[kind] // len(places)) for kind, places in PLACES.items())
        pool = make_documents(self.env, 4 * fours)
        attach(pool)
        left = {
            kind: [move for place in places for move in pool[place::4]]
            for kind, places in PLACES.items()
        }
        for case in cases:
            self.moves[case.name] = (
                self.entry(pool[:4]) if case.kind == ENTRY else left[case.kind].pop()
            )
        for case in cases:
            case.ahead(self, self.moves[case.name])
        self.env.cr.commit()

    def entry(self, moves):
        """A journal entry with the accounts of these documents."""
        accounts = moves.invoice_line_ids.account_id
        move = self.env['account.move'].create({
            'move_type': 'entry', 'date': '2026-01-15', 'ref': f"M{moves[:1].id}",
            'line_ids': [
                Command.create({
                    'name': "Regel", 'account_id': account.id, 'debit': debit, 'credit': credit,
                    'tax_ids': False,
                })
                for account, debit, credit in ((accounts[0], 60, 0), (accounts[-1], 0, 60))
            ],
        })
        move.action_post()
        self.map_journal(move.journal_id)
        return move

    def map_journal(self, journal):
        """Choose the journal of Exact that takes journal entries, as a person does."""
        of_division = [('division_id', '=', self.division.id)]
        wanted = self.env['exact.journal'].search([
            *of_division, ('journal_type', '=', '90'), ('is_blocked', '=', False),
        ], limit=1, order='code')
        values = {'division_id': self.division.id, 'journal_id': journal.id}
        mapping = self.env['exact.journal.mapping'].search([
            *of_division, ('journal_id', '=', journal.id),
        ])
        (mapping or mapping.create(values)).exact_journal_id = wanted

    def partner(self, name):
        return self.env['res.partner'].create({
            'name': name, 'is_company': True, 'country_id': self.env.ref('base.nl').id,
            'city': "Ons Dorp",
        })

    def file(self, move, name):
        self.env['ir.attachment'].create({
            'name': name, 'mimetype': 'application/pdf', 'raw': f"%PDF-1.4 {name}".encode(),
            'res_model': 'account.move', 'res_id': move.id,
        })

    # === STATES === #

    def work(self):
        """Let the scheduled action do all that is due."""
        self.env.cr.commit()
        self.env.ref('account_exact.ir_cron_exact_export').method_direct_trigger()
        self.renew()

    def renew(self):
        self.env.cr.commit()
        self.env.invalidate_all()

    def state(self, case):
        latest = self.moves[case.name].sudo().exact_export_id
        return ', '.join(filter(None, (latest.state, latest.pending_action)))

    def withdrawn(self, move):
        self.on_hold(move)
        move.action_exact_undo()

    def withdrawn_with_document(self, move):
        """Withdrawn when Exact may have its document."""
        move.action_exact_export()
        self.control('faults', faults=[
            {'kind': 'cut_after', 'method': 'POST', 'resource': DOCUMENTS},
        ])
        self.work()
        move.action_exact_undo()
        self.park(move)

    def on_hold(self, move):
        """Checked, but not sent."""
        self.division.hold = True
        move.action_exact_export()
        self.work()
        self.park(move)
        self.division.hold = False

    def park(self, move):
        """Let no worker touch it before the upgrade."""
        latest = move.sudo().exact_export_id
        if latest.id not in self.next_tries:
            self.next_tries[latest.id] = latest.next_try
        latest.next_try = fields.Datetime.now() + PARKED
        self.renew()

    def bring(self, case):
        """Bring a document into its state."""
        move = self.moves[case.name]
        case.do(self, move)
        self.env.cr.commit()
        if case.fault:
            kind, method, resource, *options = case.fault
            faults = [{'kind': kind, 'method': method, 'resource': resource}]
            faults[0].update(*options)
            if case.is_killed:
                slow = {'method': method, 'resource': resource, 'seconds': SECONDS}
                if kind == 'cut_before':
                    faults.append({'kind': 'delay', **slow})
                else:
                    faults = [{'kind': kind, **slow, 'times': None}]
            self.control('faults', clear=True, faults=faults)
        if case.is_killed:
            self.kill_worker(case)
        else:
            self.work()
        if case.fault:
            if not self.fired():
                self.unmet.append(case.name)
            self.control('faults', clear=True)
        if self.state(case) not in ('verified', 'changed', 'undone', 'blocked', 'refused'):
            self.park(move)

    def fired(self):
        """The faults that were met: [method, resource, kind]."""
        state = requests.get(f'{self.options.simulator}/_control/state', timeout=30).json()
        return state['fired']

    def kill_worker(self, case):
        """A worker of its own is killed while Exact, which was asked, takes its time."""
        worker = subprocess.Popen([
            sys.executable, '-m', 'upgrade_before', '--worker', '--database',
            self.options.database, '--simulator', self.options.simulator,
            '--books', self.options.books, '--documents', self.options.documents,
        ])
        try:
            wait_for(lambda: self.is_asked(case) or worker.poll() is not None, 90)
        finally:
            worker.kill()
            worker.wait()
        self.renew()

    def is_asked(self, case):
        """Whether Exact was asked for what takes its time, and what is done by then is done."""
        [(state, guid, reference)] = self.watcher.rows(
            'SELECT state, exact_guid, reference FROM exact_export WHERE move_id = %s'
            ' ORDER BY id DESC LIMIT 1', self.moves[case.name].id,
        )
        kind, method, resource, *_options = case.fault
        if state != case.state.split(', ')[0] or not any(
            fired[0] == method and re.search(resource, fired[1])
            for fired in self.fired()
        ):
            return False
        if kind != 'delay_after':
            return True
        if resource == FILES:
            name = f'{self.moves[case.name].id}.pdf'
            return any(row['FileName'] == name for row in self.books.records('DocumentAttachments'))
        entries = self.books.entries()
        # (What is deleted is there no more.)
        return guid not in entries if guid else reference in entries.values()

    # === ALL OF IT === #

    def run(self):
        self.make(ALL)
        first = self.env['account.move'].union(
            *(self.moves[case.name] for case in (*BOOKED, *LEFT_BOOKED)),
        )
        first.action_exact_export()
        self.work()
        for latest in first.exact_export_id:
            if latest.state != 'verified':
                raise SystemExit(
                    f"{latest.name} is {latest.state}: {latest.finding_ids.mapped('message')}",
                )
        for case in (*BOOKED, *SENT):
            self.bring(case)
            say(f"{case.name:44}{self.state(case)}")
        for case in LEFT:
            case.do(self, self.moves[case.name])
        for export_id, moment in self.next_tries.items():
            self.env['exact.export'].browse(export_id).sudo().next_try = moment
        self.renew()

    def note(self):
        """What the second half has to know; how many are not as they should be."""
        missed = [case for case in ALL if self.state(case) not in case.state.split(' or ')]
        for case in missed:
            say(f"{case.name}: {self.state(case)} instead of {case.state}")
        with open(self.options.documents, 'w', encoding='utf-8') as file:
            json.dump({
                'entries_before': self.entries_before,
                'documents': [
                    {'name': case.name, 'move': self.moves[case.name].id,
                     'before': self.state(case), 'ends': case.ends}
                    for case in ALL
                ],
            }, file)
        for name in self.unmet:
            say(f"{name}: Exact was not asked for what that is about")
        return len(missed) + len(self.unmet)


def work_once(database):
    """A worker that will be killed. Those that were killed at the same moment are not recovered
    by it, since it was there already.
    """
    with Registry(database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        for model, name in (
            ('exact.export', '_recover_claims'), ('exact.export.doubt', 'recover_claims'),
        ):
            if model in env and hasattr(env[model], name):
                setattr(type(env[model]), name, lambda _self, _division: None)
        env['exact.export']._cron_process()


def main():
    parser = argparse.ArgumentParser()
    for name in ('database', 'simulator', 'books', 'documents'):
        parser.add_argument(f'--{name}', required=True)
    parser.add_argument('--worker', action='store_true')
    options = parser.parse_args()
    odoo.tools.config.parse_config(['--log-level=warn'])
    if options.worker:
        work_once(options.database)
        return
    with Registry(options.database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        before = Before(env(user=env.ref('base.user_admin'), su=False), options)
        before.run()
        missed = before.note()
        cr.commit()
    if missed:
        raise SystemExit(f"{missed} documents are not what they should be before the upgrade.")


if __name__ == '__main__':
    main()
