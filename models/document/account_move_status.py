"""The bar on a document: the facts are gathered here, `booking.status` says what it says."""

from odoo import api, fields, models

from ...booking.status import ASKED_FOR, Situation, status
from ..base.exact_error_text import division_reason, hold_reason
from ..base.exact_note import moment, note, shown
from ..base.exact_status_text import CHANGED
from .account_move import PEOPLE

# Findings on an entry that only its opposite can take back, as long as Exact keeps it closed.
REVERSED_CODES = (
    'already_processed', 'undo_refused', 'refused_processed', 'period_closed', 'reversal_refused',
    'kept_by_period',
)


class AccountMove(models.Model):
    _inherit = 'account.move'

    # What lists show: no groups here, as for `exact_state`.
    exact_message = fields.Char(compute='_compute_exact_message')
    exact_button_label = fields.Char(compute='_compute_exact_message')
    # What the form shows
    exact_bar = fields.Char(compute='_compute_exact_bar', groups=PEOPLE)
    exact_sentence = fields.Char(compute='_compute_exact_bar', groups=PEOPLE)
    exact_unproved = fields.Char(compute='_compute_exact_bar', groups=PEOPLE)
    exact_buttons = fields.Json(compute='_compute_exact_bar', groups=PEOPLE)

    # === COMPUTE METHODS === #

    @api.depends('exact_state', 'state')
    @api.depends_context('lang', 'tz', 'uid')
    def _compute_exact_message(self):
        # Most documents of a list have nothing to say.
        speaking = self.filtered(
            lambda move: move.exact_has_blocking or len(self) == 1
            or move.exact_state in ('blocked', 'changed', 'waiting'),
        )
        silent = self - speaking
        silent.exact_message = silent.exact_button_label = False
        for move, facts in speaking._exact_situations().items():
            move.exact_message = shown(self.env, status(facts).reason) or False
            finding = move.sudo().exact_export_id.finding_ids.filtered(_is_blocking)[:1]
            move.exact_button_label = facts.leads_on and finding.label_on_document()

    @api.depends('exact_state', 'state', 'company_id')
    @api.depends_context('lang', 'tz', 'uid')
    def _compute_exact_bar(self):
        for move, facts in self._exact_situations().items():
            told = status(facts)
            move.exact_bar = told.bar
            move.exact_sentence = shown(self.env, told.sentence)
            # An empty list would be kept as False, in which nothing can be looked for
            move.exact_buttons = list(told.buttons) or ['']
            # sudo: what the bar says of this document needs no rights on exports.
            move.exact_unproved = move.sudo().exact_export_id.unproved_text

    def _exact_situations(self):
        """The facts from which the bar of each of these documents is made.

        :return: {move: booking.status.Situation}
        """
        if not self:
            return {}
        # sudo: what the bar says of this document needs no rights on master data.
        exports_sudo = self.sudo().exact_export_id
        pauses = exports_sudo.filtered(
            lambda export: export.display_state == 'waiting',
        ).pauses()
        may_act = self.env.su or self.env.user.has_group('account.group_account_invoice')
        return {
            move: Situation(
                shown=move.exact_state or '', document=move.state, may_act=may_act,
                has_administration=move_sudo.exact_is_linked,
                **_facts(move_sudo.exact_export_id, move.exact_state),
                **pauses.get(move_sudo.exact_export_id, {}),
            )
            for move, move_sudo in zip(self, self.sudo(), strict=True)
        }


def _is_blocking(finding):
    return finding.severity == 'blocks'


def _facts(export, state):
    """What is known of an export and of its administration, as `booking.status.Situation` has it.

    :param state: of the document, as people see it
    """
    if not export:
        return {}
    division = export.division_id
    findings = export.finding_ids
    blocking = findings.filtered(_is_blocking)
    return {
        'state': export.state,
        'pending': export.pending_action or '',
        'is_linked': export.is_linked,
        'answered': (export.pending_action in ASKED_FOR or export.state == 'uncertain')
        and export.env['exact.export.change'].answered_instead(export),
        'is_asked': export.state == 'uncertain'
        and bool(export.env['exact.export.doubt'].unanswered_posts(export)),
        'is_put_off': bool(export.next_try),
        'keeps_order': export.kind == 'sale' and division.numbering == 'exact',
        'number': export.entry_number_text or '',
        'journal': export.journal_id.code or '',
        'verified_at': export.verified_at and moment(export.verified_at),
        'differences': tuple(
            [note(f'changed/{name if name in CHANGED else "state"}'), meant, '→', found]
            for name, meant, found in (export.difference_ids or [])[:3]
        ),
        'blocking': tuple(finding.as_note() for finding in blocking),
        'leads_on': state in ('blocked', 'verified', 'changed')
        and bool(
            blocking[:1].label_on_document(),
        ),
        'first': findings[:1].as_note(),
        'behind': findings.filtered(lambda finding: finding.code == 'files_behind')[:1].as_note(),
        'is_kept': any(finding.code in REVERSED_CODES for finding in findings),
        'may_keep_both': export.may_keep_both,
        'division': division.display_name or '',
        'is_archived': not division.active,
        'is_on_hold': division.hold,
        'hold_reason': hold_reason(division.hold_reason, division.hold_params),
        'is_connected': division.connection_id.state == 'connected',
        'unreachable': division_reason(division.unreachable_reason),
    }
