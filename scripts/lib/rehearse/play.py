"""One run: python -m rehearse.play DATABASE BOOKS RESULT START SEED DOCUMENTS FAULTS [VERBOSE]

DATABASE and BOOKS are copies of what `prepare` made, START is the moment at which it ended. RESULT
becomes a JSON file with what was counted.
"""

import contextlib
import heapq
import json
import logging
import os
import pathlib
import random
import sys
import traceback
from datetime import datetime, timedelta

import freezegun.api
import psycopg2

import odoo
from odoo import SUPERUSER_ID, api
from odoo.exceptions import LockError, UserError
from odoo.modules.registry import Registry

from .copies import copy_database, drop_database
from .prepare import DIVISIONS, consent, move_in

# States in which the engine has nothing to do any more.
AT_REST = ('blocked', 'refused', 'verified', 'changed', 'undone', 'superseded', 'deleted')
# In real time; a step that takes longer never ends.
STEP_SECONDS = 900
WORKDAY = range(7, 18)
PARAMETER = 'account_exact.exact_online_base_url'
# What nobody knows of Exact before it is tried in an administration of one's own (section 9 of the
# facts): each run meets another Exact.
OPEN_QUESTIONS = {
    'credit_note': ('sign', 'explicit'),
    'payment_terms_sign': ('owes_negative', 'owes_positive'),
    'entry_status': (20, 20, 20, 50),
    'read_only': ('refuse', 'ignore'),
    'vat_amount_zero': ('given', 'omitted'),
    'vat_rounding': ('cent', 'currency'),
    'period_zero': ('omitted', 'given'),
    'envelope_top1': ('flat', 'results'),
    'put_unchanged': ('refuse', 'accept'),
    # An unknown reference disappears unseen, or is refused
    'silent_drop': (['Project', 'Document', 'Item'], []),
    'too_early': (400, 401),
    'second_consent_kills': (False, True),
    'expires_in': ('string', 'number'),
    'error_fuse': ('429', '429', '403', '500'),
    'sync_lag': (0, 0, 20),
}


def open_questions(seed):
    """The Exact of a run: {switch of the simulator: value}."""
    chance = random.Random(f'Exact {seed}')
    return {name: chance.choice(values) for name, values in OPEN_QUESTIONS.items()}


class World:
    """Everything that takes part in a run, and the order of events."""

    def __init__(self, machine, simulator, registry, seed, documents, faults, verbose=False):
        from .observer import Observer
        from .people import Bookkeeper, Office
        from .weather import Weather

        self.machine, self.simulator, self.registry = machine, simulator, registry
        self.random = random.Random(f'world {seed}')
        self.wanted, self.verbose = documents, verbose
        self.count = 0
        self.events, self._number = [], 0
        self.documents = {}         # id: what the run knows of it
        self.relations_changed_there = set()
        self.odoo_failed = []       # what Exact must never be in the way of
        self.refused = 0
        self.kills = self.guests = self.conflicts = self.restores = 0
        self.is_alone = False       # workers are at it, and nobody else
        self.waited = []
        self.documents_before = self.files_in_exact()
        self.forgotten = set()      # entries in Exact that a restored backup knows nothing of
        self.lost_links = set()     # (division, GUID) of relations that the lost server had linked
        self.observer = Observer(simulator, machine)
        with self.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env['ir.config_parameter'].set_param(PARAMETER, simulator.url)
            move_in(env)
            self.admin_id = env.ref('base.user_admin').id
            self.companies = {env.ref(name).id: code for name, code in DIVISIONS.items()}
            self.crons = env['ir.cron'].search([('cron_name', 'like', 'Exact')], order='id').ids
            self.export_crons = env['ir.cron'].browse(self.crons).filtered(
                lambda cron: cron.model_id.model == 'exact.export',
            ).ids
            self.before = self.relations()
        self.offices = [Office(self, *item) for item in self.companies.items()]
        self.bookkeepers = [Bookkeeper(self, code) for code in self.companies.values()]
        self.weather = Weather(self, faults)
        self.choose_terms()

    def choose_terms(self):
        """What companies and administrations differ in."""
        random_ = self.random
        with self.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            for code in self.companies.values():
                env['exact.division'].search([('code', '=', code)]).write({
                    'numbering': random_.choice(['odoo', 'odoo', 'exact']),
                    'auto_export_sale': random_.random() < 0.5,
                    'auto_export_purchase': random_.random() < 0.5,
                    'send_documents': random_.random() < 0.6,
                    # Whoever set it up has seen how this Exact takes credit notes
                    'credit_note_style': self.simulator.switches.credit_note,
                })

    # === NOTES === #

    def say(self, text):
        if self.verbose:
            print(f'{self.machine.clock.naive():%m-%d %H:%M:%S} {text}', flush=True)

    def note_document(self, move, asked):
        self.documents[move.id] = {
            'asked': asked, 'edited': None, 'payment_reference': move.payment_reference or '',
        }

    def note_asked(self, moves):
        for move in moves:
            self.documents[move.id]['asked'] = True

    def note_edited(self, move):
        self.documents[move.id]['edited'] = self.machine.clock.naive()

    def note_undone(self, moves):
        """Keep what the books say of those that were verified, for when they are done again.

        Who edited one since will see the edit there, whether the undo was refused or not.
        """
        from .books import normal

        changed = self.amounts_changed_there()
        for move in moves:
            export = move.exact_export_id
            is_settled = (
                export.state == 'verified' and move.state == 'posted'
                and export.exact_guid not in changed
                and not export.env['exact.export.send'].is_outdated(export)
            )
            lines = self.simulator.transaction_lines(
                export.exact_guid, self.companies[move.company_id.id],
            ) if is_settled else ()
            if lines:
                self.documents[move.id]['undone'] = {
                    'at': self.machine.clock.naive(), 'lines': normal(lines),
                }

    def amounts_changed_there(self):
        """{GUID of an entry: when somebody in Exact gave it another amount}"""
        return {
            guid: moment
            for bookkeeper in self.bookkeepers for guid, moment in bookkeeper.amounts.items()
        }

    def relations(self):
        """{(division, GUID): the card of the relation in Exact}"""
        return {
            (code, row['ID'].lower()): {
                name: value for name, value in row.items()
                if name not in ('Timestamp', '_at', 'Modified')
            }
            for code in self.companies.values()
            for row in self.simulator.store.all('Accounts', code)
        }

    # === WHO ACTS === #

    @contextlib.contextmanager
    def cursor(self):
        with self.registry.cursor() as cr:
            yield cr

    def later(self, delay, work, name):
        self._number += 1
        moment = self.machine.clock.naive() + delay
        heapq.heappush(self.events, (moment, self._number, name, work))

    def person(self, office, name, work):
        """A person's click, in a request of its own; Odoo tries again where two wrote the same."""
        for _attempt in range(3):
            with self.machine.run('person') as process:
                cr = self.registry.cursor()
                try:
                    env = api.Environment(cr, self.admin_id, {
                        'allowed_company_ids': [office.company_id], 'lang': 'en_US',
                        'tz': 'Europe/Amsterdam',
                    })
                    work(env)
                    cr.commit()
                    self.say(f'{office.code} {name}')
                    return
                except UserError as error:
                    self.refused += 1
                    self.say(f'{office.code} {name}: Odoo says no: {error}')
                    return
                except (psycopg2.OperationalError, LockError):
                    pass
                except Exception as error:  # noqa: BLE001  counted: Exact was in the way of Odoo
                    self.odoo_failed.append(f'{name}: {type(error).__name__}: {error}')
                    self.say(traceback.format_exc())
                    return
                finally:
                    cr.close()
            if process.dead:
                break
        # It would have waited for whoever holds the lock: once more a little later
        self.later(timedelta(minutes=2), lambda: self.person(office, name, work), name)

    def bookkeeper(self, name, work):
        from odoo.addons.account_exact.simulator.control import ControlError
        from odoo.addons.account_exact.simulator.messages import BusinessError

        try:
            work()
            self.say(f'Exact: {name}')
        except (BusinessError, ControlError) as error:
            self.say(f'Exact: {name} refused: {type(error).__name__}')

    def somebody(self):
        """A random thing that somebody does."""
        if self.random.random() < 0.7:
            office = self.random.choice(self.offices)
            name, work = office.pick()
            self.person(office, name, work)
        else:
            bookkeeper = self.random.choice(self.bookkeepers)
            self.bookkeeper(*bookkeeper.pick())

    def guest(self):
        """While a worker waits for Exact: somebody else acts, or another worker is at it."""
        self.guests += 1
        if self.random.random() < 0.5:
            self.somebody()
            return
        self.say('another worker')
        if self.random.random() < 0.4:
            self.work(self.random.choice(self.crons), early=True)
            return
        with self.machine.run('worker'), self.cursor() as cr:
            # As the scheduler of another host would
            api.Environment(cr, SUPERUSER_ID, {})['exact.export']._cron_process()

    def touch(self):
        """Somebody writes on all exports that are free: who read them before, cannot write."""
        self.conflicts += 1
        with self.machine.run('person'), self.cursor() as cr:
            cr.execute(
                "UPDATE exact_export SET state = state WHERE id IN ("
                " SELECT id FROM exact_export ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)",
            )

    def note_waiting(self, closed, since, until):
        """Count documents of other divisions that waited because one was closed.

        Not those that had trouble of their own: since `until` Exact was asked for them, somebody
        had to consent again, or they follow one in trouble.
        """
        with self.cursor() as cr:
            cr.execute(
                "SELECT move.name, export.state FROM exact_export AS export"
                "  JOIN exact_division AS division ON division.id = export.division_id"
                "  JOIN exact_connection AS connection ON connection.id = division.connection_id"
                "  JOIN account_move AS move ON move.id = export.move_id"
                " WHERE division.code != %s AND NOT COALESCE(division.hold, FALSE)"
                "   AND connection.state = 'connected' AND connection.connected_at < %s"
                "   AND export.create_date BETWEEN %s AND %s"
                "   AND export.state IN ('proposed', 'ready', 'sending', 'uncertain')"
                "   AND NOT (division.numbering = 'exact' AND export.kind = 'sale')"
                "   AND NOT EXISTS (SELECT FROM exact_operation AS operation"
                "                    WHERE operation.res_model = 'exact.export'"
                "                      AND operation.res_id = export.id"
                "                      AND operation.asked_at >= %s)"
                "   AND NOT EXISTS (SELECT FROM exact_export_attempt AS attempt"
                "                    WHERE attempt.export_id = export.id AND attempt.date >= %s)",
                (closed, until, since, until, until, until),
            )
            for name, state in cr.fetchall():
                self.waited.append(f'{name} is {state}, since division {closed} was closed')

    def reconnect(self):
        """The responsible person consents again, if Odoo asks for it."""
        from odoo.addons.account_exact.exact_api import ExactError

        with self.machine.run('person'), self.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            for connection in env['exact.connection'].search([('state', '=', 'reconnect')]):
                try:
                    consent(connection, self.simulator)
                    self.say('connected again')
                except ExactError as error:
                    # The person sees that it failed, and comes again later
                    self.say(f'not connected again: {type(error).__name__}')

    def tend(self):
        """The responsible people look: they consent again, and release what they have looked at.

        Odoo holds a division by itself where too much was booked otherwise, and that is seen as
        late as it is read back.
        """
        self.reconnect()
        with self.cursor() as cr:
            cr.execute("SELECT code FROM exact_division WHERE hold ORDER BY code")
            held = {code for code, in cr.fetchall()}
        for office in self.offices:
            if office.code in held:
                self.person(office, 'release', office.release)

    # === WORKERS === #

    def next_moment(self):
        """When a scheduled action is due next."""
        with self.cursor() as cr:
            cr.execute(
                "SELECT min(at) FROM ("
                "  SELECT call_at AS at FROM ir_cron_trigger WHERE cron_id IN %(ids)s"
                "  UNION ALL SELECT nextcall FROM ir_cron WHERE id IN %(ids)s AND active"
                ") AS moments", {'ids': tuple(self.crons)},
            )
            return cr.fetchone()[0]

    def ready(self):
        with self.cursor() as cr:
            jobs = odoo.addons.base.models.ir_cron.IrCron._get_all_ready_jobs(cr)
            return [job['id'] for job in jobs if job['id'] in self.crons]

    def work(self, cron_id, early=False):
        """Run a scheduled action as the scheduler does, unless another worker has it.

        :param early: also if it is not due, as an administrator does by hand
        :return: whether it came to its end.
        """
        with self.machine.run('worker') as process:
            cr = self.registry.cursor()
            try:
                cron = self.registry['ir.cron']
                job = cron._acquire_one_job(cr, cron_id, include_not_ready=early)
                if job:
                    with self._watched(process, job['cron_name']):
                        cron._process_job(cr, job)
                    cr.commit()
            except psycopg2.OperationalError:
                cr.rollback()
            finally:
                cr.close()
        if process.dead:
            # The next process begins with empty caches
            self.registry.clear_all_caches()
            self.registry.cache_invalidated.clear()
        return not process.dead

    def _watched(self, process, name):
        if process.guest:
            return contextlib.nullcontext()
        return self.machine.watch(STEP_SECONDS, name)

    def unsettled(self):
        """Ids of the exports that the engine still has something to do with.

        Not those that are `ready` but, since Exact gives the numbers, come after one of which a
        person has to decide.
        """
        with self.cursor() as cr:
            cr.execute(
                "SELECT id FROM exact_export AS export WHERE pending_action IS NOT NULL"
                " OR NOT (state IN %s OR (state = 'sent' AND has_difference)"
                "         OR (state = 'ready' AND kind = 'sale' AND EXISTS ("
                "    SELECT FROM exact_division AS division, account_move AS move,"
                "                account_move AS before, exact_export AS earlier"
                "     WHERE division.id = export.division_id AND division.numbering = 'exact'"
                "       AND move.id = export.move_id AND before.journal_id = move.journal_id"
                "       AND before.sequence_prefix = move.sequence_prefix"
                "       AND before.sequence_number < move.sequence_number"
                "       AND earlier.move_id = before.id AND earlier.kind = 'sale'"
                "       AND earlier.division_id = export.division_id"
                "       AND earlier.state IN ('blocked', 'refused'))))", (AT_REST,),
            )
            return [row[0] for row in cr.fetchall()]

    def _skip_idle(self):
        """The interval of an action that has nothing to do passes without it."""
        now = self.machine.clock.naive()
        if self.unsettled():
            return
        with self.cursor() as cr:
            cr.execute(
                "UPDATE ir_cron SET nextcall = nextcall + interval '10 minutes' * ceil(extract("
                "  epoch FROM (%s - nextcall)) / 600 + 0.001) WHERE id IN %s AND nextcall <= %s"
                " AND interval_type = 'minutes'"
                " AND NOT EXISTS (SELECT 1 FROM ir_cron_trigger WHERE cron_id = ir_cron.id"
                "                 AND call_at <= %s)",
                (now, tuple(self.export_crons), now, now),
            )

    def work_all(self):
        """All scheduled actions that are due now."""
        self._skip_idle()
        for cron_id in self.ready():
            if not self.work(cron_id):
                self.say(f'worker of action {cron_id} was killed')
                self.machine.clock.tick(self.random.uniform(1, 90))

    def pass_time(self, until):
        """Let time pass, and everything be done that is due meanwhile."""
        clock = self.machine.clock
        while True:
            moment = self.next_moment()
            if moment is None or moment > until:
                clock.move_to(until)
                return
            clock.move_to(moment)
            self.work_all()

    # === THE DATABASE === #

    def restore_backup(self):
        """The server is lost, and a backup of some minutes ago takes its place an hour later.

        What workers did in between, Exact alone remembers; people did nothing, or they would have
        to do it again.
        """
        database, backup = self.registry.db_name, f'{self.registry.db_name}_backup'
        self.copy_database(database, backup)
        self.say('a backup is made')
        before, entries_before = self.files_in_exact(), self.entries_in_exact()
        self.is_alone = True
        self.pass_time(self.machine.clock.naive() + timedelta(
            minutes=self.random.choice([2, 5, 9, 20]),
        ))
        self.is_alone = False
        self.lost_links |= self.links()
        self.copy_database(backup, database)
        odoo.sql_db.close_db(backup)
        drop_database(backup)
        self.registry.clear_all_caches()
        self.registry.cache_invalidated.clear()
        self.restores += 1
        # A token that the backup has is known as spent to Exact alone; whose file it is, to nobody
        self.observer.forget_tokens()
        self.documents_before |= self.files_in_exact() - before
        self.forgotten |= self.entries_in_exact() - entries_before
        self.machine.clock.tick(3700)
        self.weather.server_was_away()
        self.say('the backup is restored')

    def files_in_exact(self):
        return {
            row['ID'] for code in DIVISIONS.values()
            for row in self.simulator.store.all('Documents', code)
        }

    def links(self):
        """Which relations are linked to a partner now: (division, GUID)."""
        with self.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            return {
                (mapping.division_id.code, mapping.relation_id.exact_guid)
                for mapping in env['exact.partner.mapping'].search([('relation_id', '!=', False)])
            }

    def entries_in_exact(self):
        return {
            entry['EntryID'] for code in DIVISIONS.values()
            for entry in self.simulator.entries(code)
        }

    def copy_database(self, source, target):
        for name in (source, target):
            odoo.sql_db.close_db(name)
        copy_database(source, target)

    # === THE RUN === #

    def plan(self):
        """Documents in working hours, other things between them."""
        moment = self.machine.clock.naive()
        made, lost_after = 0, self.wanted * self.random.uniform(0.2, 0.9)
        while made < self.wanted:
            moment += timedelta(minutes=self.random.expovariate(1 / 12))
            while moment.hour not in WORKDAY:
                moment += timedelta(hours=1)
            count = min(self.random.choice([1, 2, 3, 4, 8]), self.wanted - made)
            is_lost = made < lost_after <= made + count
            made += count
            office = self.random.choice(self.offices)
            self.at(moment, 'documents', lambda office=office, count=count, is_lost=is_lost: (
                self.new_documents(office, count, is_lost)
            ))
            for _number in range(self.random.choice([0, 1, 1, 2])):
                between = moment + timedelta(minutes=self.random.uniform(0, 60))
                self.at(between, 'somebody', self.somebody)
        self.weather.plan(self.machine.clock.naive(), moment)
        reconnect = self.machine.clock.naive()
        while reconnect < moment:
            self.at(reconnect, 'reconnect', self.reconnect)
            reconnect += timedelta(hours=2)

    def new_documents(self, office, count, is_lost):
        """Somebody makes documents.

        :param is_lost: whether what becomes of them first is lost with the server
        """
        self.person(office, f'{count} documents', lambda env: office.new_documents(env, count))
        if is_lost and self.weather.is_bad:
            self.restore_backup()

    def at(self, moment, name, work):
        self._number += 1
        heapq.heappush(self.events, (moment, self._number, name, work))

    def play(self):
        self.plan()
        while self.events:
            moment, _number, _name, work = heapq.heappop(self.events)
            self.pass_time(moment)
            work()
        self.say('the weather clears')
        self.weather.clear()
        self.settle()

    def settle(self):
        """People do what only people can do; then the queue is worked until nothing is due."""
        clock = self.machine.clock
        limit = clock.naive() + timedelta(days=4)
        self.tend()
        while self.unsettled() and clock.naive() < limit:
            self.pass_time(clock.naive() + timedelta(minutes=10))
            self.tend()
        # What happened in Exact is read once more, and what follows from it is done. Where the
        # day's calls are used up that is tomorrow.
        if self.weather.scarce_until > clock.naive():
            tomorrow = (clock.naive() + timedelta(days=1)).replace(hour=2, minute=0)
            limit = max(limit, tomorrow + timedelta(days=1))
            self.pass_time(tomorrow)
        for _turn in range(2):
            for office in self.offices:
                self.person(office, 'refresh', office.refresh)
            self.pass_time(clock.naive() + timedelta(minutes=65))
            self.tend()
        while self.unsettled() and clock.naive() < limit:
            self.pass_time(clock.naive() + timedelta(minutes=10))
            self.tend()


def main(database, books, result, start, seed, documents, faults, verbose=''):
    started = freezegun.api.real_perf_counter()
    odoo.tools.config.parse_config([])
    logging.getLogger().setLevel(logging.WARNING)
    for name in ('odoo.addons.account_exact', 'odoo.addons.base.models.ir_cron'):
        logging.getLogger(name).setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING if verbose else logging.CRITICAL)
    registry = Registry(database)
    registry['ir.actions.report']._render_qweb_pdf = _printed
    from .books import INVARIANTS, count
    from .machine import Machine, start_simulator

    machine = Machine(seed, datetime.fromisoformat(start))
    switches = open_questions(int(seed))
    log = os.environ.get('ACCOUNT_EXACT_REQUEST_LOG')
    if log and switches['credit_note'] == 'explicit':
        # `Type` in a POST is read-only in the reference: these requests have a log of their own
        log = f'{log}.explicit'
    simulator = start_simulator(books, machine.clock, switches=switches, log=log)
    try:
        world = World(
            machine, simulator, registry, seed, int(documents), faults, bool(verbose),
        )
        failure = ''
        try:
            world.play()
        except BaseException as error:  # noqa: BLE001  whatever it is, the run has failed by it
            failure = f'{type(error).__name__}: {error}'
            traceback.print_exc()
        world.machine.processes.clear()
        _keep(world, seed)
        counted = count(world)
        counted |= {
            'titles': INVARIANTS, 'seed': seed, 'failure': failure, 'digest': world.observer.digest,
            'exact': switches,
            'seconds': round(freezegun.api.real_perf_counter() - started, 1),
        }
        pathlib.Path(result).write_text(json.dumps(counted, default=str, indent=1))
    finally:
        simulator.stop()


def _keep(world, seed):
    """Write what was asked and what stands in Exact's books, for comparison with another commit."""
    folder = os.environ.get('ACCOUNT_EXACT_KEEP')
    if not folder:
        return
    path = pathlib.Path(folder)
    books = [
        json.dumps([kind, division, row], sort_keys=True, default=str)
        for (kind, division), table in world.simulator.store.tables.items()
        for row in table.rows.values()
    ]
    (path / f'{seed}.requests').write_text('\n'.join(world.observer.requests) + '\n')
    (path / f'{seed}.books').write_text('\n'.join(sorted(books)) + '\n')


def _printed(_report, _name, res_ids=None, data=None):
    """Instead of wkhtmltopdf, which takes seconds: what is printed is not what is rehearsed."""
    from .people import PDF

    return PDF, 'pdf'


if __name__ == '__main__':
    main(*sys.argv[1:])
