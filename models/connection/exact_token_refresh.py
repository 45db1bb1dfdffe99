from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..base.exact_clock import CLOCKS_DIFFER, naive, utcnow

# Exact refuses an earlier refresh, and counts it as an error.
EARLIEST_REFRESH = timedelta(seconds=570)
# The refresh is announced in a second cursor while the first holds the token: no long waits there.
ANNOUNCE_TIMEOUT = '5s'


class ExactTokenRefresh(models.Model):
    """Which refresh token is being sent, committed before it is, and what the calls cost.

    A worker that dies between Exact's answer and its own commit leaves a pair that may be used up;
    without this row nobody would know. The row names the token by a digest: once a new pair is
    stored, it means nothing.
    """

    _name = 'exact.token.refresh'
    _description = "Exact Token Refresh"
    _rec_name = 'connection_id'

    connection_id = fields.Many2one('exact.connection', required=True, ondelete='cascade')
    fingerprint = fields.Char(groups=fields.NO_ACCESS)
    tries = fields.Integer()
    started_at = fields.Datetime()
    paid_until = fields.Datetime(
        help="Each call to the token endpoint moves it on by 570 s, from now on at least. So many "
             "calls are ahead of one every 570 s.",
    )

    _connection_uniq = models.Constraint(
        'UNIQUE(connection_id)', "A connection is refreshed once at a time.",
    )

    @api.model
    def _announce(self, connection_id, spent):
        """Tell that this refresh token is sent now, whatever becomes of the sender."""
        with self.env.registry.cursor() as cr:
            # Who deletes the connection meanwhile holds its row and waits for the token's
            cr.execute(SQL("SET LOCAL lock_timeout = %s", ANNOUNCE_TIMEOUT))
            self._note_call(cr, connection_id, spent)

    @api.model
    def _note_call(self, cr, connection_id, spent=None):
        """Count a call to the token endpoint.

        :param str spent: the fingerprint of the refresh token that it takes, if any
        """
        cr.execute(SQL(
            """
            INSERT INTO exact_token_refresh AS old
                        (connection_id, fingerprint, tries, started_at, paid_until)
                 VALUES (%(connection)s, %(spent)s, 1, %(now)s, %(now)s::timestamp + %(price)s)
            ON CONFLICT (connection_id) DO UPDATE
                    SET tries = CASE WHEN old.fingerprint = %(spent)s THEN old.tries + 1 ELSE 1 END,
                        fingerprint = %(spent)s,
                        started_at = %(now)s,
                        paid_until = %(price)s + CASE WHEN old.started_at > %(soon)s THEN %(now)s
                                                      ELSE GREATEST(old.paid_until, %(now)s) END
            """,
            connection=connection_id, spent=spent, now=naive(utcnow()),
            # A clock that was ahead at the call before counts for nothing
            soon=naive(utcnow() + CLOCKS_DIFFER), price=EARLIEST_REFRESH,
        ), log_exceptions=False)

    @api.model
    def _withdraw(self, connection_id):
        """Tell that the token was surely not used."""
        with self.env.registry.cursor() as cr:
            cr.execute(SQL("SET LOCAL lock_timeout = %s", ANNOUNCE_TIMEOUT))
            cr.execute(SQL(
                "UPDATE exact_token_refresh SET fingerprint = NULL, tries = 0"
                " WHERE connection_id = %s",
                connection_id,
            ), log_exceptions=False)
