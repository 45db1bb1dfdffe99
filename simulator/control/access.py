"""Consent, apps, users and divisions: what an administrator does."""

from .. import seed
from ..masters import new_id


class Access:
    """Actions of :class:`~.control.Control`."""

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
