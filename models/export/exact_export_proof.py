"""Properties of an entry that the ledger does not show: read from other resources of Exact, or
named as not proved.

Open items are read by what changed since the last reading, receivables and payables together: one
call each time entries are read back, and one more for each 1,000 that changed. Lines of an entry
are read only where one is deferred: 60 with one call.
"""

import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models

from ...booking import (
    LinePeriod,
    OpenItem,
    from_dict,
    line_resource,
    needs_terms,
    unproved,
)
from ...exact_api import Forbidden, MalformedAnswer, NotFound, RateLimited, Rejected, odata, wire
from ..base.exact_clock import aware, ceil
from ..base.exact_error_text import DIVISION_REASONS
from ..work.exact_finding_text import field_label
from .exact_export import BOOKED_STATES

_logger = logging.getLogger(__name__)

_TERMS = 'sync/Cashflow/PaymentTerms'
_TERM_FIELDS = (
    'Timestamp', 'ID', 'TransactionEntryID', 'DueDate', 'AmountFC', 'PaymentCondition',
    'DiscountDueDate', 'PaymentReference', 'TransactionID', 'TransactionAmountFC', 'Status',
    'LastPaymentDate', 'Modified', 'CashflowTransactionBatchCode', 'PaymentBatchNumber',
    'ReceivableBatchNumber',
)
_LINE_FIELDS = ('EntryID', 'GLAccount', 'AmountFC', 'From', 'To')
# Properties of the header that decide about due dates and payment.
DUE_PROPERTIES = frozenset({'EntryDate', 'DueDate', 'PaymentCondition', 'PaymentReference'})
# EntityType of PaymentTerms in sync/Deleted.
PAYMENT_TERMS = 10
# How long an entry that Exact shows in its ledger may be missing among what is open.
_TERMS_PATIENCE = timedelta(minutes=3)
# How long open items are left alone after Exact did not let us read them; entries are read back
# without.
_ASK_TERMS_AGAIN = timedelta(hours=6)
# If the last reading is longer ago than this, Exact is asked where to begin: history is not read.
_TERMS_HISTORY = timedelta(days=31)
# An entry may have been booked before we knew it.
_OVERLAP = timedelta(hours=1)


def _timestamp(row):
    try:
        return wire.as_int(row.get('Timestamp'))
    except MalformedAnswer:
        return None


def _term_values(row):
    """The values that are kept of a row of PaymentTerms; None if the row has no entry, or not the
    form that the reference gives.
    """
    try:
        values = {
            'exact_guid': wire.as_guid(row.get('ID')),
            'entry_guid': wire.as_guid(row.get('TransactionEntryID')),
            'due_date': wire.as_date(row.get('DueDate')) or False,
            'amount': float(abs(wire.as_decimal(row.get('AmountFC')) or 0)),
            'payment_condition': wire.as_text(row.get('PaymentCondition')),
            'discount_date': wire.as_date(row.get('DiscountDueDate')) or False,
            'payment_reference': wire.as_text(row.get('PaymentReference')),
            'transaction_guid': wire.as_guid(row.get('TransactionID')),
            'total': float(abs(wire.as_decimal(row.get('TransactionAmountFC')) or 0)),
            'status': wire.as_int(row.get('Status')) or 0,
            'paid_on': wire.as_date(row.get('LastPaymentDate')) or False,
            'changed_on': wire.as_date(row.get('Modified')) or False,
            'batch': wire.as_text(row.get('CashflowTransactionBatchCode')) or str(
                wire.as_int(row.get('PaymentBatchNumber'))
                or wire.as_int(row.get('ReceivableBatchNumber')) or '',
            ),
        }
    except MalformedAnswer as error:
        _logger.info("Exact: a row of %s is not what it should be: %s", _TERMS, error)
        return None
    return values if values['exact_guid'] and values['entry_guid'] else None


def _periods_by_entry(guids, rows):
    """The periods over which the lines of each of these entries are deferred.

    :param rows: of the lines of sales or purchase entries
    :return: {GUID of an entry: tuple of booking.LinePeriod}
    """
    result = dict.fromkeys(guids, ())
    for row in rows:
        guid = wire.as_guid(row.get('EntryID'))
        result[guid] = (*result.get(guid, ()), LinePeriod(
            wire.as_guid(row.get('GLAccount')) or '',
            abs(wire.as_decimal(row.get('AmountFC')) or Decimal(0)),
            wire.as_date(row.get('From')), wire.as_date(row.get('To')),
        ))
    return result


class ExactExportTerm(models.Model):
    """What is or was open of an entry at one due date, as Exact last showed it."""

    _name = 'exact.export.term'
    _description = "Exact Export Open Item"
    _log_access = False
    _order = 'export_id, due_date, id'

    export_id = fields.Many2one(
        'exact.export', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='export_id.company_id', store=True, precompute=True,
    )
    currency_id = fields.Many2one(related='export_id.currency_id')
    exact_guid = fields.Char(required=True, index=True, readonly=True)
    entry_guid = fields.Char(required=True, readonly=True)
    due_date = fields.Date(readonly=True)
    amount = fields.Monetary(
        readonly=True, help="Without its sign: what Exact counts as positive differs.",
    )
    payment_condition = fields.Char(readonly=True)
    discount_date = fields.Date(string="Discount Until", readonly=True)
    payment_reference = fields.Char(readonly=True)
    transaction_guid = fields.Char(readonly=True, help="The document's line in Exact's ledger.")
    total = fields.Monetary(readonly=True, help="Of the whole document, without its sign.")
    status = fields.Integer(readonly=True, help="As Exact counts: 20 open to 50 matched.")
    paid_on = fields.Date(readonly=True)
    changed_on = fields.Date(readonly=True)
    batch = fields.Char(readonly=True, help="The payment run that it was chosen for.")

    _export_guid_uniq = models.UniqueIndex(
        '(export_id, exact_guid)', "This open item is here already.",
    )

    def _plain(self):
        """The item as the plain facts that `booking` knows.

        :rtype: booking.OpenItem
        """
        self.ensure_one()
        return OpenItem(
            self.due_date or None, Decimal(f'{self.amount:.2f}'), self.payment_condition or '',
            self.discount_date or None, self.payment_reference or '',
        )


class ExactExportQueue(models.Model):
    _inherit = 'exact.export.queue'

    terms_position = fields.Char(
        readonly=True, help="Up to where what is open in Exact has been read.",
    )
    terms_read_at = fields.Datetime(readonly=True)
    terms_move_date = fields.Datetime(
        readonly=True, help="A move of the administration within Exact makes its counters anew.",
    )
    terms_next_at = fields.Datetime(
        readonly=True, help="Exact did not let us read what is open; not asked before.",
    )

    def _terms_from(self, client, since):
        """The position from which open items are read; Exact is asked if it is not known.

        :param since: naive moment of what has to be read
        """
        self.ensure_one()
        division = self.division_id
        recent = self.terms_read_at and self.terms_read_at > (
            fields.Datetime.now() - _TERMS_HISTORY
        )
        if self.terms_position and recent and self.terms_move_date == division.move_date:
            return int(self.terms_position)
        rows = client.get(
            'read/sync/Sync/SyncTimestamp', select=['TimeStampAsBigInt'],
            params={
                'modified': aware(since - _OVERLAP), 'endPoint': odata.literal('PaymentTerms'),
            },
        )
        position = max((wire.as_int(row.get('TimeStampAsBigInt')) or 0 for row in rows), default=0)
        self.terms_move_date = division.move_date
        return max(position, 1)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    term_ids = fields.One2many('exact.export.term', 'export_id', readonly=True)
    unproved = fields.Json(readonly=True, help="What was sent and nothing that Exact tells proves.")
    unproved_text = fields.Char(string="Not Proved", compute='_compute_unproved_text')

    @api.depends('unproved')
    @api.depends_context('lang')
    def _compute_unproved_text(self):
        for export in self:
            export.unproved_text = export.unproved and ", ".join(
                field_label(self.env, name) for name in export.unproved
            )


class ExactExportProof(models.AbstractModel):
    _inherit = 'exact.export.proof'

    # === WHAT IS OPEN === #

    @api.private
    def read_open_items(self, division, client, exports):
        """Read the open items that changed, if the proof of any of these exports needs them.

        If Exact does not let us read them, they stay unproved and nothing waits for them.
        """
        queue = self.env['exact.export.queue'].of(division)
        now = fields.Datetime.now()
        if queue.terms_next_at and queue.terms_next_at > now:
            return
        if not any(self._needs_terms(export) for export in exports):
            return
        try:
            self.read_terms(
                division, client, min(exports.filtered('sent_at').mapped('sent_at')),
            )
            queue.terms_next_at = False
        except (Forbidden, NotFound, Rejected, MalformedAnswer) as error:
            if getattr(error, 'reason', None) in DIVISION_REASONS:
                raise
            _logger.info("Exact division %s: open items cannot be read", division.code)
            queue.terms_next_at = now + _ASK_TERMS_AGAIN
        except RateLimited as error:
            if error.scope != 'error_fuse':
                raise
            queue.terms_next_at = ceil(error.retry_at)
        self.env['exact.export'].commit_half()

    @api.private
    def read_terms(self, division, client, since):
        """Read the open items that changed since the last reading, page by committed page.

        :param since: naive moment from which all is to be read if there was no reading yet
        :raise ExactError: as of the client
        """
        queue = self.env['exact.export.queue'].of(division)
        position = queue._terms_from(client, since)
        for rows in client.pages(
            _TERMS, select=_TERM_FIELDS, filter=odata.gt('Timestamp', odata.timestamp(position)),
        ):
            self._keep_open_items(division, rows)
            position = max([position, *filter(None, map(_timestamp, rows))])
            queue.write({
                'terms_position': str(position), 'terms_read_at': fields.Datetime.now(),
            })
            self.env['exact.export'].commit_half()

    @api.private
    def terms_changed(self, exports):
        """Hook: Exact told anew what is open of these exports."""

    def _needs_terms(self, export):
        return bool(
            export.booking and not export.is_linked and export.sent_at
            and needs_terms(from_dict(export.booking))
        )

    def _keep_open_items(self, division, rows):
        """Keep the open items of our entries; a verified entry whose open items changed is read
        back once more.

        :param rows: of PaymentTerms
        """
        by_entry = {}
        for row in rows:
            values = _term_values(row)
            if values:
                by_entry.setdefault(values['entry_guid'], []).append(values)
        exports = self.env['exact.export'].search([
            ('division_id', '=', division.id), ('exact_guid', 'in', list(by_entry)),
            ('state', 'in', BOOKED_STATES), ('kind', 'in', ['sale', 'purchase']),
        ])
        # After an entry was booked anew, the open items of the one before are another entry's.
        exports.term_ids.filtered(
            lambda term: term.entry_guid != term.export_id.exact_guid,
        ).unlink()
        known = {(term.export_id.id, term.exact_guid): term for term in exports.term_ids}
        before = {export: self._shown_terms(export) for export in exports}
        new = []
        for export in exports:
            for values in by_entry[export.exact_guid]:
                term = known.get((export.id, values['exact_guid']))
                if term:
                    term.write(values)
                else:
                    new.append({**values, 'export_id': export.id})
        self.env['exact.export.term'].create(new)
        for export in exports:
            self._look_again_if(
                export, before[export] and before[export] != self._shown_terms(export),
            )
        self.terms_changed(exports)

    @api.private
    def own_terms(self, export):
        """The open items of the entry that the export has now."""
        return export.term_ids.filtered(lambda term: term.entry_guid == export.exact_guid)

    def _shown_terms(self, export):
        """The values of the open items that a person sets and no payment changes."""
        export.ensure_one()
        return {
            (term.due_date, term.payment_condition, term.discount_date, term.payment_reference)
            for term in self.own_terms(export)
        }

    def _look_again_if(self, export, changed):
        """Read the entry back once more if its due dates or payment data changed in Exact."""
        if changed and export.state == 'verified':
            export._go('read_again', has_difference=False)
            if not export.pending_action:
                export.next_try = False

    # === ALL THAT IS KNOWN OF AN ENTRY === #

    @api.private
    def completed(self, exports, client, entries):
        """The entries of these exports with all that Exact tells of them beside its ledger.

        :param entries: {GUID: booking.ReadEntry}
        :return: likewise; entries of no export of these are left out
        """
        periods = self._read_periods(exports, client)
        result = {}
        for export in exports:
            read = entries.get(export.exact_guid)
            if read is None:
                continue
            terms = tuple(term._plain() for term in self.own_terms(export))
            result[export.exact_guid] = replace(
                read, terms=terms or None, periods=periods.get(export.exact_guid),
            )
        return result

    def _read_periods(self, exports, client):
        """The periods over which the lines of these entries are deferred, where any should be.

        :return: {GUID of an entry: tuple of booking.LinePeriod}; what cannot be read is left out
        """
        deferred = exports.filtered(
            lambda export: (
                export.exact_guid
                and not export.is_linked
                and any(
                    line.get('from_date') or line.get('to_date') for line in export.booking['lines']
                )
            )
        )
        result = {}
        for kind, exports in deferred.grouped('kind').items():
            for guids in odata.batches(exports.mapped('exact_guid')):
                try:
                    rows = client.get(
                        line_resource(kind), select=_LINE_FIELDS,
                        filter=odata.any_of('EntryID', [odata.guid(guid) for guid in guids]),
                    )
                    result |= _periods_by_entry(guids, rows)
                except (Forbidden, NotFound, Rejected, MalformedAnswer) as error:
                    if getattr(error, 'reason', None) in DIVISION_REASONS:
                        raise
        return result

    def _waits_for_terms(self, export, read, queue):
        """Whether Exact, whose ledger has the entry already, may show its open items in a moment.

        :param queue: `exact.export.queue` of the division
        """
        export.ensure_one()
        return (
            read.terms is None and not queue.terms_next_at and self._needs_terms(export)
            and export.sent_at > fields.Datetime.now() - _TERMS_PATIENCE
        )

    def _proof_values(self, export, read):
        """The values by which the export names what could not be proved."""
        export.ensure_one()
        if export.is_linked:
            return {'unproved': False}
        return {'unproved': list(unproved(from_dict(export.booking), read)) or False}


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def on_deleted(self, entity_type, guids):
        result = super().on_deleted(entity_type, guids)
        if entity_type == PAYMENT_TERMS:
            # Of a payment that was undone, and of an entry that was booked anew.
            terms = self.env['exact.export.term'].search([
                ('exact_guid', 'in', guids), ('export_id.division_id', '=', self.id),
            ])
            exports = terms.export_id
            terms.unlink()
            self.env['exact.export.proof'].terms_changed(exports)
        return result
