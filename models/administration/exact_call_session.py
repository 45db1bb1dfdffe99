"""The calls of one client within the budget of an administration: asked for before, kept after."""

import logging
import threading
from contextlib import contextmanager

import psycopg2

from odoo import api, models

from ...exact_api import Forbidden
from ..base.exact_sentences import DIVISION_REASONS

_logger = logging.getLogger(__name__)


class _Answered(threading.local):
    """Good answers of this thread that are not kept yet: one of a budget at most, also where a
    session begins within another one.
    """

    def __init__(self):
        self.by_budget = {}


_answered = _Answered()


class CallSession:
    """A context in which calls are made. What a good answer said of the budget is kept together
    with the next reservation, and when the session ends: until then the call counts as under way,
    for everybody.

    :param division: `exact.division` that is called, with sudo
    :param str priority: a key of `exact_call.RESERVES`
    """

    def __init__(self, division, priority):
        self._division, self._priority = division, priority
        self._calls = division.env['exact.call']
        self._budget_id = division._budget_divisions()[division].id
        self._was_unreachable = division.unreachable_reason
        self._key = division.env.cr.dbname, self._budget_id
        self._ticket, self._health = None, {}

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._keep()

    def before(self, _method, resource):
        """Reserve a call.

        :raise RateLimited: with the moment when it may be tried again
        """
        self._ticket = self._calls._reserve(
            self._budget_id, resource, self._priority, self._take(),
        )

    def after(self, call):
        """Keep what became of a call.

        :param call: the `Call` of `exact_api`
        """
        _answered.by_budget[self._key] = self._budget_id, call, self._ticket, self._health
        if call.error is not None:
            # An error stops calls of the kind, those of others too
            self._keep()
        if isinstance(call.error, Forbidden) and call.error.reason in DIVISION_REASONS:
            self._note(self._division._note_reachable, call.error.reason)
        elif self._was_unreachable and call.error is None:
            self._note(self._division._note_reachable, False)

    def _take(self):
        """What is not kept yet, as arguments of `exact.call._record`; () if all is."""
        return _answered.by_budget.pop(self._key, ())

    def _keep(self):
        answered = self._take()
        if answered:
            self._note(self._calls._record, *answered)

    def _note(self, write, *values):
        try:
            write(*values)
        except psycopg2.Error as error:
            # Bookkeeping about a call must never cost what the call brought
            _logger.warning(
                "The call to division %s is not noted: %s",
                self._budget_id, type(error).__name__,
            )


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @contextmanager
    @api.private
    def client(self, priority='entry'):
        """Give a client for this administration, within its call budget.

        :param str priority: what the calls are for, a key of `exact_call.RESERVES`: 'person'
            (somebody waits), 'entry', 'payment', 'master', 'document' or 'look'
        :return: a context manager that gives an `ExactClient`
        """
        self.ensure_one()
        # sudo: people use the connection without seeing it, it may be another company's
        self_sudo = self.sudo()
        with (
            CallSession(self_sudo, priority) as session,
            self_sudo.connection_id.client(
                self.code, before=session.before, after=session.after,
            ) as client,
        ):
            yield client
