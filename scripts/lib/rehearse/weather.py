"""What goes wrong: on the way to Exact, in Exact, in the machine, between two who write the same.
"""

from datetime import timedelta

# How often. Storms are per ten documents; the others are the chance at each call of a worker (and
# a fraction of it at each commit): killed there, overtaken there; and at each write: in conflict.
LEVELS = {
    'none': {'storms': 0, 'kill': 0, 'guest': 0, 'conflict': 0},
    'light': {'storms': 0.3, 'kill': 0.002, 'guest': 0.01, 'conflict': 0.002},
    'heavy': {'storms': 2, 'kill': 0.01, 'guest': 0.03, 'conflict': 0.008},
}
ENTRIES = 'salesentry/SalesEntries|purchaseentry/PurchaseEntries|GeneralJournalEntries'
LOST = ('cut_before', 'cut_after', 'cut_body', 'broken_body', 'status', 'status_after')
STATUSES = (429, 500, 502, 503, 504)
# What may vanish from a body unseen; the reference is none of them.
DROPPED = ('VATCode', 'Document', 'PaymentCondition', 'Quantity')
# After an outage of one division, documents of the other must not have waited longer than this.
PATIENCE = timedelta(minutes=100)


class Weather:
    """Storms at their hours, and bad luck at any call, commit or write of a worker.

    :param world: the `World`
    :param str level: a key of LEVELS
    """

    def __init__(self, world, level):
        self.world, self.level = world, LEVELS[level]
        self.random, self.machine = world.random, world.machine
        self.simulator, self.faults = world.simulator, world.simulator.faults
        self.count = []
        self.outage = None
        self.scarce_until = self.machine.clock.naive()
        self.entry_status = self.simulator.switches.entry_status
        if level != 'none':
            self.machine.on_call = self.at_call
            self.machine.on_point = self.at_point

    @property
    def is_bad(self):
        """Whether anything goes wrong at all in this run."""
        return bool(self.level['storms'])

    def plan(self, start, end):
        """Storms between the documents."""
        span = (end - start).total_seconds()
        for _number in range(round(self.level['storms'] * self.world.wanted / 10)):
            moment = start + timedelta(seconds=self.random.uniform(0, span))
            self.world.at(moment, 'storm', self.storm)

    def clear(self):
        """Good weather from now on."""
        self.level = LEVELS['none']
        self.calm()
        self.end_outage()
        self.simulator.switches.update({
            'minute_limit': 60, 'day_limit': 5000, 'entry_status': self.entry_status,
        })

    def calm(self):
        self.count += [kind for _method, _resource, kind in self.faults.fired]
        self.faults.clear()

    def fired(self):
        return [*self.count, *(kind for _method, _resource, kind in self.faults.fired)]

    # === STORMS === #

    STORMS = {
        'burst': 10, 'chaos': 6, 'slow': 3, 'site_down': 2, 'one_division_out': 1, 'expired': 3,
        'token_trouble': 1, 'revoked': 0.5, 'few_calls': 2, 'few_today': 0.3, 'processed': 1,
        'dropped': 2, 'language': 1,
    }

    def storm(self):
        name = self.random.choices(list(self.STORMS), list(self.STORMS.values()))[0]
        self.world.say(f'storm: {name}')
        getattr(self, name)()

    def _status(self, *kinds):
        # Exact counts calls before it works on them: what was done is never answered with 429
        return self.random.choice(STATUSES[1:] if 'status_after' in kinds else STATUSES)

    def burst(self):
        """The next few writes of one kind meet the same."""
        kind = self.random.choice(LOST)
        self.faults.add(
            kind, method=self.random.choice(['POST', 'POST', None, 'DELETE']),
            resource=self.random.choice([ENTRIES, ENTRIES, 'crm/Accounts', 'documents/', None]),
            times=self.random.choice([1, 1, 2, 3, 6]), status=self._status(kind),
        )

    def chaos(self):
        kinds = self.random.sample(LOST, 3)
        self.faults.chaos(
            self.random.getrandbits(32), self.random.choice([0.05, 0.15, 0.4]),
            kinds=kinds, status=self._status(*kinds),
        )
        self.world.later(timedelta(minutes=self.random.uniform(10, 60)), self.calm, 'calm')

    def slow(self):
        """Answers that take long, some longer than anybody waits."""
        for _number in range(4):
            self.faults.add(
                self.random.choice(['delay', 'delay_after']),
                seconds=self.random.choice([3, 20, 55, 70, 200]),
                skip=self.random.randrange(5),
            )

    def site_down(self):
        self.faults.add('status', status=503, times=None)
        self.world.later(timedelta(minutes=self.random.uniform(5, 40)), self.calm, 'calm')

    def one_division_out(self):
        """Exact closes one division for hours; the other must not notice."""
        if self.outage:
            return
        self.calm()
        code = self.random.choice(list(self.world.companies.values()))
        self.outage = (code, self.machine.clock.naive())
        self.simulator.control.run('set_division', {'code': code, 'BlockingStatus': 1})
        self.world.later(timedelta(hours=4), self.end_outage, 'end of outage')

    def end_outage(self):
        if not self.outage:
            return
        code, since = self.outage
        self.outage = None
        self.simulator.control.run('set_division', {'code': code, 'BlockingStatus': 0})
        # Where the day's calls are used up or the server was lost, who waits does not wait for the
        # other division
        if self.level['storms'] and self.scarce_until < self.machine.clock.naive():
            self.world.note_waiting(code, since, self.machine.clock.naive() - PATIENCE)

    def server_was_away(self):
        """Who waits now waited for the server, or for a connection that it does not know is lost.
        """
        self.scarce_until = max(self.scarce_until, self.machine.clock.naive() + PATIENCE)

    def expired(self):
        self.simulator.control.run('expire_tokens', {})

    def token_trouble(self):
        self.simulator.control.run('expire_tokens', {})
        kind = self.random.choice(['cut_before', 'cut_after', 'status', 'status_after', 'cut_body'])
        self.faults.add(kind, resource='oauth2/token', status=self._status(kind))

    def revoked(self):
        self.simulator.control.run('revoke_access', {'user': 'jan'})

    def few_calls(self):
        # Never below what this minute has seen: of that no header could have told anybody.
        used = max((meter['minute'] for meter in self.simulator.limits.meters()), default=0)
        limit = max(self.random.choice([12, 20, 40]), used + 10)
        self.simulator.switches.update({'minute_limit': limit})
        self.world.later(
            timedelta(minutes=self.random.uniform(20, 90)),
            lambda: self.simulator.switches.update({'minute_limit': 60}), 'more calls',
        )

    def few_today(self):
        used = max((meter['day'] for meter in self.simulator.limits.meters()), default=0)
        self.simulator.switches.update({'day_limit': used + self.random.randrange(30, 200)})
        self.scarce_until = self.machine.clock.naive() + timedelta(hours=26) + PATIENCE
        self.world.later(
            timedelta(hours=26), lambda: self.simulator.switches.update({'day_limit': 5000}),
            'more calls a day',
        )

    def processed(self):
        """Exact processes entries at once for a while."""
        self.simulator.switches.update({'entry_status': 50})
        self.world.later(
            timedelta(minutes=self.random.uniform(20, 120)),
            lambda: self.simulator.switches.update({'entry_status': self.entry_status}),
            'entries are as they were',
        )

    def dropped(self):
        self.faults.add(
            'drop', method='POST', resource=ENTRIES,
            properties=[self.random.choice(DROPPED)], times=self.random.choice([1, 2, 4]),
        )

    def language(self):
        self.simulator.control.run('set_user', {
            'user': 'jan', 'LanguageCode': self.random.choice(['nl-NL', 'en-GB']),
        })

    # === BAD LUCK === #

    def _happens(self, chance):
        return chance and self.random.random() < chance

    def at_call(self, process, request, moment):
        """A worker is about to call Exact, or has its answer."""
        if process is None or process.kind != 'worker':
            return
        if self._happens(self.level['kill']):
            self.kill(process, f'{moment} {request.method}')
        # While a token is refreshed, its row is held: whoever comes then waits in real life
        if (
            not process.guest and 'oauth2' not in request.url
            and self._happens(self.level['guest']) and not self.world.is_alone
        ):
            self.world.guest()

    def at_point(self, process, where, query=None):
        """A worker is about to commit, has committed, or is about to write."""
        if process.kind != 'worker':
            return
        if where != 'execute':
            if self._happens(self.level['kill'] / 5):
                self.kill(process, where)
        elif not process.guest and query.lstrip().startswith('UPDATE "exact_export"'):
            if self._happens(self.level['conflict']):
                self.world.touch()
            if self._happens(self.level['kill'] / 5):
                self.kill(process, 'before a write')

    def kill(self, process, where):
        self.world.kills += 1
        self.world.say(f'killed {where}')
        process.die()
