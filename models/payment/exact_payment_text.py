"""What is said of the payment of a document."""

from odoo import api, models
from odoo.tools.translate import LazyTranslate

from ..work.exact_finding_text import Text

_lt = LazyTranslate(__name__)

PAYMENTS = {
    # How far it is
    'paid': _lt("Paid in Exact on %(date)s."),
    'settled': _lt("Settled in Exact."),
    'partly': _lt("%(amount)s is open in Exact; last paid on %(date)s."),
    'selected': _lt("In payment run %(run)s of Exact, not executed yet."),
    'sent': _lt("In payment run %(run)s of Exact, sent to the bank."),
    # Why Odoo does not have the same
    'unknown': _lt(
        "Exact has %(amount)s of it as paid, and its ledger does not tell how: discount and "
        "differences are not split off here.",
    ),
    'unknown_document': _lt(
        "Exact matched %(amount)s with entry %(number)s, whose document is not in Odoo. Settle it "
        "here by hand.",
    ),
    'by_hand': _lt(
        "Exact has %(amount)s as paid on %(date)s, and somebody registered a payment in Odoo: that "
        "stays as it is.",
    ),
    'locked': _lt(
        "Exact has %(amount)s as paid on %(date)s, which is locked in Odoo. Open the period, or "
        "let the administration take the next open day.",
    ),
    'no_account': _lt(
        "Exact has %(amount)s of it as discount or payment difference. Choose the accounts for "
        "them in the administration.",
    ),
    'not_posted': _lt(
        "Exact has %(amount)s of it as paid. Confirm the document, and it is paid here, too.",
    ),
    'kept': _lt(
        "Exact took a payment back whose entry of %(date)s is locked in Odoo. The document is open "
        "again; the money stays as credit of the partner.",
    ),
    'match_by_hand': _lt(
        "Exact matched %(amount)s with %(document)s, which cannot be matched so here. Reconcile "
        "the two by hand.",
    ),
    'cancelled_here': _lt(
        "Exact has a payment of %(amount)s of %(date)s, which somebody cancelled in Odoo. Confirm "
        "it again, or undo it in Exact.",
    ),
    'no_journal': _lt(
        "Exact has %(amount)s of it as paid. The administration has no journal for payments, or an "
        "archived one, or one without an account: choose another.",
    ),
    'broken': _lt("Odoo could not follow the payment: %(reason)s. Mend it, and ask Exact again."),
    'taken_back': _lt("Exact no longer has the payment of %(amount)s of %(date)s."),
}


class ExactFinding(models.Model):
    _inherit = 'exact.finding'

    @api.model
    def _texts(self):
        return super()._texts() | {
            f'payment/{name}': Text(sentence) for name, sentence in PAYMENTS.items()
        }
