from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every

from ...booking import (
    READ_FIELDS,
    amount_of,
    from_dict,
    is_ledger_only,
    read_entry,
    reference_of,
    to_dict,
)
from ...booking.choices import Choices
from ...booking.likeness import bare
from ...booking.link import OFFERED, judge, match
from ...exact_api import ExactError, odata, wire
from ...models.base.exact_error_text import explain_to_asker
from ...models.base.exact_note import note, several, shown
from ...models.document.exact_booking_builder import BookingBuilder
from ...models.export.exact_export import ENDED_STATES
from ...models.export.exact_export_step import CHECK_BATCH

# An accountant's date may be that of the receipt.
DATE_MARGIN = timedelta(days=31)
# Calls that one look may take of the minute's 60.
MAX_PAGES = 40
# Documents that a person can look through.
MAX_DOCUMENTS = 2000

HOW = [
    ('equal', "Equal"),
    ('reference', "Same Reference"),
    ('date', "Same Date"),
    ('asked', "Asked About"),
    ('several', "Several Entries"),
    ('differs', "Other Amount or Relation"),
]


class ExactLinkWizard(models.TransientModel):
    """Documents that somebody has typed into Exact already: what was found, before it is linked."""

    _name = 'exact.link.wizard'
    _description = "Link to Entries in Exact"
    # What was found is not for people to write: who links an entry may delete it afterwards.
    _inherit = ['exact.engine.fields.mixin', 'exact.visible.mixin']

    division_id = fields.Many2one(
        'exact.division', string="Administration", required=True, readonly=True,
    )
    line_ids = fields.One2many('exact.link.wizard.line', 'wizard_id')
    document_count = fields.Integer(readonly=True)
    missing_count = fields.Integer(string="Not in Exact", readonly=True)
    chosen_count = fields.Integer(compute='_compute_chosen_count')
    has_other = fields.Boolean(compute='_compute_has_other')
    asked_for_id = fields.Many2one('account.move', readonly=True)

    @api.depends('line_ids.is_chosen')
    def _compute_chosen_count(self):
        for wizard in self:
            wizard.chosen_count = len(wizard.line_ids.filtered('is_chosen'))

    @api.depends('line_ids.how')
    def _compute_has_other(self):
        """Whether something was found that carries the reference and cannot be linked."""
        for wizard in self:
            wizard.has_other = 'differs' in wizard.line_ids.mapped('how')

    # === LOOKING === #

    @api.model
    @api.private
    def look_for(self, moves):
        """Ask Exact which of these documents it has; nothing is changed.

        :param moves: posted `account.move` of one company that have no entry yet
        :return: the wizard with what was found
        :raise UserError: if that cannot be asked now
        """
        moves.check_access('read')
        company = moves.company_id
        # sudo: people export without rights on the administration; it is their company's.
        division_sudo = self.env['exact.division'].sudo().search([
            ('company_id', 'in', company.ids),
        ])
        if len(company) != 1 or not division_sudo:
            raise UserError(self.env._("Choose documents of one company that is linked to Exact."))
        if len(moves) > MAX_DOCUMENTS:
            raise UserError(self.env._(
                "These are %(count)s documents. Choose at most %(limit)s at a time, by month for "
                "instance.",
                count=len(moves), limit=MAX_DOCUMENTS,
            ))
        bookings, unknown = self._bookings(division_sudo, moves)
        asked = defaultdict(list)
        for move in moves.filtered(lambda move: move in bookings):
            # sudo: what people were asked about they may see, whoever may read the exports.
            export_sudo = move.sudo().exact_export_id
            for guid in export_sudo.env['exact.export.journals'].asked_about(export_sudo):
                asked[guid].append(move)
        try:
            entries = self._entries(division_sudo, bookings.values(), asked)
        except ExactError as error:
            raise UserError(explain_to_asker(self.env, error)) from error
        found = match(bookings, entries, unknown)
        rows = [(move, one, entry) for move, one in found.items() for entry in one.entries]
        # The likeliest may be another than those that the question is about.
        shown = {(move, entry.entry_id) for move, _one, entry in rows}
        rows += [
            (move, judge(bookings[move], entry, unknown), entry)
            for entry in entries for move in asked.get(entry.entry_id, ())
            if (move, entry.entry_id) not in shown
        ]
        # sudo: what was found is not for people to write; the wizard is the person's all the same.
        wizard = self.sudo().create({
            'division_id': division_sudo.id,
            'document_count': len(moves),
            'missing_count': len(moves) - len({move for move, _one, _entry in rows}),
            'asked_for_id': moves.id if len(moves) == 1 else False,
        })
        self.env['exact.link.wizard.line'].sudo().create([
            {
                'wizard_id': wizard.id,
                'move_id': move.id,
                'how': one.how,
                'is_chosen': one.how in OFFERED[:2] and bookings[move].relation not in unknown,
                'booking': to_dict(bookings[move]),
                'entry_number': entry.entry_number or 0,
                'exact_guid': entry.entry_id,
                'entry_reference': (
                    reference_of(entry) if is_ledger_only(bookings[move].kind) else entry.your_ref
                ),
                'entry_description': entry.description,
                'entry_journal': entry.journal,
                'entry_date': entry.entry_date,
                'entry_amount': abs(float(amount_of(entry))),
                'relation_guid': entry.relation,
                'differences': [
                    [d.field, self._kept(d.meant), self._kept(d.found)] for d in one.differences
                ],
            }
            for move, one, entry in rows
        ])
        return wizard.sudo(False)

    @api.model
    def _kept(self, value):
        return self.env['exact.export.proof'].sudo().shown(value)

    @api.model
    def _bookings(self, division_sudo, moves):
        """What these documents would be booked as.

        :return: ({move: Booking}, stand-ins of relations that Exact does not have)
        """
        bookings, unknown = {}, set()
        for batch_ids in split_every(CHECK_BATCH, moves.ids):
            # sudo: master data and mappings are read for the documents' own company.
            batch = self.env['account.move'].sudo().browse(batch_ids)
            builder = BookingBuilder(division_sudo, batch)
            for move_sudo in batch:
                # The entry that is looked for was booked when the period was open.
                one = builder.build(move_sudo, Choices(own_period=True))
                if one.booking:
                    bookings[moves.browse(move_sudo.id)] = one.booking
                    unknown.update(one.new_relations.values())
        return bookings, unknown

    @api.model
    def _entries(self, division_sudo, bookings, asked):
        """Entries in the journals of these bookings, around their dates, that are nobody's yet; and
        whatever was noted under their references.

        :param asked: GUIDs of further ones, which people were asked about
        """
        if not bookings:
            return []
        export_model = self.env['exact.export'].sudo()
        days = [booking.entry_date for booking in bookings]
        noted = self.env['exact.entry'].sudo().search([
            ('division_id', '=', division_sudo.id),
            ('reference_key', 'in', list({bare(booking.your_ref) for booking in bookings} - {''})),
            ('year', 'in', list({0, *(booking.year for booking in bookings)})),
        ])
        rows = []
        with division_sudo.client('person') as client:
            for codes in odata.batches(division_sudo.looked_through()):
                pages = client.pages(
                    'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
                    filter=odata.all_of(
                        odata.any_of('JournalCode', codes),
                        odata.ge('Date', min(days) - DATE_MARGIN),
                        odata.le('Date', max(days) + DATE_MARGIN),
                    ),
                )
                for number, page in enumerate(pages, 1):
                    rows += page
                    if number > MAX_PAGES:
                        raise UserError(self.env._(
                            "Exact has very many entries in that time. Choose documents of a "
                            "shorter time.",
                        ))
            seen = {wire.as_guid(row['EntryID']) for row in rows}
            for guids in odata.batches(sorted({*noted.mapped('exact_guid'), *asked} - seen)):
                rows += client.get(
                    'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
                    filter=odata.any_of('EntryID', [odata.guid(guid) for guid in guids]),
                )
        proof_sudo = export_model.env['exact.export.proof']
        by_entry = proof_sudo.rows_by_entry(rows)
        taken = export_model.of_entries(by_entry)
        taken = {*taken.mapped('exact_guid'), *taken.mapped('reversal_guid')}
        gl_types = proof_sudo.gl_types(division_sudo)
        entries = [
            read_entry(entry, gl_types) for guid, entry in by_entry.items() if guid not in taken
        ]
        return [entry for entry in entries if entry]

    # === LINKING === #

    def action_link(self):
        """Link the chosen documents: nothing is sent, the entries are read back and compared."""
        self.ensure_one()
        chosen = self.line_ids.filtered('is_chosen')
        if not chosen:
            raise UserError(self.env._("Tick the documents to link first."))
        if len(chosen.move_id) < len(chosen):
            raise UserError(self.env._("A document can be linked to one entry only."))
        if len(set(chosen.mapped('exact_guid'))) < len(chosen):
            raise UserError(self.env._("An entry can be linked to one document only."))
        wrong = chosen.filtered(lambda line: line.how == 'differs')
        if wrong:
            raise UserError(self.env._(
                "%s has another amount or relation in Exact and cannot be linked. Correct it in "
                "Odoo or in Exact first.", wrong[0].move_id.display_name,
            ))
        exports = chosen._link()
        return self.env['account.move']._exact_reload(self.env._(
            "%s documents are linked; their entries are read back now.", len(exports),
        ))

    def action_book_beside(self):
        """Book the document as a new entry: those that were found are somebody else's."""
        self.ensure_one()
        move = self.asked_for_id
        if not move:
            raise UserError(self.env._(
                "Only one document at a time is booked beside what Exact has. Open it first.",
            ))
        move.check_access('write')
        self.env['exact.export'].check_may_act()
        # sudo: people ask, only the engine writes exports.
        export_sudo = self.env['exact.export'].sudo().search([
            ('move_id', '=', move.id), ('state', 'not in', ENDED_STATES),
        ], limit=1)
        if export_sudo.exact_guid or export_sudo.state in ('sending', 'uncertain'):
            raise UserError(self.env._("%s is on its way to Exact by now.", move.display_name))
        asked_sudo = export_sudo.env['exact.export.journals'].asked_about(export_sudo)
        guids = {*self.line_ids.mapped('exact_guid'), *asked_sudo}
        self.env['exact.export'].propose(
            move, choices=export_sudo.own_choices().beside(entries=guids)
        )
        return self.env['account.move']._exact_reload(
            self.env._("%s is booked as an entry of its own.", move.display_name),
        )


class ExactLinkWizardLine(models.TransientModel):
    """One document and the entry that may be its."""

    _name = 'exact.link.wizard.line'
    _description = "Document and Its Entry in Exact"
    # A person ticks, and nothing else.
    _inherit = ['exact.engine.fields.mixin', 'exact.visible.mixin']
    _order = 'how, id'

    wizard_id = fields.Many2one('exact.link.wizard', required=True, ondelete='cascade')
    move_id = fields.Many2one('account.move', string="Document", required=True, readonly=True)
    partner_id = fields.Many2one(
        related='move_id.commercial_partner_id', string="Partner", related_sudo=False,
    )
    currency_id = fields.Many2one(related='move_id.currency_id', related_sudo=False)
    date = fields.Date(compute='_compute_date')
    amount_total = fields.Monetary(related='move_id.amount_total', related_sudo=False)
    how = fields.Selection(HOW, string="Found By", readonly=True)
    is_chosen = fields.Boolean(string="Link")
    booking = fields.Json(readonly=True)
    exact_guid = fields.Char(readonly=True)
    relation_guid = fields.Char(readonly=True)
    entry_number = fields.Integer(string="Entry", readonly=True)
    entry_journal = fields.Char(string="Journal", readonly=True)
    entry_reference = fields.Char(string="Reference in Exact", readonly=True)
    entry_description = fields.Char(string="Description in Exact", readonly=True)
    entry_date = fields.Date(string="Date in Exact", readonly=True)
    entry_amount = fields.Monetary(string="Total in Exact", readonly=True)
    differences = fields.Json(readonly=True)
    difference_text = fields.Text(string="Booked Otherwise", compute='_compute_difference_text')

    @api.depends('move_id')
    def _compute_date(self):
        for line in self:
            line.date = line.move_id.invoice_date or line.move_id.date

    @api.depends('differences')
    @api.depends_context('lang')
    def _compute_difference_text(self):
        for line in self:
            line.difference_text = shown(self.env, several(
                note('attempt/difference', field=name, found=found, meant=meant)
                for name, meant, found in line.differences or ()
            ))

    def _link(self):
        """Make exports of the entries that were chosen.

        :return: the exports, as superuser; the worker reads them back
        """
        moves = self.move_id
        moves.check_access('write')
        export_model = self.env['exact.export']
        export_model.check_may_act()
        # What was free when it was looked for may be another document's by now.
        taken_sudo = export_model.sudo().of_entries(self.mapped('exact_guid'))
        if taken_sudo:
            raise UserError(self.env._(
                "Entry %(number)s belongs to another document by now. Look for the entries again.",
                number=self.filtered(lambda line: line.exact_guid in {
                    *taken_sudo.mapped('exact_guid'), *taken_sudo.mapped('reversal_guid'),
                })[:1].entry_number,
            ))
        exports_sudo = export_model.propose(moves)
        by_move = {export.move_id.id: export for export in exports_sudo}
        builders = defaultdict(lambda: None)
        for line in self:
            export_sudo = by_move[line.move_id.id]
            if export_sudo.exact_guid or export_sudo.state in ('sending', 'uncertain'):
                raise UserError(self.env._(
                    "%s is on its way to Exact by now.", line.move_id.display_name,
                ))
            division_sudo = export_sudo.division_id
            if builders[division_sudo] is None:
                builders[division_sudo] = BookingBuilder(division_sudo, moves.sudo())
            one = builders[division_sudo].build(
                line.move_id.sudo(), replace(export_sudo.own_choices(), own_period=True),
            )
            if not one.booking or to_dict(one.booking) != to_dict(from_dict(line.booking)):
                raise UserError(self.env._(
                    "%s was changed meanwhile. Look for its entry again.",
                    line.move_id.display_name,
                ))
            # The person has seen the others, and chose.
            others = line.wizard_id.line_ids.filtered(
                lambda other, line=line: other.move_id == line.move_id and other != line
            )
            if others:
                export_sudo.choose(
                    export_sudo.own_choices().beside(entries=others.mapped('exact_guid')),
                )
            export_sudo.env['exact.export.doubt'].link_to(
                export_sudo, one, line.exact_guid, line.entry_number, line.relation_guid,
            )
            export_sudo.log_attempt('look_up', 'done', note(
                'attempt/linked', number=line.entry_number, user=self.env.user.name,
                differences=several(
                    note('attempt/difference', field=name, found=found, meant=meant)
                    for name, meant, found in line.differences or ()
                ),
            ))
        return exports_sudo
