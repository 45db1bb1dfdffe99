"""When Exact's journals are looked through: before anything is sent, some minutes after, and each
hour, so that what somebody else has typed or changed there is known though nothing is exported.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..master.exact_sync_resource import HOURLY
from .exact_export_worker import CHECK_BATCH

# How long after sending the journals are read again: an entry that somebody typed at the same time
# is visible by then, and whoever types a pile of bills has finished the next one.
LOOK_AFTER = timedelta(minutes=5)
# The journals are looked through together with this reading, hourly and at Refresh: it shows which
# entries were deleted, the journals show which were changed.
READ_BEFORE = 'deleted'


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.model
    def _look_due_sql(self):
        """Query for (id, when it was served) of the divisions whose journals are due for a look,
        whatever else waits.
        """
        now = fields.Datetime.now()
        self.env['exact.export.queue'].flush_model()
        self.env['exact.cursor'].flush_model(['resource', 'last_success_at'])
        self.env['exact.division'].flush_model(['active', 'company_id', 'unreachable_reason'])
        return SQL(
            """
            SELECT division.id, queue.served_at
              FROM exact_export_queue queue
              JOIN exact_division division ON division.id = queue.division_id
              JOIN exact_connection connection ON connection.id = division.connection_id
         LEFT JOIN exact_cursor reading
                ON reading.division_id = division.id AND reading.resource = %(resource)s
             WHERE division.active AND division.company_id IS NOT NULL
               AND connection.state = 'connected' AND division.unreachable_reason IS NULL
               AND (queue.retry_at IS NULL OR queue.retry_at <= %(now)s)
               -- The first look is that of the first export.
               AND queue.looked_until IS NOT NULL
               AND (
                    queue.look_at <= %(now)s
                    OR COALESCE(queue.looked_at, queue.looked_until) <= %(hour_ago)s
                    OR reading.last_success_at > COALESCE(queue.looked_at, queue.looked_until)
               )
            """,
            now=now, hour_ago=now - HOURLY, resource=READ_BEFORE,
        )

    @api.model
    def _is_look_due(self, division):
        """Whether the journals of the division are due for a look, whatever else waits."""
        return bool(self.env.execute_query(SQL(
            "SELECT 1 FROM (%s) AS look WHERE look.id = %s", self._look_due_sql(), division.id,
        )))

    @api.model
    def _look_before_sending(self, division, client):
        """Ask Exact which entries came into its journals since the last look: one question for all
        that is about to be sent. Another look follows when entries that were typed meanwhile are
        visible.
        """
        self._look(division, client)
        queue = self.env['exact.export.queue']._of(division)
        queue.look_at = fields.Datetime.now() + LOOK_AFTER
        self._commit_half()

    @api.model
    def _look_if_due(self, division, client):
        """Look through the journals because it is time, not because something is sent."""
        if self._is_look_due(division):
            self._look(division, client)

    @api.model
    def _look(self, division, client):
        """Look through the journals; what they show as it was meant is verified."""
        entries = self._look_through_journals(division, client)
        sent = self._due_for_reading(division).filtered(lambda export: export.exact_guid in entries)
        if sent:
            self._read_open_items(division, client, sent)
        for batch in sent._batches(CHECK_BATCH):
            batch._compare_each(batch._completed(client, entries), is_final=False)
            self._commit()


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _sync_complete(self, resource, cursor):
        result = super()._sync_complete(resource, cursor)
        if resource.key == READ_BEFORE and self.env['exact.export']._is_look_due(self):
            self.env['exact.export']._enqueue(self)
        return result

    def _look_soon(self):
        """Have Exact asked what was changed or deleted there, as often as people may ask."""
        granted, _moment = self._take_refresh()
        granted._wake_sync('', 'Delete')
