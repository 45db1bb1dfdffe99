"""E-invoices read into plain data: UBL (Peppol BIS and its kin) and CII (Factur-X, ZUGFeRD).

What somebody sends may be anything. It is read without a network, without a DTD and without
entities, up to a size; what cannot be read is a `ValueError`, what is no invoice is None.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree

# An invoice with the scan in it has some megabytes; more than Exact takes reaches nobody anyway.
MAX_SIZE = 25 * 1024 * 1024
# Where a DTD would stand.
_PROLOG = 64 * 1024
# Numbers beyond this are no amounts of money.
_MOST_DIGITS = 18

_UBL = ('Invoice', 'CreditNote')
_CII = 'CrossIndustryInvoice'
_UBL_NAMESPACE = 'urn:oasis:names:specification:ubl:schema:xsd:'
_CII_NAMESPACE = 'urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:'
# UNTDID 1001: credit notes of all kinds.
_CREDIT_TYPES = {'81', '83', '261', '262', '296', '308', '381', '396', '420', '458', '532'}
# Lines of CII that only head or explain other lines.
_NO_LINES = {'GROUP', 'INFORMATION'}


@dataclass(frozen=True)
class Item:
    """An amount without VAT and the VAT that the e-invoice says of it.

    :param category: letter of UNCL 5305 (S, Z, E, AE, K, G, O ...), '' if it says none.
    :param rate: percentage, 21 for 21 %.
    """

    amount: Decimal
    category: str = ''
    rate: Decimal = Decimal(0)
    name: str = ''


@dataclass(frozen=True)
class EInvoice:
    """What an e-invoice says. Amounts of a credit note are negative; None where it says nothing.

    :param total: including VAT, before anything that was paid already.
    :param net: without VAT.
    :param rounding: what the amount to pay was rounded by.
    :param items: its lines, and the allowances and charges of the whole document; its VAT
        subtotals where it has no lines. () where they do not add up to `net`: then either of us
        has not understood it.
    """

    number: str
    currency: str
    is_credit: bool
    total: Decimal | None = None
    net: Decimal | None = None
    vat: Decimal | None = None
    rounding: Decimal = Decimal(0)
    items: tuple[Item, ...] = ()


def read(data: bytes) -> EInvoice | None:
    """The e-invoice in an XML file.

    :return: None for XML that is no invoice of the two syntaxes.
    :raise ValueError: not readable: no XML, too large, with a DTD, or with amounts that are none.
    """
    if len(data) > MAX_SIZE:
        raise ValueError("too large")
    if b'<!DOCTYPE' in data[:_PROLOG]:
        raise ValueError("it has a DTD")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        huge_tree=False, remove_comments=True, remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise ValueError("no XML") from error
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        raise ValueError("it has a DTD")
    if _name(root) == 'StandardBusinessDocument':
        # The envelope that it travels in.
        root = next((child for child in root if _is_invoice(child)), root)
    if not _is_invoice(root):
        return None
    return _cii(root) if _name(root) == _CII else _ubl(root)


def _is_invoice(node):
    name, namespace = _name(node), etree.QName(node).namespace or ''
    return (
        (name in _UBL and namespace.startswith(_UBL_NAMESPACE))
        or (name == _CII and namespace.startswith(_CII_NAMESPACE))
    )


# === UBL === #

def _ubl(root):
    is_credit = _name(root) == 'CreditNote' or _text(root, 'InvoiceTypeCode') in _CREDIT_TYPES
    currency = _text(root, 'DocumentCurrencyCode')
    totals = _first(root, 'LegalMonetaryTotal')
    # A second one says the VAT in the currency of the seller's books.
    tax_totals = _all(root, 'TaxTotal')
    tax_total = next(
        (node for node in tax_totals if _all(node, 'TaxSubtotal')), next(iter(tax_totals), None),
    )
    items = [
        Item(
            _amount(line, 'LineExtensionAmount') or Decimal(0),
            *_ubl_category(
                _first(line, 'Item', 'ClassifiedTaxCategory')
                if _first(line, 'Item', 'ClassifiedTaxCategory') is not None
                else _first(line, 'TaxTotal', 'TaxSubtotal'),
            ),
            _text(line, 'Item', 'Name') or _text(line, 'ID'),
        )
        for line in _all(root, 'InvoiceLine') + _all(root, 'CreditNoteLine')
    ]
    items += [
        Item(
            _signed(charge, _text(charge, 'ChargeIndicator'), 'Amount'),
            *_ubl_category(_first(charge, 'TaxCategory')), _text(charge, 'AllowanceChargeReason'),
        )
        for charge in _all(root, 'AllowanceCharge')
    ]
    subtotals = [] if tax_total is None else [
        Item(_amount(node, 'TaxableAmount') or Decimal(0), *_ubl_category(node))
        for node in _all(tax_total, 'TaxSubtotal')
    ]
    return _settled(
        number=_text(root, 'ID'), currency=currency, is_credit=is_credit,
        total=_amount(totals, 'TaxInclusiveAmount'), net=_amount(totals, 'TaxExclusiveAmount'),
        payable=_amount(totals, 'PayableAmount'), paid=_amount(totals, 'PrepaidAmount'),
        rounding=_amount(totals, 'PayableRoundingAmount'), vat=_amount(tax_total, 'TaxAmount'),
        items=items, subtotals=subtotals,
    )


def _ubl_category(node):
    """(category, rate) of a tax category, or of the subtotal that has one."""
    inner = _first(node, 'TaxCategory')
    holder = node if inner is None else inner
    rate = _amount(holder, 'Percent')
    if rate is None:
        # UBL 2.0 has it outside.
        rate = _amount(node, 'Percent')
    return _text(holder, 'ID').upper(), rate or Decimal(0)


# === CII === #

def _cii(root):
    trade = _first(root, 'SupplyChainTradeTransaction')
    settlement = _first(trade, 'ApplicableHeaderTradeSettlement')
    totals = _first(settlement, 'SpecifiedTradeSettlementHeaderMonetarySummation')
    currency = _text(settlement, 'InvoiceCurrencyCode')
    items = []
    for line in _all(trade, 'IncludedSupplyChainTradeLineItem'):
        if _text(line, 'AssociatedDocumentLineDocument', 'LineStatusReasonCode') in _NO_LINES:
            continue
        own = _first(line, 'SpecifiedLineTradeSettlement')
        items.append(Item(
            _amount(own, 'SpecifiedTradeSettlementLineMonetarySummation', 'LineTotalAmount')
            or Decimal(0),
            *_cii_category(_first(own, 'ApplicableTradeTax')),
            _text(line, 'SpecifiedTradeProduct', 'Name'),
        ))
    items += [
        Item(
            _signed(charge, _text(charge, 'ChargeIndicator', 'Indicator'), 'ActualAmount'),
            *_cii_category(_first(charge, 'CategoryTradeTax')), _text(charge, 'Reason'),
        )
        for charge in _all(settlement, 'SpecifiedTradeAllowanceCharge')
    ]
    items += [
        Item(
            _amount(charge, 'AppliedAmount') or Decimal(0),
            *_cii_category(_first(charge, 'AppliedTradeTax')), _text(charge, 'Description'),
        )
        for charge in _all(settlement, 'SpecifiedLogisticsServiceCharge')
    ]
    subtotals = [
        Item(_amount(node, 'BasisAmount') or Decimal(0), *_cii_category(node))
        for node in _all(settlement, 'ApplicableTradeTax')
    ]
    # The VAT may be said in the currency of the seller's books as well.
    vat = next(
        (node for node in _all(totals, 'TaxTotalAmount')
         if node.get('currencyID', currency) == currency), None,
    )
    return _settled(
        number=_text(root, 'ExchangedDocument', 'ID'), currency=currency,
        is_credit=_text(root, 'ExchangedDocument', 'TypeCode') in _CREDIT_TYPES,
        total=_amount(totals, 'GrandTotalAmount'), net=_amount(totals, 'TaxBasisTotalAmount'),
        payable=_amount(totals, 'DuePayableAmount'), paid=_amount(totals, 'TotalPrepaidAmount'),
        rounding=_amount(totals, 'RoundingAmount'), vat=_number(vat),
        items=items, subtotals=subtotals,
    )


def _cii_category(node):
    return _text(node, 'CategoryCode').upper(), _amount(node, 'RateApplicablePercent') or Decimal(0)


# === BOTH === #

def _settled(*, number, currency, is_credit, total, net, payable, paid, rounding, vat, items,
             subtotals):
    """The e-invoice in one sign, with only such items as add up."""
    rounding = rounding or Decimal(0)
    if total is None and payable is not None:
        total = payable + (paid or Decimal(0)) - rounding
    known = next((value for value in (total, net) if value), Decimal(0))
    # Credit notes are sent with positive amounts, and by some with negative ones.
    sign = -1 if is_credit and known > 0 else 1

    def signed(value):
        return None if value is None else value * sign + 0

    return EInvoice(
        number=number, currency=currency, is_credit=is_credit,
        total=signed(total), net=signed(net), vat=signed(vat), rounding=rounding * sign + 0,
        items=next((
            tuple(Item(item.amount * sign, item.category, item.rate, item.name) for item in some)
            for some in (items, subtotals) if some and _add_up(some, net)
        ), ()),
    )


def _add_up(items: Iterable[Item], net):
    items = list(items)
    missing = sum((item.amount for item in items), Decimal(0)) - (net or Decimal(0))
    return net is not None and abs(missing) <= Decimal('0.01') * max(1, len(items))


def _name(node):
    return etree.QName(node).localname


def _all(node, name):
    return [] if node is None else node.findall(f'{{*}}{name}')


def _first(node, *path):
    for name in path:
        node = None if node is None else node.find(f'{{*}}{name}')
    return node


def _text(node, *path):
    found = _first(node, *path)
    return (found.text or '').strip() if found is not None else ''


def _number(node):
    """:raise ValueError: text that is no amount."""
    text = (node.text or '').strip() if node is not None else ''
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("text instead of an amount") from None
    if not value.is_finite() or abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError("no amount of money")
    return value


def _amount(node, *path):
    return _number(_first(node, *path))


def _signed(node, indicator, *path):
    amount = _amount(node, *path) or Decimal(0)
    return amount if indicator.lower() in ('true', '1') else -amount
