"""A connection that does not work any more says so, and somebody is asked to connect again."""

from odoo import SUPERUSER_ID, api, fields, models
from odoo.tools import SQL, format_date

from ..base.exact_error_text import reason_text


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

    # === STATE === #

    def _note_reconnect(self, reason):
        """Mark the connection and tell the responsible person once, whatever becomes of the
        caller's work.

        In a cursor of its own, and without waiting: the caller may itself have written this row.
        The next caller tries again, since the row of the token tells it the same.
        """
        self.ensure_one()
        if reason == 'not_connected':
            return
        # What the caller wrote must be seen as held
        self.flush_recordset()
        with self.env.registry.cursor() as cr:
            cr.execute(SQL(
                "SELECT 1 FROM exact_connection WHERE id = %s AND state = 'connected' FOR NO KEY "
                "UPDATE SKIP LOCKED",
                self.id,
            ))
            # A new consent may have come in since the caller looked
            if not cr.fetchone() or self.env['exact.token']._present_problem(self, cr) != reason:
                return
            connection = self.with_env(self.env(cr=cr, user=SUPERUSER_ID, su=True))
            connection.write(
                {'state': 'reconnect', 'reason': reason, 'reason_date': fields.Datetime.now()},
            )
            connection._activity_reconnect()
            if reason == 'copied':
                connection._hold_as_copy()
        self.invalidate_recordset(['state', 'reason', 'reason_date'], flush=False)
        self.modified(['state', 'reason'])

    @api.private
    def note_failure(self, reason):
        """Tell on the form why a consent did not succeed. A connection that works goes on working.
        """
        self.sudo().write({'reason': reason, 'reason_date': fields.Datetime.now()})

    def _hold_as_copy(self):
        """Put the administrations on hold, without waiting for somebody's edit: as long as the
        question is open, the state of the connection alone keeps everything from being sent.
        """
        divisions = self.with_context(active_test=False).division_ids.filtered(
            lambda division: division.company_id and not division.hold,
        )
        divisions.try_lock_for_update(allow_referencing=True).write(
            {'hold': True, 'hold_reason': 'copied', 'hold_params': False},
        )

    # === WHO IS TOLD === #

    def _format_day(self, moment):
        """Return a moment of the database as a day of the person's calendar, '21 December'."""
        return format_date(self.env, moment, date_format='d MMMM')

    @api.private
    def responsible_users(self):
        """Return who has to be told: the responsible person, or whoever can connect if that person
        has left.
        """
        self.ensure_one()
        managers = self.env.ref('account.group_account_manager').all_user_ids.filtered(
            lambda user: user.active and not user.share and self.company_id in user.company_ids,
        )
        # Of several, the one who was here last
        managers = managers.sorted(lambda user: (user.login_date or user.create_date, user.id))
        return (
            self.user_id.filtered('active') or self.create_uid.filtered('active') & managers
            or managers[-1:] or self.create_uid
        )

    def _activity_reconnect(self):
        """Ask the responsible person to connect again."""
        self.ensure_one()
        user = self.responsible_users()
        lang_self = self.with_context(lang=user.lang)
        self._ask_a_person(
            user, lang_self._summary_reconnect(), reason_text(lang_self.env, self.reason),
        )
        self.told_user_id = user

    def _summary_reconnect(self):
        """Return in a few words what a person has to do, in the language of the environment."""
        return self.env._("Connect Odoo to Exact again")

    def _activity_failing(self, since, end):
        """Tell the responsible person, once, that Exact has not been reached for days.

        :param since: when the trouble began, in UTC
        :param end: when the connection ends if that goes on, in UTC
        """
        self.ensure_one()
        if self.activity_search(['mail.mail_activity_data_todo']):
            return
        user = self.responsible_users()
        lang_self = self.with_context(lang=user.lang, tz=user.tz)
        self._ask_a_person(user, lang_self.env._("Exact cannot be reached"), lang_self.env._(
            "Odoo could not renew the connection to Exact since %(since)s and goes on trying. "
            "Without renewal the connection ends on %(end)s and somebody has to connect again. "
            "Check the internet connection of the server, and whether Exact reports a "
            "disturbance.",
            since=lang_self._format_day(since), end=lang_self._format_day(end),
        ))

    def _ask_a_person(self, user, summary, note):
        """Leave one activity, in place of an earlier one."""
        self._activity_done()
        activity_type = self.env.ref('mail.mail_activity_data_todo', raise_if_not_found=False)
        self.activity_schedule(
            'mail.mail_activity_data_todo' if activity_type else '',
            summary=summary, note=note, user_id=user.id,
        )

    def _activity_done(self):
        """The connection works again, or is no longer wanted: nobody has to do anything."""
        self.sudo().activity_unlink(['mail.mail_activity_data_todo'])
