import time

from odoo import SUPERUSER_ID, api, models
from odoo.tools import SQL

from .exact_export_queue import DIVISION_LOCK, LANES

# Seconds between two looks at what another worker is doing, and without any progress of it.
GLANCE = 0.5
PATIENCE = 60


class IrCron(models.Model):
    _inherit = 'ir.cron'

    # === EXTENDS base === #

    def method_direct_trigger(self):
        """A person who runs the export at once wants all of it done and now: not what fits into the
        time that a scheduled run has, nor after the pause that follows a failure, nor an error
        because a scheduled run is at it already.
        """
        self.ensure_one()
        if self.get_external_id()[self.id] not in {f'account_exact.{lane}' for lane in LANES}:
            return super().method_direct_trigger()
        self.browse().check_access('write')
        # The runs have transactions of their own, and change what we know.
        self.env.invalidate_all(flush=True)
        self._exact_run(lambda export: export.env['exact.export.queue'].search([]).try_now())
        before, waited = None, 0.0
        while (left := self._exact_run(lambda export: export._due_rows())) and waited < PATIENCE:
            if left != before:
                self._exact_run(lambda export: export._cron_process())
                waited = 0.0
            elif self._exact_run(lambda export: export._exact_is_served()):
                time.sleep(GLANCE)
                waited += GLANCE
            else:
                break
            before = left
        self.env.invalidate_all(flush=False)
        return True

    def _exact_run(self, work):
        """Do a piece of work in a transaction of its own, as the scheduler does."""
        with self.env.registry.cursor() as cr:
            return work(api.Environment(cr, SUPERUSER_ID, {})['exact.export'])


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.model
    def _exact_is_served(self):
        """Whether a worker is serving a division at this moment, here or on another host."""
        return bool(self.env.execute_query(SQL(
            """
            SELECT 1 FROM pg_locks
             WHERE locktype = 'advisory' AND classid = %s AND granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """,
            DIVISION_LOCK,
        )))
