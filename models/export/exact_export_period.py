"""What a person chose for an export, and the period of a document whose own is closed in Exact."""

from dataclasses import replace

from odoo import api, fields, models

from ...booking import from_dict
from ...booking.choices import Choices, PeriodChoice


class ExactExport(models.Model):
    _inherit = 'exact.export'

    own_date = fields.Date(
        string="Moved From", readonly=True,
        help="The document's own date; its period is closed in Exact, and it is booked in another.",
    )

    @api.private
    def own_choices(self):
        """What a person chose for this export; of no export, nothing.

        :rtype: Choices
        """
        return Choices.from_dict(self.overrides)

    @api.private
    def choose(self, choices):
        """Keep what a person chose for this export."""
        self.overrides = choices.to_dict() or False

    def _choices(self):
        """The choices by which the document is booked: those of a person, and the period of its
        entry.

        An entry stays where it was booked: in another period, though its own may be open again, or
        in its own, though that is closed by now.
        """
        self.ensure_one()
        choices = self.own_choices()
        if self.exact_guid and self.booking:
            booking = from_dict(self.booking)
            if booking.own_date:
                moved_to = PeriodChoice(booking.year, booking.period, booking.own_date)
                return replace(choices, booked_period=moved_to)
            return replace(choices, own_period=True)
        return choices
