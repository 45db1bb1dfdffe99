"""How often people and automations may have Exact read out of turn: a day has 5,000 calls."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import format_datetime

from ...exact_api.forecast import refresh_pause

DAY = timedelta(days=1)


class ExactExportQueue(models.Model):
    _inherit = 'exact.export.queue'

    refreshed_at = fields.Datetime(readonly=True, help="When somebody last had Exact read.")
    refresh_since = fields.Datetime(readonly=True, help="The first time within the day")
    refresh_count = fields.Integer(readonly=True, help="and how many times there were since.")

    def _next_refresh(self):
        """Return when Exact may be read again because somebody asks for it, naive UTC."""
        self.ensure_one()
        now = fields.Datetime.now()
        # A moment in the future is none: the clock was wrong when it was noted.
        if not self.refreshed_at or self.refreshed_at > now:
            return now
        count = self.refresh_count if self._in_same_day(now) else 0
        return max(now, self.refreshed_at + refresh_pause(count))

    def _note_refresh(self):
        self.ensure_one()
        now = fields.Datetime.now()
        same = self._in_same_day(now)
        self.write({
            'refreshed_at': now,
            'refresh_since': self.refresh_since if same else now,
            'refresh_count': self.refresh_count + 1 if same else 1,
        })

    def _in_same_day(self, now):
        return bool(self.refresh_since and self.refresh_since <= now < self.refresh_since + DAY)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def take_refresh(self):
        """Have these administrations read, as far as that was not done moments ago.

        :return: (those that may be read now, the moment for the first of the others)
        """
        # sudo: the engine's table; who may ask is checked by the caller
        queue_sudo = self.env['exact.export.queue'].sudo()
        now = fields.Datetime.now()
        granted, moments = self.browse(), []
        for division in self:
            row_sudo = queue_sudo.of(division)
            moment = row_sudo._next_refresh()
            if moment > now:
                moments.append(moment)
                continue
            row_sudo._note_refresh()
            granted |= division
        return granted, min(moments, default=None)

    @api.private
    def told_to_wait(self, moment):
        """The notification for who asks too often.

        :param moment: naive UTC, when Exact can be read again
        """
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'warning',
                'title': self.env._("Exact was read a moment ago"),
                'message': self.env._(
                    "It can be read again at %(time)s, since each reading takes calls that"
                    " documents need. Changes also come in by themselves.",
                    time=format_datetime(
                        self.env, moment + timedelta(seconds=59), tz=self.env.tz.zone,
                        dt_format='short',
                    ),
                ),
                'next': {'type': 'ir.actions.client', 'tag': 'soft_reload'},
            },
        }
