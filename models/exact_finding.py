from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

SEVERITIES = [('blocks', "Blocks"), ('warns', "Warns"), ('informs', "Informs")]

# Sentence per code: what is wrong, in words that name the thing; then what to do. The parameters
# are those of the check that found it.
SENTENCES = {
    # What the document lacks
    'line_without_account': _lt("The line “%(line)s” has no account. Choose one on the line."),
    'no_partner': _lt("There is no partner, and Exact needs a relation. Set the partner, or choose a relation for this export."),
    'nothing_to_book': _lt("The total is 0.00 and no line has an amount: there is nothing to book in Exact."),
    'no_lines': _lt("There are no lines to book."),
    'zero_total': _lt("The total is 0.00; the lines are booked."),
    'several_taxes': _lt("The line “%(line)s” has several taxes (%(taxes)s). Exact takes one VAT code per line: split the line."),
    'not_posted': _lt("Only posted documents are exported. Post it first."),
    'company_not_linked': _lt("The company %(company)s is not linked to an Exact administration. Choose one under Configuration, Exact, Administrations."),
    'before_start_date': _lt("The document is dated %(date)s; documents are exported from %(start)s on."),
    # What is not mapped
    'mapping_missing_account': _lt("The account %(account)s has no ledger in Exact yet."),
    'mapping_missing_tax': _lt("The tax %(tax)s has no VAT code in Exact yet."),
    'mapping_missing_journal': _lt("The journal %(journal)s has no journal in Exact yet."),
    'mapping_missing_payment_term': _lt("The payment term %(payment_term)s has no payment condition in Exact yet."),
    'mapping_missing_analytic': _lt("The analytic account %(analytic)s has no cost centre, cost unit or project in Exact yet."),
    # Relations
    'relation_ambiguous': _lt("Several relations of Exact could be %(partner)s: %(relations)s. Choose one."),
    'relation_same_name': _lt("Exact has a relation with the name of %(partner)s: %(relations)s. Link it, or create a new relation."),
    'relation_new': _lt("%(partner)s is new in Exact: a relation is created."),
    # Exact's own rules, by the codes of booking.rules
    'division_differs': _lt("The document was built for administration %(meant)s, not for %(division)s."),
    'journal_missing': _lt("No journal of Exact is chosen for this document."),
    'journal_unknown': _lt("Exact has no journal %(journal)s (any more). Map the journal anew."),
    'journal_blocked': _lt("The journal %(journal)s is blocked in Exact."),
    'journal_type': _lt("The journal %(journal)s is of another type in Exact than this document needs."),
    'journal_without_vat': _lt("The journal %(journal)s takes no VAT in Exact, but lines have VAT codes. Switch VAT on for the journal in Exact, or map another journal."),
    'journal_currency': _lt("The journal %(journal)s takes no %(currency)s in Exact, only %(journal_currency)s."),
    'journal_rate': _lt("The journal %(journal)s takes no exchange rate of your own in Exact."),
    'rate_missing': _lt("There is no exchange rate for %(currency)s."),
    'rate_of_own_currency': _lt("%(currency)s is the administration's own currency and can have no rate of %(rate)s."),
    'rate_is_one': _lt("The exchange rate of %(currency)s is 1: Exact takes its own rate then."),
    'period_unknown': _lt("Exact has no financial period for %(date)s. Open the year in Exact, then refresh the master data."),
    'period_differs_from_date': _lt("The entry of %(date)s is booked in period %(year)s-%(period)s."),
    'period_closed': _lt("Period %(year)s-%(period)s of journal %(journal)s is closed in Exact. Open it there, or change the accounting date."),
    'due_before_entry': _lt("The due date %(due_date)s is before the date %(date)s."),
    'relation_unknown': _lt("The relation of this document is not in this administration (any more). Choose another."),
    'payment_condition_unknown': _lt("Exact has no payment condition %(payment_condition)s (any more). Map the payment term anew."),
    'reference_missing': _lt("There is no reference. Exact needs one to find the entry again: fill in the bill reference."),
    'reference_too_long': _lt("The reference “%(text)s” has %(length)s characters; Exact takes %(limit)s. Shorten it."),
    'reference_cleaned': _lt("The reference is sent as “%(sent)s”."),
    'reference_duplicate': _lt("%(reference)s of this relation has been exported already (%(entry)s)."),
    'payment_reference_too_long': _lt("The payment reference “%(text)s” has %(length)s characters; Exact takes %(limit)s."),
    'description_shortened': _lt("A description is shortened to the %(limit)s characters that Exact takes."),
    'number_out_of_range': _lt("The number %(number)s is too large for Exact."),
    'entry_number_used': _lt("The entry number %(number)s is in use in journal %(journal)s."),
    'entry_not_balanced': _lt("The entry is not in balance: %(difference)s."),
    'refund_sign': _lt("The total of %(total)s has an unusual sign for this kind of document."),
    'vat_total_differs': _lt("Exact would compute VAT of %(computed)s where Odoo has %(meant)s. Check the VAT codes of the lines."),
    'total_differs': _lt("Exact would make the total %(computed)s where Odoo has %(meant)s. Check the VAT codes of the lines."),
    'account_missing': _lt("A line of %(amount)s has no ledger of Exact."),
    'account_unknown': _lt("Exact has no ledger for a line of this document (any more). Map the account anew."),
    'account_blocked': _lt("The ledger %(code)s %(name)s is blocked in Exact. Map the account to another."),
    'account_type': _lt("The ledger %(code)s %(name)s is a receivable, payable or VAT account in Exact and cannot be used on a line."),
    'line_without_relation': _lt("A line on the ledger %(code)s %(name)s has no relation."),
    'cost_center_mandatory': _lt("The ledger %(code)s %(name)s demands a cost centre in Exact. Add an analytic distribution to the line."),
    'cost_center_not_allowed': _lt("The ledger %(code)s %(name)s takes no cost centre in Exact. Take the analytic distribution off the line."),
    'cost_unit_mandatory': _lt("The ledger %(code)s %(name)s demands a cost unit in Exact. Add an analytic distribution to the line."),
    'cost_unit_not_allowed': _lt("The ledger %(code)s %(name)s takes no cost unit in Exact. Take the analytic distribution off the line."),
    'cost_center_unknown': _lt("Exact has no cost centre %(cost_center)s (any more). Map the analytic account anew."),
    'cost_center_inactive': _lt("The cost centre %(cost_center)s is not active in Exact."),
    'cost_unit_unknown': _lt("Exact has no cost unit %(cost_unit)s (any more). Map the analytic account anew."),
    'cost_unit_inactive': _lt("The cost unit %(cost_unit)s is not active in Exact."),
    'project_unknown': _lt("Exact has no project for a line of this document (any more). Map the analytic account anew."),
    'project_inactive': _lt("A project of this document is not active in Exact."),
    'vat_code_of_account': _lt("A line takes the VAT code of its ledger in Exact."),
    'vat_without_code': _lt("A line has VAT of %(vat_amount)s but no VAT code."),
    'vat_code_missing': _lt("A line has VAT in Odoo but no VAT code of Exact. Map the tax."),
    'vat_code_unknown': _lt("Exact has no VAT code %(vat_code)s (any more). Map the tax anew."),
    'vat_code_blocked': _lt("The VAT code %(vat_code)s is blocked in Exact. Map the tax to another."),
    'vat_code_direction': _lt("The VAT code %(vat_code)s cannot be used for this kind of document in Exact."),
    'vat_code_including': _lt("The VAT code %(vat_code)s is of the type “including”; Odoo's lines are without VAT. Map the tax to an excluding code."),
    'reverse_charge_differs': _lt("The VAT code %(vat_code)s and the tax in Odoo disagree on the reverse charge. Map the tax anew."),
    'vat_percentage_differs': _lt("The VAT code %(vat_code)s has another percentage in Exact than the tax in Odoo. Map the tax anew."),
    'vat_amount_not_possible': _lt("The VAT code %(vat_code)s takes no VAT amount of %(vat_amount)s."),
    'vat_amount_zero': _lt("VAT of 0.00 is given where Exact computes %(computed)s."),
    'vat_amount_far_off': _lt("The VAT of a line, %(vat_amount)s, is far from the %(computed)s that Exact computes."),
    'amount_decimals': _lt("The amount %(amount)s has more than the %(decimals)s decimals that can be booked in Exact. Book it there by hand."),
    'deferral_not_possible': _lt("Journal entries in Exact take no deferral period; it is left out."),
    'deferral_incomplete': _lt("A line has only one end of its deferral period."),
    'deferral_reversed': _lt("The deferral period of a line ends (%(to_date)s) before it begins (%(from_date)s)."),
    'relation_not_customer': _lt("%(name)s is no customer in Exact yet and becomes one with this export."),
    'relation_not_supplier': _lt("%(name)s is no supplier in Exact yet and becomes one with this export."),
    'relation_blocked': _lt("The relation %(name)s is blocked in Exact. Release it there, or choose another."),
    'relation_missing': _lt("There is no relation in Exact for this document. Set the partner, or choose a relation for this export."),
    'total_mismatch': _lt("Exact would make the total %(found)s where Odoo has %(meant)s. Check the VAT codes of the lines."),
    'division_currency': _lt("The administration keeps its books in %(division_currency)s, the company in %(currency)s."),
    'conversion_cents': _lt("The total in %(document_currency)s is equal. Converted, it is %(currency)s %(found)s in Exact and %(meant)s in Odoo: each rounds for itself."),
    'vat_cents': _lt("The total is right; the VAT per code is not, by cents that no line is large enough to carry: %(codes)s."),
    'difference_line': _lt("A rounding difference of %(amount)s is booked on a line of its own."),
    'general_vat': _lt("The VAT lines are booked on their ledger without a VAT code; check the VAT return in Exact."),
    # Documents
    'attachment_too_large': _lt("The file %(name)s (%(size)s MB) is larger than the 25 MB that Exact takes; it is not sent."),
    'pdf_failed': _lt("The PDF could not be made: %(reason)s"),
    # What Exact said
    'refused': _lt("Exact refused it: %(message)s"),
    'read_back': _lt("Exact booked something else: %(field)s is %(found)s instead of %(meant)s."),
    'credit_note_type': _lt("Exact booked the credit note as an invoice with negative amounts. Choose the other style of credit notes for the administration, then undo this export and export again."),
    'missing_entry': _lt("The entry cannot be read back from Exact yet."),
    'several_entries': _lt("Exact has several entries that could be this document: %(entries)s. Compare them, and link the right one."),
    'entry_exists': _lt("Exact has this already, perhaps: %(entries)s carries the same reference. Compare, then link it or book beside it."),
    'already_processed': _lt("Exact has processed the entry: it cannot be changed or deleted any more. Reverse it instead."),
    'deleted_in_exact': _lt("Somebody deleted the entry in Exact."),
    'look_up_failed': _lt("Whether Exact has the entry cannot be looked up: %(message)s"),
    'no_answer': _lt("Exact was asked %(count)s times, gave no answer and has no entry. Retry when Exact works again."),
    'document_kept': _lt("The entry is deleted in Exact, its document is not: %(message)s"),
    'unexpected': _lt("Something went wrong that nobody foresaw: %(reason)s. Retry; if it stays, tell the administrator."),
    'undo_refused': _lt("Exact keeps the entry: %(message)s Reverse it instead."),
}

# Label of the button that leads to what is to be fixed.
BUTTONS = {
    'account.account': _lt("Map the Ledger"),
    'account.tax': _lt("Map the Tax"),
    'account.journal': _lt("Map the Journal"),
    'account.payment.term': _lt("Map the Payment Term"),
    'account.analytic.account': _lt("Map the Analytic Account"),
    'res.partner': _lt("Choose the Relation"),
    'exact.division': _lt("Open the Administration"),
    'account.move': _lt("Open the Document"),
    'exact.entry': _lt("Compare and Link"),
}

# Where a record of Odoo is mapped: mapping model and its field.
MAPPINGS = {
    'account.account': ('exact.account.mapping', 'account_id'),
    'account.tax': ('exact.tax.mapping', 'tax_id'),
    'account.journal': ('exact.journal.mapping', 'journal_id'),
    'account.payment.term': ('exact.payment.term.mapping', 'payment_term_id'),
    'account.analytic.account': ('exact.analytic.mapping', 'analytic_account_id'),
    'res.partner': ('exact.partner.mapping', 'partner_id'),
}


def sentence(env, code, params):
    """What a finding says, in the language of the reader; never fails for a missing parameter."""
    template = SENTENCES.get(code)
    if template is None:
        return env._("Exact would not take it (%(code)s).", code=code)
    values = {key: '' if value is None else value for key, value in (params or {}).items()}
    if code == 'read_back':
        values['field'] = field_label(env, values.get('field', ''))
    text = template._translate(env.lang or 'en_US')
    try:
        return text % values
    except (KeyError, ValueError):
        return text


def field_label(env, name):
    """The name of a compared field as a person calls it."""
    labels = {
        'division': env._("the administration"),
        'journal': env._("the journal"),
        'relation': env._("the relation"),
        'entry_date': env._("the date"),
        'due_date': env._("the due date"),
        'currency': env._("the currency"),
        'rate': env._("the exchange rate"),
        'your_ref': env._("the reference"),
        'period': env._("the period"),
        'gl_account': env._("the ledger of a line"),
        'vat_code': env._("the VAT code of a line"),
        'cost_center': env._("the cost centre of a line"),
        'cost_unit': env._("the cost unit of a line"),
        'project': env._("the project of a line"),
        'amount': env._("the amount of a line"),
        'vat': env._("the VAT"),
        'line_count': env._("a line"),
        'total': env._("the total"),
        'own_total': env._("the total in the currency of the books"),
        'document': env._("the attached document"),
        'description': env._("the description"),
        'payment_condition': env._("the payment condition"),
        'payment_reference': env._("the payment reference"),
    }
    return labels.get(name, name)


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
    message = fields.Char(compute='_compute_message')
    res_model = fields.Char(readonly=True)
    res_id = fields.Many2oneReference(model_field='res_model', readonly=True)
    button_label = fields.Char(compute='_compute_message')

    @api.depends('code', 'params', 'res_model')
    @api.depends_context('lang')
    def _compute_message(self):
        for finding in self:
            finding.message = sentence(self.env, finding.code, finding.params)
            label = BUTTONS.get(finding.res_model)
            finding.button_label = label._translate(self.env.lang or 'en_US') if label else False

    def action_fix(self):
        """Go to what is to be fixed: the mapping of the record, or the record itself."""
        self.ensure_one()
        model, res_id = self.res_model or 'account.move', self.res_id or self.move_id.id
        if model == 'res.partner' and not self.env.user.has_group('account.group_account_manager'):
            # Who may not map can still choose the relation for this export.
            return self.move_id.action_exact_adjust()
        if model == 'exact.entry':
            return self.move_id.action_exact_link()
        if model in MAPPINGS:
            return self.division_id._open_mapping(model, res_id)
        return {
            'type': 'ir.actions.act_window',
            'res_model': model,
            'res_id': res_id,
            'view_mode': 'form',
            'views': [(False, 'form')],
        }


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _open_mapping(self, model, res_id):
        """The mapping of one record of Odoo, as a list to choose the target in.

        :param str model: a key of MAPPINGS; `res_id` a record of it.
        """
        self.ensure_one()
        mapping_model, field = MAPPINGS[model]
        domain = [('division_id', '=', self.id), (field, '=', res_id)]
        mappings = self.env[mapping_model]
        if mappings.has_access('create') and not mappings.search_count(domain, limit=1):
            mappings.create({'division_id': self.id, field: res_id})
        action = self.env['ir.actions.act_window']._for_xml_id(
            f'account_exact.{mapping_model.replace(".", "_")}_action',
        )
        return {
            **action,
            'domain': domain,
            'context': {'default_division_id': self.id, f'default_{field}': res_id},
        }


class ExactMappingMixin(models.AbstractModel):
    _inherit = 'exact.mapping.mixin'

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        mappings._release_blocked()
        return mappings

    def write(self, vals):
        result = super().write(vals)
        if any(name in self._target_fields for name in vals):
            self._release_blocked()
        return result

    def _release_blocked(self):
        """Check anew what waited for these mappings, without anybody pressing a button."""
        mapped = self.filtered(lambda mapping: mapping.state == 'mapped')
        if not mapped:
            return
        # sudo: people who map release what others exported.
        findings_sudo = self.env['exact.finding'].sudo().search(Domain.OR(
            Domain('res_model', '=', mapped[field]._name) & Domain('res_id', 'in', mapped[field].ids)
            for field in self._source_fields if mapped[field]
        ) & Domain('export_id.state', '=', 'blocked')
          & Domain('division_id', 'in', mapped.division_id.ids))
        if findings_sudo:
            findings_sudo.export_id.write({'state': 'proposed', 'next_try': False})
            findings_sudo.export_id._trigger_worker()
