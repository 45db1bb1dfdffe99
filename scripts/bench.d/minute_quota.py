"""How much of the minute's calls is used while 1,000 documents wait: the real worker against a
simulator with its limits, in virtual time.
"""

import os
from datetime import datetime, timedelta, timezone

import freezegun
from bench_tools import PARAMETER, documents, figure, prepare
from requests.adapters import HTTPAdapter

import odoo
from odoo import SUPERUSER_ID, api, sql_db
from odoo.modules.registry import Registry

from simulator.server import SimulatorServer

DOCUMENTS = 1000
LIMIT = 60
# What an answer of Exact takes, about.
ANSWER = timedelta(seconds=0.3)
HOW = (
    f"scripts/bench minute_quota: the worker of the scheduler, virtual clock, answers after "
    f"{ANSWER.total_seconds()} s, {DOCUMENTS:,} documents"
)


class VirtualTime:
    """A clock for Odoo and the simulator that moves when Exact is called, or when nothing is left
    to do until later.
    """

    def __init__(self, frozen, simulator):
        self._frozen, self._simulator = frozen, simulator
        # Connections to the database do not grow old while time jumps
        sql_db.MAX_IDLE_TIMEOUT = float('inf')
        send = HTTPAdapter.send

        def slow_send(*args, **kwargs):
            self.move_to(self.now + ANSWER)
            return send(*args, **kwargs)

        HTTPAdapter.send = slow_send
        self.move_to(self.now)

    @property
    def now(self):
        """The present moment, naive in UTC."""
        return self._frozen.time_to_freeze

    def move_to(self, moment):
        self._frozen.move_to(max(moment, self.now))
        self._simulator.clock.freeze(self.now.replace(tzinfo=timezone.utc))


def workers(env):
    """The scheduled actions that export."""
    return env['ir.cron'].search([('code', '=', 'model._cron_process()')])


def next_wake_up(env, crons):
    """When the scheduler runs one of them again."""
    triggers = env['ir.cron.trigger'].search([('cron_id', 'in', crons.ids)], order='call_at')
    moment = triggers[:1].call_at
    triggers.filtered(lambda trigger: trigger.call_at == moment).unlink()
    env.cr.commit()
    return moment


def work(env, clock, exports):
    """Run the worker each time it is due, until all documents are in Exact and read back.

    :return: the moment when the last one was
    """
    crons = workers(env)
    while True:
        crons[0].method_direct_trigger()
        env.cr.commit()  # to see what the worker wrote
        env.invalidate_all()
        if all(state == 'verified' for state in exports.mapped('state')):
            return clock.now
        moment = next_wake_up(env, crons)
        if not moment:
            raise SystemExit("Documents are left, and nothing wakes the worker.")
        clock.move_to(moment)


def per_minute(moments, until):
    """Calls in each minute in which documents waited from its first second to its last.

    :param moments: of the calls, as seconds since 1970
    """
    minutes = [int(moment // 60) for moment in moments]
    last = int(until.replace(tzinfo=timezone.utc).timestamp() // 60)
    return [minutes.count(minute) for minute in range(min(minutes) + 1, last)]


def main():
    odoo.tools.config.parse_config([])
    simulator = SimulatorServer(switches={'rate_limits': False}).start()
    with Registry(os.environ['ACCOUNT_EXACT_DATABASE']).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env['ir.config_parameter'].set_param(PARAMETER, simulator.url)
        division = prepare(env)
        moves = documents(division, DOCUMENTS)
        with freezegun.freeze_time(datetime.now(timezone.utc)) as frozen:
            clock = VirtualTime(frozen, simulator)
            simulator.limits.reset()
            simulator.switches.update({'rate_limits': True, 'minute_limit': LIMIT})
            began = clock.now.replace(tzinfo=timezone.utc).timestamp()
            env['ir.cron.trigger'].search([]).unlink()
            exports = env['exact.export'].propose(moves)
            cr.commit()
            until = work(env, clock, exports)
            calls = simulator.store.query(
                'SELECT at, status FROM call WHERE at > ? AND division = ?', began, division.code,
            )
    simulator.stop()
    counts = per_minute([at for at, status in calls if status != 429], until)
    share = sum(counts) / (LIMIT * len(counts))
    figure(
        "time at the limit: share of the minute quota used", f"{share:.1%}", "at least 95 %",
        f"{HOW}; {len(counts)} minutes, the emptiest had {min(counts)} of {LIMIT} calls",
    )
    figure(
        "time at the limit: answers 429", sum(status == 429 for _at, status in calls), "0", HOW,
    )


if __name__ == '__main__':
    main()
