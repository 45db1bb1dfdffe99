"""What a person sees of the call budget: the meter, the forecast and the fuses."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import format_date, format_datetime, format_time, formatLang

from ...booking.payload import resource
from ...booking.status import ASKED_FOR
from ...exact_api import Window, finished_at
from ...exact_api.forecast import USUAL
from ..base.exact_clock import naive, utcnow
from ..export.exact_export_send import DOCUMENT_RESOURCES
from ..export.exact_export_turn import VERIFY_AT
from .exact_call import RESERVES
from .exact_call_limits import closed_until, left_of

READ_BACK_RESOURCE = 'bulk/Financial/TransactionLines'


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    call_ids = fields.One2many('exact.call', 'division_id', readonly=True)
    call_budget = fields.Char(string="Calls to Exact", compute='_compute_call_budget')
    day_share = fields.Float(string="Used Today", compute='_compute_call_budget')
    minute_share = fields.Float(string="Used This Minute", compute='_compute_call_budget')
    call_pauses = fields.Char(string="Paused", compute='_compute_call_budget')

    # === WHOSE BUDGET === #

    def _budget_divisions(self):
        """Return {division: the division whose budget it uses}.

        Exact counts per app and division (D): whoever connects the same administration twice with
        the same app has the calls once. The first one keeps the budget of all.
        """
        # sudo: the other connection may be another company's
        divisions_sudo = self.sudo().with_context(active_test=False)
        first = {}
        for other in divisions_sudo.search(
            [('code', 'in', self.mapped('code')), ('connection_id.client_id', '!=', False)],
            order='id',
        ):
            first.setdefault(other._budget_key(), other)
        return {
            division: first.get(division_sudo._budget_key(), division_sudo)
            for division, division_sudo in zip(self, divisions_sudo, strict=True)
        }

    def _budget_key(self):
        connection = self.connection_id
        return connection.site, connection.client_id, self.code

    # === METER AND FORECAST === #

    @api.depends(
        'call_ids.day_remaining', 'call_ids.minute_remaining', 'call_ids.errors', 'hold',
        'active', 'company_id', 'connection_state', 'unreachable_reason',
    )
    @api.depends_context('lang', 'tz')
    def _compute_call_budget(self):
        now = naive(utcnow())
        budgets = self._budget_divisions()
        # sudo: how many calls are left and how many documents wait is for all who see the division
        calls_sudo = self.env['exact.call'].sudo().search([
            ('division_id', 'in', [budget.id for budget in budgets.values()]),
        ])
        calls_by_division = calls_sudo.grouped('division_id')
        waiting = self._waiting_exports()
        # sudo: as the calls; of the queue only the moment is told
        pauses = {
            queue.division_id: queue.retry_at
            for queue in self.env['exact.export.queue'].sudo().search([
                ('division_id', 'in', self.ids),
            ])
        }
        for division in self:
            calls = calls_by_division.get(budgets[division], calls_sudo.browse())
            limits = calls.filtered(lambda call: not call.resource)
            closed = {
                call.resource: until for call in calls - limits
                if (until := closed_until(call, now))
            }
            division.call_budget = '; '.join(filter(None, (
                division._meter_text(limits, now),
                *division._queue_texts(
                    waiting.get(division._origin, []), limits, closed,
                    pauses.get(division._origin), now,
                ),
            )))
            for window in ('day', 'minute'):
                limit = limits[f'{window}_limit']
                used = limit - limits._left(window, now) if limit else 0
                division[f'{window}_share'] = 100 * used / limit if limit else 0
            division.call_pauses = ', '.join(
                self.env._(
                    "%(resource)s until %(time)s", resource=name,
                    time=format_datetime(self.env, until, tz=self.env.tz.zone, dt_format='short'),
                )
                for name, until in sorted(closed.items())
            )

    def _waiting_exports(self):
        """Return what waits for the worker: {division: [(state, kind, action, count, moment)]};
        the moment is when the last of them may be tried, None if all may be now.
        """
        # sudo: their number is for all who see the division
        groups = self.env['exact.export'].sudo()._read_group(
            [
                ('division_id', 'in', self._origin.ids),
                ('work', 'in', [
                    kind.name for kind in self.env['exact.export']._work_kinds() if kind.is_told
                ]),
            ],
            ['division_id', 'state', 'kind', 'pending_action'], ['__count', 'next_try:max'],
        )
        waiting = {}
        for division, *group in groups:
            waiting.setdefault(self.browse(division.id), []).append(group)
        return waiting

    def _meter_text(self, limits, now):
        """Return how many calls are left today."""
        if not limits.day_limit:
            return self.env._("No calls yet")
        return self.env._(
            "%(left)s of %(limit)s calls left today",
            left=formatLang(self.env, limits._left('day', now), digits=0),
            limit=formatLang(self.env, limits.day_limit, digits=0),
        )

    def _queue_texts(self, waiting, limits, closed, pause, now):
        """Return how many documents wait, and what becomes of them."""
        self.ensure_one()
        count = sum(number for _state, _kind, _action, number, _moment in waiting)
        if not count:
            return []
        texts = [
            self.env._("1 document waiting") if count == 1 else
            self.env._("%s documents waiting", formatLang(self.env, count, digits=0)),
        ]
        if not self.active:
            texts.append(self.env._("archived"))
        elif self.connection_state != 'connected' or self.unreachable_reason:
            texts.append(self.env._("Exact cannot be reached"))
        elif self.hold:
            texts.append(self.env._("on hold"))
        else:
            resources, calls = self._calls_for(waiting)
            start = max([
                now, pause or now,
                *(until for name, until in closed.items() if name in resources),
            ])
            moment = finished_at(calls, start, *(
                self._window(window, reserve, limits, now)
                for window, reserve in zip(('minute', 'day'), RESERVES['entry'], strict=True)
            ))
            if moment:
                # Each document may have a pause of its own beside those of the administration.
                last = max(filter(None, (group[-1] for group in waiting)), default=moment)
                texts.append(self._done_text(max(moment, last), now))
        return texts

    def _calls_for(self, waiting):
        """Return (resources, number of calls) that the waiting documents need."""
        resources, calls, count = {READ_BACK_RESOURCE}, 0, 0
        for state, kind, action, number, _moment in waiting:
            count += number
            if action in ASKED_FOR or state == 'uncertain':
                # Looked up, then done
                calls += 2 * number
            elif state != 'sent':
                calls += number
                resources.add(resource(kind))
                if self.send_documents and kind in ('sale', 'purchase'):
                    calls += len(DOCUMENT_RESOURCES) * number
                    resources.update(DOCUMENT_RESOURCES)
        return resources, calls + -(-count // VERIFY_AT)

    def _window(self, window, reserve, limits, now):
        """Return what there is of a window for documents, as `exact_api` wants it."""
        known = limits[f'{window}_limit']
        limit = known or USUAL[window]
        left, end = left_of(limits, window, now) if known else (None, None)
        return Window(limit - reserve, (limit if left is None else left) - reserve, end)

    def _done_text(self, moment, now):
        """Return when all will be done, to the minute, in the reader's own time."""
        moment += timedelta(seconds=59)
        day, today = (fields.Datetime.context_timestamp(self, at).date() for at in (moment, now))
        time = format_time(self.env, moment, tz=self.env.tz.zone, time_format='short')
        if day == today:
            return self.env._("done at %s", time)
        if day == today + timedelta(days=1):
            return self.env._("done tomorrow at %s", time)
        return self.env._(
            "done on %(date)s at %(time)s", date=format_date(self.env, day), time=time,
        )

    # === FUSES === #

    def action_reset_fuse(self):
        """Let refused kinds of calls go again, after somebody has mended the cause.

        The errors stay counted: one more opens the fuse again. Near Exact's own limit nobody can.

        :raise UserError: if there is nothing that could be closed
        """
        self.ensure_one()
        if not self.env.su and not self.env.user.has_group('account.group_account_manager'):
            raise AccessError(self.env._(
                "Only accounting administrators let paused calls go again.",
            ))
        self.check_access('write')
        calls_sudo = self._closed_fuses()
        near = calls_sudo._let_go()
        if near == calls_sudo:
            raise UserError(
                self.env._(
                    "Exact itself locks a kind of call for an hour after 10 errors, and these are "
                    "too near to that: %(pauses)s. They go on by themselves then.",
                    pauses=self.call_pauses,
                ) if near else self.env._("Nothing is paused."),
            )
        self.sudo()._go_on_now()
        return True

    def _closed_fuses(self):
        """Return the `exact.call` of the kinds of calls that are paused now, for those who may let
        them go.
        """
        now = naive(utcnow())
        budgets = self._budget_divisions().values()
        # sudo: the budget is the engine's to write, and may be kept by the same administration of
        # another connection; the person's right is checked by the caller
        return self.env['exact.call'].sudo().search([
            ('division_id', 'in', [budget.id for budget in budgets]), ('resource', '!=', ''),
        ]).filtered(lambda call: closed_until(call, now))

    @api.private
    def rearm_fuses(self, resources):
        """Let documents go that a person retries: who mended the cause need not wait for our own
        fuse. A lock of Exact itself stays.

        :param resources: the kinds of calls that those documents need
        """
        now = fields.Datetime.now()
        calls_sudo = self._closed_fuses().filtered(
            lambda call: call.resource in resources
            and not (call.paused_until and call.paused_until > now)
        )
        if calls_sudo - calls_sudo._let_go():
            self._stop_waiting()

    def _stop_waiting(self):
        """Let what is ready, and what people asked to change, be tried now."""
        self.env['exact.export'].search([
            ('division_id', 'in', self.ids), ('next_try', '>', fields.Datetime.now()),
            '|', ('state', '=', 'ready'), ('pending_action', 'in', ASKED_FOR),
        ]).next_try = False

    def _go_on_now(self):
        """Do at once what waits for a moment when Exact may be called again."""
        self.cursor_ids.filtered(lambda cursor: cursor.state == 'waiting').make_due()
        self.env.ref('account_exact.ir_cron_sync')._trigger()
        self._stop_waiting()
        self.env['exact.export.queue'].search([
            ('division_id', '=', self.id), ('retry_at', '>', fields.Datetime.now()),
        ]).retry_at = False
        self.env['exact.export'].enqueue(self)
