from odoo import api, fields, models
from odoo.tools import SQL

from ...exact_api.illness import LASTS, is_ill, pause_after


class ExactCall(models.Model):
    """Answers of an ill Exact: a pause of their own for the kind of request, never the fuse."""

    _inherit = 'exact.call'

    ill_count = fields.Integer(help="Answers in a row in which Exact failed itself.")
    ill_at = fields.Datetime(help="The last of them.")
    ill_until = fields.Datetime(help="Exact is left alone with this until then.")

    @api.model
    def _note_health(self, cr, division_id, call, now, session):
        """Keep that Exact is ill, or not any more.

        Reading has pauses of its own and is asked on, to find out.

        :param dict session: what is known of it between the calls of one client
        """
        messages = call.error.messages if call.error else ()
        if call.method == 'GET':
            return
        if 'ill' not in session:
            cr.execute(SQL(
                "SELECT resource FROM exact_call WHERE division_id = %s AND ill_count > 0",
                division_id,
            ))
            session['ill'] = {resource for [resource] in cr.fetchall()}
        ill = session['ill']
        if is_ill(call.status, messages):
            ill.add(call.resource)
            self._note_ill(cr, division_id, call.resource, now)
        elif call.status is not None and call.resource in ill:
            ill.discard(call.resource)
            cr.execute(SQL(
                "UPDATE exact_call SET ill_count = 0, ill_until = NULL"
                " WHERE division_id = %s AND resource = %s", division_id, call.resource,
            ))

    @api.model
    def _note_ill(self, cr, division_id, resource, now):
        cr.execute(SQL(
            """
            INSERT INTO exact_call AS old (division_id, resource, ill_count, ill_at, last_call)
                 SELECT id, %(resource)s, 1, %(now)s, %(now)s
                   FROM exact_division WHERE id = %(division)s
            ON CONFLICT (division_id, resource) DO UPDATE
                    SET ill_count = CASE WHEN old.ill_at > %(before)s
                                         THEN COALESCE(old.ill_count, 0) + 1 ELSE 1 END,
                        ill_at = %(now)s, last_call = %(now)s
              RETURNING ill_count
            """,
            division=division_id, resource=resource, now=now, before=now - LASTS,
        ))
        row = cr.fetchone()
        pause = pause_after(row[0]) if row else None
        if pause:
            cr.execute(SQL(
                "UPDATE exact_call SET ill_until = %s WHERE division_id = %s AND resource = %s",
                now + pause, division_id, resource,
            ))
