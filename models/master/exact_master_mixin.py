from odoo import api, fields, models


class ExactMasterMixin(models.AbstractModel):
    """A local, read-only mirror of one kind of record of an Exact division.

    Only the synchronisation writes here. What vanishes from Exact is archived, never deleted, so
    that documents and mappings keep pointing at what they used.
    """

    _name = 'exact.master.mixin'
    _description = "Exact Master Data"
    _order = 'code, id'
    _rec_names_search = ['code', 'name']

    # What decides whether Exact takes an entry with this record: documents that were stopped are
    # checked anew when it changes.
    _rule_fields = ('active', 'is_blocked')

    division_id = fields.Many2one(
        'exact.division', string="Division", required=True, ondelete='cascade', index=True,
        readonly=True,
    )
    company_id = fields.Many2one(
        related='division_id.company_id', string="Company", store=True, precompute=True, index=True,
    )
    exact_guid = fields.Char(string="Exact ID", index=True, readonly=True)
    code = fields.Char(string="Code", index=True, readonly=True)
    name = fields.Char(string="Description", readonly=True)
    active = fields.Boolean(
        default=True, readonly=True,
        help="Switched off by itself when the record vanishes from Exact.",
    )
    sync_run = fields.Integer(
        readonly=True, export_string_translation=False,
        help="The complete reading in which Exact last had the record.",
    )

    _division_guid_uniq = models.Constraint(
        'UNIQUE(division_id, exact_guid)',
        "This record of Exact is already here.",
    )

    @api.depends('code', 'name')
    def _compute_display_name(self):
        for record in self:
            record.display_name = ' '.join(filter(None, (record.code, record.name)))
