from odoo import fields, models


class ExactExportLine(models.Model):
    """One line as it was sent, and which mapping chose its ledger."""

    _name = 'exact.export.line'
    _description = "Exact Export Line"
    _log_access = False
    _order = 'sequence, id'

    export_id = fields.Many2one(
        'exact.export', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='export_id.company_id', store=True, precompute=True,
    )
    currency_id = fields.Many2one(related='export_id.currency_id')
    sequence = fields.Integer(readonly=True)
    move_line_id = fields.Many2one(
        'account.move.line', string="Journal Item", ondelete='set null', index='btree_not_null',
        readonly=True,
    )
    name = fields.Char(string="Description", readonly=True)
    gl_account_id = fields.Many2one('exact.gl.account', string="Ledger", readonly=True)
    amount = fields.Monetary(readonly=True)
    vat_code_id = fields.Many2one('exact.vat.code', string="VAT Code", readonly=True)
    vat_amount = fields.Monetary(
        string="VAT Given", readonly=True,
        help="Sent only where Exact's own computation would differ from Odoo's cents.",
    )
    cost_center = fields.Char(string="Cost Centre", readonly=True)
    cost_unit = fields.Char(readonly=True)
    project_id = fields.Many2one('exact.project', string="Project", readonly=True)
    chosen_by = fields.Char(
        readonly=True, help="The mapping that chose the ledger of this line.",
    )


class ExactExportEntryLine(models.Model):
    """Identity of one line of the entry in Exact's ledger: how a deletion there is noticed."""

    _name = 'exact.export.entry.line'
    _description = "Exact Export Entry Line"
    _log_access = False

    export_id = fields.Many2one(
        'exact.export', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='export_id.company_id', store=True, precompute=True,
    )
    exact_guid = fields.Char(required=True, index=True, readonly=True)
