"""Webhooks: subscriptions with a validation call, and notifications signed with HMAC. Fact sheet
5.
"""

import hashlib
import hmac
import json
import queue
import threading

import requests

from .errors import HttpError
from .masters import Rule
from .messages import refuse
from .oauth import redirect_allowed
from .odata import iso_now

#: table -> (topic, single endpoint)
TOPICS = {
    'Accounts': ('Accounts', 'crm/Accounts'),
    'BankAccounts': ('BankAccounts', 'crm/BankAccounts'),
    'Contacts': ('Contacts', 'crm/Contacts'),
    'Items': ('Items', 'logistics/Items'),
    'Documents': ('Documents', 'documents/Documents'),
    'DocumentAttachments': ('DocumentAttachments', 'documents/DocumentAttachments'),
    'GLAccounts': ('GLAccounts', 'financial/GLAccounts'),
    'GeneralJournalEntries': ('GeneralJournalEntries', 'generaljournalentry/GeneralJournalEntries'),
    'BankEntries': ('BankEntries', 'financialtransaction/BankEntries'),
    'SalesEntries': ('SalesEntries', 'salesentry/SalesEntries'),
    'PurchaseEntries': ('PurchaseEntries', 'purchaseentry/PurchaseEntries'),
    'TransactionLines': ('FinancialTransactions', 'financialtransaction/TransactionLines'),
    'Projects': ('Projects', 'project/Projects'),
}
KNOWN_TOPICS = {topic for topic, _endpoint in TOPICS.values()}
TIMEOUT = (3, 5)


def sign(content, secret):
    """Upper-case hex HMAC-SHA256 of the raw text of Content."""
    return hmac.new(secret.encode(), content.encode(), hashlib.sha256).hexdigest().upper()


class WebhookSubscriptions(Rule):
    """POST with a validation call; a second subscription of the topic by the same app and user is
    refused.
    """

    table = 'WebhookSubscriptions'

    def prepare(self, call, values):
        """The validation call, before and outside of the transaction."""
        topic = values['Topic']
        if topic not in KNOWN_TOPICS:
            # a wrong topic name is a plain 500 (fact sheet 5)
            refuse('problem')
        if not redirect_allowed(values['CallbackURL']):
            refuse('invalid', 'CallbackURL')
        for row in self.store.by(self.table, call.division, 'Topic', topic):
            if row['ClientID'] == call.app and row['UserID'] == call.user['ID']:
                refuse('exists', 'Topic')
        try:
            status = requests.post(values['CallbackURL'], data=b'', timeout=TIMEOUT).status_code
        except requests.RequestException:
            status = 0
        if not 200 <= status < 300:
            raise HttpError(500, f'Post to callback URL endpoint returns {status or "no answer"}')

    def create(self, call, values):
        values['ClientID'], values['UserID'] = call.app, call.user['ID']
        return super().create(call, values)

    def update(self, call, row, values):
        refuse('not_allowed', 'Topic')


class Notifier:
    """Sends notifications from a thread of its own, once per changed record and commit."""

    def __init__(self, store, switches, clock, address):
        self.store, self.switches, self.clock, self.address = store, switches, clock, address
        self._queue = queue.Queue()
        self._thread = None
        self.sent = []
        store.on_commit(self.changed)

    def start(self):
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True, name='exact-webhooks')
            self._thread.start()

    def stop(self):
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=5)
            self._thread = None

    def changed(self, changes):
        """After a commit: queue what somebody subscribed to."""
        if self.switches.webhook_delivery == 'never':
            return
        wanted = {}
        for action, kind, division, key in changes:
            if kind in TOPICS and self.store.by(
                'WebhookSubscriptions', division, 'Topic', TOPICS[kind][0]
            ):
                first = wanted.get((kind, division, key))
                wanted[(kind, division, key)] = (
                    'Create' if first == 'Create' and action == 'Update' else action
                )
        for (kind, division, key), action in wanted.items():
            topic, path = TOPICS[kind]
            for row in self.store.by('WebhookSubscriptions', division, 'Topic', topic):
                body = self.message(row, topic, path, division, key, action)
                for _copy in range(2 if self.switches.webhook_delivery == 'twice' else 1):
                    self._queue.put((row['CallbackURL'], body))

    def message(self, subscription, topic, path, division, key, action):
        app = self.store.get('_app', 0, subscription['ClientID'])
        uri = f"{self.address()}/api/v1/{division}/{path}(guid'{key}')"
        content = json.dumps(
            {
                'Topic': topic,
                'ClientId': '{' + subscription['ClientID'] + '}',
                'Division': division,
                'Action': action,
                'Key': key,
                'ExactOnlineEndpoint': uri,
                'EventCreatedOn': iso_now(self.clock),
            },
            separators=(',', ':'),
        )
        return f'{{"Content":{content},"HashCode":"{sign(content, app["WebhookSecret"])}"}}'

    def wait(self):
        """Block until everything queued so far was delivered (tests)."""
        self._queue.join()

    def _run(self):
        while True:
            item = self._queue.get()
            try:
                if item is None:
                    return
                url, body = item
                try:
                    status = requests.post(
                        url,
                        data=body.encode(),
                        headers={'Content-Type': 'application/json'},
                        timeout=TIMEOUT,
                    ).status_code
                except requests.RequestException:
                    # at most once, like the real thing: nothing is retried
                    status = 0
                self.sent.append((url, body, status))
                del self.sent[:-1000]
            finally:
                self._queue.task_done()
