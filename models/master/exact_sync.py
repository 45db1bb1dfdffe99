"""The engine that mirrors master data: pages in, rows written, cursors advanced, errors told.

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
from zoneinfo import ZoneInfo

from psycopg2 import DataError, IntegrityError, OperationalError

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL, config, float_compare

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
    wire,
)
from ..administration.exact_call import OF_ONE_KIND
from ..base.exact_clock import aware, ceil, floor, past
from ..base.exact_error_text import DIVISION_REASONS, describe
from ..base.exact_note import note
from .exact_sync_resources import BY_ENTITY_TYPE, MODIFIED, RESOURCES, TIMESTAMP, choice
from .exact_sync_rows import BROKEN, highest_timestamp, last_key, left_out, sound_rows, why

_logger = logging.getLogger(__name__)

AMSTERDAM = ZoneInfo('Europe/Amsterdam')
# A change gets its Modified before it is committed: look back that far
MODIFIED_OVERLAP = timedelta(minutes=10)
# How long a transaction may last that creates a record in Exact and here
MADE_HERE = timedelta(hours=1)
# Between two readings that Exact's hints ask for: a burst of them is one reading
HINT_PAUSE = timedelta(minutes=1)
SKIPPED_EVERY = timedelta(days=1)
RETRY_AFTER = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
ATTEMPTS = 3
# So long what failed is read after all others: longer than it waits, so that its next try is last.
COMES_LAST = 2 * RETRY_AFTER[-1]
# No answer in time, from Exact or from a gateway in front of it: each question costs a minute.
HANGING = (None, 408, 504)


class StopDivisionError(Exception):
    """Nothing more can be read from this division now; its cursors say why."""


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    # === SYNCHRONISATION === #

    cursor_ids = fields.One2many('exact.cursor', 'division_id', string="Master Data", readonly=True)
    hr_link_date = fields.Datetime(
        string="HR Linked On", readonly=True,
        help="When Exact linked the administration to HR or unlinked it; "
             "all cursors start anew then.",
    )
    sync_progress = fields.Integer(string="Master Data Complete", compute='_compute_sync')
    sync_state = fields.Selection(
        [
            ('none', "Not Started"), ('running', "Coming In"), ('done', "Up to Date"),
            ('attention', "Needs Attention"),
        ],
        string="Master Data Status", compute='_compute_sync',
    )
    sync_at = fields.Datetime(string="Last Complete", compute='_compute_sync')

    # === COMPUTE METHODS === #

    @api.depends('cursor_ids.state', 'cursor_ids.is_complete', 'cursor_ids.last_success_at')
    def _compute_sync(self):
        for division in self:
            cursors = division.cursor_ids
            settled = cursors.filtered(lambda c: c.is_complete or c.state == 'skipped')
            division.sync_progress = 100 * len(settled) // len(cursors) if cursors else 0
            division.sync_at = min(filter(None, settled.mapped('last_success_at')), default=False)
            if not cursors:
                division.sync_state = 'none'
            elif any(cursor.state == 'error' for cursor in cursors):
                division.sync_state = 'attention'
            elif len(settled) < len(cursors):
                division.sync_state = 'running'
            else:
                division.sync_state = 'done'

    # === CRUD METHODS === #

    def write(self, vals):
        """A move to another database, or a link to HR, makes all timestamps of Exact new."""
        moved = self.browse()
        for name in {'move_date', 'hr_link_date'} & vals.keys():
            new = fields.Datetime.to_datetime(vals[name]) or False
            new = new and new.replace(microsecond=0)
            moved |= self.filtered(lambda d, name=name, new=new: d[name] != new)
        result = super().write(vals)
        moved._reset_sync()
        return result

    # === ACTIONS === #

    def action_refresh(self):
        """Read what changed in Exact now, in the background.

        Asked again and again it is done at longer and longer intervals, see `exact_refresh`.

        :return: a notification; the reading itself is done by the scheduled action.
        :raise UserError: where no company is chosen yet.
        """
        self.check_access('read')
        if not self.env.su and not self.env.user.has_group('account.group_account_invoice'):
            raise AccessError(self.env._("Only invoicing users may ask Exact for changes."))
        unlinked = self.filtered(lambda division: not division.company_id)
        if unlinked:
            raise UserError(self.env._(
                "Choose the company of %(division)s first; its master data then comes by itself.",
                division=unlinked[0].display_name,
            ))
        granted, moment = self._take_refresh()
        if self and not granted:
            return self._told_to_wait(moment)
        granted._start_sync()
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'info',
                'title': self.env._("Exact is being read"),
                'message': self.env._(
                    "What changed in Exact comes in within a minute. You can go on working.",
                ),
                'next': {'type': 'ir.actions.client', 'tag': 'soft_reload'},
            },
        }

    # === BUSINESS METHODS === #

    def _start_sync(self):
        """Make everything due and wake the scheduled action; no call to Exact is made here."""
        # The cursors are nobody's to write; who may ask was checked before
        divisions_sudo = self.sudo()
        divisions_sudo._sync_cursors().filtered(lambda c: c.state != 'running')._make_due()
        divisions_sudo.env.ref('account_exact.ir_cron_sync')._trigger()

    def _wake_sync(self, topic, action):
        """Read sooner what Exact says has changed; a burst of such hints makes one reading.

        What is being read at this moment is left alone: that reading goes on until nothing newer
        comes.

        :param str topic: of a webhook
        :param str action: 'Create', 'Update' or 'Delete'
        """
        keys = {key for key, resource in RESOURCES.items() if topic and resource.topic == topic}
        if action == 'Delete':
            keys.add('deleted')
        now = fields.Datetime.now()
        for cursor in self.sudo().cursor_ids.filtered(lambda cursor: cursor.resource in keys):
            moment = max(now, (cursor.last_success_at or now) + HINT_PAUSE)
            if (
                cursor.state in ('waiting', 'done') and cursor.next_at > moment
                and cursor.try_lock_for_update(allow_referencing=True)
            ):
                cursor.next_at = moment
                self.env.ref('account_exact.ir_cron_sync').sudo()._trigger(moment)

    def _after_sync(self):
        """Hook: master data of this division changed and is complete."""

    def _on_deleted(self, entity_type, guids):
        """Hook: records were deleted in Exact.

        :param int entity_type: of `sync/Deleted` (1 transaction lines, 2 accounts, 9 items ...).
        :param list guids: of what was deleted, lower case.
        """
        self.ensure_one()
        resource = BY_ENTITY_TYPE.get(entity_type)
        if resource:
            self._sync_archive(resource, [('exact_guid', 'in', guids)])

    def _reset_sync(self):
        """Read everything anew, keeping what is here until the reading is complete."""
        # Whoever learns of the move, the cursors are the engine's
        cursors_sudo = self.sudo().cursor_ids
        cursors_sudo.write({
            'is_full': True, 'is_complete': False, 'position': False, 'page_key': False,
        })
        cursors_sudo._make_due()

    @api.model
    def _cron_sync(self):
        """Read whatever is due, of all divisions; one's failure is not another's."""
        deadline = self._sync_deadline()
        # Division by division below, each with its own company
        divisions = self.sudo().search([('company_id', '!=', False)]).filtered(
            lambda division: division._is_sync_possible(),
        )
        for number, division in enumerate(divisions):
            now = time.monotonic()
            if now >= deadline:
                break
            # A large administration leaves its share to those behind it; the rest comes next time
            share = now + (deadline - now) / (len(divisions) - number)
            company = division.company_id
            try:
                division = division.with_context(lang=company.partner_id.lang)
                division.with_company(company)._sync(share)
            except (OperationalError, IntegrityError) as error:
                # Another worker was faster; what it left is still due
                self.env.cr.rollback()
                _logger.info("Exact division %s: %s", division.code, type(error).__name__)
            except Exception:
                self.env.cr.rollback()
                _logger.exception("Exact division %s: synchronisation failed", division.code)
                division._sync_postpone(RETRY_AFTER[-1], note('error/sync_crashed'))
            self._sync_commit(divisions)

    def _is_sync_possible(self):
        """Whether Exact can be asked at all."""
        return self.connection_id.state == 'connected'

    @api.model
    def _sync_deadline(self):
        """Until when one run may work.

        Odoo stops a scheduled action that takes too long; it is over well before that, and what is
        left is done in the next run. Where Odoo sets no limit, ten minutes are enough.

        :return: to compare with `time.monotonic()`.
        """
        limit = config['limit_time_real_cron']
        if limit is None or limit < 0:
            limit = config['limit_time_real']
        started = self.env.context.get('cron_end_time', time.monotonic() + 10) - 10
        return started + (limit * 0.75 if limit else 600)

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
        self.env['exact.cursor'].create([
            {'division_id': division.id, 'resource': key, 'sequence': sequence}
            for division in self
            for sequence, key in enumerate(RESOURCES)
            if (division.id, key) not in existing
        ])
        self.cursor_ids.filtered(lambda cursor: cursor.resource not in RESOURCES).unlink()
        return self.cursor_ids

    def _sync_postpone(self, delay, why):
        """Let what is due wait: it would fail for the same reason."""
        self.cursor_ids.filtered(lambda cursor: cursor._is_due()).write({
            'next_at': fields.Datetime.now() + delay, 'state': 'error', 'note': why,
        })

    # === ENGINE === #

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
        with self._client(priority='master') as client:
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
        resource = RESOURCES[cursor.resource]
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
                    self._sync_complete(resource, cursor)
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

    def _sync_page(self, resource, cursor, page, extra):
        """Write one page and where it ends.

        Someone may have written the same row meanwhile (a relation that an export created); then
        the page is written once more over what is there now.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._sync_write(resource, cursor, page, extra)
                self.env.flush_all()
            except (OperationalError, IntegrityError):
                if attempt == ATTEMPTS:
                    raise
                self.env.cr.rollback()
                _logger.info("Exact division %s: writing %s once more", self.code, resource.key)
                if not cursor._lock():
                    return
            else:
                return

    def _sync_write(self, resource, cursor, page, extra):
        if resource.key == 'division':
            try:
                changed = self._sync_division(page[0])
            except KeyError as error:
                raise MalformedAnswer(
                    why(error), resource=resource.endpoint, method='GET',
                ) from error
        elif resource.key == 'deleted':
            changed = self._sync_deleted(cursor, page)
        else:
            changed = self._upsert(resource, cursor, page, extra)
        if changed and not cursor.has_changes:
            cursor.has_changes = True
        cursor.write({
            **self._sync_place(resource, cursor, page),
            'last_page_at': fields.Datetime.now(),
            'row_count': cursor.row_count + (len(page) if cursor.is_full else 0),
            'failure_count': 0,
        })

    def _sync_place(self, resource, cursor, page):
        """Up to where Exact has been read after this page, as values of the cursor."""
        if resource.how == TIMESTAMP:
            # The counter is larger than a float holds exactly: always whole numbers
            highest = highest_timestamp(resource, page)
            return {'position': str(max(highest, int(cursor.position or 1)))}
        if resource.key_property == 'ID':
            return {'page_key': last_key(resource, page)}
        return {}

    def _sync_division(self, row):
        vals = {
            'name': wire.as_text(row['Description']) or self.name,
            'exact_status': choice(row['Status'], ('0', '1', '2')),
            'move_date': floor(wire.as_utc(row['DivisionMoveDate'])),
            'hr_link_date': floor(wire.as_utc(row['DivisionHRLinkUnlinkDate'])),
        }
        vals = {name: value for name, value in vals.items() if self[name] != value}
        if vals:
            self.write(vals)
        return bool(vals)

    def _sync_deleted(self, cursor, page):
        by_type = {}
        for row in page:
            try:
                entity_type, guid = wire.as_int(row['EntityType']), wire.as_guid(row['EntityKey'])
            except BROKEN as error:
                cursor._note_rows([], [{'key': '', 'why': why(error)}])
            else:
                by_type.setdefault(entity_type, []).append(guid)
        for entity_type, guids in by_type.items():
            self._on_deleted(entity_type, guids)
        return any(entity_type in BY_ENTITY_TYPE for entity_type in by_type)

    def _upsert(self, resource, cursor, page, extra):
        """Create and change the rows of a page, in as many queries for a thousand as for ten.

        A row that is not what the reference says is left out and named.

        :return: whether anything changed.
        :raise MalformedAnswer: where no row is what the reference says.
        """
        vals_by_key, broken = sound_rows(resource, page, extra)
        cursor._note_rows(vals_by_key, broken)
        resource.link(self, vals_by_key)
        model = self.env[resource.model].with_context(active_test=False)
        names = list(next(iter(vals_by_key.values())))
        known = model.search_fetch(
            [('division_id', '=', self.id), ('exact_guid', 'in', list(vals_by_key))],
            ['exact_guid', 'active', *names],
        )
        # What was archived and is in a page again has come back
        restored = known.filtered(lambda record: not record.active)
        changed = False
        for record in known:
            vals = vals_by_key[record.exact_guid]
            difference = {
                name: value for name, value in {**vals, 'active': True}.items()
                if not same_value(record, name, value)
            }
            if difference:
                record.write(difference)
                changed = True
        seen = [*vals_by_key, *(entry['key'] for entry in broken)]
        if cursor.is_full and (known or broken):
            # A mark of the reading, not a change of the record: past the ORM, in one query
            self.env.cr.execute(SQL(
                "UPDATE %s SET sync_run = %s WHERE division_id = %s AND exact_guid IN %s",
                SQL.identifier(model._table), cursor.run, self.id, tuple(seen),
            ))
        missing = vals_by_key.keys() - set(known.mapped('exact_guid'))
        if missing:
            model.create([
                {
                    **vals_by_key[key], 'exact_guid': key, 'division_id': self.id,
                    'sync_run': cursor.run,
                }
                for key in vals_by_key if key in missing
            ])
            changed = True
        resource.after_page(self, vals_by_key)
        if restored:
            resource.after_restore(restored)
        return changed

    def _sync_archive(self, resource, domain):
        """Archive what Exact does not have any more; what is computed from `active` follows."""
        records = self.env[resource.model].search(
            Domain.AND([[('division_id', '=', self.id)], domain]),
        )
        if records:
            records.write({'active': False})
            resource.after_archive(records)
        return records

    def _sync_complete(self, resource, cursor):
        """The last page was read: draw conclusions, and say when to come back."""
        now = fields.Datetime.now()
        was_complete = cursor.is_complete
        vals = {
            'state': 'done', 'note': False, 'last_success_at': now, 'is_complete': True,
            'next_at': now + resource.every, 'failure_count': 0,
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
                vals['has_changes'] = True
        if resource.model:
            vals['row_count'] = self.env[resource.model].search_count(
                [('division_id', '=', self.id)],
            )
        if cursor.is_full:
            vals['full_at'] = now
        if resource.how == MODIFIED:
            vals['position'] = fields.Datetime.to_string(cursor.run_started_at - MODIFIED_OVERLAP)
        cursor.write({**vals, 'is_full': False, 'page_key': False})
        if not was_complete:
            self.cursor_ids.filtered(
                lambda c: resource.key in RESOURCES[c.resource].requires,
            )._make_due()

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


class ExactCursor(models.Model):
    _inherit = 'exact.cursor'

    def _is_due(self):
        now = fields.Datetime.now()
        # When a clock was ahead, so is all that was counted from it
        told_at = {'done': self.last_success_at, 'error': self.failed_at}.get(self.state)
        return self.next_at <= now or bool(told_at and not past(told_at, now))

    def _make_due(self):
        """Let them be read at once, except those that a worker is reading at this moment.

        Never waits for that worker: it holds its cursor while Exact is at work, and may itself be
        who asks for this, in a transaction beside that one.
        """
        now = fields.Datetime.now()
        for cursor in self.try_lock_for_update(allow_referencing=True):
            cursor.write({
                'next_at': now,
                'state': 'waiting',
                'note': False,
            })

    def _wait_for(self, other):
        """Come again when the other one, which has to be complete before, may be."""
        self.write({
            'state': 'skipped' if other.state == 'skipped' else 'waiting',
            'note': other.note,
            'next_at': max(other.next_at, fields.Datetime.now() + RETRY_AFTER[0]),
        })

    def _note_rows(self, sound_keys, broken):
        """Keep which rows were left out, and that others are whole again."""
        if broken or self.broken_rows:
            rows, count = left_out(
                self.broken_rows or [], self.broken_count, sound_keys, broken,
            )
            self.write({'broken_rows': rows or False, 'broken_count': count})

    def _has_nameless_rows(self):
        return any(not entry['key'] for entry in self.broken_rows or [])

    def _place(self):
        return self.position, self.page_key

    def _lock(self):
        """Take the cursor for this transaction.

        :return: whether it was free; read anew where it was.
        """
        self.ensure_one()
        if not self.try_lock_for_update(allow_referencing=True):
            return False
        self.invalidate_recordset()
        return True

    def _begin(self, resource):
        """Start a reading, or go on with the one that was interrupted."""
        now = fields.Datetime.now()
        vals = {'state': 'running', 'note': False}
        if self.is_complete and not self.is_full:
            full_again = (
                resource.full_every and self.full_at and self.full_at + resource.full_every <= now
            )
            if resource.how not in (TIMESTAMP, MODIFIED) or full_again:
                vals.update(is_full=True, page_key=False)
        is_full = vals.get('is_full', self.is_full)
        place = self.position if resource.how == TIMESTAMP and is_full else self.page_key
        if not place or not self.run_started_at or 'is_full' in vals:
            vals['run_started_at'] = now
            if is_full:
                vals.update(run=self.run + 1, row_count=0, broken_rows=False, broken_count=0)
        self.write(vals)


def modified_since(position):
    """From when on changes are asked.

    Exact compares Dutch local time. In the hour that comes twice in autumn, a moment of its first
    pass is later on the clock than most of its second pass: ask from an hour earlier then.

    :param position: UTC, as Odoo writes it.
    :return: aware datetime.
    """
    moment = aware(fields.Datetime.to_datetime(position))
    local = moment.astimezone(AMSTERDAM)
    if local.fold == 0 and local.utcoffset() != local.replace(fold=1).utcoffset():
        moment -= timedelta(hours=1)
    return moment


def same_value(record, name, value):
    """Whether a record already says so; numbers are compared to the digits that are stored."""
    field = record._fields[name]
    current = record[name]
    if field.type == 'many2one':
        return current.id == value
    if field.type == 'float':
        return float_compare(current, value, precision_digits=4) == 0
    return current == value
