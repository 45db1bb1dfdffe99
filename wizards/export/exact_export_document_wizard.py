from odoo import api, fields, models
from odoo.exceptions import UserError

from ...booking import computed_vat
from ...booking.choices import Choices, LineChoice
from ...models.document.exact_booking_builder import BookingBuilder, entry_kind
from ...models.export.exact_export import UNSENT_STATES
from ...models.work.exact_finding_text import sentence


class ExactExportDocumentWizard(models.TransientModel):
    """One document before it goes out: as it would be booked, open to changes for this once."""

    _name = 'exact.export.document.wizard'
    _description = "Export a Document to Exact"
    _inherit = ['exact.visible.mixin']

    move_id = fields.Many2one('account.move', string="Document", required=True, readonly=True)
    company_id = fields.Many2one(related='move_id.company_id', related_sudo=False)
    division_id = fields.Many2one('exact.division', string="Administration", readonly=True)
    kind = fields.Selection(
        [
            ('sale', "Sales Entry"), ('purchase', "Purchase Entry"),
            ('general', "General Journal Entry"), ('bank', "Bank Entry"), ('cash', "Cash Entry"),
        ],
        string="Booked As", readonly=True,
    )
    partner_id = fields.Many2one(
        related='move_id.commercial_partner_id', related_sudo=False, string="Partner",
    )
    relation_id = fields.Many2one('exact.relation', string="Relation")
    create_relation = fields.Boolean(string="Create the Relation in Exact")
    journal_id = fields.Many2one('exact.journal', string="Journal")
    journal_type = fields.Char(compute='_compute_journal_type')
    currency_id = fields.Many2one(related='move_id.currency_id', related_sudo=False)
    amount_total = fields.Monetary(
        related='move_id.amount_total', related_sudo=False, string="Total",
    )
    line_ids = fields.One2many('exact.export.document.wizard.line', 'wizard_id', string="Lines")
    findings_html = fields.Html(string="Findings", readonly=True)
    is_blocked = fields.Boolean(readonly=True)

    @api.depends('kind')
    def _compute_journal_type(self):
        types = {'sale': '20', 'purchase': '22', 'general': '90', 'bank': '12', 'cash': '10'}
        for wizard in self:
            wizard.journal_type = types.get(wizard.kind)

    @api.constrains('move_id', 'division_id', 'relation_id', 'journal_id')
    def _check_visible(self):
        """An id that is made up must not show the name of what the person may not see."""
        # Odoo checks with sudo; this is about the person
        for name in ('move_id', 'division_id', 'relation_id', 'journal_id'):
            self.sudo(False)[name].check_access('read')

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        move = self.env['account.move'].browse(
            values.get('move_id') or self.env.context.get('active_id'),
        )
        if not move or self.env.context.get('active_model', 'account.move') != 'account.move':
            return values
        move.check_access('write')
        refusals = move._exact_refusals()
        if refusals:
            reason, _moves = next(iter(refusals.items()))
            raise UserError(self.env._(
                "%(document)s cannot be exported: %(why)s.",
                document=move.display_name, why=reason,
            ))
        export = move.exact_export_id.sudo()
        choices = export.own_choices() if export.display_state == 'blocked' else Choices()
        return {**values, **self._values_of(move, choices)}

    @api.model
    def _values_of(self, move, choices):
        """The document as it would be booked with these choices, as values of this wizard."""
        # sudo: people export with mappings and master data that they may read but not search in
        # other companies; the division is that of the document's company.
        division = self.env['exact.division'].sudo().search([
            ('company_id', '=', move.company_id.id),
        ], limit=1)
        builder = BookingBuilder(division, move)
        built = builder.build(move, choices)
        problems = self.env['exact.export.check'].sudo().problems(
            division, built, division.booking_facts(builder, [built]),
        )
        booking = built.booking
        match = builder.relations.get(move.commercial_partner_id.id)
        lines = []
        if booking:
            ledgers = {
                record.exact_guid: record.id
                for record in self.env['exact.gl.account'].sudo().search([
                    ('division_id', '=', division.id),
                    ('exact_guid', 'in', [line.gl_account for line in booking.lines]),
                ])
            }
            codes = {
                record.code: record.id
                for record in self.env['exact.vat.code'].sudo().search([
                    ('division_id', '=', division.id),
                ])
            }
            for (line_id, _chosen), line in zip(built.sources, booking.lines, strict=True):
                vat = line.vat_amount
                if vat is None:
                    vat_codes = builder.vat_codes_on(booking.entry_date)
                    vat = computed_vat(line.amount, vat_codes.get(line.vat_code))
                lines.append((0, 0, {
                    'move_line_id': line_id,
                    'name': line.description,
                    'amount': float(line.amount),
                    'vat_amount': float(vat),
                    'gl_account_id': ledgers.get(line.gl_account),
                    'vat_code_id': codes.get(line.vat_code),
                }))
        else:
            for line in move.invoice_line_ids.filtered(lambda line: line.display_type == 'product'):
                lines.append((0, 0, {
                    'move_line_id': line.id, 'name': line.name, 'amount': line.price_subtotal,
                }))
        journal = self.env['exact.journal']
        if booking:
            journal = journal.sudo().search([
                ('division_id', '=', division.id), ('code', '=', booking.journal),
            ], limit=1)
        return {
            'move_id': move.id,
            'division_id': division.id,
            'kind': booking.kind if booking else entry_kind(move),
            'journal_id': choices.journal_id or journal.id,
            'relation_id': choices.relation_id or (
                match.relation.id if match and not choices.create_relation else False
            ),
            'create_relation': choices.create_relation
            or (match is None and bool(move.commercial_partner_id)),
            'line_ids': [(5, 0, 0), *lines],
            'is_blocked': any(problem.severity == 'blocks' for problem in problems),
            'findings_html': self.env['ir.qweb']._render('account_exact.findings', {
                'findings': [
                    (problem.severity, sentence(self.env, problem.code, problem.params))
                    for problem in problems if problem.severity != 'informs'
                    or problem.code in ('relation_new', 'difference_line', 'zero_total')
                ],
            }),
        }

    def _chosen(self):
        """What the person chose, where it differs from what the mappings say.

        :rtype: Choices
        """
        self.ensure_one()
        proposed = self._values_of(self.move_id, Choices())
        journal, relation = self.journal_id, self.relation_id
        before = {
            command[2].get('move_line_id'): command[2]
            for command in proposed['line_ids'] if command[0] == 0
        }
        lines = {}
        for line in self.line_ids.filtered('move_line_id'):
            known = before.get(line.move_line_id.id, {})
            own = LineChoice(**{
                name: line[name].id for name in LineChoice._fields
                if line[name] and line[name].id != known.get(name)
            })
            if any(own):
                lines[line.move_line_id.id] = own
        return Choices(
            journal_id=journal.id if journal.id != proposed['journal_id'] else None,
            relation_id=relation.id if relation.id != proposed['relation_id'] else None,
            create_relation=self.create_relation and not relation,
            lines=lines,
            # Chosen elsewhere, and still meant.
            period=self.move_id.exact_export_id.sudo().own_choices().period,
        )

    def action_export(self):
        """Put the document into the queue with the choices made here."""
        self.ensure_one()
        self.move_id.check_access('write')
        living = self.move_id._exact_living_exports().sudo()
        if living and living.state not in UNSENT_STATES:
            raise UserError(self.env._(
                "%s is exported already, or on the way.", self.move_id.name,
            ))
        foreign = (
            self.relation_id.division_id | self.journal_id.division_id
            | self.line_ids.gl_account_id.division_id | self.line_ids.vat_code_id.division_id
        ) - self.env['exact.division'].sudo().search([
            ('company_id', '=', self.move_id.company_id.id),
        ])
        if foreign:
            raise UserError(self.env._("These choices belong to another administration."))
        exports = self.env['exact.export']
        exports.check_may_act()
        exports.propose(self.move_id, choices=self._chosen())
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'success',
                'title': self.env._("Export to Exact"),
                'message': self.env._("%s waits to be booked in Exact.", self.move_id.name),
                'next': {'type': 'ir.actions.act_window_close'},
            },
        }


class ExactExportDocumentWizardLine(models.TransientModel):
    _name = 'exact.export.document.wizard.line'
    _description = "Export a Document to Exact: Line"
    _inherit = ['exact.visible.mixin']

    wizard_id = fields.Many2one('exact.export.document.wizard', required=True, ondelete='cascade')
    division_id = fields.Many2one(related='wizard_id.division_id')
    kind = fields.Selection(related='wizard_id.kind')
    move_line_id = fields.Many2one('account.move.line', readonly=True)
    currency_id = fields.Many2one(related='wizard_id.currency_id')
    name = fields.Char(string="Description", readonly=True)
    amount = fields.Monetary(string="Net Amount", readonly=True)
    vat_amount = fields.Monetary(string="VAT", readonly=True)
    gl_account_id = fields.Many2one('exact.gl.account', string="Ledger")
    vat_code_id = fields.Many2one('exact.vat.code', string="VAT Code")

    @api.constrains('wizard_id', 'move_line_id', 'gl_account_id', 'vat_code_id')
    def _check_visible(self):
        for name in ('wizard_id', 'move_line_id', 'gl_account_id', 'vat_code_id'):
            self.sudo(False)[name].check_access('read')
