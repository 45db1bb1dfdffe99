from odoo import api, models


class BasePartnerMergeAutomaticWizard(models.TransientModel):
    _inherit = 'base.partner.merge.automatic.wizard'

    @api.model
    def _update_foreign_keys(self, src_partners, dst_partner):
        """One link stays in each administration: that of the contact that stays, else another's.

        Odoo's own merge would move all of them or none, and lose the links where the contact that
        stays has an empty row.
        """
        # sudo: whoever may merge contacts need not see all administrations.
        mappings_sudo = self.env['exact.partner.mapping'].sudo().search([
            ('partner_id', 'in', (src_partners | dst_partner).ids),
        ])
        for rows_sudo in mappings_sudo.grouped('division_id').values():
            kept_sudo = rows_sudo.sorted(lambda row: (
                not row.relation_id, not row.operation('post', 'relation'),
                row.partner_id != dst_partner, row.id,
            ))[0]
            (rows_sudo - kept_sudo).with_context(exact_keeps_together=True).unlink()
        self.env.flush_all()
        return super()._update_foreign_keys(src_partners, dst_partner)
