"""What came into Exact's journals from elsewhere: so that no document is booked a second time.

An accountant may have typed a bill first; a restored backup has forgotten what was sent. Exact has
no key that would refuse the second entry, so its journals are looked through: what was changed
since the last look, in one call for up to 1,000 ledger lines, however many documents wait and
however their numbers are written. The same look proves what was sent. (When: `exact_export_look`.)
"""

from datetime import timedelta
from decimal import Decimal

from odoo import api, fields, models

from ...booking import (
    has_amount_of,
    is_reversal_of,
)
from ...booking.likeness import (
    Traits,
    bare,
)
from ..base import exact_note
from ..base.exact_clock import CLOCKS_DIFFER

# How far back is looked for older documents, whose entries may be as old as they are.
FURTHEST_LOOK = timedelta(days=5 * 366)
# Kinds of journal (Journals.Type) that documents are booked in; banks have thousands of lines.
LOOKED_THROUGH = ('20', '21', '22', '23', '90')
# Which of them book the same kind of document: whoever types one may take either.
JOURNAL_KINDS = {
    '20': 'sale', '21': 'sale', '22': 'purchase', '23': 'purchase', '90': 'general',
}
# Findings that name entries of others and ask which it is.
WHICH_CODES = ('entry_exists', 'several_entries', 'number_taken')
# Transaction.Type of sales and purchase entries and their credit notes.
INVOICE_TYPES = (20, 21, 30, 31)


class ExactEntry(models.Model):
    """An entry in Exact that no export stands for."""

    _name = 'exact.entry'
    _description = "Entry in Exact"
    _order = 'date desc, id desc'
    _rec_name = 'entry_number'

    division_id = fields.Many2one(
        'exact.division', required=True, ondelete='cascade', index=True, readonly=True,
    )
    company_id = fields.Many2one(
        related='division_id.company_id', store=True, precompute=True, index=True,
    )
    exact_guid = fields.Char(required=True, readonly=True)
    entry_number = fields.Integer(readonly=True)
    journal_code = fields.Char(string="Journal", readonly=True)
    reference = fields.Char(readonly=True)
    reference_key = fields.Char(
        compute='_compute_reference_key', store=True, precompute=True,
        help="The reference without case, blanks, punctuation and leading zeros.",
    )
    is_unnamed = fields.Boolean(
        readonly=True,
        help="A sales or purchase entry without a number of its own: what stands as its reference "
             "is its description.",
    )
    relation_guid = fields.Char(readonly=True)
    move_id = fields.Many2one(
        'account.move', string="Document", readonly=True, ondelete='set null',
        index='btree_not_null', help="The document that this entry stood for, or most likely does.",
    )
    date = fields.Date(readonly=True)
    year = fields.Integer(string="Financial Year", readonly=True)
    currency_code = fields.Char(string="Currency", readonly=True)
    amount = fields.Float(
        digits=(16, 2), readonly=True,
        help="Of sales and purchase entries what is owed, debit positive; of others their debits, "
             "negative if the first line is a credit.",
    )
    created_at = fields.Datetime(readonly=True, help="When it was made in Exact.")
    creator_guid = fields.Char(readonly=True, help="The user of Exact who made it.")

    _division_guid_uniq = models.Constraint(
        'UNIQUE(division_id, exact_guid)', "This entry of Exact is already here.",
    )
    _reference_idx = models.Index('(division_id, reference)')
    _reference_key_idx = models.Index('(division_id, reference_key)')
    _relation_idx = models.Index('(division_id, relation_guid, date)')

    @api.depends('reference')
    def _compute_reference_key(self):
        for entry in self:
            entry.reference_key = bare(entry.reference or '') or False

    @api.depends('entry_number', 'date', 'currency_code', 'amount')
    @api.depends_context('lang')
    def _compute_display_name(self):
        for entry in self:
            entry.display_name = exact_note.told(self.env, entry.as_note())

    @api.private
    def as_note(self):
        """The entry as a person would name it, to be kept: see `exact_note`."""
        self.ensure_one()
        return exact_note.note(
            'attempt/entry', number=self.entry_number or "?", date=exact_note.day(self.date),
            amount=exact_note.money(abs(self.amount), self.currency_code or ''),
        )

    def unlink(self):
        divisions = self.division_id
        result = super().unlink()
        # Gone from Exact, or found to be a document's own: nobody is to look at it any more.
        self.env['exact.export.alike'].tell_doubles(self.env['exact.export'].search([
            ('division_id', 'in', divisions.ids), ('is_double', '=', True),
        ]))
        return result

    def _is_of(self, booking):
        """Whether the entry carries reference, journal and relation of the booking."""
        self.ensure_one()
        return (
            self.reference == booking.your_ref
            and self.journal_code == booking.journal
            and self.relation_guid == (booking.relation or self.relation_guid)
            and self.year in (0, booking.year)
        )

    def _traits(self, meant, kinds, *, is_ours):
        """What the entry is known by, to be compared with a document.

        :param Traits meant: the document's
        :param kinds: kind of document of each journal, by its code
        :param is_ours: see `Traits`
        """
        self.ensure_one()
        sign = -1 if meant.kind == 'purchase' else 1
        return Traits(
            kind=kinds.get(self.journal_code, self.journal_code),
            reference=self.reference or '',
            parties=frozenset({self.relation_guid or ''}) - {''},
            amount=sign * self._amount(),
            currency=self.currency_code or '',
            days=frozenset({self.date}) - {False},
            year=self.year,
            is_named=not self.is_unnamed,
            is_ours=is_ours,
        )

    def _is_in_kind_of(self, booking, kinds):
        """Whether the journal of the entry is of the kind of the booking's.

        :param kinds: kind of document of each journal, by its code
        """
        self.ensure_one()
        return (
            kinds.get(self.journal_code, self.journal_code)
            == kinds.get(booking.journal, booking.journal)
        )

    def _has_amount_of(self, booking):
        """Whether the entry has the amount and currency of the booking."""
        self.ensure_one()
        return has_amount_of(booking, self._amount()) and self.currency_code == booking.currency

    def _is_reversal_of(self, booking):
        """Whether somebody took the booking back with this entry, in Exact."""
        self.ensure_one()
        return is_reversal_of(booking, self._amount())

    def _amount(self):
        """The amount as money."""
        return Decimal(f'{self.amount:.2f}')


class ExactExport(models.Model):
    _inherit = 'exact.export'

    reference_key = fields.Char(
        compute='_compute_reference_key', store=True, index='btree_not_null',
        help="The reference without case, blanks, punctuation and leading zeros.",
    )

    @api.depends('reference')
    def _compute_reference_key(self):
        for export in self:
            export.reference_key = bare(export.reference or '') or False


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def looked_through(self):
        """Codes of the journals that documents are booked in."""
        self.ensure_one()
        # sudo: the worker may act for a person who sees no master data.
        mapped = self.env['exact.journal.mapping'].sudo().search([
            ('division_id', '=', self.id),
        ]).exact_journal_id
        journals = self.env['exact.journal'].sudo().search([
            ('division_id', '=', self.id), ('journal_type', 'in', LOOKED_THROUGH),
        ])
        return sorted({journal.code for journal in mapped | journals})

    def _is_made_here(self):
        """Tell which entries that nobody knows here were made from here: by the user of our
        connection, or in the time of which a restored backup has forgotten what was sent.

        :return: function of the GUID of a user of Exact and a moment
        """
        self.ensure_one()
        # sudo: who the user of the connection is in Exact, is no secret of its tokens.
        user_guid = self.connection_id.sudo().exact_user_guid
        queue = self.env['exact.export.queue'].sudo().of(self)

        def is_made_here(creator_guid, created_at):
            if user_guid and creator_guid:
                return creator_guid == user_guid
            return bool(queue.forgotten_until and created_at) and (
                queue.forgotten_since - CLOCKS_DIFFER <= created_at
                <= queue.forgotten_until + CLOCKS_DIFFER
            )

        return is_made_here

    def _journal_kinds(self):
        """Kind of document of each journal that is looked through, by its code."""
        self.ensure_one()
        # sudo: as above; an entry stays where it is though its journal may be gone.
        return {
            journal.code: JOURNAL_KINDS[journal.journal_type]
            for journal in self.env['exact.journal'].sudo().with_context(active_test=False).search([
                ('division_id', '=', self.id), ('journal_type', 'in', list(JOURNAL_KINDS)),
            ])
        }
