"""Work of other models than the export: each kind names the step that does it, and is asked for it
in its order when an administration is served.
"""

import logging
from contextlib import nullcontext
from datetime import timedelta

from psycopg2 import OperationalError

from odoo import api, fields, models
from odoo.tools import SQL

from ...exact_api import ExactError, NeedsReconnect, RateLimited, Transient, Unreachable
from ..base.exact_clock import ceil
from ..base.exact_sentences import DIVISION_REASONS

_logger = logging.getLogger(__name__)

# How long a step that Exact refused, or that broke, is left alone.
FAILED_AGAIN = timedelta(hours=1)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _work_kinds(self):
        """Hook: the kinds of work that wait for administrations, of all models.

        :rtype: tuple[Work, ...]
        """
        return ()

    @api.model
    def _steps(self):
        """The kinds of work that name their step, in their order."""
        return sorted(
            (kind for kind in self._work_kinds() if kind.step), key=lambda kind: kind.order,
        )

    @api.model
    @api.private
    def steps_sql(self):
        """Query for (division_id, next_try) of the rows that wait for a step."""
        queries = [
            self.env[model]._waiting_sql(lambda kind: kind.step)
            for model in dict.fromkeys(kind.model for kind in self._steps())
        ]
        return SQL(" UNION ALL ").join(queries) if queries else SQL(
            "SELECT 0 AS division_id, NULL::timestamp AS next_try WHERE FALSE",
        )

    @api.private
    def do_steps(self):
        """Do all steps that are due in this administration.

        :return: whether time ran out before all was done
        """
        self.ensure_one()
        more = False
        if not self.active:
            return more
        is_open = self.connection_id.sudo().state == 'connected' and not self.unreachable_reason
        for kind in self._steps():
            if (kind.asks_exact and not is_open) or (self.hold and not kind.while_on_hold):
                continue
            rows = self.env[kind.model]._due_of(self, kind.name)
            if rows:
                more |= self._do_step(kind, rows)
        return more

    def _do_step(self, kind, rows):
        """Let a kind of work do its step; what it may not ask Exact now, or cannot do, waits
        without the others.
        """
        step = getattr(rows, kind.step)
        try:
            with self.client(kind.priority) if kind.asks_exact else nullcontext() as client:
                return bool(step(self, client))
        except RateLimited as error:
            self.env.cr.rollback()
            rows.next_try = ceil(error.retry_at)
        except (NeedsReconnect, Unreachable, Transient, OperationalError):
            # It is not about this kind of work: the administration waits.
            raise
        except ExactError as error:
            if getattr(error, 'reason', None) in DIVISION_REASONS:
                raise
            self.env.cr.rollback()
            _logger.info(
                "Exact division %s, %s: %s", self.code, kind.name, type(error).__name__,
            )
            rows.next_try = fields.Datetime.now() + FAILED_AGAIN
        except Exception:
            self.env.cr.rollback()
            _logger.exception("Exact division %s: %s failed", self.code, kind.name)
            rows.next_try = fields.Datetime.now() + FAILED_AGAIN
        return False


class ExactWorkMixin(models.AbstractModel):
    _inherit = 'exact.work.mixin'

    @api.model
    def _due_of(self, division, work):
        """The rows of a division in which work of this kind can be done now."""
        return self.search([
            ('division_id', '=', division.id), ('work', '=', work),
            '|', ('next_try', '=', False), ('next_try', '<=', fields.Datetime.now()),
        ])

    @api.model
    def _waiting_sql(self, chosen):
        """Query for (division_id, next_try) of the rows that the workers have something to do in.

        :param chosen: callable that is given a `Work`
        """
        return SQL(
            """
            SELECT work.division_id, %s AS next_try
              FROM %s AS work
              JOIN exact_division division ON division.id = work.division_id
              JOIN exact_connection connection ON connection.id = division.connection_id
             WHERE division.company_id IS NOT NULL AND (%s)
            """,
            SQL.identifier('work', 'next_try', to_flush=self._fields['next_try']),
            SQL.identifier(self._table), self.due_sql('work', chosen),
        )
