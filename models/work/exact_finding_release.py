"""What of Exact's master data lets documents go on that waited for it to be there."""

from odoo import fields, models

from ..master.exact_sync_resource import HOURLY
from .exact_finding_text import PERIOD_CODES

# What is said of documents whose currency Exact has not.
CURRENCY_CODES = ('currency_unknown', 'refused_currency')
# Key of a resource of the master data -> what is said of documents that wait for it.
_WAITED_FOR = {'journal_period': PERIOD_CODES, 'currency': CURRENCY_CODES}


class ExactCurrency(models.Model):
    _inherit = 'exact.currency'

    def _release_waiting(self):
        """Somebody added the currency in Exact: its documents go on by themselves."""
        result = super()._release_waiting()
        there = self.filtered('active')
        if self.env['exact.finding']._is_awaited(there.division_id):
            codes = set(there.mapped('code'))
            # sudo: whose documents they are is not asked, as with all that is released
            waiting_sudo = self.env['exact.finding'].sudo().search([
                ('division_id', 'in', there.division_id.ids), ('code', 'in', CURRENCY_CODES),
            ]).filtered(lambda finding: (finding.params or {}).get('currency') in codes)
            self.env['exact.finding'].release([('id', 'in', waiting_sudo.ids)])
        return result


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def write(self, vals):
        """Credit notes that the other style stopped go on once it is chosen."""
        restyled = self.filtered(lambda division: division.credit_note_style != vals.get(
            'credit_note_style', division.credit_note_style,
        ))
        result = super().write(vals)
        if restyled:
            self.env['exact.finding'].release([
                ('division_id', 'in', restyled.ids), ('code', '=', 'refused_credit_note_style'),
            ])
        return result

    def sync_complete(self, resource, cursor):
        """Documents that wait for what comes with this resource are worth a look every hour."""
        result = super().sync_complete(resource, cursor)
        codes = _WAITED_FOR.get(resource.key)
        # sudo: whose documents wait is not asked
        if codes and self.env['exact.finding'].sudo().search_count([
            ('division_id', '=', self.id), ('code', 'in', codes),
            ('export_id.state', 'in', ['blocked', 'refused']),
        ], limit=1):
            cursor.next_at = min(cursor.next_at, fields.Datetime.now() + HOURLY)
        return result
