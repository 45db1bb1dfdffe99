"""What a test or a rehearsal does to the simulator from outside: ``POST /_control/<action>`` with
JSON.

Loopback only. The same actions are reachable in Python as ``server.control.run(action, values)``.
They stand for people working inside Exact (closing a period, deleting an entry) and for the world
going wrong (faults).
"""

import json
from datetime import datetime, timezone
from decimal import Decimal
from types import SimpleNamespace

from werkzeug.wrappers import Response

from . import seed
from .ledger import BY_HEADER, exact, money, number
from .masters import ENTITY_TYPES, new_id
from .messages import BusinessError
from .oauth import is_loopback
from .views import deleted_row


class ControlError(Exception):
    """A control call that makes no sense; its text is answered with 400."""


class Control:
    def __init__(self, app):
        self.app, self.store = app, app.store

    def serve(self, request):
        if not is_loopback(request.remote_addr):
            return Response('Only from this machine.', 403, mimetype='text/plain')
        action = request.path[len('/_control') :].strip('/')
        if request.method == 'GET' and action in ('', 'state'):
            return self.answer(self.run('state', {}))
        if request.method != 'POST':
            return Response('POST with JSON.', 405, mimetype='text/plain')
        if request.mimetype != 'application/json':
            # a web page cannot send this type across sites without asking first
            return Response('Content-Type: application/json is needed.', 415, mimetype='text/plain')
        try:
            values = json.loads(request.get_data() or b'{}')
            return self.answer(self.run(action, values))
        except (ControlError, BusinessError, ValueError, KeyError, TypeError) as error:
            text = (
                error.text('en') if isinstance(error, BusinessError) else str(error) or repr(error)
            )
            return self.answer({'error': text}, 400)

    @staticmethod
    def answer(values, status=200):
        return Response(json.dumps(values, default=str), status, mimetype='application/json')

    def run(self, action, values=None):
        """Do one action; returns plain data.

        :raise ControlError: unknown action or record
        """
        method = getattr(self, f'do_{action}', None)
        if method is None:
            known = sorted(name[3:] for name in dir(self) if name.startswith('do_'))
            raise ControlError(f'unknown action {action!r}; known: {", ".join(known)}')
        with self.store.lock:
            return method(**(values or {})) or {}

    def call(self, division, user='jan'):
        """A stand-in for the API call of somebody working inside Exact."""
        row = self.store.get('_user', 0, seed.user_id(user))
        return SimpleNamespace(
            division=division,
            user=row,
            app='exact',
            method='',
            language='nl',
            base='',
            endpoint=None,
        )

    def entry(self, division, entry):
        """(kind, header) of an entry by GUID or by number."""
        for kind in BY_HEADER.values():
            header = (
                self.store.get(kind.header, division, str(entry).lower())
                if isinstance(entry, str)
                else None
            )
            header = header or (
                self.store.one(kind.header, division, 'EntryNumber', int(entry))
                if str(entry).isdigit()
                else None
            )
            if header is not None:
                return kind, header
        raise ControlError(f'no entry {entry} in division {division}')

    # === state, switches, faults, clock === #

    def do_state(self):
        """Switches, queued faults, meters, counts per division."""
        counts = {}
        for (kind, division), table in self.store.tables.items():
            if division and not kind.startswith('_') and len(table):
                counts.setdefault(division, {})[kind] = len(table)
        return {
            'switches': self.app.switches.as_dict(),
            'faults': self.app.faults.pending(),
            'fired': self.app.faults.fired,
            'limits': self.app.limits.meters(),
            'counts': counts,
            'now': self.app.clock().isoformat(),
            'timestamp': self.store.last_stamp,
        }

    def do_switches(self, **values):
        """Set switches; answers all of them."""
        self.app.switches.update(values)
        return self.app.switches.as_dict()

    def do_faults(self, faults=(), clear=False, chaos=None):
        """Queue faults: ``{"faults": [{"kind": "cut_after", "method": "POST", ...}], "clear":
        false, "chaos": {...}}``.
        """
        if clear:
            self.app.faults.clear()
        for fault in faults:
            self.app.faults.add(**fault)
        if chaos is not None:
            self.app.faults.chaos(**chaos)
        return {'faults': self.app.faults.pending()}

    def do_clock(self, freeze=None, advance=0, resume=False):
        """Freeze at an ISO instant (or ``"now"``), advance by seconds, or resume."""
        clock = self.app.clock
        if resume:
            clock.resume()
        if freeze:
            at = None if freeze == 'now' else datetime.fromisoformat(freeze)
            clock.freeze(at if at is None or at.tzinfo else at.replace(tzinfo=timezone.utc))
        if advance:
            clock.advance(advance)
        return {'now': clock().isoformat()}

    def do_reset_limits(self):
        self.app.limits.reset()

    # === consent and access === #

    def do_issue_tokens(self, user='jan', client_id=seed.CLIENT_ID):
        """A fresh pair of tokens without the consent page."""
        with self.store.transaction():
            chain = self.store.put(
                '_chain',
                0,
                {'client_id': client_id, 'user': seed.user_id(user), 'dead': False},
                key=new_id(),
            )
            return self.app.oauth.issue(chain)

    def do_issue_code(self, redirect_uri, state=None, user='jan', client_id=seed.CLIENT_ID):
        """The address that the browser is sent to after consent."""
        app = self.store.get('_app', 0, client_id)
        return {'url': self.app.oauth.grant(app, seed.user_id(user), redirect_uri, state)}

    def do_expire_tokens(self):
        """Every access token is expired now; a refresh is allowed at once."""
        self.app.oauth.expire_access()

    def do_revoke_access(self, user=None, client_id=None):
        """The user revokes the app inside Exact: the chain is dead."""
        with self.store.transaction():
            for chain in self.store.all('_chain', 0):
                if (user is None or chain['user'] == seed.user_id(user)) and client_id in (
                    None,
                    chain['client_id'],
                ):
                    self.app.oauth.kill(chain)

    def do_add_app(
        self,
        client_id,
        client_secret,
        redirect_uri='*',
        name='App',
        webhook_secret=seed.WEBHOOK_SECRET,
    ):
        self.store.put(
            '_app',
            0,
            {
                'ClientID': client_id,
                'ClientSecret': client_secret,
                'RedirectURI': redirect_uri,
                'Name': name,
                'WebhookSecret': webhook_secret,
            },
            key=client_id,
        )

    def do_set_user(self, user='jan', **values):
        """Change a user: LanguageCode, divisions, CurrentDivision, Blocked ..."""
        row = self.store.get('_user', 0, seed.user_id(user))
        self.store.put('_user', 0, {**row, **values}, key=row['_key'])

    def do_add_division(
        self, code, description='Nieuwe administratie', country='NL', start_month=1, access=True
    ):
        """A new division with master data; users get access unless ``access`` is false."""
        chart = 'be' if country == 'BE' else 'nl'
        with self.store.transaction():
            seed.add_division(
                self.store,
                code,
                {
                    'Description': description,
                    'Country': country,
                    'Legislation': country,
                    'City': 'Delft',
                    'VATNumber': '',
                    'ChamberOfCommerceNumber': '',
                    'year_start': start_month,
                    'data': chart,
                },
            )
            if access:
                for user in self.store.all('_user', 0):
                    self.store.put(
                        '_user',
                        0,
                        {**user, 'divisions': [*user['divisions'], code]},
                        key=user['_key'],
                    )

    def do_set_division(self, code, **values):
        """Change a division's record (Status, BlockingStatus, DivisionMoveDate, Description
        ...).
        """
        row = self.store.get('Divisions', 0, str(code))
        self.store.put('Divisions', 0, {**row, **values})

    def do_move_division(self, code):
        """The division moves to another database: all Timestamps are made anew (fact sheet 3.5)."""
        row = self.store.get('Divisions', 0, str(code))
        with self.store.transaction():
            self.store.put('Divisions', 0, {**row, 'DivisionMoveDate': self.app.clock.today()})
            for (kind, division), table in list(self.store.tables.items()):
                if division == code and not kind.startswith('_'):
                    for record in list(table.rows.values()):
                        self.store.put(kind, division, record)

    # === people working inside Exact === #

    def do_close_period(self, year, period=None, journal=None, division=seed.MAIN, closed=True):
        """Close (or with ``closed`` false open) a period, all of a year's, for one or all
        journals.
        """
        journals = (
            [journal] if journal else [row['Code'] for row in self.store.all('Journals', division)]
        )
        with self.store.transaction():
            for code in journals:
                for number_ in [period] if period else range(1, 13):
                    key = f'{code}/{year}/{number_}'
                    if closed:
                        self.store.put('_closed', division, {'value': True}, key=key)
                    else:
                        self.store.drop('_closed', division, key)

    def do_process_entry(self, entry, division=seed.MAIN):
        """Open entry (20) -> processed (50)."""
        kind, header = self.entry(division, entry)
        with self.store.transaction():
            self.app.ledger.process(self.call(division), kind, header)

    def do_delete_entry(self, entry, division=seed.MAIN, documents=False):
        """A bookkeeper deletes the entry inside Exact, whatever its state."""
        kind, header = self.entry(division, entry)
        call = self.call(division)
        with self.store.transaction():
            self.app.ledger.delete(call, kind, header, force=True)
            document = header.get('Document')
            if documents and document:
                row = self.store.get('Documents', division, document)
                if row:
                    self.app.engine.rules['Documents'].remove(call, row)

    def do_edit_entry(self, entry, division=seed.MAIN, header=None, lines=None):
        """A bookkeeper changes an entry: ``header`` values, ``lines`` {line number: values}."""
        kind, row = self.entry(division, entry)
        call = self.call(division)
        with self.store.transaction():
            if header:
                self.app.ledger.update(call, kind, row, header)
            for position, values in (lines or {}).items():
                for line in self.app.ledger.lines(call, kind, row):
                    if line['LineNumber'] == int(position):
                        self.app.ledger.update_line(call, kind, line, values)

    def do_add_record(self, table, values, division=seed.MAIN):
        """A new master record (``Accounts``, ``GLAccounts`` ...) as Exact would make it; answers
        its ID.
        """
        with self.store.transaction():
            row = self.app.engine.rules[table].create(self.call(division), dict(values))
        return {'ID': row['ID']}

    def do_edit_record(self, table, key, values, division=seed.MAIN):
        """Change a record without any check; ``key`` is an ID or a Code."""
        row = self.record(table, key, division)
        self.store.put(table, division, {**row, **values, 'Modified': self.app.clock.wall()})

    def do_delete_record(self, table, key, division=seed.MAIN):
        """Remove a record without any check; leaves a row in sync/Deleted where the table has a
        number.
        """
        row = self.record(table, key, division)
        with self.store.transaction():
            self.store.drop(table, division, row['_key'])
            if table in ENTITY_TYPES:
                deleted_row(self.store, self.call(division), row['_key'], ENTITY_TYPES[table])

    def record(self, table, key, division):
        row = self.store.get(table, division, key) or self.store.one(table, division, 'Code', key)
        if row is None:
            raise ControlError(f'no {table} {key} in division {division}')
        return row

    def do_add_entry(self, kind, values, division=seed.MAIN, user='emma'):
        """A bookkeeper, who is not the user that apps work as, books an entry by hand: kind sale,
        purchase or general, values as in a POST.
        """
        for candidate in BY_HEADER.values():
            if candidate.name == kind:
                with self.store.transaction():
                    row = self.app.ledger.create(self.call(division, user), candidate, values)
                return {'EntryID': row['EntryID'], 'EntryNumber': row['EntryNumber']}
        raise ControlError(f'unknown kind {kind!r}')

    def do_generate_relations(self, count, division=seed.MAIN):
        seed.generate_relations(self.store, count, division)

    # === payments === #

    def do_register_payment(self, entry, amount=None, date=None, division=seed.MAIN):
        """Money came in (or went out) and was matched: all that is open, or ``amount`` in the
        entry's currency.

        A part splits the term: the open rest keeps its ID, the matched part is a new record
        (assumption). Answers the ID of the payment (its EntryID).
        """
        _kind, header = self.entry(division, entry)
        day = date or self.app.clock.today()
        payment, now = new_id(), self.app.clock.wall()
        terms = [
            term
            for term in self.store.by(
                'PaymentTerms', division, 'TransactionEntryID', header['EntryID']
            )
            if term['Status'] != 50
        ]
        if not terms:
            raise ControlError('nothing is open')
        with self.store.transaction():
            left = money(amount) if amount is not None else None
            for term in sorted(terms, key=lambda row: row['DueDate']):
                open_fc, open_dc = exact(term['_open_fc']), exact(term['_open'])
                part = abs(open_fc) if left is None else min(left, abs(open_fc))
                if part <= 0:
                    continue
                left = None if left is None else left - part
                shared = {'LastPaymentDate': day, 'EndDate': day, 'Modified': now}
                if part == abs(open_fc):
                    self.store.put(
                        'PaymentTerms',
                        division,
                        {**term, **shared, 'Status': 50, 'IsFullyPaid': True, '_payment': payment},
                    )
                    continue
                part_fc = part if open_fc > 0 else -part
                part_dc = (open_dc * part_fc / open_fc).quantize(Decimal('0.01'))
                self.store.put(
                    'PaymentTerms',
                    division,
                    {
                        **{name: value for name, value in term.items() if name != '_key'},
                        **shared,
                        'ID': new_id(),
                        'HID': self.store.next_number('PaymentTerms', division),
                        'EntryID': payment,
                        'Status': 50,
                        'IsFullyPaid': True,
                        '_open': number(part_dc),
                        '_open_fc': number(part_fc),
                        'Created': now,
                        '_payment': payment,
                    },
                )
                self.store.put(
                    'PaymentTerms',
                    division,
                    {
                        **term,
                        'LastPaymentDate': day,
                        'Modified': now,
                        '_open': number(open_dc - part_dc),
                        '_open_fc': number(open_fc - part_fc),
                    },
                )
            self.book_payment(division, header, payment, day, amount)
        return {'EntryID': payment}

    def book_payment(self, division, header, payment, day, amount):
        """The bank entry of a payment, as ledger lines (Type 40)."""
        bank = next(
            (row for row in self.store.all('Journals', division) if row['Type'] == 12), None
        )
        parties = [
            row
            for row in self.store.by('TransactionLines', division, 'EntryID', header['EntryID'])
            if row['LineType'] in (20, 22)
        ]
        if bank is None or not parties:
            return
        party, now = parties[0], self.app.clock.wall()
        total = exact(party['AmountDC'])
        paid = (
            total
            if amount is None
            else (money(amount) * exact(party['ExchangeRate'])).copy_sign(total)
        )
        prefix = f"{day[2:4]}{bank['Code']:0>2}"
        entry_number = int(f"{prefix}{self.store.next_number(f'entry/{prefix}', division):04d}")
        found = next(
            (
                row
                for row in self.store.all('FinancialPeriods', division)
                if row['StartDate'] <= day <= row['EndDate']
            ),
            {'FinYear': party['FinancialYear'], 'FinPeriod': party['FinancialPeriod']},
        )
        for position, (account, value) in enumerate(
            ((bank['GLAccount'], paid), (party['GLAccount'], -paid))
        ):
            self.store.put(
                'TransactionLines',
                division,
                {
                    **{name: value_ for name, value_ in party.items() if name != '_key'},
                    'ID': new_id(),
                    'EntryID': payment,
                    'EntryNumber': entry_number,
                    'JournalCode': bank['Code'],
                    'FinancialYear': found['FinYear'],
                    'FinancialPeriod': found['FinPeriod'],
                    'Type': 40,
                    'LineNumber': position,
                    'LineType': 0,
                    'GLAccount': account,
                    'AmountDC': number(value),
                    'AmountFC': number(value),
                    'Currency': 'EUR',
                    'ExchangeRate': 1.0,
                    'Date': day,
                    'Created': now,
                    'Modified': now,
                },
            )

    def do_undo_payment(self, payment, division=seed.MAIN):
        """The match is taken back: terms are open again, split parts join the rest."""
        with self.store.transaction():
            for term in self.store.all('PaymentTerms', division):
                if term.get('_payment') != payment:
                    continue
                rest = [
                    other
                    for other in self.store.by(
                        'PaymentTerms', division, 'TransactionID', term['TransactionID']
                    )
                    if other['Status'] != 50
                ]
                if rest:
                    self.store.put(
                        'PaymentTerms',
                        division,
                        {
                            **rest[0],
                            '_open': number(exact(rest[0]['_open']) + exact(term['_open'])),
                            '_open_fc': number(
                                exact(rest[0]['_open_fc']) + exact(term['_open_fc'])
                            ),
                            'LastPaymentDate': None,
                        },
                    )
                    self.store.drop('PaymentTerms', division, term['_key'])
                    deleted_row(
                        self.store, self.call(division), term['_key'], ENTITY_TYPES['PaymentTerms']
                    )
                else:
                    self.store.put(
                        'PaymentTerms',
                        division,
                        {
                            **term,
                            'Status': 20,
                            'IsFullyPaid': False,
                            'LastPaymentDate': None,
                            '_payment': None,
                        },
                    )
            for line in self.store.by('TransactionLines', division, 'EntryID', payment):
                self.store.drop('TransactionLines', division, line['_key'])
                deleted_row(
                    self.store, self.call(division), line['_key'], ENTITY_TYPES['TransactionLines']
                )
