"""Which export speaks for its document: the latest one. Lists filter and group by it, whatever
number of exports there was before.
"""

from odoo import api, fields, models


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # Of the engine: `create` and `unlink` alone say it.
    is_latest = fields.Boolean(
        string="Latest of Its Document", default=True, readonly=True, copy=False,
    )

    _latest_uniq = models.UniqueIndex(
        '(move_id) WHERE is_latest', "One export speaks for a document.",
    )
    _latest_state_idx = models.Index('(display_state, move_id) WHERE is_latest')

    @api.model_create_multi
    def create(self, vals_list):
        before = self.search([
            ('move_id', 'in', [vals['move_id'] for vals in vals_list]), ('is_latest', '=', True),
        ])
        if before:
            before.is_latest = False
            # The database knows one at a time
            before.flush_recordset(['is_latest'])
        last = {vals['move_id']: position for position, vals in enumerate(vals_list)}
        return super().create([
            vals if last[vals['move_id']] == position else {**vals, 'is_latest': False}
            for position, vals in enumerate(vals_list)
        ])

    def unlink(self):
        moves = self.filtered('is_latest').move_id
        result = super().unlink()
        left = self.search([('move_id', 'in', moves.ids)], order='id')
        for exports in left.grouped('move_id').values():
            exports[-1:].is_latest = True
        return result
