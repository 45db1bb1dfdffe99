"""The opposite of an entry that Exact no longer lets go."""

from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models

from ...booking import (
    from_dict,
    is_ledger_only,
    next_open_period,
    resource,
)
from ...booking.payload import has_reference
from ...booking.reversal import is_reversal, left_standing, opposite_of
from ...exact_api import odata, wire
from ..base.exact_note import note
from ..base.exact_problem import Problem
from ..document.exact_booking_builder import BookingBuilder
from .exact_export import REVERSE
from .exact_export_read_back import PATIENCE, READ_BATCH


class ExactExportReversal(models.AbstractModel):
    _name = 'exact.export.reversal'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Reversals"

    @api.private
    def settle_reversal(self, export, client):
        """Find out what became of a reversal that Exact was asked for, before anything else is done
        with the entry: what is reversed is neither reversed again nor undone nor updated.

        :return: whether the entry is reversed, or may be
        """
        operation = export.operation(*REVERSE)
        # (What Exact said that it has booked is looked for with those of all others.)
        return operation.state == 'answered' or (
            bool(operation.unanswered()) and self._find_reversal(export, client)
        )

    def _find_reversal(self, export, client):
        """Look whether Exact has the reversal already: one that got no answer, or of which a
        restored backup knows nothing.

        :return: whether the entry is reversed, or may be
        """
        operation = export.operation(*REVERSE)
        found = self._look_up_reversal(export, client, self._opposite(export))
        if found:
            self._reversed(export, found[0])
            return True
        if operation and operation.may_still_come():
            export.next_try = operation.look_again_at()
            return True
        operation.to_look_up()._go('not_shown')
        return False

    @api.private
    def do_reverse(self, export, client):
        """Book the opposite in an open period, for entries that Exact no longer lets go."""
        change = self.env['exact.export.change']
        if change.is_being_taken_out(export):
            # An entry that goes needs no opposite.
            return
        if export.reversal_guid and export.operation(*REVERSE).state == 'done':
            # Exact has booked a reversal already, otherwise than it was sent: not once more.
            export._set_findings([Problem(
                'reversal_booked_otherwise', params={'number': export.reversal_number or "?"},
            )])
            change.give_up_action(export, 'reverse')
            return
        if self.settle_reversal(export, client) or self._find_reversal(export, client):
            return
        division = export.division_id
        booking = from_dict(export.booking)
        proof = self.env['exact.export.proof']
        read = proof.read_entries(client, division, {export.exact_guid}).get(export.exact_guid)
        if read is None and not proof.was_seen(export) and (
            export.sent_at > fields.Datetime.now() - PATIENCE
        ):
            # It was booked just now: Exact may have it without showing it yet.
            export.next_try = fields.Datetime.now() + timedelta(minutes=1)
            return
        if read is None:
            self.env['exact.export.journals'].gone(export)
            return
        differences = left_standing(booking, read)
        if differences:
            export._go('read_again')
            self.env['exact.export.proof'].differs(export, differences, read)
            export._add_findings({export: [Problem('reversal_differs')]})
            export.pending_action = False
            return
        builder = BookingBuilder(division, export.move_id)
        facts = division.booking_facts(builder, [])
        period = next_open_period(facts, booking.journal, booking.entry_date)
        if not period:
            export._set_findings([
                Problem('period_unknown', params={'date': str(booking.entry_date)}),
            ])
            self.env['exact.export.change'].give_up_action(export, 'reverse')
            return
        opposite = replace(
            self._opposite(export), entry_date=max(booking.entry_date, period.start),
            year=period.year, period=period.number,
        )
        answer = export.ask(
            client,
            *REVERSE,
            resource(opposite),
            self.env['exact.export.send'].body(export, opposite),
            key_name='EntryID',
        )
        # From now on its entry is known for what it is, whoever comes across it.
        export.write({
            'reversal_guid': wire.as_guid(answer['EntryID']),
            'reversal_number': wire.as_int(answer.get('EntryNumber')) or 0,
        })

    def _opposite(self, export):
        """The booking that offsets the entry; its date and period are yet to be chosen."""
        return opposite_of(
            from_dict(export.booking), self.env._("Reversal of entry %s", export.entry_number),
        )

    @api.private
    def prove_reversals(self, division, client):
        """Look in Exact's books whether reversals are there, many with one call.

        :return: whether time ran out before all were done
        """
        reversed_ = self._due(division, 'change', order='id').filtered(
            lambda export: export.operation(*REVERSE).state == 'answered',
        )
        for batch in self.env['exact.export.proof'].batches(reversed_, READ_BATCH):
            there = self.env['exact.export.proof'].read_entries(client, division, {
                export.operation(*REVERSE).exact_guid for export in batch
            })
            self.env['exact.export'].commit_half()
            if self.env['exact.export.change'].do_each(
                division,
                batch,
                lambda export, there=there: self._settle_reversed(
                    export, there.get(export.operation(*REVERSE).exact_guid)
                ),
            ):
                return True
        return False

    def _settle_reversed(self, export, entry):
        """Go on with an entry that Exact was asked to reverse.

        :param entry: booking.ReadEntry of the reversal, None if Exact's books do not show it
        """
        operation = export.operation(*REVERSE)
        if entry:
            operation._go('proved')
            if not is_reversal(self._opposite(export), entry, was_named=True):
                export._set_findings([Problem(
                    'reversal_booked_otherwise', params={'number': entry.entry_number or "?"},
                )])
                self.env['exact.export.change'].give_up_action(export, export.pending_action)
                return
            self._reversed(export, entry)
        elif operation.may_still_come():
            export.next_try = operation.look_again_at()
        else:
            operation._go('not_shown')
            export.write({'reversal_guid': False, 'reversal_number': 0})
            self.env['exact.export.change'].again_in_a_minute(
                export, export.pending_action, note('attempt/not_there')
            )

    def _reversed(self, export, entry):
        """Exact's books show the reversal.

        :param entry: booking.ReadEntry
        """
        export.write({
            'reversal_guid': entry.entry_id, 'reversal_number': entry.entry_number or 0,
        })
        self.env['exact.export.change'].undone(export, self.env._(
            "Reversed in Exact: entry %(number)s is offset by entry %(reversal)s.",
            number=export.entry_number, reversal=entry.entry_number,
        ))

    def _look_up_reversal(self, export, client, booking):
        """The opposite entry that an earlier attempt may have booked."""
        ledger_only = is_ledger_only(booking.kind)
        rows = client.get(
            'bulk/Financial/TransactionLines', select=['EntryID', 'AmountFC', 'Description'],
            filter=odata.all_of(
                odata.eq('JournalCode', booking.journal),
                odata.startswith('Description', booking.your_ref) if ledger_only
                else odata.eq('YourRef', booking.your_ref),
            ),
        )
        guids = {
            wire.as_guid(row['EntryID']) for row in rows
            if not ledger_only
            or has_reference(wire.as_text(row.get('Description')), booking.your_ref)
        }
        # An entry that belongs to an export is not our reversal, even if that export is over.
        known = export.of_entries(guids)
        guids -= set(known.mapped('exact_guid') + known.mapped('reversal_guid'))
        found = self.env['exact.export.proof'].read_entries(client, export.division_id, guids)
        return [entry for entry in found.values() if is_reversal(booking, entry)]
