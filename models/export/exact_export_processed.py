"""Entries that Exact no longer lets us change or delete, as far as we know: a reversal is offered
at once, and Exact is not asked in vain.
"""

import json

from odoo import models

from ...booking import from_dict
from ..base.exact_note import note
from ..document.exact_booking_builder import Problem

# TransactionLines.Status (facts): 20 open, 50 processed.
PROCESSED = 50


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def _is_processed(self):
        """Whether the entry was processed when Exact's books were last read."""
        self.ensure_one()
        return bool(self.exact_guid) and (
            json.loads(self.read_back or '{}').get('status') == PROCESSED
        )

    def _kept_problem(self):
        """Why Exact would neither change nor delete the entry; None if nothing is known.

        :rtype: Problem
        """
        self.ensure_one()
        if self._is_processed():
            return Problem('already_processed')
        booking = self.booking and from_dict(self.booking)
        period = booking and self.env['exact.journal.period'].sudo().search([
            ('division_id', '=', self.division_id.id), ('journal_code', '=', booking.journal),
            ('year', '=', booking.year), ('period', '=', booking.period), ('is_closed', '=', True),
        ], limit=1)
        if not period:
            return None
        return Problem('kept_by_period', params={
            'year': booking.year, 'period': booking.period, 'journal': booking.journal,
        }, target=(period._name, period.id))

    def _offer_reversal(self):
        """Offer a reversal for the entries that Exact keeps, as far as is known.

        :return: those of which this is so
        """
        kept = self.browse()
        for export in self.filtered(lambda export: export.exact_guid and not export.is_linked):
            problem = export._kept_problem()
            if problem:
                export.finding_ids.filtered(
                    lambda finding, code=problem.code: finding.code == code,
                ).unlink()
                export._add_findings({export: [problem]})
                export._log_attempt(
                    'undo', 'refused', note(f'finding/{problem.code}', **problem.params),
                )
                kept |= export
        return kept
