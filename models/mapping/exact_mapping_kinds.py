"""Which kinds of records of Odoo are mapped."""

from typing import NamedTuple

from odoo import api, models
from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)


class MappingKind(NamedTuple):
    """A kind of record of Odoo that stands for something of Exact."""

    #: name in `exact.division.mapping_index`
    name: str
    #: model of the rows, which has `exact.mapping.mixin`
    model: str
    #: field of a row with the record of Odoo
    source: str
    #: label of the button that leads from a finding on such a record to its row
    button: object
    #: external id of the list of the rows
    action: str
    #: what the administration counts the rows as, in its fields `<counter>_mapping_count` and
    #: `<counter>_mapping_open_count`; '' if it does not
    counter: str = ''
    #: where the index lists rows that are mapped to nothing on purpose: under this name, or among
    #: the others if it is 'itself'
    without: str = ''


# Journals first: which of them are mapped decides what journal entries need.
KINDS = (
    MappingKind(
        'journal', 'exact.journal.mapping', 'journal_id', _lt("Map the Journal"),
        'account_exact.exact_journal_mapping_action', 'journal', without='left_out',
    ),
    MappingKind(
        'tax', 'exact.tax.mapping', 'tax_id', _lt("Map the Tax"),
        'account_exact.exact_tax_mapping_action', 'tax',
    ),
    MappingKind(
        'payment_term', 'exact.payment.term.mapping', 'payment_term_id',
        _lt("Map the Payment Term"), 'account_exact.exact_payment_term_mapping_action',
        'payment_term',
    ),
    MappingKind(
        'account', 'exact.account.mapping', 'account_id', _lt("Map the Ledger"),
        'account_exact.exact_account_mapping_action', 'account',
    ),
    MappingKind(
        'product', 'exact.account.mapping', 'product_tmpl_id', _lt("Map the Ledger"),
        'account_exact.exact_account_mapping_action_override', 'override',
    ),
    MappingKind(
        'category', 'exact.account.mapping', 'product_category_id', _lt("Map the Ledger"),
        'account_exact.exact_account_mapping_action_override', 'override',
    ),
    MappingKind(
        'analytic', 'exact.analytic.mapping', 'analytic_account_id',
        _lt("Map the Analytic Account"), 'account_exact.exact_analytic_mapping_action',
        'analytic', without='itself',
    ),
    MappingKind(
        'partner', 'exact.partner.mapping', 'partner_id', _lt("Choose the Relation"),
        'account_exact.exact_partner_mapping_action', 'partner', without='new',
    ),
)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _mapping_kinds(self):
        """Hook: the kinds of mapping, in the order in which their rows are made.

        :rtype: tuple[MappingKind, ...]
        """
        return KINDS

    @api.model
    @api.private
    def mapping_models(self):
        """The models of the rows of all kinds, each once."""
        return [self.env[name] for name in dict.fromkeys(
            kind.model for kind in self._mapping_kinds()
        )]

    @api.model
    @api.private
    def mapping_kind_of(self, model):
        """The kind that a record of Odoo is mapped as; None if it is not mapped.

        :param str model: of the record
        """
        return next((
            kind for kind in self._mapping_kinds()
            if self.env[kind.model]._fields[kind.source].comodel_name == model
        ), None)

    @api.model
    def _counted_kinds(self):
        """{counter: kinds that are counted as it}"""
        counted = {}
        for kind in self._mapping_kinds():
            if kind.counter:
                counted.setdefault(kind.counter, []).append(kind)
        return counted
