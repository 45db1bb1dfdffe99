"""A bill against the e-invoice that came with it, before it goes out; and who accepted what
differs.
"""

import logging
from decimal import Decimal

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.account.models.account_document_import_mixin import extract_pdf_embedded_files

from ...booking import MAX_FILE
from ...booking.einvoice import read
from ...booking.einvoice_check import NO_VAT, RATE, REVERSE, ZERO, Bill, Nature, deviations
from ...booking.reverse_charge import is_reverse_charge
from ..base.exact_note import moment, money
from ..base.exact_problem import Problem, decimal
from ..mapping.exact_tax_mapping import tax_factors
from ..work.exact_finding_text import EINVOICE_CODES

_logger = logging.getLogger(__name__)

# A PDF without this has no file in it, and is not taken apart.
_EMBEDDED = b'/EmbeddedFile'
# What of a finding is not what a person has accepted: the file that says it may have another name.
_NOT_DECISIVE = {'file', 'lines'}
# Names of lines that a sentence can hold.
_MOST_NAMES = 80


class ExactAcceptedDifference(models.Model):
    """That a bill differs from its e-invoice and is booked all the same: who said so, and why."""

    _name = 'exact.accepted.difference'
    _description = "Exact: Accepted Difference"
    _order = 'id desc'

    move_id = fields.Many2one(
        'account.move', string="Document", required=True, ondelete='cascade', index=True,
        readonly=True,
    )
    division_id = fields.Many2one(
        'exact.division', string="Administration", required=True, ondelete='cascade',
        readonly=True,
    )
    company_id = fields.Many2one(related='division_id.company_id', store=True, index=True)
    differences = fields.Json(
        readonly=True, help="Codes and figures; another difference has to be accepted anew.",
    )
    reason = fields.Text(required=True, readonly=True)
    user_id = fields.Many2one('res.users', string="Accepted By", required=True, readonly=True)
    accepted_at = fields.Datetime(string="Accepted On", required=True, readonly=True)

    @api.model
    def _key(self, code, params):
        """What a person accepts, in a form that JSON gives back as it was."""
        return [code, {
            name: value for name, value in (params or {}).items() if name not in _NOT_DECISIVE
        }]


class ExactExport(models.Model):
    _inherit = 'exact.export'

    def _differing(self):
        """The findings that keep these bills waiting since they differ from their e-invoices.

        :rtype: `exact.finding`
        """
        return self.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks' and finding.code in EINVOICE_CODES,
        )

    def _accept_differences(self, reason):
        """Keep that a person accepts what these bills say otherwise than their e-invoices, and
        check them anew.

        :param str reason: in the person's words
        """
        self.check_may_act()
        for export in self:
            findings = export._differing()
            if not findings:
                continue
            # sudo: people decide, only the engine writes; rights were checked above.
            accepted_sudo = self.env['exact.accepted.difference'].sudo()
            accepted_sudo.create({
                'move_id': export.move_id.id,
                'division_id': export.division_id.id,
                'differences': [
                    accepted_sudo._key(finding.code, finding.params) for finding in findings
                ],
                'reason': reason,
                'user_id': self.env.uid,
                'accepted_at': fields.Datetime.now(),
            })
            export.move_id.sudo()._message_log(body=self.env._(
                "Booked in Exact although it differs from its e-invoice: %(reason)s (%(what)s)",
                reason=reason, what=" ".join(findings.mapped('message')),
            ), author_id=self.env.user.partner_id.id)
        self.action_retry()


class ExactExportEinvoice(models.AbstractModel):
    _name = 'exact.export.einvoice'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Bills and Their E-Invoices"

    @api.private
    def einvoice_problems(self, exports, built):
        """What bills say otherwise than the e-invoices that are attached to them.

        :param built: {export: Built} of one division.
        :return: {export: list of Problem}; exports without any are left out
        """
        bills = {
            export: one for export, one in built.items()
            if one.booking and one.move.move_type in ('in_invoice', 'in_refund')
        }
        if not bills:
            return {}
        moves = self.env['account.move'].union(*(one.move for one in bills.values()))
        received = moves._exact_received()
        accepted = self.env['exact.accepted.difference'].search([
            ('move_id', 'in', moves.ids), ('division_id', 'in', exports.division_id.ids),
        ]).grouped('move_id')
        result = {}
        for export, one in bills.items():
            problems = self._deviating(one, received.get(one.move.id, ()))
            if problems:
                known = accepted.get(one.move, self.env['exact.accepted.difference'])
                result[export] = self._as_accepted(problems, known)
        return result

    def _deviating(self, one, received):
        """The problems of one bill: none if it agrees with any of its e-invoices.

        :param one: `Built` of it
        :param received: of `_exact_received`
        """
        unreadable, best = [], None
        for name, data in _xml_files(received):
            try:
                invoice = read(data)
            except ValueError:
                unreadable.append(name)
                continue
            if invoice is None:
                continue
            found = deviations(invoice, _bill(one))
            rank = (any(not deviation.is_cents for deviation in found), len(found))
            if best is None or rank < best[0]:
                best = (rank, name, found)
        if best:
            return [self._deviation_problem(best[1], deviation) for deviation in best[2]]
        if unreadable:
            return [Problem('einvoice_unreadable', 'informs', {'file': unreadable[0]})]
        return []

    def _deviation_problem(self, file, deviation):
        code, meant, found = deviation.code, deviation.meant, deviation.found
        params = {'file': file}
        if code == 'category':
            params |= {
                'category': meant[0], 'rate': f'{meant[1]:f}', 'kind': found.kind,
                'found_rate': f'{found.rate:f}', 'amount': money(deviation.amount),
                'lines': deviation.name[:_MOST_NAMES],
            }
        elif code == 'currency':
            params |= {'meant': meant, 'found': found}
        else:
            params |= {'meant': money(meant), 'found': money(found)}
        if deviation.is_cents:
            return Problem('einvoice_cents', 'informs', params)
        return Problem(f'einvoice_{code}', 'blocks', params)

    def _as_accepted(self, problems, accepted):
        """These problems, in nobody's way if a person has accepted just these.

        :param accepted: `exact.accepted.difference` of the document, the latest first
        """
        blocking = [problem for problem in problems if problem.severity == 'blocks']
        keys = [accepted._key(problem.code, problem.params) for problem in blocking]
        fitting = accepted.filtered(lambda one: all(key in one.differences for key in keys))[:1]
        if not blocking or not fitting:
            return problems
        for problem in blocking:
            problem.severity = 'informs'
        return [*problems, Problem('einvoice_accepted', 'informs', {
            'user': fitting.user_id.name, 'date': moment(fitting.accepted_at),
            'reason': fitting.reason,
        })]


class AccountMove(models.Model):
    _inherit = 'account.move'

    def action_exact_accept_difference(self, reason=''):
        """Book bills in Exact although they differ from the e-invoices that they came with.

        :param str reason: in the person's words; kept with who accepted it and when
        :raise UserError: there is no reason, or nothing to accept
        """
        self.env['exact.export'].browse().check_may_act()
        self.check_access('write')
        if not (reason or '').strip():
            raise UserError(self.env._(
                "Say why the difference is right: it is kept with the bill.",
            ))
        exports = self._exact_living_exports()
        if not exports._differing():
            raise UserError(self.env._(
                "None of these bills waits because it differs from its e-invoice.",
            ))
        exports._accept_differences(reason.strip())
        return self._exact_reload(self.env._("The document is checked and sent again."))


def _xml_files(received):
    """The XML among received files, and within PDFs (Factur-X, ZUGFeRD).

    :return: generator of (file name, content)
    """
    for attachment, why in received:
        if why or attachment.type != 'binary' or attachment.file_size > MAX_FILE:
            continue
        if attachment._exact_is_xml():
            yield attachment.name, attachment._exact_content()
        elif attachment.mimetype == 'application/pdf':
            raw = attachment._exact_content()
            if _EMBEDDED not in raw:
                continue
            try:
                embedded = extract_pdf_embedded_files(attachment.name, raw)
            except Exception:  # noqa: BLE001
                # pypdf fails in as many ways as there are broken files.
                _logger.info("Exact: files in attachment %s cannot be read", attachment.id)
                continue
            for name, content in embedded:
                if name.lower().endswith('.xml'):
                    yield f'{attachment.name} ({name})', content


def _bill(one):
    """A built document as `booking.einvoice_check` compares it."""
    move = one.move
    sign, digits = -1 if move.move_type == 'in_refund' else 1, move.currency_id.decimal_places
    codes = {}
    for (line_id, _chosen), line in zip(one.sources, one.booking.lines, strict=True):
        codes.setdefault(line_id, line.vat_code)
    items = []
    for line in move.invoice_line_ids.filtered(lambda line: line.display_type == 'product'):
        nature = _nature(line, one.vat_codes.get(codes.get(line.id)))
        items.append((decimal(sign * line.price_subtotal, digits), nature))
    return Bill(
        currency=move.currency_id.name,
        total=decimal(sign * move.amount_total, digits),
        net=decimal(sign * move.amount_untaxed, digits),
        items=None if any(nature is None for _amount, nature in items) else tuple(items),
        decimals=digits,
    )


def _nature(line, code):
    """What the tax of a line does, as Exact will book it; None where that cannot be compared.

    :param code: `booking.VatCode` that the line goes out with, or None
    """
    taxes = line.tax_ids.flatten_taxes_hierarchy()
    if code and code.charged:
        return Nature(REVERSE)
    if not taxes:
        return Nature(NO_VAT)
    if len(taxes) > 1 or taxes.amount_type != 'percent':
        return None
    if is_reverse_charge(tax_factors(taxes)):
        return Nature(REVERSE)
    rate = Decimal(f'{taxes.amount:.6f}').normalize()
    return Nature(RATE, rate) if rate else Nature(ZERO)
