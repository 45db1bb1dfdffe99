"""When Exact is asked for payments: on a timer of each administration, sooner where a person asks
or Exact tells that something changed.
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..export.exact_export import BOOKED_STATES
from ..work.exact_work import Work, index_of_work

READ_PAYMENTS = Work(
    'read_payments', lambda row: SQL("%s", row('is_on')), is_told=False,
    model='exact.payment.reading', step='_read', order=20, priority='payment',
)
# What of an administration decides about its payments.
PLANNED_BY = {
    'payments', 'payments_every', 'company_id', 'payment_lock', 'payment_journal_id',
    'payment_discount_account_id', 'payment_difference_account_id',
}
# A person who opens one document after the other asks Exact once.
ASKED_AT_MOST = timedelta(minutes=5)
# Bookings of documents that are this old are not read for the first time.
HISTORY = timedelta(days=3 * 366)


class ExactPaymentReading(models.Model):
    """When the payments of an administration are read. A table of its own, since workers write it
    and people edit the administration.
    """

    _name = 'exact.payment.reading'
    _description = "Exact Payment Reading"
    _inherit = ['exact.work.mixin']
    _rec_name = 'division_id'
    _log_access = False

    division_id = fields.Many2one(
        'exact.division', required=True, ondelete='cascade', readonly=True,
    )
    company_id = fields.Many2one(related='division_id.company_id')
    is_on = fields.Boolean(readonly=True)
    next_try = fields.Datetime(readonly=True)
    read_at = fields.Datetime(readonly=True)

    _division_uniq = models.Constraint(
        'UNIQUE(division_id)', "The payments of an administration are read once.",
    )
    _due_idx = models.Index(index_of_work('division_id', (READ_PAYMENTS,)))

    def _read(self, division, client):
        """Read what changed of what is open, and plan the next reading."""
        self.ensure_one()
        self.env['exact.export.proof'].read_terms(division, client, self.since())
        now = fields.Datetime.now()
        self.write({
            'read_at': now, 'next_try': now + timedelta(minutes=int(division.payments_every)),
        })
        self.env['ir.cron']._commit_progress(1)
        return False

    @api.private
    def since(self):
        """From when on payments are read the first time: no document of ours is older, nor one that
        was typed in Exact and linked.

        :return: naive UTC
        """
        self.env['exact.export'].flush_model(['division_id', 'state', 'sent_at', 'move_id'])
        self.env['account.move'].flush_model(['date'])
        [(oldest,)] = self.env.execute_query(SQL(
            """
            SELECT MIN(LEAST(export.sent_at, move.date))
              FROM exact_export export JOIN account_move move ON move.id = export.move_id
             WHERE export.division_id = %s AND export.state IN %s
            """, self.division_id.id, BOOKED_STATES,
        ))
        now = fields.Datetime.now()
        return max(oldest or now, now - HISTORY)

    @api.private
    def hasten(self):
        """Read at the next occasion, unless that was done just now.

        :return: those that are read
        """
        now = fields.Datetime.now()
        due = self.filtered(lambda reading: reading.is_on and not (
            reading.read_at and now - ASKED_AT_MOST < reading.read_at <= now
        ))
        due.filtered(lambda reading: not reading.next_try or reading.next_try > now).next_try = now
        due.env['exact.export'].enqueue(due.division_id)
        return due


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    payments = fields.Selection(
        [('off', "Not at all"), ('mirror', "From Exact to Odoo")],
        string="Payments", default='off', required=True, tracking=True,
        help="From Exact to Odoo: what is paid in Exact is paid in Odoo, with Exact's date and "
             "amount, and follows what changes there. Payments that somebody registers in Odoo "
             "are never touched, and never sent to Exact.",
    )
    payments_every = fields.Selection(
        [
            ('15', "Every 15 Minutes"), ('60', "Every Hour"), ('240', "Every 4 Hours"),
            ('1440', "Daily"),
        ],
        string="Ask Exact", default='240', required=True,
    )
    payment_journal_id = fields.Many2one(
        'account.journal', check_company=True, domain="[('type', 'in', ('bank', 'cash'))]",
        help="Journal of the payments that come from Exact. It is made when payments are switched "
             "on; its account is what money in the banks of Exact stands on in Odoo.",
    )
    payment_discount_account_id = fields.Many2one(
        'account.account', string="Discount Account", check_company=True,
        help="Account of the discount that was taken in Exact.",
    )
    payment_difference_account_id = fields.Many2one(
        'account.account', string="Difference Account", check_company=True,
        help="Account of what was written off in Exact: small differences, credit surcharge.",
    )
    payment_lock = fields.Selection(
        [('hold', "Wait, and tell so"), ('next', "Next open day")],
        string="In a Locked Period", default='hold', required=True,
        help="What becomes of a payment whose date Odoo's lock date forbids.",
    )
    payments_read_at = fields.Datetime(compute='_compute_payments_read_at')

    def _compute_payments_read_at(self):
        # sudo: the moment is for all who see the administration
        readings = self.env['exact.payment.reading'].sudo().search([
            ('division_id', 'in', self.ids),
        ]).grouped('division_id')
        for division in self:
            division.payments_read_at = readings[division._origin].read_at if (
                division._origin in readings
            ) else False

    @api.model
    def _work_kinds(self):
        return super()._work_kinds() + (READ_PAYMENTS,)

    def write(self, vals):
        result = super().write(vals)
        if not PLANNED_BY.isdisjoint(vals):
            self._plan_payments()
        return result

    def _plan_payments(self):
        """Begin or end the reading of payments, or read at once where it is on already."""
        # sudo: readings and the queue are the engine's
        for division_sudo in self.sudo().filtered('company_id'):
            reading = division_sudo.env['exact.payment.reading'].search([
                ('division_id', '=', division_sudo.id),
            ])
            is_on = division_sudo.payments == 'mirror'
            settlements = division_sudo.env['exact.settlement'].search([
                ('division_id', '=', division_sudo.id),
            ])
            if not is_on:
                settlements.filtered('is_due').is_due = False
            if is_on and not reading:
                reading = reading.create({'division_id': division_sudo.id})
            if is_on:
                division_sudo._make_payment_journal()
            if is_on and not reading.is_on:
                # What is known of documents that were booked before says nothing of payments.
                division_sudo.env['exact.export.queue'].of(division_sudo).terms_position = False
            reading.write({'is_on': is_on, 'next_try': False})
            if is_on:
                settlements.filtered('trouble').follow_anew()
                division_sudo.env['exact.export'].enqueue(division_sudo)

    def _make_payment_journal(self):
        """Make the journal of payments, with its own account as outstanding account: a document is
        paid then, not in payment.
        """
        self.ensure_one()
        if self.payment_journal_id.company_id != self.company_id:
            values = {'payment_journal_id': self.env['account.journal'].create({
                'name': "Exact", 'type': 'bank', 'company_id': self.company_id.id,
            }).id}
            if self.payment_journal_id:
                # It was linked to another company, whose accounts these are.
                values |= {
                    'payment_discount_account_id': False, 'payment_difference_account_id': False,
                }
            self.write(values)
        journal = self.payment_journal_id
        for method in (
            journal.inbound_payment_method_line_ids | journal.outbound_payment_method_line_ids
        ):
            method.payment_account_id = method.payment_account_id or journal.default_account_id

    def action_ask_payments(self):
        """Ask Exact for payments now."""
        self.env['exact.export'].browse().check_may_act()
        self.check_access('read')
        return self.ask_payments()

    @api.private
    def ask_payments(self):
        """Ask Exact for payments, unless that was done minutes ago.

        :return: a notification that says which
        :raise UserError: they do not come from Exact
        """
        off = self.filtered(lambda division: division.payments != 'mirror')
        if off:
            raise UserError(self.env._(
                "Payments of %s do not come from Exact. Switch them on in the administration "
                "first.",
                off[:1].display_name,
            ))
        # sudo: readings are the engine's
        asked = self.env['exact.payment.reading'].sudo().search([
            ('division_id', 'in', self.ids),
        ]).hasten()
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'info',
                'message': self.env._("Exact is being asked; the answer comes by itself.") if asked
                else self.env._("Exact was asked less than five minutes ago."),
            },
        }
