from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ...booking import Term, misfits
from ...booking.suggest import PaymentCandidate, suggest_payment_condition

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

    misfit = fields.Char(
        string="Does Not Fit", compute='_compute_misfit',
        help="What the payment condition says otherwise than the payment term. Documents go out all"
             " the same, with their own due date; what Exact cannot have is told of each.",
    )

    _payment_term_uniq = models.UniqueIndex(
        '(division_id, payment_term_id)', "The payment term has a row already.",
    )

    # === WHAT FITS === #

    def _term_facts(self):
        """The payment term as the plain facts that `booking` knows.

        :rtype: booking.Term
        """
        self.ensure_one()
        term = self.payment_term_id
        due = {(line.delay_type, line.nb_days, line.days_next_month) for line in term.line_ids}
        line = term.line_ids[:1]
        return Term(
            instalments=max(len(due), 1),
            days=line.nb_days if line.delay_type in _END_OF_MONTHS else None,
            end_of_months=_END_OF_MONTHS.get(line.delay_type, 0),
            discount=(
                Decimal(f'{term.discount_percentage:.4f}').normalize() / 100, term.discount_days,
            ) if term.early_discount else None,
        )

    @api.depends(
        'payment_condition_id', 'payment_term_id.line_ids.nb_days',
        'payment_term_id.line_ids.delay_type', 'payment_term_id.line_ids.days_next_month',
        'payment_term_id.early_discount', 'payment_term_id.discount_days',
        'payment_term_id.discount_percentage',
    )
    @api.depends_context('lang')
    def _compute_misfit(self):
        for mapping in self:
            # Master data and payment terms are no secret to whoever may see the mapping.
            mapping_sudo = mapping.sudo()
            record = mapping_sudo.payment_condition_id
            found = misfits(mapping_sudo._term_facts(), record.as_facts()) if record else ()
            sentences = mapping_sudo._misfit_texts(record) if found else {}
            mapping.misfit = " ".join(sentences[name] for name in found)

    def _misfit_texts(self, record):
        """Why a payment condition does not stand for the term, in words, by names of `misfits`."""
        return {
            'instalments': self.env._(
                "The payment term has several due dates. An entry in Exact has one: it is sent with"
                " the last.",
            ),
            'share': self.env._(
                "The condition is for %(share)s%% of the total only.", share=f'{record.share:g}',
            ),
            'surcharge': self.env._(
                "The condition adds a credit surcharge of %(percentage)s%%, the payment term none.",
                percentage=f'{record.discount_percentage:g}',
            ),
            'discount': self.env._(
                "The discount differs: %(own)s in Odoo, %(exact)s in Exact.",
                own=self._discount_text(
                    self.payment_term_id.early_discount,
                    self.payment_term_id.discount_percentage, self.payment_term_id.discount_days,
                ),
                exact=self._discount_text(
                    record.discount_percentage and record.discount_type != 'K',
                    record.discount_percentage, record.discount_days,
                ),
            ),
            'days': self.env._(
                "The days differ: %(exact)s in Exact. The document's own due date is sent.",
                exact=self._describe_reason('payment_days', record),
            ),
        }

    def _discount_text(self, is_given, percentage, days):
        if not is_given:
            return self.env._("none")
        return self.env._(
            "%(percentage)s%% within %(days)s days", percentage=f'{percentage:g}', days=days,
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
                is_surcharge=record.discount_type == 'K',
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

    @api.private
    def stopped_query(self):
        # One due date is sent as it is; of several, a person has to choose the nearest condition.
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
