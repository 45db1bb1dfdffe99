"""The period that a document is booked in."""

from odoo.tools import format_date

from ...booking import Facts, book_in, next_open_period, period_of
from ..base.exact_problem import Problem


class PeriodOfDocument:
    """Part of the builder: in which period, and what is said where it is not the document's own."""

    def _period(self, built, journal, choices):
        """The period that a document is booked in: its own; where that is closed, what the rule of
        the journal says or lets a person choose."""
        move = built.move
        own = period_of(self.periods, move.date)
        code = journal.code if journal else ''
        booked = self._named_period(move, choices.booked_period)
        if booked or (own and choices.own_period):
            return booked or own
        if own is None:
            built.problems.append(Problem(
                'period_unknown', params={'date': str(move.date)},
                target=('exact.division', self.division.id),
            ))
            return None
        closed_id = self.closed.get((code, own.year, own.number))
        if not closed_id:
            return own
        values = {'year': own.year, 'period': own.number, 'journal': code}
        policy = self._closed_period_policy(move)
        if policy == 'ask':
            chosen = self._named_period(move, choices.period)
            if chosen and (code, chosen.year, chosen.number) not in self.closed:
                return chosen
            built.problems.append(Problem(
                'period_ask', params=values, target=('exact.journal.period', closed_id),
            ))
        elif policy == 'next_open':
            facts = Facts(
                self.division.code, periods=self.periods, closed=self.closed.keys(),
            )
            later = next_open_period(facts, code, move.date)
            if later:
                return later
            built.problems.append(Problem(
                'no_open_period', params=values, target=('exact.division', self.division.id),
            ))
        return own

    def _named_period(self, move, choice):
        """The period of a choice that was made for this accounting date; None for any other."""
        if not choice or choice.day != move.date:
            return None
        chosen = (choice.year, choice.number)
        return next((p for p in self.periods if (p.year, p.number) == chosen), None)

    def _closed_period_policy(self, move):
        mapping_id = self.index['journal'].get(move.journal_id.id, (False,))[0]
        mapping = self.env['exact.journal.mapping'].browse(mapping_id or [])
        return mapping.closed_period_policy

    def _move(self, built, period):
        """Book the document in another period than its own, and say so: in Exact and in Odoo."""
        booking, own_date = built.booking, built.move.date
        note = self.env._("(dated %s)", format_date(self.env, booking.entry_date))
        built.booking = book_in(booking, period, own_date, note)
        values = {'date': str(own_date), 'year': period.year, 'period': period.number}
        built.problems.append(Problem(
            'period_moved', 'informs', values | {'entry_date': str(built.booking.entry_date)},
        ))
        if any(line.vat_code for line in booking.lines):
            built.problems.append(Problem('vat_in_other_period', 'warns', values))
