from dataclasses import replace

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...booking.choices import PeriodChoice


class ExactPeriodWizard(models.TransientModel):
    """In which open period documents are booked whose own period is closed."""

    _name = 'exact.period.wizard'
    _description = "Choose the Period in Exact"
    _inherit = ['exact.visible.mixin']

    finding_id = fields.Many2one('exact.finding', required=True, readonly=True)
    message = fields.Text(related='finding_id.message', related_sudo=False)
    document_count = fields.Integer(string="Documents", compute='_compute_document_count')
    scope = fields.Selection(
        [('all', "All documents that wait for this period"), ('one', "This document alone")],
        string="For", required=True, default='all',
    )
    open_period_ids = fields.Many2many('exact.period', compute='_compute_open_period_ids')
    period_id = fields.Many2one(
        'exact.period', string="Period", required=True, domain="[('id', 'in', open_period_ids)]",
        default=lambda self: self._default_period(),
    )

    @api.constrains('finding_id', 'period_id')
    def _check_visible(self):
        """An id that is made up must not show the name of what the person may not see."""
        # Odoo checks with sudo; this is about the person
        self.sudo(False).finding_id.check_access('read')
        self.sudo(False).period_id.check_access('read')

    @api.model
    def _default_period(self):
        """The next open period."""
        finding = self.env['exact.finding'].browse(self.env.context.get('default_finding_id'))
        closed = finding.journal_period()
        return self._open_periods(finding).filtered(
            lambda period: (period.year, period.number) > (closed.year, closed.period),
        )[:1]

    @api.model
    def _open_periods(self, finding):
        division_id = finding.division_id.id
        rows = self.env['exact.journal.period'].search([
            ('division_id', '=', division_id), ('is_closed', '=', True),
            ('journal_code', '=', finding.journal_period().journal_code),
        ])
        closed = {(row.year, row.period) for row in rows}
        return self.env['exact.period'].search([
            ('division_id', '=', division_id),
        ], order='year, number').filtered(
            lambda period: (period.year, period.number) not in closed,
        )

    def _exports(self):
        """The documents that the choice is for, as far as the person may act on them."""
        if self.scope == 'one':
            return self.finding_id.export_id
        return self.env['exact.export.refusal'].allowed(self.finding_id.waiting_for_the_same())

    @api.depends('finding_id', 'scope')
    def _compute_document_count(self):
        for wizard in self:
            wizard.document_count = len(wizard._exports())

    @api.depends('finding_id')
    def _compute_open_period_ids(self):
        """Every period that is not closed for the journal."""
        for wizard in self:
            wizard.open_period_ids = self._open_periods(wizard.finding_id)


    def action_apply(self):
        """Book the documents in the chosen period: they are checked and sent again."""
        self.ensure_one()
        if self.finding_id.code != 'period_ask':
            raise UserError(self.env._(
                "The rule of the journal decides about this document, not a choice.",
            ))
        if self.period_id not in self.open_period_ids:
            raise UserError(self.env._("Choose an open period of this administration."))
        exports = self._exports()
        exports.check_may_act()
        # sudo: people choose, only the engine writes exports; rights were checked above.
        for export_sudo in exports.sudo():
            export_sudo.choose(replace(export_sudo.own_choices(), period=PeriodChoice(
                self.period_id.year, self.period_id.number, export_sudo.move_id.date,
            )))
        exports.action_retry()
        return self.finding_id.told(len(exports))
