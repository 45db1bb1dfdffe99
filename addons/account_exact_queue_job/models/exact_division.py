from datetime import timedelta

from odoo import SUPERUSER_ID, fields, models

CHANNEL = 'root.exact'
# After what nobody foresaw. What Exact or its limits make us wait for has moments of its own.
PAUSE = timedelta(minutes=1)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _start_sync(self):
        self._make_channel()
        return super()._start_sync()

    # === CHANNELS === #

    def _channel(self):
        """Channel of the jobs of this administration."""
        self.ensure_one()
        return f'{CHANNEL}.{self.code}'

    def _make_channel(self):
        """Make the channels that are missing, so that people find them among the others.

        The job runner makes its own by name. How many jobs run side by side is its configuration;
        that one division is served by one worker only is seen to by the engine itself.
        """
        # sudo: channels belong to the managers of the queue, who links is none of them
        channel_sudo = self.env['queue.job.channel'].sudo()
        parent = channel_sudo.search([('complete_name', '=', CHANNEL)])
        names = {str(division.code) for division in self}
        names -= set(channel_sudo.search([
            ('parent_id', '=', parent.id), ('name', 'in', list(names)),
        ]).mapped('name'))
        channel_sudo.create([
            {'name': name, 'parent_id': parent.id} for name in sorted(names)
        ])

    # === JOBS === #

    def _delay_export(self, at=None):
        """Have a job for each administration, none where one is waiting for that moment already.

        A job that runs already does not count: it may have passed what the caller wants done.

        :param at: naive UTC, None for at once
        :return: the administrations that had one waiting
        """
        if at and at <= fields.Datetime.now():
            at = None
        moment = at.isoformat(timespec='seconds') if at else 'now'
        keys = {division: f'account_exact.export.{division.id}.{moment}' for division in self}
        # sudo: jobs belong to the managers of the queue, who exports is none of them
        waiting = set(self.env['queue.job'].sudo().search([
            ('identity_key', 'in', list(keys.values())), ('state', 'in', ['pending', 'enqueued']),
        ]).mapped('identity_key'))
        had = self.filtered(lambda division: keys[division] in waiting)
        for division in self - had:
            # The worker is nobody's session: like a scheduled action, but in the company's name.
            division = division.with_user(SUPERUSER_ID).with_company(division.company_id)
            division.with_delay(
                channel=division._channel(),
                description=self.env._("Export documents to Exact: %s", division.display_name),
                eta=at,
                identity_key=keys[division],
                # Exports count their attempts themselves; a job is only a turn
                max_retries=0,
            )._job_export()
        return had

    def _job_export(self):
        """One turn of the export of one administration.

        :return: what people read on the job
        """
        self.ensure_one()
        moment = self.env['exact.export.turn'].work(self)
        return moment and self.env._("To be continued at %s (UTC).", moment)

    def _job_export_failed(self, **_failure):
        """The job broke, its connection to the database for instance: another one goes on."""
        self._delay_export(fields.Datetime.now() + PAUSE)
