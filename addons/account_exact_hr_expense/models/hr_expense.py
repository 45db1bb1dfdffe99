import logging
from datetime import timedelta

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import RedirectWarning, UserError
from odoo.fields import Domain
from odoo.tools import plaintext2html

from odoo.addons.account_exact.models.document.account_move import STATES

_logger = logging.getLogger(__name__)

ACCOUNTING_GROUPS = 'account.group_account_invoice,account.group_account_readonly'
NOT_POSTED = 'account_exact_hr_expense.mail_activity_type_not_posted'
# What could not be posted is tried again after this, or as soon as its activity is done.
RETRY_AFTER = timedelta(days=1)


class HrExpense(models.Model):
    _inherit = 'hr.expense'

    supplier_reference = fields.Char(
        copy=False, help="The number on the supplier's invoice or receipt; Exact gets it, too.",
    )
    # Not stored: what Exact says is asked of the export of the journal entry.
    exact_state = fields.Selection(
        STATES, string="Exact", compute='_compute_exact_state', search='_search_exact_state',
    )
    exact_entry_number = fields.Char(
        string="Exact Entry", compute='_compute_exact_details',
        search='_search_exact_entry_number', groups=ACCOUNTING_GROUPS,
    )
    exact_message = fields.Char(compute='_compute_exact_details', groups=ACCOUNTING_GROUPS)
    exact_is_linked = fields.Boolean(compute='_compute_exact_is_linked')
    exact_was_posted = fields.Boolean(
        readonly=True, copy=False,
        help="Posted once since it was approved: what people take back is not done again by "
             "itself.",
    )

    # === COMPUTE METHODS === #

    @api.depends('account_move_id.exact_state')
    def _compute_exact_state(self):
        for expense in self:
            # sudo: who sees an expense sees how far it is, but not the journal entry.
            expense.exact_state = expense.sudo().account_move_id.exact_state

    @api.depends('account_move_id.exact_entry_number', 'account_move_id.exact_message')
    @api.depends_context('lang')
    def _compute_exact_details(self):
        for expense in self:
            # sudo: the fields are for people who see all journal entries of the company.
            move_sudo = expense.sudo().account_move_id
            expense.exact_entry_number = move_sudo.exact_entry_number
            expense.exact_message = move_sudo.exact_message

    @api.depends('company_id')
    def _compute_exact_is_linked(self):
        linked = self.env['exact.division'].linked_among(self.company_id)
        for expense in self:
            expense.exact_is_linked = expense.company_id in linked

    # === SEARCH === #

    @api.model
    def _search_exact_state(self, operator, value):
        if operator != 'in':
            return NotImplemented
        # sudo: as in _compute_exact_state; the expenses themselves are searched with the rights of
        # the person.
        moves = self.env['account.move'].sudo()._search([
            ('expense_ids', '!=', False), ('exact_state', 'in', list(value)),
        ])
        domain = Domain('account_move_id', 'in', moves)
        if False in value:
            domain |= Domain('account_move_id', '=', False)
        return domain

    @api.model
    def _search_exact_entry_number(self, operator, value):
        if operator in Domain.NEGATIVE_OPERATORS:
            return NotImplemented
        moves = self.env['account.move']._search([
            ('expense_ids', '!=', False), ('exact_entry_number', operator, value),
        ])
        return Domain('account_move_id', 'in', moves)

    # === CRUD METHODS === #

    def write(self, vals):
        # Each approval counts anew.
        if 'approval_state' in vals:
            vals = {**vals, 'exact_was_posted': False}
        if vals.get('account_move_id'):
            vals = {**vals, 'exact_was_posted': True}
        return super().write(vals)

    # === ACTIONS === #

    def action_exact_open_export(self):
        """Open the export of the journal entry, for people who may see it."""
        self.ensure_one()
        return self.account_move_id.action_exact_open_export()

    # === EXTENDS hr_expense === #

    def _do_approve(self, check=True):
        result = super()._do_approve(check=check)
        self._exact_trigger_posting()
        return result

    # === POSTING BY ITSELF === #

    @api.model
    def _exact_trigger_posting(self):
        """Wake the scheduled action: it posts in transactions of its own, so that whatever goes
        wrong there is no concern of the person who approves."""
        # sudo: approvers know nothing of divisions and scheduled actions.
        if self.env['exact.division'].sudo().search_count(
            [('auto_export_expense', '=', True), ('company_id', '!=', False)], limit=1,
        ):
            self.env.ref('account_exact_hr_expense.ir_cron_post_expenses').sudo()._trigger()

    @api.model
    def _cron_exact_post(self):
        """Post what is approved, where an administration wants it; the export follows by itself."""
        cron = self.env['ir.cron']
        batches = self._exact_batches()
        cron._commit_progress(remaining=len(batches))
        for batch in batches:
            try:
                batch._exact_post()
            except (SerializationFailure, DeadlockDetected, LockNotAvailable):
                # Somebody works on the same expenses or numbers; the next run comes soon.
                self.env.cr.rollback()
                self._exact_trigger_posting()
            if not cron._commit_progress(1):
                break

    @api.model
    def _exact_batches(self):
        """What is posted together: the expenses of one employee, as when a person does it; what the
        company paid one by one.

        :return: list of `hr.expense`, each in its company.
        """
        divisions = self.env['exact.division'].search([
            ('auto_export_expense', '=', True), ('company_id', '!=', False),
        ])
        batches = []
        for division in divisions:
            company = division.company_id
            start = division.export_start_date
            expenses = self.with_company(company).with_context(
                allowed_company_ids=company.ids, lang=company.partner_id.lang,
            ).search(self._exact_to_post_domain(company), order='id')
            own = expenses.filtered(lambda expense: expense.payment_mode == 'own_account')
            # What the company paid is booked on the day it was paid, and that may be too early.
            paid = (expenses - own).filtered(
                lambda expense, start=start: not start or not expense.date or expense.date >= start,
            )
            batches += own.grouped('employee_id').values()
            batches += list(paid)
        return batches

    @api.model
    def _exact_to_post_domain(self, company):
        activity_type = self.env.ref(NOT_POSTED, raise_if_not_found=False)
        lately = fields.Datetime.now() - RETRY_AFTER
        return [
            ('company_id', '=', company.id),
            ('state', '=', 'approved'),
            ('account_move_id', '=', False),
            ('exact_was_posted', '=', False),
            ('activity_ids', 'not any', [
                ('activity_type_id', '=', activity_type.id if activity_type else 0),
                ('write_date', '>', lately),
            ]),
        ]

    def _exact_post(self):
        """Post one batch; an expense that cannot be posted says why and stops no other."""
        # Who has them open for posting, or another worker, is faster than we are.
        due = self.try_lock_for_update().filtered(
            lambda expense: expense.state == 'approved' and not expense.account_move_id,
        )
        if not due:
            return
        problem = due._exact_try_to_post()
        if problem and len(due) > 1:
            for expense in due:
                expense._exact_tell(expense._exact_try_to_post())
        else:
            due._exact_tell(problem)

    def _exact_try_to_post(self):
        """Post these expenses, all or none.

        :return: why it is not possible, or False.
        """
        try:
            with self.env.cr.savepoint():
                if self[:1].payment_mode == 'company_account':
                    self._create_company_paid_moves()
                    self.account_move_id.origin_payment_id.action_post()
                else:
                    self._post_without_wizard()
        except (UserError, RedirectWarning) as error:
            return str(error.args[0])
        except (SerializationFailure, DeadlockDetected, LockNotAvailable):
            raise
        except Exception:
            _logger.exception("Expenses %s could not be posted", self.ids)
            return self.env._("Something unexpected happened; the log of the server tells more.")
        return False

    def _exact_tell(self, problem):
        """Let the responsible person know what keeps expenses from being posted; or that nothing
        does any more."""
        if not problem:
            self.activity_unlink([NOT_POSTED])
            return
        for expense in self:
            sentence = self.env._("The expense could not be posted: %s", problem)
            hint = self.env._("It is tried again tomorrow, or soon after you mark this as done.")
            note = plaintext2html(f"{sentence}\n{hint}")
            known = expense.activity_search([NOT_POSTED])
            if known:
                # Written anew in any case: from this moment on the next attempt is counted.
                known.write({'note': note})
                continue
            expense.activity_schedule(
                NOT_POSTED, note=note, user_id=expense._exact_responsible().id,
            )
            expense._message_log(body=sentence)

    def _exact_responsible(self):
        """Who can do something about it: the approver with accounting rights, the person who looks
        after the connection, anyone else with accounting rights in the company."""
        self.ensure_one()
        division = self.env['exact.division'].search([('company_id', '=', self.company_id.id)])
        accountants = self.env.ref('account.group_account_invoice').all_user_ids.filtered(
            lambda user: user.active and self.company_id in user.company_ids,
        )
        candidates = self.manager_id | division.connection_id.user_id
        return (candidates & accountants)[:1] or accountants[:1] or self.env.user
