"""Reading what changed in Exact's ledger: page by page, each seen and kept with its position before
the next one is asked for, so that whoever is stopped goes on where he was.

What is read is `sync/Financial/TransactionLines`. `bulk/Financial/TransactionLines`, filtered by
`Modified`, has the same properties and could leave out the journals of banks; but

* its pages are in the order of ids: of any stretch of time that is longer than a page, the lines of
  an entry lie anywhere, and a position within it says nothing about the time. In the feed each
  change has a higher `Timestamp` than all before it, so one number says what was seen, and the
  lines of an entry are side by side;
* `Modified` is a time: one line of the year 2099, or a clock that was ahead, would hide what comes
  after. A `Timestamp` is none.

The feed can be filtered by nothing else. What it tells of other journals is left aside, and costs
a call for each 1,000 lines. Where in it a moment is, Exact says (`read/sync/Sync/SyncTimestamp`).
A move of the administration within Exact makes all of them anew.
"""

import time
from datetime import timedelta

from odoo import api, fields, models

from ...booking import READ_FIELDS
from ...exact_api import (
    Forbidden,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Rejected,
    feed,
    odata,
    wire,
)
from ..administration.exact_call import OF_ONE_KIND
from ..base.exact_clock import aware, ceil, floor, past, utcnow
from ..base.exact_error_text import DIVISION_REASONS

LEDGER = 'sync/Financial/TransactionLines'
# How far back the very first look goes: what an accountant, or a former connector, has typed of the
# documents that are exported first.
FIRST_LOOK = timedelta(days=92)
# A position is asked for somewhat before the moment that is meant: clocks differ, and Exact gives a
# change its moment before it shows it.
STEP_BACK = timedelta(hours=1)
# Seconds after which a look that is behind leaves the turn to what else is to be done.
LOOK_TIME = 20


class ExactExportQueue(models.Model):
    _inherit = 'exact.export.queue'

    look_position = fields.Char(
        readonly=True, export_string_translation=False,
        help="The Timestamp up to which the changes in Exact's ledger have been seen.",
    )
    # When older documents come than there were before, what changed before the first look is read.
    older_position = fields.Char(
        readonly=True, export_string_translation=False,
        help="The Timestamp up to which older changes have been read.",
    )
    older_until = fields.Char(
        readonly=True, export_string_translation=False,
        help="The Timestamp at which no older changes are left to be read.",
    )

    def _has_looked(self, since=None):
        """Whether the journals were looked through up to the present.

        :param since: naive moment after which that has to have been, if any
        """
        self.ensure_one()
        looked_at = past(self.looked_at, fields.Datetime.now())
        return bool(looked_at) and (not since or looked_at >= since)

    def forget_future(self):
        result = super().forget_future()
        now = fields.Datetime.now()
        if self.looked_at and not past(self.looked_at, now):
            self.write({'looked_at': False, 'look_at': False})
        if any(moment and not past(moment, now) for moment in (
            self.looked_until, self.looked_since,
        )):
            # Nobody knows what was seen then: the first look is taken anew.
            self.write({
                'looked_until': now - FIRST_LOOK, 'looked_since': now - FIRST_LOOK,
                'look_position': False, 'looked_at': False, 'look_at': False,
            })
            self._end_older()
        return result

    def _position_at(self, client, moment):
        """Ask Exact for the position in its feed at a moment, or somewhat before.

        :param moment: naive UTC
        :return: what to keep; the beginning of the feed where Exact does not say
        """
        self.ensure_one()
        rows = []
        try:
            rows = client.get(
                'read/sync/Sync/SyncTimestamp', select=['TimeStampAsBigInt'],
                params={
                    'modified': aware(moment - STEP_BACK),
                    'endPoint': odata.literal('TransactionLines'),
                },
            )
            positions = [wire.as_int(row['TimeStampAsBigInt']) or 0 for row in rows]
        except (Forbidden, NotFound, Rejected, MalformedAnswer) as error:
            if getattr(error, 'reason', None) in DIVISION_REASONS:
                raise
            positions = []
        return str(max([feed.FIRST_POSITION, *positions]))

    def _begin(self, client, wanted):
        """Say from where on the feed is read, if that is not known.

        :param wanted: naive moment since when what is about to be sent may have been typed
        """
        self.ensure_one()
        first = min(wanted, fields.Datetime.now() - FIRST_LOOK)
        if not self.looked_until:
            self.write({'looked_until': first, 'looked_since': first, 'look_position': False})
        if not self.looked_since:
            self.looked_since = fields.Datetime.now() - FIRST_LOOK
        if not self.look_position:
            self.look_position = self._position_at(client, self.looked_until)

    def _begin_older(self, client, wanted):
        """Say from where on older changes are read, if any have to be.

        :param wanted: as of `_begin`
        :return: whether they have to be
        """
        self.ensure_one()
        if not self.older_position and wanted < self.looked_since:
            self.write({
                'older_until': self._position_at(client, self.looked_since + 2 * STEP_BACK),
                'older_position': self._position_at(client, wanted),
                'looked_since': wanted,
            })
        return bool(self.older_position)

    def _end_older(self):
        self.write({'older_position': False, 'older_until': False})


class ExactExportLook(models.AbstractModel):
    _inherit = 'exact.export.look'

    @api.private
    def read_changes(self, division, client):
        """See what changed in Exact's ledger since the last time.

        The first page is asked for as everything is that documents need. The others take no more
        than their share of the calls (`exact_call.RESERVES`) and of the turn, so that sending goes
        on however much there is.

        :return: ({GUID of an entry: booking.ReadEntry}, when it goes on): of the exports that wait
            to be read back; the moment is None if the present was reached
        """
        queue = self.env['exact.export.queue'].of(division)
        wanted, started = self.env['exact.export.journals'].look_from(division), time.monotonic()
        try:
            queue._begin(client, wanted)
            entries, more = self._see_page(division, client, queue)
        except RateLimited as error:
            if error.scope not in OF_ONE_KIND:
                raise
            # Exact does not give the feed; all that needs none goes on.
            self.env.cr.rollback()
            return {}, ceil(error.retry_at)
        if not more and not queue.older_position and wanted >= queue.looked_since:
            return entries, None
        try:
            with division.client('look') as patient:
                for found in self._see_pages(division, patient, queue, more, wanted):
                    entries |= found
                    if time.monotonic() - started > LOOK_TIME:
                        return entries, fields.Datetime.now()
        except RateLimited as error:
            self.env.cr.rollback()
            return entries, ceil(error.retry_at)
        return entries, None

    def _see_pages(self, division, client, queue, more, wanted):
        """See what changed lately, then what changed before the first look.

        :param more: whether there is more of the former
        :return: iterator of what each page has of our entries; ends with the last one
        """
        while more:
            found, more = self._see_page(division, client, queue)
            yield found
        more = queue._begin_older(client, wanted)
        while more:
            found, more = self._see_page(division, client, queue, is_older=True)
            yield found

    def _see_page(self, division, client, queue, *, is_older=False):
        """See the next page, and keep its position with what it shows.

        :return: ({GUID: booking.ReadEntry}, whether another page follows)
        """
        name = 'older_position' if is_older else 'look_position'
        position = int(queue[name])
        rows, more = client.page(
            LEDGER, select=['Timestamp', 'ID', *READ_FIELDS],
            filter=odata.gt('Timestamp', odata.timestamp(position)),
        )
        page = feed.take(rows, position, more=more, now=utcnow())
        # What was linked during the call is ours to `see`.
        self.env['exact.export'].commit_half()
        entries = self.env['exact.export.journals'].see(division, client, page.rows)
        queue[name] = str(page.position)
        if is_older and (not more or page.position >= int(queue.older_until)):
            queue._end_older()
            more = False
        elif not is_older and page.modified:
            queue.looked_until = max(queue.looked_until, floor(page.modified))
        self._commit()
        if more:
            # However many pages follow, what was read of this one is not kept in memory.
            self.env.invalidate_all()
        return entries, more


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def reset_sync(self):
        result = super().reset_sync()
        # sudo: whoever learns of the move, the queue is the engine's.
        queues_sudo = self.env['exact.export.queue'].sudo().search([
            ('division_id', 'in', self.ids),
        ])
        queues_sudo.filtered('older_position').write({'looked_since': False})
        queues_sudo.write({'look_position': False, 'looked_at': False, 'look_at': False})
        queues_sudo._end_older()
        return result
