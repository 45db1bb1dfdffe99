"""A connection is kept alive, and goes on by itself when what stood in its way is gone."""

import logging
from datetime import timedelta

from odoo import api, models

from ...exact_api import ExactError, NeedsReconnect
from ..base.exact_clock import naive, utcnow
from .exact_token import IDLE_LIFE, KEEP_ALIVE_AFTER

_logger = logging.getLogger(__name__)

# A disturbance of Exact or of the network that lasts longer than this is told to a person: the
# third daily try finds it so.
FAILING_WARNING = timedelta(hours=36)


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

    @api.model
    def _cron_keep_alive(self):
        """Renew links that nobody uses, long before Exact forgets them, and look after those that
        need a person.
        """
        connections = self.search([('state', 'in', ('connected', 'reconnect'))])
        self.env['ir.cron']._commit_progress(remaining=len(connections))
        for connection in connections:
            if connection.state == 'connected':
                connection._keep_alive()
            elif not connection._recover() and not connection.told_user_id.active:
                # Who was told has left
                connection._activity_reconnect()
            self.env['ir.cron']._commit_progress(1)

    def _keep_alive(self):
        """Renew the link if it is idle, or if that did not succeed lately."""
        self.ensure_one()
        token_sudo = self.env['exact.token'].sudo().search([('connection_id', '=', self.id)])
        issued_at, failing_since = token_sudo.issued_at, token_sudo.failing_since
        now = naive(utcnow())
        idle = issued_at and now >= issued_at + KEEP_ALIVE_AFTER
        if idle or failing_since or token_sudo.problem:
            try:
                self._access_token()
            except NeedsReconnect:
                return  # the form and the activity tell it
            except ExactError as error:
                _logger.info(
                    "Exact connection %s is not renewed today: %s", self.id, type(error).__name__,
                )
                if failing_since and now >= failing_since + FAILING_WARNING:
                    self._activity_failing(failing_since, issued_at + IDLE_LIFE)
                return
        # The warning, if there was one
        self._activity_done()

    def _works_again(self):
        """Be connected, and let everything go on that waited."""
        self.ensure_one()
        self._activity_done()
        self.sudo().write({'state': 'connected', 'reason': False, 'reason_date': False})
        # sudo: the administrations may be other companies'
        self.sudo().division_ids.go_on()

    def _recover(self):
        """Be connected again if what stood in the way is gone without a new consent.

        :return: whether the connection works
        """
        self.ensure_one()
        if self.state != 'reconnect':
            return self.state == 'connected'
        if self.env['exact.token']._present_problem(self):
            return False
        self._works_again()
        return True
