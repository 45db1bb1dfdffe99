from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ..booking.suggest import PaymentCandidate, suggest_payment_condition

# Ends of months that pass before the days count (facts: PaymentConditions.PaymentEndOfMonths).
_END_OF_MONTHS = {
    'days_after': 0,
    'days_after_end_of_month': 1,
    'days_after_end_of_next_month': 2,
}


class ExactPaymentTermMapping(models.Model):
    """Which payment condition of Exact stands for a payment term."""

    _name = 'exact.payment.term.mapping'
    _description = "Exact Payment Term Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'payment_term_id, id'

    _source_fields = ('payment_term_id',)
    _target_fields = ('payment_condition_id',)

    payment_term_id = fields.Many2one(
        'account.payment.term', required=True, ondelete='cascade',
        index=True, check_company=True,
    )
    payment_condition_id = fields.Many2one(
        'exact.payment.condition', string="Payment Condition in Exact", ondelete='restrict',
        index=True, tracking=True,
    )
    suggested_payment_condition_id = fields.Many2one(
        'exact.payment.condition', string="Suggestion", ondelete='set null', readonly=True,
    )

    _payment_term_uniq = models.UniqueIndex(
        '(division_id, payment_term_id)', "The payment term has a row already.",
    )

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        candidates = [
            PaymentCandidate(
                record.id, record.code or '', record.name or '',
                days=record.payment_days,
                end_of_months=record.payment_end_of_months,
                method=record.payment_method or 'B',
                discount_days=record.discount_days,
                discount_percentage=Decimal(repr(record.discount_percentage)) / 100,
            )
            for record in self.env['exact.payment.condition'].search(
                [('division_id', '=', division.id)],
            )
        ]
        found = {}
        for mapping in self:
            term = mapping.payment_term_id
            line = term.line_ids
            # A condition of Exact has one due date: tranches and fixed days of the month have no
            # equal there.
            if len(line) != 1 or line.delay_type not in _END_OF_MONTHS:
                continue
            discount = term.early_discount
            suggestion = suggest_payment_condition(
                line.nb_days, _END_OF_MONTHS[line.delay_type], candidates, name=term.name or '',
                discount_days=term.discount_days if discount else 0,
                discount_percentage=(
                    Decimal(repr(term.discount_percentage)) / 100 if discount else Decimal(0)
                ),
            )
            if suggestion:
                found[mapping] = ({'payment_condition_id': suggestion.key}, suggestion.reason)
        return found

    def _describe_reason(self, reason, target):
        if reason == 'payment_days' and target is not None:
            days = target.payment_days
            text = self.env._("1 day") if days == 1 else self.env._("%(count)s days", count=days)
            if not days and not target.payment_end_of_months:
                return self.env._("Due at once")
            if target.payment_end_of_months == 1:
                return self.env._("%(days)s after the end of the month", days=text)
            if target.payment_end_of_months == 2:
                return self.env._("%(days)s after the end of the next month", days=text)
            return text
        return super()._describe_reason(reason, target)

    @api.model
    def _wanted_sources(self, division):
        term_model = self.env['account.payment.term'].with_context(active_test=False)
        self.env['account.move'].flush_model(['invoice_payment_term_id'])
        used = [term_id for (term_id,) in self.env.execute_query(SQL(
            """
            SELECT DISTINCT invoice_payment_term_id
              FROM account_move
             WHERE company_id = %s AND state IN ('draft', 'posted')
               AND invoice_payment_term_id IS NOT NULL
            """,
            division.company_id.id,
        ))]
        return {'payment_term_id': term_model.search([
            *term_model._check_company_domain(division.company_id),
            '|', ('active', '=', True), ('id', 'in', used),
        ])}

    def _stopped_query(self):
        # One due date is sent as it is; several need a condition that knows them.
        return SQL(
            """
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM exact_payment_term_mapping mapping
              JOIN (%(waiting)s) move
                   ON move.invoice_payment_term_id = mapping.payment_term_id
                  AND move.division_id = mapping.division_id
             WHERE mapping.id IN %(ids)s
               AND move.move_type <> 'entry'
               AND (SELECT count(*) FROM account_move_line line
                     WHERE line.move_id = move.id AND line.display_type = 'payment_term') > 1
            """,
            waiting=self._waiting_moves(), ids=tuple(self.ids),
        )
