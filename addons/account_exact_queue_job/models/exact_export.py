from odoo import api, models


class ExactExport(models.Model):
    _inherit = 'exact.export'

    @api.model
    def _cron_process(self):
        """The work is done by jobs; the scheduler only sees that there are some. Who runs a
        scheduled action by hand wants the work done now, and has it done.
        """
        if not self.env.context.get('cron_id'):
            return super()._cron_process()
        self.due_divisions()._delay_export()
        return None

    @api.model
    def enqueue(self, divisions, at=None):
        waiting = divisions._delay_export(at)
        # A job that still waits as far as we see may start before our own transaction ends, and
        # would not find what we want done: the scheduled action looks again, after our commit.
        return super().enqueue(waiting, at)
