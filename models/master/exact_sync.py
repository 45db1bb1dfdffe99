"""When master data is read: what people, Exact's hints and the clock ask for, and all that is due.

The reading itself is in `exact_sync_engine.py`, the writing of what came in `exact_sync_write.py`.
"""

import logging
import time
from datetime import timedelta

from psycopg2 import IntegrityError, OperationalError

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import config

from ..base.exact_note import note
from .exact_cursor import RETRY_AFTER

_logger = logging.getLogger(__name__)

# Between two readings that Exact's hints ask for: a burst of them is one reading
HINT_PAUSE = timedelta(minutes=1)


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
        moved.reset_sync()
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
        granted, moment = self.take_refresh()
        if self and not granted:
            return self.told_to_wait(moment)
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
        divisions_sudo._sync_cursors().filtered(lambda c: c.state != 'running').make_due()
        divisions_sudo.env.ref('account_exact.ir_cron_sync')._trigger()

    @api.private
    def wake_sync(self, topic, action):
        """Read sooner what Exact says has changed; a burst of such hints makes one reading.

        What is being read at this moment is left alone: that reading goes on until nothing newer
        comes.

        :param str topic: of a webhook
        :param str action: 'Create', 'Update' or 'Delete'
        """
        keys = {one.key for one in self._sync_resources() if topic and one.topic == topic}
        if action == 'Delete':
            keys.add('deleted')
        now = fields.Datetime.now()
        for cursor in self.sudo().cursor_ids.filtered(lambda cursor: cursor.resource in keys):
            moment = max(now, (cursor.last_success_at or now) + HINT_PAUSE)
            if (
                cursor.state in ('waiting', 'done') and cursor.next_at > moment
                and cursor.try_lock_for_update(allow_referencing=True)
            ):
                cursor.write({'next_at': moment, 'hinted_at': now})
                self.env.ref('account_exact.ir_cron_sync').sudo()._trigger(moment)

    @api.private
    def reset_sync(self):
        """Read everything anew, keeping what is here until the reading is complete."""
        # Whoever learns of the move, the cursors are the engine's
        cursors_sudo = self.sudo().cursor_ids
        cursors_sudo.write({
            'is_full': True, 'is_complete': False, 'position': False, 'page_key': False,
        })
        cursors_sudo.make_due()

    @api.model
    def _cron_sync(self):
        """Read whatever is due, of all divisions; one's failure is not another's."""
        deadline = self._sync_deadline()
        # Division by division below, each with its own company
        # One query, however many administrations there are: most of the time nothing is due.
        due = self.env['exact.cursor'].due_domain() | Domain('has_changes', '=', True)
        divisions = self.sudo().search(Domain([
            ('company_id', '!=', False), ('connection_id.state', '=', 'connected'),
        ]) & (Domain('cursor_ids', '=', False) | Domain('cursor_ids', 'any', due)))
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
