"""Closed periods of older years are read before a document of such a year is sent, or each month
would cost a refusal. The regular reading has the years that documents are usually in.
"""

from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import api, fields, models
from odoo.tools import SQL

from ...booking.period import unread
from ...exact_api import Forbidden, NotFound

# What Exact said of older years counts for so long; documents that wait for a period of them are
# looked after by the regular reading.
LASTS = timedelta(days=1)
_OPEN_STATES = ('proposed', 'ready', 'blocked', 'refused', 'uncertain')


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def open_old_years(self, since, export_ids=None):
        """Journals and years before a year that open documents are booked in.

        :param export_ids: of these alone; all of the division by default.
        :return: {(code of a journal, year)}
        """
        self.ensure_one()
        self.env['exact.export'].flush_model(['state', 'division_id', 'journal_id', 'booking'])
        return {
            (code, year) for code, year in self.env.execute_query(SQL(
                """
                SELECT DISTINCT journal.code, (export.booking ->> 'year')::int
                  FROM exact_export export
                  JOIN exact_journal journal ON journal.id = export.journal_id
                 WHERE export.division_id = %s AND export.state IN %s
                   AND %s
                   AND (export.booking ->> 'year')::int BETWEEN 1 AND %s
                """,
                self.id, _OPEN_STATES,
                SQL("TRUE") if export_ids is None else SQL("export.id = ANY(%s)", list(export_ids)),
                since - 1,
            ))
        }


class ExactExportSend(models.AbstractModel):
    _inherit = 'exact.export.send'

    def _learn_old_years(self, division, client, export_ids):
        """Ask Exact what is closed in the older years of what is about to be sent, and have checked
        anew what turns out to be in a closed period. One call for all of them.

        :param export_ids: of those that are about to be sent.
        :return: whether anything has to be checked anew
        """
        resource = division.resource_of('journal_period')
        cursor = division.cursor_ids.filtered(lambda one: one.resource == resource.key)
        since = resource.since(fields.Date.context_today(self.env['exact.export']))
        wanted = division.open_old_years(since, export_ids)
        if not wanted or not cursor.is_complete:
            return False
        queue, now = self.env['exact.export.queue'].of(division), fields.Datetime.now()
        read = {
            tuple_of(key): fields.Datetime.to_datetime(moment)
            for key, moment in (queue.years_read or {}).items()
        }
        missing = unread(wanted, since, read, now, LASTS)
        if not missing:
            return False
        try:
            rows = client.get(
                resource.endpoint, select=resource.select, filter=resource.of(missing),
            )
        except (Forbidden, NotFound):
            # Not to be read: what is closed is learned when Exact refuses an entry.
            rows = []
        # What the regular reading wrote meanwhile, only a new transaction sees.
        self.env['exact.export'].commit_half()
        try:
            if rows:
                division.sudo().upsert(resource, cursor.sudo(), rows, None)
            queue.years_read = {
                **{key_of(*pair): str(moment) for pair, moment in read.items()
                   if now - LASTS < moment <= now},
                **{key_of(*pair): str(now) for pair in missing},
            }
            self.env.flush_all()
        except IntegrityError:
            # The regular reading reads the same at this very moment.
            self.env.cr.rollback()
        closed = self._ready_in_closed(division, missing)
        closed._go('check_anew', next_try=False)
        self.env['exact.export'].commit_half()
        return bool(closed)

    def _ready_in_closed(self, division, journal_years):
        """The exports that are about to be sent into a closed period of these journals and years.
        """
        self.env['exact.export'].flush_model(
            ['state', 'division_id', 'journal_id', 'booking', 'pending_action']
        )
        self.env['exact.journal.period'].flush_model()
        return self.env['exact.export'].browse(row[0] for row in self.env.execute_query(SQL(
            """
            SELECT export.id
              FROM exact_export export
              JOIN exact_journal journal ON journal.id = export.journal_id
              JOIN exact_journal_period closed
                   ON closed.division_id = export.division_id AND closed.is_closed AND closed.active
                   AND closed.journal_code = journal.code
                   AND closed.year = (export.booking ->> 'year')::int
                   AND closed.period = (export.booking ->> 'period')::int
             WHERE export.division_id = %s AND export.state = 'ready'
               AND export.pending_action IS NULL AND closed.year IN %s
            """,
            division.id, tuple({year for _code, year in journal_years}),
        )))


def key_of(journal, year):
    return f'{journal}/{year}'


def tuple_of(key):
    """(journal, year) of a key of `key_of`; the code of a journal may hold anything."""
    journal, _slash, year = key.rpartition('/')
    return journal, int(year)
