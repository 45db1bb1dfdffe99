
from odoo import api, fields, models
from odoo.fields import Domain

from ..base.exact_note import note
from .exact_finding_text import (
    BUTTONS,
    EINVOICE_CODES,
    FIXED_BY_MANAGERS,
    FIXERS,
    LINK_CODES,
    RECORD_CODES,
    TEXTS,
    Text,
    cause,
    said,
    sentence,
)

SEVERITIES = [('blocks', "Blocks"), ('warns', "Warns"), ('informs', "Informs")]


class ExactFinding(models.Model):
    """One result of a check: what is wrong with a document, and where to mend it."""

    _name = 'exact.finding'
    _description = "Exact Finding"
    _order = 'severity, id'

    export_id = fields.Many2one(
        'exact.export', required=True, ondelete='cascade', index=True, readonly=True,
    )
    division_id = fields.Many2one(
        related='export_id.division_id', store=True, precompute=True,
    )
    company_id = fields.Many2one(
        related='export_id.company_id', store=True, precompute=True, index=True,
    )
    move_id = fields.Many2one(
        related='export_id.move_id', store=True, precompute=True, index=True,
    )
    severity = fields.Selection(SEVERITIES, required=True, default='blocks', readonly=True)
    code = fields.Char(required=True, index=True, readonly=True)
    params = fields.Json(readonly=True)
    # A text, and no line: lists show all of it, what to do stands at its end.
    message = fields.Text(compute='_compute_message')
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field='res_model', readonly=True)
    button_label = fields.Char(compute='_compute_message')
    fixed_by = fields.Selection(
        FIXERS, string="Who Can Fix It", compute='_compute_cause', store=True,
    )
    cause = fields.Char(
        compute='_compute_cause', store=True, index=True,
        help="The same for all findings that one fix solves.",
    )

    # === COMPUTE METHODS === #

    @api.depends('code', 'params', 'res_model', 'severity')
    @api.depends_context('lang', 'tz')
    def _compute_message(self):
        for finding in self:
            finding.message = sentence(self.env, finding.code, finding.params)
            label = finding._text().button or finding._record_button()
            if finding.code in EINVOICE_CODES and finding.severity != 'blocks':
                # It is accepted already, or nobody has to.
                label = False
            finding.button_label = label._translate(self.env.lang or 'en_US') if label else False

    @api.depends('severity', 'code', 'params', 'res_model', 'res_id')
    def _compute_cause(self):
        for finding in self:
            # What merely informs is nothing to be fixed.
            finding.fixed_by = finding.severity != 'informs' and finding._fixer()
            finding.cause = cause(
                finding.code, finding.params, finding.res_model, finding.res_id,
            )

    # === WHAT IS SAID === #

    @api.model
    def _texts(self):
        """Hook: what is said by each code, who mends it, and the button that leads there.

        Of a finding its code; of other notes (see `exact_note`) family and name, 'error/busy'.

        :rtype: dict[str, Text]
        """
        return dict(TEXTS)

    @api.model
    @api.private
    def said(self, code, params):
        """What a note says, in the language of the environment."""
        return said(self.env, code, params)

    def _text(self):
        """The text of this finding; one without a sentence where its addon is gone."""
        return self._texts().get(self.code) or Text(None)

    def _mapping_kind(self):
        """The kind of mapping of the record to fix; None if it is not mapped."""
        return self.res_model and self.env['exact.division'].mapping_kind_of(self.res_model)

    def _record_button(self):
        """Label of the button that leads to the record to fix, if nothing else is said of it."""
        kind = self._mapping_kind()
        return kind.button if kind else BUTTONS.get(self.res_model)

    def _fixer(self):
        """Who can mend it, a key of FIXERS."""
        owner = self._text().owner
        if owner or self.res_model == 'res.partner':
            return owner or 'user'
        is_managed = self.res_model in FIXED_BY_MANAGERS or self._mapping_kind()
        return 'manager' if is_managed else 'user'

    @api.private
    def as_note(self):
        """What the finding says, to be kept elsewhere; nothing of none."""
        return note(f'finding/{self.code}', **(self.params or {})) if self else ''

    @api.private
    def label_on_document(self):
        """Label of the button on the document itself; False where that would lead nowhere else."""
        leads_on = self._text().button or self.res_model != 'account.move'
        return leads_on and self.button_label

    # === ACTIONS === #

    def action_retry(self):
        """Check and send again all that waits for the same, as far as the person may."""
        self.env['exact.export'].browse().check_may_act()
        exports = self.env['exact.export.refusal'].allowed(self.waiting_for_the_same())
        if exports:
            exports.action_retry()
        return self.told(len(exports))

    @api.private
    def told(self, count):
        message = self.env._("%s documents are checked and sent again.", count)
        if count == 1:
            message = self.env._("1 document is checked and sent again.")
        elif not count:
            message = self.env._("There is nothing here that you may send again.")
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'info' if count else 'warning', 'message': message,
                'next': {'type': 'ir.actions.client', 'tag': 'soft_reload'},
            },
        }

    def action_fix(self):
        """Go to what is to be fixed: the mapping of the record, or the record itself."""
        self.ensure_one()
        model, res_id = self.res_model or 'account.move', self.res_id or self.move_id.id
        if self.code == 'period_ask':
            return self._choose_period()
        if self.code in EINVOICE_CODES:
            return {
                **self.env['ir.actions.act_window']._for_xml_id(
                    'account_exact.exact_accept_wizard_action',
                ),
                'context': {'default_export_id': self.export_id.id},
            }
        if model == 'exact.journal.period':
            return self._see_period()
        if model == 'res.partner' and not self.env.user.has_group('account.group_account_manager'):
            # Who may not map can still choose the relation for this export.
            return self.move_id.action_exact_adjust()
        if self.code == 'booked_twice':
            return self._open_other_entry()
        if model == 'exact.entry' or self.code in LINK_CODES:
            return self.move_id.action_exact_link()
        if self._mapping_kind() and self.code not in RECORD_CODES:
            return self.division_id.open_mapping(model, res_id)
        return {
            'type': 'ir.actions.act_window',
            'res_model': model,
            'res_id': res_id,
            'view_mode': 'form',
            'views': [(False, 'form')],
        }

    def _choose_period(self):
        return {
            **self.env['ir.actions.act_window']._for_xml_id(
                'account_exact.exact_period_wizard_action',
            ),
            'context': {'default_finding_id': self.id},
        }

    def _open_other_entry(self):
        """Where in Exact the entry is that somebody else booked."""
        entry = self.env['exact.entry'].browse(self.res_id).exists()
        if not entry:
            return self.export_id.action_open_exact()
        # sudo: the address of the site is no secret.
        url = self.division_id.sudo().page_of_entry(
            self.export_id.kind, entry.exact_guid, entry.entry_number,
        )
        return {'type': 'ir.actions.act_url', 'url': url, 'target': 'new'}

    @api.private
    def journal_period(self):
        """The closed period that the finding is about; empty for any other finding."""
        period_model = self.env['exact.journal.period']
        is_period = self.res_model == period_model._name
        return period_model.browse(self.res_id if is_period else [])

    def _see_period(self):
        """The period among its neighbours, so that a person sees what is open."""
        period = self.journal_period()
        return {
            **self.env['ir.actions.act_window']._for_xml_id(
                'account_exact.exact_journal_period_action',
            ),
            'domain': [
                ('division_id', '=', self.division_id.id), ('year', '=', period.year),
                ('journal_code', '=', period.journal_code),
            ],
        }

    # === BUSINESS METHODS === #

    @api.private
    def waiting_for_the_same(self):
        """Exports that wait for what these findings say; of a cause that is no record to fix, those
        of the same cause as well.

        :return: `exact.export`
        """
        result = self.env['exact.export']
        for division, findings in self.grouped('division_id').items():
            result |= self.search([
                ('division_id', '=', division.id), ('cause', 'in', findings.mapped('cause')),
                ('severity', '=', 'blocks'), ('export_id.display_state', '=', 'blocked'),
            ]).export_id
        return result

    @api.model
    @api.private
    def release(self, domain):
        """What waited for something goes on by itself, blocked or refused.

        :param domain: on the findings whose cause is gone.
        """
        # sudo: people who mend release what others exported.
        self.sudo().search(
            Domain(domain) & Domain('export_id.state', 'in', ['blocked', 'refused']),
        ).export_id.check_anew()

    @api.model
    def _is_awaited(self, divisions):
        """Whether anything waits in these divisions at all; most of the time nothing does."""
        return bool(self.sudo().search_count([
            ('division_id', 'in', divisions.ids),
            ('export_id.state', 'in', ['blocked', 'refused']),
        ], limit=1))
