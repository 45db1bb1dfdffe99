"""Documents whose own period is closed in Exact."""

from odoo import fields, models

from ...booking import from_dict


class ExactExport(models.Model):
    _inherit = 'exact.export'

    own_date = fields.Date(
        string="Moved From", readonly=True,
        help="The document's own date; its period is closed in Exact, and it is booked in another.",
    )

    def _choices(self):
        """The choices by which the document is booked: those of a person, and the period of its
        entry.

        An entry stays where it was booked: in another period, though its own may be open again, or
        in its own, though that is closed by now.
        """
        self.ensure_one()
        choices = dict(self.overrides or {})
        if self.exact_guid and self.booking:
            booking = from_dict(self.booking)
            if booking.own_date:
                choices['booked_period'] = [booking.year, booking.period, str(booking.own_date)]
            else:
                choices['own_period'] = True
        return choices
