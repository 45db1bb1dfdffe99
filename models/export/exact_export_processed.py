"""Entries that Exact no longer lets us change or delete, as far as we know: a reversal is offered
at once, and Exact is not asked in vain.
"""

import json

from odoo import api, models

from ...booking import from_dict
from ..base.exact_note import note
from ..base.exact_problem import Problem

# TransactionLines.Status (facts): 20 open, 50 processed.
PROCESSED = 50


class ExactExportProof(models.AbstractModel):
    _inherit = 'exact.export.proof'

    @api.private
    def is_processed(self, export):
        """Whether the entry was processed when Exact's books were last read."""
        export.ensure_one()
        return bool(export.exact_guid) and (
            json.loads(export.read_back or '{}').get('status') == PROCESSED
        )

    def _kept_problem(self, export):
        """Why Exact would neither change nor delete the entry; None if nothing is known.

        :rtype: Problem
        """
        export.ensure_one()
        if self.is_processed(export):
            return Problem('already_processed')
        booking = export.booking and from_dict(export.booking)
        period = booking and self.env['exact.journal.period'].sudo().search([
            ('division_id', '=', export.division_id.id), ('journal_code', '=', booking.journal),
            ('year', '=', booking.year), ('period', '=', booking.period), ('is_closed', '=', True),
        ], limit=1)
        if not period:
            return None
        return Problem('kept_by_period', params={
            'year': booking.year, 'period': booking.period, 'journal': booking.journal,
        }, target=(period._name, period.id))

    @api.private
    def offer_reversal(self, exports):
        """Offer a reversal for the entries that Exact keeps, as far as is known.

        :return: those of which this is so
        """
        kept = exports.browse()
        for export in exports.filtered(lambda export: export.exact_guid and not export.is_linked):
            problem = self._kept_problem(export)
            if problem:
                export.finding_ids.filtered(
                    lambda finding, code=problem.code: finding.code == code,
                ).unlink()
                export._add_findings({export: [problem]})
                export.log_attempt(
                    'undo', 'refused', note(f'finding/{problem.code}', **problem.params),
                )
                kept |= export
        return kept
