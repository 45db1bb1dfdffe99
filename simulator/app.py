"""The WSGI application: takes requests apart, applies limits and faults, and hands them to the
parts.
"""

import json
import sys
import time
import traceback
from urllib.parse import unquote

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from . import spoil, wire
from .control import Control
from .engine import Call, Engine, find_endpoint, parse_query
from .errors import CutConnectionError, HttpError
from .faults import Faults
from .ledger import Ledger, entry_rules
from .limits import Limits
from .messages import BusinessError
from .oauth import OAuth, TokenError
from .pages import Pages
from .requestlog import RequestLog
from .rules import build_rules
from .webhooks import Notifier, WebhookSubscriptions

MAX_BODY = 60 * 1024 * 1024
REASONS = {429: 'Too Many Requests'}


class Application:
    """All parts of the simulator over one store.

    :param address: callable returning the server's own address, for notifications
    """

    def __init__(self, store, switches, clock, log=None, address=None):
        self.store, self.switches, self.clock = store, switches, clock
        self.faults = Faults()
        self.oauth = OAuth(store, switches, clock)
        self.limits = Limits(store, switches, clock)
        self.ledger = Ledger(store, switches, clock)
        self.notifier = Notifier(store, switches, clock, address or (lambda: 'http://127.0.0.1'))
        rules = {**build_rules(store, switches, clock), **entry_rules(self.ledger)}
        rules['WebhookSubscriptions'] = WebhookSubscriptions(store, switches, clock)
        self.engine = Engine(store, switches, clock, rules)
        self.control = Control(self)
        self.pages = Pages(self)
        self.log = RequestLog(log)

    def __call__(self, environ, start_response):
        request = Request(environ)
        request.max_content_length = MAX_BODY
        try:
            response = self.route(request)
        except CutConnectionError:
            raise
        except RequestEntityTooLarge as error:
            response = error.get_response()
        except Exception:  # noqa: BLE001 - a fault of the simulator itself must be seen, not hang the client
            text = traceback.format_exc()
            print(text, file=sys.stderr)
            response = Response(f'The simulator failed.\n{text}', 500, mimetype='text/plain')
        environ['simulator.drip'] = getattr(response, 'drip', None)
        return response(environ, start_response)

    def route(self, request):
        if request.path.startswith('/api/oauth2/'):
            return self.serve_oauth(request)
        if request.path.startswith('/api/'):
            return self.serve_api(request)
        if request.path.startswith('/_control'):
            return self.control.serve(request)
        return self.pages.serve(request)

    # === OAuth === #

    def serve_oauth(self, request):
        resource = request.path[len('/api/') :].strip('/')
        faults = self.faults.take(request.method, resource)
        form = request.form.to_dict() if request.method == 'POST' else {}
        try:
            self.before(faults)
            if resource == 'oauth2/auth':
                response = self.pages.consent(request)
            elif resource == 'oauth2/token' and request.method == 'POST':
                response = self.serve_token(form)
            else:
                response = Response('Not Found', 404, mimetype='text/plain')
        except HttpError as error:
            if resource == 'oauth2/auth' and error.message:
                response = self.pages.error(error.status, error.message)
            else:
                response = Response(error.body or b'', error.status, error.headers)
        query = request.query_string.decode('utf-8', 'replace')
        self.log.write(
            request.method, request.path, query, request.headers, form, response.status_code
        )
        return self.after(faults, response, request)

    def serve_token(self, form):
        try:
            answer = self.oauth.token(form)
        except TokenError as error:
            if error.error is None:
                text = 'Bad Request' if error.status == 400 else ''
                return Response(text, error.status, error.headers, mimetype='text/plain')
            body = {'error': error.error, 'error_description': error.description}
            return Response(
                wire.dumps(body), error.status, error.headers, mimetype='application/json'
            )
        return Response(
            wire.dumps(answer), 200, {'Cache-Control': 'no-store'}, mimetype='application/json'
        )

    # === REST === #

    def serve_api(self, request):
        started = time.perf_counter()
        as_json = 'application/json' in request.headers.get('Accept', '') or (
            request.args.get('$format') == 'json'
        )
        context = {
            'app': '',
            'user': '',
            'division': 0,
            'resource': request.path,
            'counted': 0,
            'body': None,
        }
        faults, headers = {}, {}
        try:
            status, body, headers, reason = self.api(request, as_json, context, faults, headers)
        except BusinessError as error:
            language = context.get('language', 'nl')
            status, body, reason = 500, wire.error_body(error.text(language), as_json), None
        except HttpError as error:
            status, reason = error.status, error.reason
            body = error.body
            if body is None:
                body = wire.error_body(error.message, as_json) if error.message else b''
            headers = {**headers, **error.headers} if status != 429 else dict(error.headers)
        except CutConnectionError:
            self.finish(request, context, 0, started, 'connection cut')
            raise
        headers.setdefault(
            'Content-Type',
            'application/json; charset=utf-8' if as_json else 'application/xml; charset=utf-8',
        )
        message = ''
        if status >= 400 and body:
            message = self.text_of(body)
        self.finish(request, context, status, started, message)
        phrase = f'{status} {reason}' if reason else status
        response = Response(body, phrase, headers)
        if status == 204:
            response.headers.pop('Content-Type', None)
        return self.after(faults, response, request)

    @staticmethod
    def text_of(body):
        try:
            return json.loads(body)['error']['message']['value'][:300]
        except (ValueError, KeyError, TypeError):
            return ''

    def api(self, request, as_json, context, faults, headers):
        """Serve one API request; returns (status, body, headers, reason)."""
        resource = (
            unquote(request.path[len('/api/v1/') :]) if request.path.startswith('/api/v1/') else ''
        )
        first, _, rest = resource.partition('/')
        if first == 'current':
            division, rest = None, resource
        elif first.isdigit() and rest:
            division = int(first)
        else:
            raise HttpError(404, 'Resource not found.')
        context['division'] = division or 0
        endpoint, key, navigation = find_endpoint(rest)
        context['resource'] = endpoint.path if endpoint else rest
        raw = request.get_data(cache=True) if request.method in ('POST', 'PUT', 'PATCH') else b''
        context['body'] = self.parse_body(raw)
        faults.update(self.faults.take(request.method, context['resource'], division))
        self.before(faults)
        with self.store.lock:
            app, user, expired = self.oauth.bearer(request.headers.get('Authorization'))
            if app is not None:
                context.update(app=app['ClientID'], user=user['ID'])
            if app is None or expired:
                text = 'access token expired' if expired else 'invalid access token'
                raise HttpError(
                    401,
                    headers={
                        'WWW-Authenticate': (
                            f'Bearer error="invalid_token", error_description="{text}"'
                        )
                    },
                )
            context['language'] = self.language(request, user)
            headers.update(self.limits.check(app['ClientID'], division or 0))
            context['counted'] = int(bool(headers))
            self.limits.check_errors(
                app['ClientID'], user['ID'], division or 0, context['resource']
            )
            self.check_access(user, division)
            if endpoint is None or (division is None) != (endpoint.path == 'current/Me'):
                raise HttpError(404, 'Resource not found.')
            self.check_scope(endpoint, request.method)
        call = Call(
            method=request.method,
            division=division or user['CurrentDivision'],
            app=app['ClientID'],
            user=user,
            language=context['language'],
            base=f'{request.host_url}api/v1/' + (f'{division}/' if division else ''),
            endpoint=endpoint,
            key=key,
            navigation=navigation,
            as_json=as_json,
            query=parse_query(request.query_string.decode('utf-8', 'replace')),
            body=context['body'],
        )
        if raw and call.body is None:
            raise HttpError(
                400, 'Error processing request stream. The request content is not valid JSON.'
            )
        call.body = spoil.incoming(faults, call.body)
        if 'endless' in faults:
            call.query = spoil.same_page(call.query)
        if 'refuse' in faults:
            raise BusinessError(spoil.message(faults['refuse']))
        if hasattr(self.engine.rules.get(endpoint.table), 'prepare'):
            answer = self.engine.serve(call)
        else:
            with self.store.lock:
                answer = self.engine.serve(call)
        if 'refuse_after' in faults:
            raise BusinessError(spoil.message(faults['refuse_after']))
        headers = {**headers, **answer.headers}
        return answer.status, answer.body, headers, None

    @staticmethod
    def parse_body(raw):
        if not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError:
            return None

    @staticmethod
    def language(request, user):
        wanted = request.headers.get('CustomDescriptionLanguage') or user['LanguageCode']
        return 'nl' if wanted.lower().startswith('nl') else 'en'

    def check_access(self, user, division):
        if user.get('Blocked'):
            raise HttpError(403, headers={'Reason': 'BlockedUser'})
        if division is None:
            return
        row = self.store.get('Divisions', 0, str(division))
        if division not in user['divisions'] or row is None:
            raise HttpError(403, headers={'Reason': 'NoDivisionAccess'})
        if row.get('BlockingStatus'):
            raise HttpError(403, headers={'Reason': 'DivisionBlocked'})

    def check_scope(self, endpoint, method):
        granted, reading = self.switches.scopes, self.switches.read_only_scopes
        scope = endpoint.scope
        if not scope:
            return
        missing = granted is not None and scope.lower() not in {name.lower() for name in granted}
        if method != 'GET' and scope.lower() in {name.lower() for name in reading}:
            missing = True
        if missing:
            dotted = scope.lower().replace(' ', '.')
            raise HttpError(403, reason=f"Forbidden - Application Scope Violated: '{dotted}'")

    # === faults === #

    def before(self, faults):
        """Faults that come before the work."""
        if 'delay' in faults:
            time.sleep(faults['delay']['seconds'])
        if 'cut_before' in faults:
            raise CutConnectionError
        if 'status' in faults:
            spoil.fail(faults['status'], self.clock().timestamp(), self.switches.minute_limit)

    def after(self, faults, response, request):
        """Faults that come when the work is done."""
        if 'delay_after' in faults:
            time.sleep(faults['delay_after']['seconds'])
        if 'cut_after' in faults:
            raise CutConnectionError
        if 'status_after' in faults:
            return spoil.failure(faults['status_after'])
        spoil.outgoing(faults, response, request.url)
        if 'broken_body' in faults:
            body = response.get_data()
            response.set_data(body[: len(body) // 2] + b'\n<html><body>Server Error')
        if 'cut_body' in faults:
            body = response.get_data()
            head = f'HTTP/1.1 {response.status}\r\n' + ''.join(
                f'{name}: {value}\r\n'
                for name, value in response.headers.items()
                if name != 'Content-Length'
            )
            raise CutConnectionError(
                f'{head}Content-Length: {len(body) + 1}\r\n\r\n'.encode() + body[: len(body) // 2]
            )
        return response

    def finish(self, request, context, status, started, message):
        """Count errors, remember the call, write the log line."""
        if context['app']:
            self.limits.count_error(
                context['app'], context['user'], context['division'], context['resource'], status
            )
        self.store.log_call(
            at=self.clock().timestamp(),
            app=context['app'],
            user=context['user'],
            division=context['division'],
            method=request.method,
            resource=context['resource'],
            status=status,
            counted=context['counted'],
            ms=round((time.perf_counter() - started) * 1000, 2),
            message=message,
        )
        self.log.write(
            request.method,
            request.path,
            request.query_string.decode('utf-8', 'replace'),
            request.headers,
            context['body'],
            status,
        )

