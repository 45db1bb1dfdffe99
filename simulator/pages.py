"""Pages for people: the consent page and the books."""

import pathlib
from datetime import datetime, timezone
from urllib.parse import urlencode

import jinja2
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from . import seed
from .book_pages import PAGE, BookPages
from .ledger import BY_HEADER
from .payment_pages import PaymentPages
from .reference import load_endpoints

HERE = pathlib.Path(__file__).resolve().parent
#: no scripts at all; the consent form must be able to lead anywhere
POLICY = "default-src 'self'; script-src 'none'; form-action *; frame-ancestors 'none'"
KIND_NAMES = {
    'sale': 'Sales entry',
    'purchase': 'Purchase entry',
    'general': 'General journal entry',
    'bank': 'Bank entry',
    'cash': 'Cash entry',
}
ACCOUNT_STATUS = {'A': '', 'S': 'Suspect', 'P': 'Prospect', 'C': 'Customer'}
STATUS_NAMES = {5: 'Rejected', 20: 'Open', 50: 'Processed'}


def amount(value):
    """``1234.5`` -> ``1,234.50``."""
    return f'{value or 0:,.2f}'


class Pages(BookPages, PaymentPages):
    def __init__(self, app):
        self.app, self.store = app, app.store
        self.templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / 'templates'),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.templates.filters['amount'] = amount
        self.templates.filters['day'] = lambda value: (value or '')[:10]
        self.templates.filters['moment'] = lambda value: (value or '')[:19].replace('T', ' ')

    def render(self, template, status=200, **values):
        text = self.templates.get_template(template).render(
            kind_names=KIND_NAMES,
            status_names=STATUS_NAMES,
            account_status=ACCOUNT_STATUS,
            **values,
        )
        return Response(
            text.encode(errors='replace'),
            status,
            {
                'Content-Security-Policy': POLICY,
                'X-Content-Type-Options': 'nosniff',
                'Cache-Control': 'no-store',
            },
            mimetype='text/html',
        )

    def error(self, status, message):
        return self.render('error.html', status, message=message, code=status)

    # === consent === #

    def consent(self, request):
        """GET shows the page, POST is one of its buttons."""
        values = request.values
        app, uri, state = self.app.oauth.request(values)
        users = sorted(self.store.all('_user', 0), key=lambda row: row['Name'] != 'jan')
        if request.method == 'POST':
            if values.get('decision') != 'allow':
                return redirect(self.app.oauth.deny(uri, state))
            user = next((row for row in users if row['ID'] == values.get('user')), users[0])
            return redirect(self.app.oauth.grant(app, user['ID'], uri, state))
        divisions = [
            row
            for row in (
                self.store.get('Divisions', 0, str(number)) for number in users[0]['divisions']
            )
            if row
        ]
        hidden = {
            name: values[name]
            for name in ('client_id', 'redirect_uri', 'response_type', 'state', 'force_login')
            if name in values
        }
        scopes = sorted(
            {endpoint.scope for endpoint in load_endpoints().values() if endpoint.scope}
        )
        return self.render(
            'consent.html',
            app=app,
            users=users,
            divisions=divisions,
            hidden=hidden,
            force_login=values.get('force_login') == '1',
            scopes=scopes,
        )

    # === books === #

    def serve(self, request):
        if request.method == 'POST' and request.path.startswith('/books/'):
            return self.act(request)
        if request.method not in ('GET', 'HEAD'):
            return Response('Method Not Allowed', 405, mimetype='text/plain')
        parts = [part for part in request.path.split('/') if part]
        if parts[:1] == ['static'] and len(parts) == 2:
            return self.static(parts[1])
        if parts[:1] == ['docs']:
            return self.docs(request)
        with self.store.lock:
            if not parts:
                return self.home()
            if parts[0] == 'calls':
                return self.calls(request, None)
            if parts[0] == 'books' and len(parts) >= 2 and parts[1].isdigit():
                division = self.store.get('Divisions', 0, parts[1])
                if division is not None:
                    return self.book(request, division, parts[2:])
        return self.error(404, 'There is no such page in the simulator.')

    def static(self, name):
        path = HERE / 'static' / secure_filename(name)
        if not path.is_file():
            return self.error(404, 'There is no such file.')
        types = {'.css': 'text/css', '.svg': 'image/svg+xml'}
        return Response(
            path.read_bytes(),
            200,
            {'Cache-Control': 'max-age=60'},
            mimetype=types.get(path.suffix, 'application/octet-stream'),
        )

    def docs(self, request):
        """Addresses of the real site: attachments by token, anything with an entry goes to its
        page.
        """
        number = request.args.get('_Division_', '')
        identity = (request.args.get('ID') or request.args.get('EntryID') or '').strip('{}').lower()
        if request.path.endswith('SysAttachment.aspx') and number.isdigit():
            _app, user, expired = self.app.oauth.bearer(request.headers.get('Authorization'))
            if user is None or expired:
                return Response('', 401)
            if int(number) not in user['divisions']:
                return Response('', 403, {'Reason': 'NoDivisionAccess'})
            return self.attachment(int(number), identity)
        if number.isdigit() and identity:
            return redirect(f'/books/{number}/entries/{identity}')
        document = request.args.get('DocumentID', '').strip('{}').lower()
        if number.isdigit() and document:
            for kind in BY_HEADER.values():
                entry = self.store.one(kind.header, int(number), 'Document', document)
                if entry:
                    return redirect(f"/books/{number}/entries/{entry['EntryID']}")
        return redirect(f'/books/{number}' if number.isdigit() else '/')

    def home(self):
        divisions = []
        for row in sorted(self.store.all('Divisions', 0), key=lambda row: row['Code']):
            number = row['Code']
            entries = sum(len(self.store.table(kind.header, number)) for kind in BY_HEADER.values())
            divisions.append(
                {
                    **row,
                    'entries': entries,
                    'documents': len(self.store.table('Documents', number)),
                    'relations': len(self.store.table('Accounts', number)),
                    'access': any(
                        number in user['divisions'] for user in self.store.all('_user', 0)
                    ),
                }
            )
        switches = self.app.switches
        errors = [
            {'resource': key[3], 'division': key[2], 'count': count}
            for key, count in sorted(self.app.limits.errors().items(), key=lambda item: -item[1])[
                :8
            ]
        ]
        return self.render(
            'home.html',
            divisions=divisions,
            meters=self.app.limits.meters(),
            errors=errors,
            minute_limit=switches.minute_limit,
            day_limit=switches.day_limit,
            error_limit=switches.error_limit,
            calls=self.last_calls(None, 12, 0),
            switches=switches.as_dict(),
            faults=self.app.faults.pending(),
            client_id=seed.CLIENT_ID,
            client_secret=seed.CLIENT_SECRET,
            now=self.app.clock.wall(),
        )

    def last_calls(self, division, count, offset):
        where, args = ('WHERE division = ?', (division,)) if division else ('', ())
        rows = self.store.query(
            'SELECT at, division, method, resource, status, ms, message FROM call '
            f'{where} ORDER BY id DESC LIMIT ? OFFSET ?',
            *args,
            count,
            offset,
        )
        return [
            {
                'at': datetime.fromtimestamp(at, timezone.utc).strftime('%Y-%m-%d %H:%M:%S'),
                'division': number,
                'method': method,
                'resource': resource,
                'status': status,
                'ms': ms,
                'message': message,
            }
            for at, number, method, resource, status, ms, message in rows
        ]

    def pager(self, request, total):
        """(offset, dict for the template)."""
        text = request.args.get('page', '1')
        last = max(1, -(-total // PAGE))
        page = min(max(int(text) if text.isdigit() else 1, 1), last)
        keep = {name: value for name, value in request.args.items() if name != 'page'}

        def link(number):
            return f'{request.path}?{urlencode({**keep, "page": number})}'

        return (
            (page - 1) * PAGE,
            {
                'page': page,
                'last': last,
                'total': total,
                'previous': link(page - 1) if page > 1 else None,
                'next': link(page + 1) if page < last else None,
                'first_link': link(1),
                'last_link': link(last),
            },
        )

    def calls(self, request, division):
        number = division['Code'] if division else None
        where, args = ('WHERE division = ?', (number,)) if number else ('', ())
        total = self.store.query(f'SELECT COUNT(*) FROM call {where}', *args)[0][0]
        offset, pager = self.pager(request, total)
        return self.render(
            'calls.html',
            division=division,
            tab='calls',
            calls=self.last_calls(number, PAGE, offset),
            pager=pager,
        )


def redirect(location):
    return Response('', 302, {'Location': location})
