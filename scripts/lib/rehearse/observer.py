"""What is seen of a run from the side of Exact and in Odoo's log, while it happens."""

import contextlib
import hashlib
import json
import logging
import re
from collections import Counter
from urllib.parse import parse_qs

from odoo.addons.account_exact.simulator.errors import HttpError
from odoo.addons.account_exact.simulator.oauth import TokenError

GUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', re.IGNORECASE)
# In Odoo's log, these are what a rehearsal provokes: two who write the same (a relation that one
# made in Exact and the other reads there, too), a dead process.
PROVOKED = re.compile(
    r'could not serialize|exact_relation_division_guid_uniq|lock timeout|could not obtain lock|'
    r'connection already closed|cursor already closed|current transaction is aborted|timed out$|'
    r'Forbidden server action',
    re.IGNORECASE,
)


class Observer(logging.Handler):
    """Listens to the simulator and to Odoo's log.

    :param simulator: a running `SimulatorServer`
    :param machine: the `Machine`, to know who makes a call
    """

    def __init__(self, simulator, machine):
        super().__init__(logging.INFO)
        self.simulator, self.machine = simulator, machine
        self._digest = hashlib.sha256()
        self.requests = []          # one text each, as they came
        self.calls = Counter()
        self.statuses = Counter()
        self.limited = []           # calls above the limits
        self.foreign = []           # GUIDs of another division, or of nothing
        self.tokens = []            # (kind, moment) of each refresh that should not have been
        self.secrets = set()
        self.errors = []            # of Odoo's log
        self.texts = []
        self.changed_relations = {}     # (division, GUID): properties that we wrote
        self.guids = {}             # division: GUIDs that it ever had
        self._spent = {}            # refresh tokens whose successor arrived: (with whom, when)
        machine.on_answer = self._answered
        machine.on_deadlock = self._waits_for_itself
        for (_kind, division), table in simulator.store.tables.items():
            self._learn(division, table.rows.values())
        simulator.store.on_commit(self._changed)
        self._wrap_log(simulator.app.log)
        self._wrap_limits(simulator.limits)
        self._wrap_oauth(simulator.app.oauth)
        logging.getLogger().addHandler(self)

    @property
    def digest(self):
        """Of all requests so far: methods, addresses, bodies, answers' statuses."""
        return self._digest.hexdigest()[:16]

    # === THE SIMULATOR === #

    def _learn(self, division, rows):
        known = self.guids.setdefault(division, set())
        for row in rows:
            for value in row.values():
                if isinstance(value, str) and GUID.fullmatch(value):
                    known.add(value.lower())

    def _changed(self, changes):
        for action, kind, division, key in changes:
            row = self.simulator.store.get(kind, division, key) if action != 'Delete' else None
            if row:
                self._learn(division, [row])

    def _wrap_log(self, log):
        write = log.write

        def observed(method, path, query, headers, body, status):
            text = json.dumps([method, path, query, body, status], sort_keys=True, default=str)
            if 'oauth2' in path:
                text = f'{method} {path} {status}'
            self._digest.update(text.encode())
            self.requests.append(text)
            self.calls['all'] += 1
            self.statuses[status] += 1
            if '/api/v1/' in path:
                self._look_at(method, path, query, body)
            write(method, path, query, headers, body, status)

        log.write = observed

    def _look_at(self, method, path, query, body):
        parts = path.split('/')
        if not parts[3].isdigit():
            return
        division = int(parts[3])
        known = self.guids.get(division, set()) | self.guids.get(0, set())
        sent = json.dumps(body) if body else ''
        for guid in GUID.findall(f'{path} {query} {sent}'):
            if guid.lower() not in known:
                self.foreign.append((method, path, guid))
        if method in ('PUT', 'DELETE') and '/crm/Accounts(' in path:
            guid = GUID.search(path)[0].lower()
            self.changed_relations.setdefault((division, guid), set()).update(body or ['deleted'])

    def _wrap_limits(self, limits):
        check, check_errors = limits.check, limits.check_errors

        def observed(app, division):
            try:
                return check(app, division)
            except HttpError:
                self.limited.append(('calls', division, self.machine.clock.naive()))
                raise

        def observed_errors(app, user, division, resource):
            try:
                check_errors(app, user, division, resource)
            except HttpError:
                self.limited.append((resource, division, self.machine.clock.naive()))
                raise

        limits.check, limits.check_errors = observed, observed_errors

    def _wrap_oauth(self, oauth):
        refresh, issue = oauth.refresh, oauth.issue

        def observed(app, form):
            token = form.get('refresh_token') or ''
            if self._is_known_as_spent(token):
                self.tokens.append(('used twice', self.machine.clock.naive()))
            try:
                return refresh(app, form)
            except TokenError as error:
                if 'not expired' in (error.description or ''):
                    self.tokens.append(('too early', self.machine.clock.naive()))
                raise

        def observed_issue(chain):
            answer = issue(chain)
            self.secrets |= {answer['access_token'], answer['refresh_token']}
            return answer

        oauth.refresh, oauth.issue = observed, observed_issue

    def _answered(self, request, response):
        """A worker has an answer: with a new pair in it, the old one is used up."""
        if 'oauth2/token' not in request.url or response.status_code != 200:
            return
        with contextlib.suppress(ValueError):
            response.json()
            form = parse_qs(request.body if isinstance(request.body, str) else
                            request.body.decode())
            process = self.machine.process
            for token in form.get('refresh_token', ()):
                self._spent[token] = (process, process and process.commits)

    def _waits_for_itself(self, process, query):
        self.errors.append(f'a {process.kind} waits for itself: {" ".join(query.split())}')

    def _is_known_as_spent(self, token):
        """Tell whether it is Odoo's own fault that this token is shown again.

        Where no answer came, or who had it was killed before anything could be kept of it, nobody
        can know: then the same one is shown once more.
        """
        if token not in self._spent:
            return False
        process, commits = self._spent[token]
        return not (process and process.dead and process.commits == commits)

    def forget_tokens(self):
        """Of a restored database: which of its tokens are spent by now, it cannot know."""
        self._spent.clear()

    # === ODOO'S LOG === #

    def emit(self, record):
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text += f' [{type(error).__name__}: {error}]'
        self.texts.append(text)
        process = self.machine.process
        if record.levelno >= logging.ERROR and not PROVOKED.search(text):
            if not (process and process.dead):
                self.errors.append(f'{record.name}: {text}')
