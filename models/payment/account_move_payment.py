"""What a document tells of its payment in Exact."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..base.exact_note import told
from ..document.account_move import PEOPLE
from ..export.exact_export import BOOKED_STATES

STATES = [
    ('open', "Unpaid in Exact"),
    ('run', "In a Payment Run"),
    ('partly', "Partly Paid in Exact"),
    ('paid', "Paid in Exact"),
]


class AccountMove(models.Model):
    _inherit = 'account.move'

    # Not stored: a worker never writes on rows that people edit.
    exact_payment_state = fields.Selection(
        STATES, string="Payment in Exact", compute='_compute_exact_payment',
        search='_search_exact_payment_state', groups=PEOPLE,
    )
    exact_payment_sentence = fields.Char(compute='_compute_exact_payment', groups=PEOPLE)
    exact_payment_trouble = fields.Char(compute='_compute_exact_payment', groups=PEOPLE)
    exact_payment_differs = fields.Boolean(
        string="Differs From Exact's Payment", compute='_compute_exact_payment',
        search='_search_exact_payment_differs', groups=PEOPLE,
    )

    exact_payment_waits = fields.Boolean(
        compute='_compute_exact_payment_waits', groups=PEOPLE,
        help="Open, in Exact, and paid there: the form asks for news.",
    )

    @api.depends('state', 'payment_state', 'exact_export_ids')
    def _compute_exact_payment_waits(self):
        for move in self:
            # sudo: see `_compute_exact_payment`
            export = move.sudo().exact_export_id
            move.exact_payment_waits = (
                move.state == 'posted' and move.payment_state not in ('paid', 'reversed')
                and export.state in BOOKED_STATES and export.division_id.payments == 'mirror'
            )

    @api.depends('exact_export_ids', 'payment_state')
    @api.depends_context('lang', 'tz', 'uid')
    def _compute_exact_payment(self):
        settlements = {}
        if self.env.user._is_internal():
            # sudo: how far a document is is told to everyone who sees the document.
            settlements = {
                settlement.move_id.id: settlement
                for settlement in self.env['exact.settlement'].sudo().search([
                    ('move_id', 'in', self.ids), ('export_id.is_latest', '=', True),
                ])
            }
        for move in self:
            settlement = settlements.get(move.id)
            move.exact_payment_state = settlement and (
                'run' if settlement.run else settlement.state
            )
            move.exact_payment_sentence = settlement and told(self.env, settlement.situation())
            move.exact_payment_trouble = settlement and settlement.message
            move.exact_payment_differs = bool(settlement and settlement.differs)

    @api.model
    def _exact_with_settlement(self, domain):
        self._exact_check_insider()
        # sudo: see `_compute_exact_payment`
        settlements = self.env['exact.settlement'].sudo()._search(
            Domain('export_id.is_latest', '=', True) & Domain(domain),
        )
        return Domain('id', 'in', settlements.subselect(
            SQL.identifier(settlements.table, 'move_id'),
        ))

    @api.model
    def _search_exact_payment_state(self, operator, value):
        if operator != 'in':
            return NotImplemented
        states = {state for state in value if state and state != 'run'}
        domain = Domain('state', 'in', list(states)) & Domain('run', '=', False)
        if 'run' in value:
            domain |= Domain('run', '!=', False)
        result = self._exact_with_settlement(domain)
        if False in value:
            result |= ~self._exact_with_settlement(Domain('state', '!=', False))
        return result

    @api.model
    def _search_exact_payment_differs(self, operator, value):
        if operator != 'in':
            return NotImplemented
        differs = self._exact_with_settlement(Domain('differs', '=', True))
        return differs if True in value else ~differs

    def exact_payment_opened(self):
        """Somebody who may look at these documents does: what is paid of those that are open is
        asked for, at most every five minutes.
        """
        self.check_access('read')
        waiting = self.filtered('exact_payment_waits')
        if waiting and self.env.user.has_group('account.group_account_invoice'):
            # sudo: administrations are not for all who work with documents
            waiting.sudo().exact_export_id.division_id.ask_payments()
        return True

    def action_exact_refresh_payment(self):
        """Ask Exact now what is paid of these documents. Nobody waits for the answer."""
        self.env['exact.export'].browse().check_may_act()
        self.check_access('read')
        # sudo: as above
        divisions_sudo = self.sudo().exact_export_id.division_id
        if not divisions_sudo:
            raise UserError(self.env._("None of these documents is in Exact."))
        told = divisions_sudo.ask_payments()
        # What could not be made here may be possible now
        self.env['exact.settlement'].sudo().search([
            ('export_id', 'in', self.sudo().exact_export_id.ids),
            '|', ('trouble', '!=', False), ('differs', '=', True),
        ]).follow_anew()
        return told
