from odoo import models


class AccountMoveLine(models.Model):
    _inherit = 'account.move.line'

    # === EXTENDS account === #

    def write(self, vals):
        result = super().write(vals)
        # The one thing that Exact has, too, and that may be edited on posted documents
        if 'analytic_distribution' in vals:
            self.move_id.filtered(lambda move: move.state == 'posted')._exact_compare_later()
        return result
