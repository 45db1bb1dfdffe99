"""When Exact's journals are looked through: before anything is sent, some minutes after, and each
hour, so that what somebody else has typed or changed there is known though nothing is exported.

Where so much was changed that a look does not reach the present, nothing waits for it: what is
about to be sent is asked for by its reference, many with one call.
"""

from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ...booking import from_dict, is_ledger_only
from ...exact_api import odata, wire
from ..base.exact_clock import CLOCKS_DIFFER, VISIBILITY
from ..master.exact_sync_resource import HOURLY
from .exact_export_step import CHECK_BATCH

# How long after sending the journals are read again: an entry that somebody typed at the same time
# is visible by then, and whoever types a pile of bills has finished the next one.
LOOK_AFTER = timedelta(minutes=5)
# General entries have no reference of their own: their text begins with it, which is a longer
# question.
TEXTS_AT_ONCE = 20
# The journals are looked through together with this reading, hourly and at Refresh: it shows which
# entries were deleted, the journals show which were changed.
READ_BEFORE = 'deleted'


class ExactExportLook(models.AbstractModel):
    _name = 'exact.export.look'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Look Through the Ledger"

    @api.private
    def look_due_sql(self):
        """Query for (id, when it was served, up to where they were read) of the divisions whose
        journals are due for a look, whatever else waits.
        """
        now = fields.Datetime.now()
        self.env['exact.export.queue'].flush_model()
        self.env['exact.cursor'].flush_model(['resource', 'last_success_at'])
        self.env['exact.division'].flush_model(['active', 'company_id', 'unreachable_reason'])
        return SQL(
            """
            SELECT division.id, queue.served_at, queue.look_position
              FROM exact_export_queue queue
              JOIN exact_division division ON division.id = queue.division_id
              JOIN exact_connection connection ON connection.id = division.connection_id
         LEFT JOIN exact_cursor reading
                ON reading.division_id = division.id AND reading.resource = %(resource)s
             WHERE division.active AND division.company_id IS NOT NULL
               AND connection.state = 'connected' AND division.unreachable_reason IS NULL
               AND %(rested)s
               -- The first look is that of the first export.
               AND queue.looked_until IS NOT NULL
               AND (
                    queue.look_at <= %(now)s
                    OR queue.looked_at <= %(hour_ago)s
                    OR reading.last_success_at > queue.looked_at
                    -- The last look did not reach the present, and no moment is set to go on at it;
                    OR (queue.looked_at IS NULL AND queue.look_at IS NULL)
                    -- or it was taken by a clock that was ahead.
                    OR queue.looked_at > %(soon)s OR queue.served_at > %(soon)s
               )
            """,
            now=now, soon=now + CLOCKS_DIFFER, hour_ago=now - HOURLY, resource=READ_BEFORE,
            rested=self.env['exact.export.queue'].rested_sql(now),
        )

    @api.private
    def is_look_due(self, division):
        """Whether the journals of the division are due for a look, whatever else waits."""
        return bool(self.env.execute_query(SQL(
            "SELECT 1 FROM (%s) AS look WHERE look.id = %s", self.look_due_sql(), division.id,
        )))

    @api.private
    def look_before_sending(self, division, client):
        """Ask Exact which entries came into its journals since the last look: one question for all
        that is about to be sent. Another look follows when entries that were typed meanwhile are
        visible.
        """
        self.look(division, client)
        queue = self.env['exact.export.queue'].of(division)
        if queue.looked_at:
            queue.look_at = fields.Datetime.now() + LOOK_AFTER
        restored = queue.forgotten_until
        if not queue.looked_at or (restored and fields.Datetime.now() < restored + VISIBILITY):
            # What was sent just before a backup was restored may not be in the feed yet.
            self._ask_by_reference(
                self.env['exact.export'].browse(self.env['exact.export.send'].next_ready(division)),
                division,
                client,
            )
        self.env['exact.export'].commit_half()

    def _ask_by_reference(self, exports, division, client):
        """Ask Exact for entries that carry the references of these exports, which are about to be
        sent. What others have booked is noted as by a look.
        """
        guids = {
            wire.as_guid(row['EntryID'])
            for term in self._reference_terms(exports)
            for row in client.get(
                'bulk/Financial/TransactionLines', select=['ID', 'EntryID'], filter=term,
            )
        }
        entries = {}
        for some in odata.batches(sorted(guids)):
            entries |= self.env['exact.export.proof'].read_entries(client, division, some)
        # What was linked during these calls is ours.
        exports.commit_half()
        ours = set(exports.search([('exact_guid', 'in', list(guids))]).mapped('exact_guid'))
        journals = set(division.looked_through())
        self.env['exact.export.journals'].note_strangers(division, [
            entry for guid, entry in entries.items()
            if entry and guid not in ours and entry.journal in journals
        ])
        self._commit()
        self.env['exact.export.check'].check_proposed(division)

    def _reference_terms(self, exports):
        """Filters that find what carries the references of these exports, as few as will do.

        :return: iterator of terms of `odata`
        """
        references, texts = set(), defaultdict(set)
        for export in exports:
            booking = from_dict(export.booking)
            if is_ledger_only(booking.kind):
                texts[booking.journal, booking.year].add(booking.your_ref)
            else:
                references.add(booking.your_ref)
        for some in odata.batches(sorted(references - {''})):
            yield odata.any_of('YourRef', some)
        for (journal, year), names in texts.items():
            for some in odata.batches(sorted(names - {''}), TEXTS_AT_ONCE):
                yield odata.all_of(
                    odata.eq('JournalCode', journal), odata.eq('FinancialYear', year),
                    odata.one_of(odata.startswith('Description', name) for name in some),
                )

    @api.private
    def was_looked_for(self, export, operation):
        """Whether a look has shown all that was booked since Exact was asked without answer: the
        reference of the entry may have been rewritten.

        :param operation: by which it was asked, empty if it was not
        """
        queue = self.env['exact.export.queue'].of(export.division_id)
        return not operation or queue._has_looked(operation.shown_by)

    @api.private
    def look_if_due(self, division, client):
        """Look through the journals because it is time, not because something is sent."""
        if self.is_look_due(division):
            self.look(division, client)

    @api.private
    def look(self, division, client):
        """Look through the journals; what they show as it was meant is verified."""
        entries = self.env['exact.export.journals'].look_through_journals(division, client)
        # (Of those that somebody booked twice, the other entry is read as well.)
        sent = self.env['exact.export.proof'].due_for_reading(division).filtered(
            lambda export: export.exact_guid in entries and not export.is_double,
        )
        if sent:
            self.env['exact.export.proof'].read_open_items(division, client, sent)
        for batch in self.env['exact.export.proof'].batches(sent, CHECK_BATCH):
            self.env['exact.export.proof'].compare_each(
                batch,
                self.env['exact.export.proof'].completed(batch, client, entries),
                is_final=False,
            )
            self._commit()


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def sync_complete(self, resource, cursor):
        result = super().sync_complete(resource, cursor)
        if resource.key == READ_BEFORE and self.env['exact.export.look'].is_look_due(self):
            self.env['exact.export'].enqueue(self)
        return result

    @api.private
    def look_soon(self):
        """Have Exact asked what was changed or deleted there, as often as people may ask."""
        granted, _moment = self.take_refresh()
        granted.wake_sync('', 'Delete')
