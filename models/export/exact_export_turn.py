"""The engine: takes exports from the queue and brings them into Exact, step by committed step.

Nothing here runs in a person's request. Whoever is killed at any line leaves a state that the next
run can go on from; what may have reached Exact is looked up before it is ever sent again.
"""

import logging
from collections import defaultdict
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models

from ...exact_api import ExactError, NeedsReconnect, RateLimited
from ..administration.exact_export_queue import BUSY
from ..base.exact_clock import ceil
from ..base.exact_error_text import describe
from ..base.exact_note import note

_logger = logging.getLogger(__name__)

# So many entries that wait to be read back are about one page of ledger lines.
VERIFY_AT = 250
# Reading back before sending pays from four pages on: with less it is a call for few entries.
VERIFY_MANY = 4 * VERIFY_AT
VERIFY_AFTER = timedelta(minutes=10)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === SCHEDULED ACTIONS === #

    @api.model
    def _cron_process(self):
        """Serve the divisions that have something to do, who waited longest first.

        Runs in several scheduled actions at once: each takes divisions that no other one serves.
        """
        divisions = self.due_divisions()
        cron = self.env['ir.cron']
        cron._commit_progress(remaining=len(divisions))
        # Many divisions have to be looked at again at the same moment: woken for it once.
        again = defaultdict(self.env['exact.division'].browse)
        for division in divisions:
            moment = self.env['exact.export.turn'].serve(division)
            if moment:
                again[moment] |= division
            if not cron._commit_progress(1):
                again[fields.Datetime.now()] |= divisions
                break
        for moment, waiting in again.items():
            self.enqueue(waiting, moment)


class ExactExportTurn(models.AbstractModel):
    _name = 'exact.export.turn'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: A Turn of an Administration"

    @api.private
    def work(self, division):
        """Do all that is due in one division, and have it served again when more is.

        Whoever wakes it in the pause after a failure, or before a limit ends, has it served then.

        :return: that moment, None if nothing waits
        """
        moment = self.env['exact.export'].next_moment(division)
        if not moment or moment <= fields.Datetime.now():
            moment = self.serve(division)
        if moment:
            self.env['exact.export'].enqueue(division, moment)
        return moment

    @api.private
    def serve(self, division):
        """Do all that is due in one division; a failure stops no other division.

        :return: when it has to be served again, None if nothing waits
        """
        with self.env['exact.export'].serving(division) as mine:
            return self._turn_alone(division) if mine else fields.Datetime.now() + BUSY

    def _turn_alone(self, division):
        company = division.company_id
        worker = self.with_company(company).with_context(
            allowed_company_ids=company.ids, lang=company.partner_id.lang,
            # What the worker does is told by attempts, not by a message per state.
            tracking_disable=True,
        )
        division = division.with_env(worker.env)
        retry_at = reason = limited_by = more = False
        try:
            worker.env['exact.export.queue'].of(division).forget_future()
            more = worker._process_division(division)
            more = division.do_steps() or more
        except RateLimited as error:
            self.env.cr.rollback()
            # Woken at full seconds, and never before the moment: the next chance is minutes later
            retry_at, limited_by = ceil(error.retry_at), error.scope
        except SerializationFailure:
            # Somebody changed what was being worked on; it is done with the next turn.
            self.env.cr.rollback()
        except NeedsReconnect:
            # The connection tells its people itself; the queue waits until it is back.
            self.env.cr.rollback()
        except ExactError as error:
            self.env.cr.rollback()
            _logger.info("Exact division %s: %s", division.code, type(error).__name__)
            retry_at, reason = None, describe(error)
        except Exception as error:
            self.env.cr.rollback()
            _logger.exception("Exact division %s: export failed", division.code)
            retry_at, reason = None, note('finding/unexpected', reason=type(error).__name__)
        worker.env['exact.export.queue'].of(division).note_served(retry_at, reason, limited_by)
        self._commit()
        moment = self.env['exact.export'].next_moment(division)
        # If a turn changed nothing, the next one does not begin at once.
        return moment if more or not moment else max(moment, fields.Datetime.now() + BUSY)

    def _process_division(self, division):
        """All that is due in one division, each step committed.

        :return: whether time ran out before all was done
        """
        if not division.active:
            # An archived administration is not served, whatever woke us.
            return False
        self.env['exact.export.doubt'].recover_claims(division)
        more = self.env['exact.export.check'].check_proposed(division)
        self.env['exact.export.recheck'].recheck_changed(division)
        closed = division.connection_id.sudo().state != 'connected' or division.unreachable_reason
        if closed or not (
            self._due_in(division) or self.env['exact.export.look'].is_look_due(division)
        ):
            return more
        with division.client() as client:
            self.env['exact.export.doubt'].resolve_uncertain(division, client)
            if self._verify_first(division):
                # At the limit of calls a large queue takes many turns: nobody waits for the last.
                more |= self.env['exact.export.proof'].verify_sent(division, client)
            if not division.hold:
                more |= self.env['exact.export.change'].do_pending(division, client)
                more |= self.env['exact.export.send'].send_ready(division, client)
            self.env['exact.export.look'].look_if_due(division, client)
            if not more or self._verify_first(division):
                # While there is more to send, reading back waits: each time costs a call.
                more |= self.env['exact.export.proof'].verify_sent(division, client)
        return more

    def _verify_first(self, division):
        """Whether so many entries, or so old ones, wait to be read back that it is done now."""
        sent = self.env['exact.export'].search([
            ('division_id', '=', division.id), ('work', '=', 'read_back'),
        ], order='sent_at', limit=VERIFY_MANY)
        oldest = sent[:1].sent_at
        return len(sent) == VERIFY_MANY or (
            oldest and oldest < fields.Datetime.now() - VERIFY_AFTER
        )

    def _due_in(self, division):
        """Whether there is anything to ask or tell Exact."""
        now = fields.Datetime.now()
        kinds = self.env['exact.export']._work_kinds()
        return self.env['exact.export'].search_count([
            ('division_id', '=', division.id),
            '|', ('next_try', '=', False), ('next_try', '<=', now),
            ('work', 'in', [kind.name for kind in kinds if kind.asks_exact]),
        ], limit=1)
