"""Documents that are in Odoo twice: one of them is booked, the others ask a person.

A bill may come by mail and be scanned as well, or come in two formats of one e-invoice. Whatever
has it exported (a selection, one after the other, automation), it is checked here, by one worker of
the administration at a time.
"""

from collections import defaultdict

from odoo import api, fields, models
from odoo.fields import Domain

from ...booking import from_dict
from ...booking.likeness import DOUBLE, NONE, REVERSAL, bare, grade, traits_of
from ..base.exact_note import day, money
from ..base.exact_problem import Problem
from ..master.exact_relation import identity_keys
from ..work.exact_finding_text import SAME_CODES
from .exact_export import BOOKED_STATES, ENDED_STATES

# States in which a document is before all others: Exact has it, or will as soon as it can be.
AHEAD_STATES = (*BOOKED_STATES, 'ready', 'sending', 'uncertain')


class ExactExport(models.Model):
    _inherit = 'exact.export'

    may_keep_both = fields.Boolean(
        compute='_compute_may_keep_both',
        help="A person may say that what seems to be one document are two.",
    )

    @api.depends('state', 'is_double', 'finding_ids.code')
    def _compute_may_keep_both(self):
        for export in self:
            export.may_keep_both = bool(
                (export.is_double and export.state in BOOKED_STATES) or export._same_findings(),
            )

    def write(self, vals):
        result = super().write(vals)
        if vals.get('state') in ('undone', 'deleted'):
            self._release_same()
        return result

    def _same_findings(self):
        """The findings that name another document and ask whether it is the same."""
        return self.finding_ids.filtered(lambda finding: finding.code in SAME_CODES)

    def _release_same(self):
        """Check anew what was held back as the same as these documents, which are not booked any
        more or have changed.
        """
        self.env['exact.finding'].release([
            ('division_id', 'in', self.division_id.ids), ('code', 'in', SAME_CODES),
            ('res_model', '=', 'account.move'), ('res_id', 'in', self.move_id.ids),
            ('export_id', 'not in', self.ids),
        ])

    def action_keep_both(self):
        """Say that two documents, in Odoo or in Exact, are not one and the same."""
        result = super().action_keep_both()
        # sudo: people ask, only the engine writes exports; their rights were checked above.
        for export in self.sudo():
            findings = export._same_findings()
            if not findings:
                continue
            export.choose(export.own_choices().beside(documents=(
                move_id for finding in findings for move_id in finding.params.get('ids', ())
            )))
            for finding in findings:
                export.move_id._message_log(body=self.env._(
                    "%(user)s keeps both: this document and %(document)s.",
                    user=self.env.user.name, document=finding.params.get('document', ''),
                ))
            findings.unlink()
            if export.state in ('blocked', 'refused'):
                export._go('check_anew', next_try=False)
                export.trigger_worker()
        return result


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def find_same(self, built):
        """Add a problem to each of these documents that is the same as another one.

        Of documents that are alike one is booked: the one whose export is ahead, else the one that
        was entered in Odoo first.

        :param built: list of `Built`
        """
        self.ensure_one()
        built = sorted((one for one in built if one.booking), key=lambda one: one.move.id)
        if not built:
            return
        index = defaultdict(list)
        exports_sudo = self._exports_like(built)
        for export_sudo in exports_sudo:
            self._remember(
                index, export_sudo.move_id, from_dict(export_sudo.booking), export_sudo.state,
            )
        apart = self._kept_apart([*(one.move.id for one in built), *exports_sudo.move_id.ids])
        for one in built:
            traits = _traits(one.move, one.booking)
            found = {}
            for key in _keys(traits):
                for move, other, is_ahead in index[key]:
                    if (is_ahead or move.id < one.move.id) and move.id not in apart[one.move.id]:
                        found[move] = grade(traits, other), other
            same = {
                move: pair for move, pair in found.items() if pair[0].what not in (NONE, REVERSAL)
            }
            if same:
                # The surest, and of several the first.
                move = min(same, key=lambda move: (same[move][0].what != DOUBLE, move.id))
                one.problems.append(_problem(move, *same[move], [other.id for other in same]))
            self._remember(index, one.move, one.booking)

    def _remember(self, index, move, booking, state=None):
        traits = _traits(move, booking)
        for key in _keys(traits):
            index[key].append((move, traits, state in AHEAD_STATES))

    def _exports_like(self, built):
        """Living exports of other documents that carry a number of these, or may be of the same
        supplier and day."""
        moves = self.env['account.move'].union(*(one.move for one in built))
        keys = {bare(one.booking.your_ref) for one in built} - {''}
        purchases = moves.filtered(lambda move: move.is_purchase_document(include_receipts=True))
        like = Domain('reference_key', 'in', list(keys))
        if purchases:
            like |= Domain('kind', '=', 'purchase') & Domain('move_id', 'any', [
                ('invoice_date', 'in', purchases.mapped('invoice_date')),
                ('amount_total', 'in', purchases.mapped('amount_total')),
                ('company_id', '=', self.company_id.id),
            ])
        # sudo: whoever exports one document has to hear of the other.
        exports_sudo = self.env['exact.export'].sudo().search(
            like & Domain('division_id', '=', self.id) & Domain('state', 'not in', ENDED_STATES)
            & Domain('move_id', 'not in', moves.ids) & Domain('reference_key', '!=', False),
        )
        exports_sudo.fetch(['booking'])
        return exports_sudo.filtered('booking')

    def _kept_apart(self, move_ids):
        """The documents that a person has declared different, whichever of the two was asked about.

        :return: {id of a move: ids of the others}
        """
        result = defaultdict(set)
        # sudo: as above.
        for export in self.env['exact.export'].sudo().search_fetch([
            ('division_id', '=', self.id), ('move_id', 'in', move_ids),
        ], ['move_id', 'overrides']):
            for other in export.own_choices().beside_documents:
                result[export.move_id.id].add(other)
                result[other].add(export.move_id.id)
        return result


def _traits(move, booking):
    """The traits by which a document of Odoo is recognised.

    A supplier may be two contacts with one VAT number, and two relations of Exact.
    """
    partner = move.commercial_partner_id
    vat = identity_keys(partner.country_code, partner.vat, '')['vat_key']
    is_purchase = booking.kind == 'purchase'
    reference = move._exact_supplier_reference() if is_purchase else None
    # Receipts, as those of expenses, carry a text that is no supplier's number.
    is_receipt = move.move_type in ('in_receipt', 'out_receipt') or (
        is_purchase and not reference and bool(move.ref)
    )
    return traits_of(
        booking,
        (
            booking.relation, partner and f'partner {partner.id}',
            vat and f'vat {vat}',
        ),
        days=(move.invoice_date or None,),
        reference=reference,
        is_receipt=is_receipt,
    )


def _keys(traits):
    """The keys under which another document is found that may be the same."""
    return (
        ('number', traits.kind, bare(traits.reference)),
        *(('day', traits.kind, day, traits.amount) for day in traits.days),
    )


def _problem(move, graded, other, ids):
    """The problem of a document that is the same as another one.

    :param ids: of all documents that it may be; who says that it is none of them has said so of all
    """
    code = 'same_document' if graded.what == DOUBLE else 'reference_duplicate'
    if graded.why == 'unnamed':
        code = 'perhaps_same'
    return Problem(code, params={
        'document': move.display_name, 'reference': other.reference,
        'date': day(move.invoice_date or move.date),
        'amount': money(abs(other.amount), other.currency), 'ids': sorted(ids),
    }, target=('account.move', move.id))
