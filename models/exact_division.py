from odoo import api, fields, models


class ExactDivision(models.Model):
    """One Exact administration, linked to at most one company."""

    _name = 'exact.division'
    _description = "Exact Division"
    _inherit = ['mail.thread', 'mail.activity.mixin']
    _order = 'code'

    # === WHAT EXACT SAYS === #

    connection_id = fields.Many2one(
        'exact.connection', string="Connection", required=True, ondelete='cascade', index=True, readonly=True,
    )
    code = fields.Integer(string="Number", required=True, readonly=True)
    name = fields.Char(string="Administration", required=True, readonly=True)
    owner_name = fields.Char(string="Owner", readonly=True)
    country_code = fields.Char(string="Country", readonly=True)
    currency_id = fields.Many2one('res.currency', string="Currency", readonly=True)
    exact_status = fields.Selection(
        [('0', "Inactive"), ('1', "Active"), ('2', "Archived")], string="Status in Exact", readonly=True,
    )
    move_date = fields.Datetime(
        string="Moved On", readonly=True,
        help="When Exact moved the administration to another database; all cursors start anew then.",
    )

    # === LINK === #

    company_id = fields.Many2one(
        'res.company', string="Company", index=True, tracking=True,
        help="The company whose documents are booked in this administration.",
    )
    active = fields.Boolean(default=True)
    hold = fields.Boolean(
        string="On Hold", tracking=True, help="Documents wait; nothing is sent until the hold is released.",
    )
    hold_reason = fields.Char(readonly=True)

    # === POLICY === #

    numbering = fields.Selection(
        [('odoo', "Odoo numbers the documents"), ('exact', "Exact numbers the documents")],
        string="Who Numbers", required=True, default='odoo', tracking=True,
    )
    credit_note_style = fields.Selection(
        [('sign', "Negative amounts"), ('explicit', "Positive amounts with the type of a credit note")],
        string="Credit Notes", required=True, default='sign', tracking=True,
        help="How Exact wants credit notes. Negative amounts unless your administration proves otherwise.",
    )
    export_start_date = fields.Date(
        string="Export From", tracking=True, help="Documents dated before this day are never exported.",
    )
    auto_export_sale = fields.Boolean(string="Export Sales on Posting", tracking=True)
    auto_export_purchase = fields.Boolean(string="Export Purchases on Posting", tracking=True)
    auto_export_general = fields.Boolean(string="Export Journal Entries on Posting", tracking=True)
    send_documents = fields.Boolean(
        string="Send Documents", default=True, tracking=True,
        help="The PDF of an invoice and the received files of a bill travel to Exact.",
    )
    sale_document_type = fields.Integer(default=10)
    purchase_document_type = fields.Integer(default=20)

    # === DEFAULTS PER DOCUMENT KIND === #

    default_sale_journal_id = fields.Many2one('exact.journal', string="Sales Journal", tracking=True)
    default_purchase_journal_id = fields.Many2one('exact.journal', string="Purchase Journal", tracking=True)
    default_general_journal_id = fields.Many2one('exact.journal', string="General Journal", tracking=True)
    default_sale_gl_account_id = fields.Many2one('exact.gl.account', string="Sales Ledger", tracking=True)
    default_purchase_gl_account_id = fields.Many2one('exact.gl.account', string="Purchase Ledger", tracking=True)

    _code_uniq = models.Constraint(
        'UNIQUE(connection_id, code)', "This administration is already on the connection.",
    )
    _company_uniq = models.UniqueIndex(
        '(company_id) WHERE company_id IS NOT NULL',
        "The company is already linked to another Exact administration.",
    )

    @api.depends('code', 'name')
    def _compute_display_name(self):
        for division in self:
            division.display_name = f"{division.code} {division.name}"
