"""The engine that mirrors master data: pages in, cursors advanced, errors told.

        waiting --(due)--> running --(last page)--> done --(due again)--> running
           ^                  |
           +--(call budget)---+--(Exact fails)--> error --(later)--> running
                              +--(no right)-----> skipped --(a day later)--> running

One page is one transaction: its rows, and the cursor that counts them. Whatever stops the engine,
it goes on with the page after the last committed one.
"""

import logging
import time
from datetime import timedelta

from psycopg2 import DataError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ...exact_api import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TooSlow,
    Transient,
    Unreachable,
    odata,
)
from ..administration.exact_call import OF_ONE_KIND
from ..base.exact_clock import ceil
from ..base.exact_error_text import describe
from ..base.exact_note import note
from ..base.exact_sentences import DIVISION_REASONS
from .exact_cursor import RETRY_AFTER, SKIPPED_EVERY
from .exact_sync_resource import MODIFIED, TIMESTAMP, modified_since

_logger = logging.getLogger(__name__)

# A change gets its Modified before it is committed: look back that far
MODIFIED_OVERLAP = timedelta(minutes=10)
# How long a transaction may last that creates a record in Exact and here
MADE_HERE = timedelta(hours=1)
# So long what failed is read after all others: longer than it waits, so that its next try is last.
COMES_LAST = 2 * RETRY_AFTER[-1]
# No answer in time, from Exact or from a gateway in front of it: each question costs a minute.
HANGING = (None, 408, 504)


class StopDivisionError(Exception):
    """Nothing more can be read from this division now; its cursors say why."""


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _after_sync(self):
        """Hook: master data of this division changed and is complete."""

    @api.model
    def _sync_commit(self, divisions, processed=0):
        """Keep what was done. The number of due cursors tells the scheduler whether to go on."""
        due = self.env['exact.cursor'].search_count(
            [('division_id', 'in', divisions.ids), ('next_at', '<=', fields.Datetime.now())],
        )
        self.env['ir.cron']._commit_progress(processed, remaining=due)

    def _sync_cursors(self):
        """The cursors of these divisions, made where missing."""
        existing = {(c.division_id.id, c.resource) for c in self.cursor_ids}
        keys = [resource.key for resource in self._sync_resources()]
        self.env['exact.cursor'].create([
            {'division_id': division.id, 'resource': key, 'sequence': sequence}
            for division in self
            for sequence, key in enumerate(keys)
            if (division.id, key) not in existing
        ])
        self.cursor_ids.filtered(lambda cursor: cursor.resource not in keys).unlink()
        return self.cursor_ids

    def _sync_postpone(self, delay, why):
        """Let what is due wait: it would fail for the same reason."""
        self.cursor_ids.filtered(lambda cursor: cursor._is_due()).write({
            'next_at': fields.Datetime.now() + delay, 'state': 'error', 'note': why,
        })

    def _sync(self, deadline=float('inf')):
        """Read the resources of this division that are due, in small committed steps."""
        self.ensure_one()
        self = self.sudo()  # noqa: PLW0642  the mirror is nobody's to write
        # What has just failed comes last: it is not to keep the others from being read. Not for
        # ever, or it would be what the calls of the day never reach
        lately = fields.Datetime.now() - COMES_LAST
        cursors = self._sync_cursors().sorted(
            lambda c: (
                bool(c.failure_count and c.failed_at and c.failed_at > lately), c.sequence,
            ),
        )
        try:
            if any(cursor._is_due() for cursor in cursors):
                self._sync_due(cursors, deadline)
        except StopDivisionError:
            return
        except (ExactError, UserError) as error:
            self.env.cr.rollback()
            self._sync_postpone(RETRY_AFTER[-1], self._sync_sentence(error))
            return
        self._sync_finish()

    def _sync_due(self, cursors, deadline):
        with self.client(priority='master') as client:
            for cursor in cursors:
                if time.monotonic() >= deadline:
                    return
                if cursor._is_due():
                    self._sync_resource(client, cursor, deadline)

    def _sync_finish(self):
        """Tell others that the mirror changed, once it is complete."""
        cursors = self.cursor_ids
        if any(not c.is_complete and c.state in ('waiting', 'running') for c in cursors):
            return
        changed = cursors.filtered('has_changes')
        if not changed:
            return
        self._sync_commit(self)
        if changed.try_lock_for_update(allow_referencing=True) == changed:
            changed.write({'has_changes': False})
            self._after_sync()

    def _sync_resource(self, client, cursor, deadline):
        """Read one resource, page by page, each in its own transaction."""
        resource = self.resource_of(cursor.resource)
        # A new transaction sees what another worker just finished, and locks without a conflict
        self._sync_commit(self)
        if not cursor._lock() or not cursor._is_due():
            return
        blocking = (self.cursor_ids - cursor).filtered(
            lambda c: c.resource in resource.requires and not c.is_complete,
        )
        if blocking:
            cursor._wait_for(blocking[0])
            self._sync_commit(self)
            return
        try:
            extra = resource.prepare(client)
            cursor._begin(resource)
            self._sync_commit(self)
            pages = self._sync_pages(client, resource, cursor)
            place = cursor._place()
            while cursor._lock() and cursor._place() == place:
                page = next(pages, None)
                if not page:
                    self.sync_complete(resource, cursor)
                    self._sync_commit(self, 1)
                    return
                self._sync_page(resource, cursor, page, extra)
                place = cursor._place()
                self._sync_commit(self, 1)
                if time.monotonic() >= deadline:
                    return
        except ExactError as error:
            self._sync_failed(resource, cursor, error)
        except (DataError, ValueError) as error:
            # A value that the database does not take: this resource waits, those behind it do not
            self._sync_failed(resource, cursor, MalformedAnswer(
                type(error).__name__, resource=resource.endpoint, method='GET',
            ))

    def _sync_pages(self, client, resource, cursor):
        """The pages that are still to come, one call each.

        :return: iterator of lists of rows.
        """
        today = fields.Date.context_today(self)
        terms, params = [], None
        base = resource.filter(today, self)
        if base:
            terms.append(base)
        if resource.key == 'division':
            terms.append(odata.eq('Code', self.code))
        elif resource.how == TIMESTAMP:
            terms.append(odata.gt('Timestamp', odata.timestamp(int(cursor.position or 1))))
        elif resource.how == MODIFIED and not cursor.is_full:
            terms.append(odata.gt('Modified', modified_since(cursor.position)))
        if cursor.page_key:
            # Pages are ordered by the key; Exact's own links to a next page look the same
            params = {'$skiptoken': odata.guid(cursor.page_key)}
        return client.pages(
            resource.endpoint, select=resource.select,
            filter=odata.all_of(*terms) if terms else None, params=params, whole=False,
        )

    @api.private
    def sync_complete(self, resource, cursor):
        """The last page was read: draw conclusions, and say when to come back."""
        now = fields.Datetime.now()
        was_complete = cursor.is_complete
        vals = {
            'state': 'done', 'note': False, 'last_success_at': now, 'is_complete': True,
            'failure_count': 0,
        }
        # Whose row had no key, nobody knows: it may be one that seems to be absent
        if resource.model and cursor.is_full and not cursor._has_nameless_rows():
            absent = self._sync_archive(resource, Domain.AND([
                Domain.OR([
                    [('sync_run', 'not in', (0, cursor.run))],
                    # An export may have made it while the pages were read
                    [('sync_run', '=', 0), ('create_date', '<', cursor.run_started_at - MADE_HERE)],
                ]),
                resource.scope(fields.Date.context_today(self), self),
            ]))
            if absent:
                vals |= {'has_changes': True, 'changed_at': now}
        if resource.model:
            vals['row_count'] = self.env[resource.model].search_count(
                [('division_id', '=', self.id)],
            )
        if cursor.is_full:
            vals['full_at'] = now
        if resource.how == MODIFIED:
            vals['position'] = fields.Datetime.to_string(cursor.run_started_at - MODIFIED_OVERLAP)
        cursor.write({**vals, 'is_full': False, 'page_key': False})
        cursor.next_at = now + cursor._rhythm(resource)
        if not was_complete:
            self.cursor_ids.filtered(
                lambda c: resource.key in self.resource_of(c.resource).requires,
            ).make_due()

    def _sync_failed(self, resource, cursor, error):
        """Tell on the cursor why it stopped, and when it goes on.

        :raise StopDivisionError: where the other resources would fail as well.
        """
        self.env.cr.rollback()
        now = fields.Datetime.now()
        sentence = self._sync_sentence(error)
        stop = isinstance(error, (NeedsReconnect, Unreachable)) or (
            # Whoever hangs would most likely hang with the next question, too
            isinstance(error, Transient) and error.status in HANGING
            and not isinstance(error, TooSlow)
        )
        if isinstance(error, Forbidden) and error.reason in DIVISION_REASONS:
            # Not this resource but the whole administration is closed to us
            stop = True
        if isinstance(error, RateLimited):
            stop = error.scope not in OF_ONE_KIND
            retry_at = max(ceil(error.retry_at), now + timedelta(seconds=1))
            vals = {'state': 'waiting', 'next_at': retry_at}
            self.env.ref('account_exact.ir_cron_sync')._trigger(retry_at)
        elif isinstance(error, (Forbidden, NotFound)) and not stop:
            vals = {'state': 'skipped', 'next_at': now + SKIPPED_EVERY}
        else:
            count = cursor.failure_count
            delay = RETRY_AFTER[min(count, len(RETRY_AFTER) - 1)]
            if isinstance(error, (Forbidden, NeedsReconnect)):
                delay = RETRY_AFTER[-1]
            vals = {
                'state': 'error', 'next_at': now + delay, 'failure_count': count + 1,
                'failed_at': now,
            }
            if not isinstance(error, (OutcomeUnknown, Transient, Unreachable)):
                # Exact does not like the question: do not ask from the same place again
                vals['page_key'] = False
            if delay < RETRY_AFTER[-1]:
                self.env.ref('account_exact.ir_cron_sync')._trigger(now + delay)
        _logger.info(
            "Exact division %s: %s stops: %s", self.code, resource.key, type(error).__name__,
        )
        cursor.write({**vals, 'note': sentence})
        if stop:
            # The others would only meet the same: they wait with it
            (self.cursor_ids - cursor).filtered(lambda c: c._is_due()).write(
                {'next_at': vals['next_at']},
            )
        self._sync_commit(self)
        if stop:
            raise StopDivisionError

    def _sync_sentence(self, error):
        """What a bookkeeper reads on the cursor, as a note."""
        if isinstance(error, NotFound):
            return note('error/no_edition')
        return describe(error) if isinstance(error, ExactError) else str(error)
