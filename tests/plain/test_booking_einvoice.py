"""E-invoices: read into plain data, and compared with the bills that were made of them."""

import time
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from booking.einvoice import EInvoice, Item, read
from booking.einvoice_check import Bill, Deviation, Nature, deviations

D = Decimal
UBL = 'urn:oasis:names:specification:ubl:schema:xsd'


def ubl(lines, *, root='Invoice', charges=(), total, net, vat, payable=None, extra='', header='',
        currency='EUR'):
    """A UBL document.

    :param lines: (amount, category, rate, name)
    :param charges: (whether a charge, amount, category, rate)
    """
    line_tag = 'InvoiceLine' if root == 'Invoice' else 'CreditNoteLine'
    rows = ''.join(f'''
      <cac:{line_tag}><cbc:ID>{number}</cbc:ID>
        <cbc:LineExtensionAmount currencyID="{currency}">{amount}</cbc:LineExtensionAmount>
        <cac:Item><cbc:Name>{name}</cbc:Name><cac:ClassifiedTaxCategory>
          <cbc:ID>{category}</cbc:ID>{f'<cbc:Percent>{rate}</cbc:Percent>' if rate else ''}
          <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
        </cac:ClassifiedTaxCategory></cac:Item>
      </cac:{line_tag}>''' for number, (amount, category, rate, name) in enumerate(lines, 1))
    more = ''.join(f'''
      <cac:AllowanceCharge>
        <cbc:ChargeIndicator>{'true' if is_charge else 'false'}</cbc:ChargeIndicator>
        <cbc:Amount currencyID="{currency}">{amount}</cbc:Amount>
        <cac:TaxCategory><cbc:ID>{category}</cbc:ID>
          <cbc:Percent>{rate}</cbc:Percent></cac:TaxCategory>
      </cac:AllowanceCharge>''' for is_charge, amount, category, rate in charges)
    return f'''<?xml version="1.0" encoding="UTF-8"?>
    <{root} xmlns="{UBL}:{root}-2" xmlns:cac="{UBL}:CommonAggregateComponents-2"
            xmlns:cbc="{UBL}:CommonBasicComponents-2">
      <cbc:ID>F-1</cbc:ID>{header}<cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>{more}
      <cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">{vat}</cbc:TaxAmount></cac:TaxTotal>
      <cac:LegalMonetaryTotal>
        <cbc:TaxExclusiveAmount currencyID="{currency}">{net}</cbc:TaxExclusiveAmount>
        <cbc:TaxInclusiveAmount currencyID="{currency}">{total}</cbc:TaxInclusiveAmount>{extra}
        <cbc:PayableAmount currencyID="{currency}">{payable or total}</cbc:PayableAmount>
      </cac:LegalMonetaryTotal>{rows}
    </{root}>'''.encode()


def cii(lines, *, total, net, vat, type_code='380', subtotals='', charge=''):
    rows = ''.join(f'''
      <ram:IncludedSupplyChainTradeLineItem>
        <ram:SpecifiedTradeProduct><ram:Name>{name}</ram:Name></ram:SpecifiedTradeProduct>
        <ram:SpecifiedLineTradeSettlement>
          <ram:ApplicableTradeTax><ram:TypeCode>VAT</ram:TypeCode>
            <ram:CategoryCode>{category}</ram:CategoryCode>
            <ram:RateApplicablePercent>{rate}</ram:RateApplicablePercent></ram:ApplicableTradeTax>
          <ram:SpecifiedTradeSettlementLineMonetarySummation>
            <ram:LineTotalAmount>{amount}</ram:LineTotalAmount>
          </ram:SpecifiedTradeSettlementLineMonetarySummation>
        </ram:SpecifiedLineTradeSettlement>
      </ram:IncludedSupplyChainTradeLineItem>''' for amount, category, rate, name in lines)
    return f'''<rsm:CrossIndustryInvoice
      xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
      xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100">
      <rsm:ExchangedDocument><ram:ID>F-1</ram:ID><ram:TypeCode>{type_code}</ram:TypeCode>
      </rsm:ExchangedDocument>
      <rsm:SupplyChainTradeTransaction>{rows}
        <ram:ApplicableHeaderTradeSettlement>
          <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>{subtotals}{charge}
          <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
            <ram:TaxBasisTotalAmount>{net}</ram:TaxBasisTotalAmount>
            <ram:TaxTotalAmount currencyID="EUR">{vat}</ram:TaxTotalAmount>
            <ram:GrandTotalAmount>{total}</ram:GrandTotalAmount>
            <ram:DuePayableAmount>{total}</ram:DuePayableAmount>
          </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        </ram:ApplicableHeaderTradeSettlement>
      </rsm:SupplyChainTradeTransaction>
    </rsm:CrossIndustryInvoice>'''.encode()


# === READING === #

def test_ubl_invoice():
    data = ubl(
        [('100.00', 'S', '21', 'Paper'), ('50.00', 'S', '9', 'Books')],
        charges=[(True, '10', 'S', '21'), (False, '5', 'S', '21')],
        net='155.00', vat='26.55', total='181.55', payable='81.50',
        extra='<cbc:PrepaidAmount>100.00</cbc:PrepaidAmount>'
              '<cbc:PayableRoundingAmount>-0.05</cbc:PayableRoundingAmount>',
    )
    assert read(data) == EInvoice(
        number='F-1', currency='EUR', is_credit=False, total=D('181.55'), net=D('155.00'),
        vat=D('26.55'), rounding=D('-0.05'), items=(
            Item(D('100.00'), 'S', D(21), 'Paper'), Item(D('50.00'), 'S', D(9), 'Books'),
            Item(D(10), 'S', D(21)), Item(D(-5), 'S', D(21)),
        ),
    )


def test_credit_notes_are_negative():
    lines = [('100.00', 'S', '21', 'Paper')]
    for data in (
        ubl(lines, root='CreditNote', net='100.00', vat='21.00', total='121.00'),
        cii(lines, net='100.00', vat='21.00', total='121.00', type_code='381'),
        cii([('-100.00', 'S', '21', 'Paper')], net='-100.00', vat='-21.00', total='-121.00',
            type_code='381'),
    ):
        invoice = read(data)
        assert (invoice.is_credit, invoice.total, invoice.vat) == (True, D(-121), D(-21))
        assert invoice.items == (Item(D(-100), 'S', D(21), 'Paper'),)


def test_cii_invoice():
    invoice = read(cii(
        [('100.00', 'AE', '0', 'Work')], net='110.00', vat='0', total='110.00',
        charge='<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator '
               'xmlns:udt="x">true</udt:Indicator></ram:ChargeIndicator><ram:ActualAmount>10'
               '</ram:ActualAmount><ram:CategoryTradeTax><ram:CategoryCode>AE</ram:CategoryCode>'
               '</ram:CategoryTradeTax></ram:SpecifiedTradeAllowanceCharge>',
    ))
    assert invoice.items == (Item(D(100), 'AE', D(0), 'Work'), Item(D(10), 'AE'))
    assert (invoice.number, invoice.total, invoice.net) == ('F-1', D(110), D(110))


def test_an_invoice_without_lines_says_its_vat_in_subtotals():
    """Factur-X in its smaller profiles."""
    subtotal = (
        '<ram:ApplicableTradeTax><ram:CalculatedAmount>21</ram:CalculatedAmount>'
        '<ram:BasisAmount>100</ram:BasisAmount><ram:CategoryCode>S</ram:CategoryCode>'
        '<ram:RateApplicablePercent>21</ram:RateApplicablePercent></ram:ApplicableTradeTax>'
    )
    invoice = read(cii([], net='100', vat='21', total='121', subtotals=subtotal))
    assert invoice.items == (Item(D(100), 'S', D(21)),)
    assert read(cii([], net='100', vat='21', total='121')).items == ()


def test_items_that_do_not_add_up_are_not_believed():
    data = ubl([('90.00', 'S', '21', 'Paper')], net='100.00', vat='21.00', total='121.00')
    assert read(data).items == ()


def test_an_envelope_is_opened():
    data = ubl([('1', 'S', '21', 'Paper')], net='1', vat='0.21', total='1.21')
    inner = data[data.index(b'?>') + 2:]
    envelope = b'<StandardBusinessDocument xmlns="u:un"><Header/>%s</StandardBusinessDocument>'
    assert read(envelope % inner).total == D('1.21')


@pytest.mark.parametrize('data', [
    b'<Order/>', b'<Invoice/>', b'<?xml version="1.0"?><html xmlns="x"><body/></html>',
])
def test_other_xml_is_no_invoice(data):
    assert read(data) is None


@pytest.mark.parametrize('data', [
    b'', b'\0\1\2', b'<a', b'%PDF-1.4', b'<a>' * 100_000,
    '<?xml version="1.0" encoding="utf-16"?><a'.encode('utf-16'),
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><a x="&c;"/>',
    '<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>'.encode('utf-16'),
    ubl([], net='much', vat='0', total='1'),
    ubl([], net='1', vat='NaN', total='1'),
    ubl([], net='1E+500000', vat='0', total='1'),
])
def test_rubbish_is_one_error(data):
    with pytest.raises(ValueError):
        read(data)


def test_too_large_is_not_even_parsed(monkeypatch):
    monkeypatch.setattr('booking.einvoice.MAX_SIZE', 10)
    with pytest.raises(ValueError, match="too large"):
        read(b'<Order></Order>')


@given(st.binary(max_size=200))
def test_any_bytes(data):
    with suppress(ValueError):
        assert read(data) is None


@given(st.data())
def test_any_damage(data):
    raw = bytearray(ubl([('100.00', 'S', '21', 'Paper')], net='100', vat='21', total='121'))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        invoice = read(bytes(raw))
    except ValueError:
        return
    assert invoice is None or isinstance(invoice, EInvoice)


# === COMPARING === #

RATE_21, RATE_9, REVERSE = Nature('rate', D(21)), Nature('rate', D(9)), Nature('reverse')
ZERO, NONE = Nature('zero'), Nature('none')


def invoice(*items, total=None, vat=None, **values):
    items = tuple(item if isinstance(item, Item) else Item(*item) for item in items)
    net = sum((item.amount for item in items), D(0))
    if vat is None:
        vat = sum((item.amount * item.rate / 100 for item in items), D(0))
    return EInvoice('F-1', 'EUR', False, net + vat if total is None else total, net, vat,
                    items=items, **values)


def bill(*lines, total=None, **values):
    net = sum((amount for amount, _nature in lines), D(0))
    vat = sum((amount * nature.rate / 100 for amount, nature in lines), D(0))
    return Bill('EUR', net + vat if total is None else total, net, lines, **values)


@pytest.mark.parametrize(('meant', 'found'), [
    # As Odoo imports them right
    (invoice((D(100), 'S', D(21))), bill((D(100), RATE_21))),
    (invoice((D(100), 'S', D(21)), (D(50), 'S', D(9))), bill((D(100), RATE_21), (D(50), RATE_9))),
    (invoice((D(100), 'Z')), bill((D(100), ZERO))),
    (invoice((D(100), 'E')), bill((D(100), NONE))),
    (invoice((D(100), 'O')), bill((D(100), NONE))),
    (invoice((D(100), 'G')), bill((D(100), REVERSE))),
    (invoice((D(100), 'E')), bill((D(100), REVERSE))),
    (invoice((D(100), 'K')), bill((D(100), REVERSE))),
    (invoice((D(100), 'AE')), bill((D(100), REVERSE))),
    (invoice((D(-100), 'S', D(21))), bill((D(-100), RATE_21))),
    # Lines split, taken together, in another order; an allowance as a line
    (invoice((D(100), 'S', D(21)), (D(-10), 'S', D(21)), (D(5), 'S', D(9))),
     bill((D(5), RATE_9), (D(90), RATE_21))),
    (invoice((D(100), 'AE'), (D(20), 'AE')), bill((D(120), REVERSE))),
    # What was rounded for the payment, with and without a line for it
    (invoice((D(100), 'S', D(21)), rounding=D('-0.04')), bill((D(100), RATE_21))),
    (invoice((D(100), 'S', D(21)), rounding=D('-0.04')),
     bill((D(100), RATE_21), (D('-0.04'), NONE))),
    # VAT that cannot be claimed, or is foreign: part of the cost
    (invoice((D(100), 'S', D(21))), bill((D(121), NONE))),
    (invoice((D(100), 'S', D(21)), (D(50), 'E')), bill((D(171), NONE))),
    # Nothing is known of its lines, or of those of the bill
    (replace(invoice((D(100), 'AE')), items=()), bill((D(100), NONE))),
    (invoice((D(100), 'AE')), replace(bill((D(100), NONE)), items=None)),
])
def test_what_is_right_is_no_difference(meant, found):
    assert deviations(meant, found) == ()


def test_a_reverse_charge_that_became_no_vat():
    meant = invoice((D(1325), 'AE', D(0), 'Work'))
    for nature in (NONE, ZERO):
        assert deviations(meant, bill((D(1325), nature))) == (
            Deviation('category', ('AE', D(0)), nature, D(1325), 'Work'),
        )


def test_a_total_of_its_own():
    """An e-invoice of 1,656.25 that was imported as 1,325.00."""
    meant = invoice((D(1325), 'AE', D(25), 'Work'), total=D('1656.25'))
    assert deviations(meant, bill((D(1325), NONE))) == (
        Deviation('total', D('1656.25'), D(1325)),
        Deviation('category', ('AE', D(25)), NONE, D(1325), 'Work'),
    )


def test_a_tax_that_odoo_does_not_have():
    meant = invoice((D(100), 'S', D(19), 'Bolts'), (D(50), 'S', D(21), 'Nuts'))
    assert deviations(meant, bill((D(100), NONE), (D(50), RATE_21))) == (
        Deviation('total', D('179.50'), D('160.50')),
        Deviation('category', ('S', D(19)), NONE, D(100), 'Bolts'),
    )


def test_the_amount_is_that_of_the_category_though_lines_were_split():
    """A charge of a line became a line of its own, and its VAT is one that Odoo does not have."""
    meant = invoice(
        (D(4000), 'S', D(25), 'Pens'), (D(900), 'S', D(25), 'Paper'),
        (D(200), 'S', D(25), 'Cleaning'), (D(-200), 'S', D(25), 'Discount'),
        (D(50), 'S', D(12), 'Tea'),
    )
    found = bill(*((amount, NONE) for amount in map(D, (3999, 1, 899, 1, 200, -200, 50))))
    assert [
        (one.meant, one.amount, one.name) for one in deviations(meant, found)
        if one.code == 'category'
    ] == [
        (('S', D(25)), D(4900), 'Cleaning, Discount, Pens, Paper'), (('S', D(12)), D(50), 'Tea'),
    ]


def test_vat_where_the_supplier_charges_none():
    assert deviations(
        invoice((D(121), 'E', D(0), 'Course')), bill((D(100), RATE_21)),
    ) == (
        Deviation('vat', D(0), D(21)),
        Deviation('category', ('E', D(0)), RATE_21, D(100)),
    )


def test_another_rate_with_the_same_total():
    meant = invoice((D(100), 'S', D(9), 'Food'))
    found = bill((D('90.08'), RATE_21), total=D('109.00'))
    assert [one.code for one in deviations(meant, found)] == ['vat', 'category']


def test_rates_that_changed_places():
    meant = invoice((D(100), 'S', D(21), 'Wine'), (D(100), 'S', D(9), 'Bread'), (D(7), 'E'))
    found = bill((D(100), RATE_21), (D(100), RATE_21), (D(7), NONE), total=meant.total)
    assert [
        (one.meant, one.found, one.name) for one in deviations(meant, found)
        if one.code == 'category'
    ] == [(('S', D(9)), RATE_21, 'Bread')]


def test_cents_are_told_as_such():
    meant = invoice((D(100), 'S', D(21)))
    found = replace(bill((D(100), RATE_21)), total=D('121.01'))
    assert deviations(meant, found) == (
        Deviation('total', D('121.00'), D('121.01'), is_cents=True),
    )


def test_another_currency_is_all_that_is_said():
    meant = replace(invoice((D(100), 'S', D(21))), currency='USD')
    assert deviations(meant, bill((D(5), NONE))) == (Deviation('currency', 'USD', 'EUR'),)


def test_a_credit_note_that_was_booked_as_a_bill():
    meant = invoice((D(-100), 'S', D(21)))
    assert deviations(meant, bill((D(100), RATE_21)))[0] == Deviation('total', D(-121), D(121))


@given(st.lists(st.tuples(
    st.integers(-10_000, 10_000), st.sampled_from(['S', 'Z', 'E', 'O', 'K', 'G', 'AE']),
), max_size=6))
def test_whatever_is_imported_as_it_is_has_no_difference(rows):
    natures = {
        'S': RATE_21, 'K': REVERSE, 'AE': REVERSE, 'Z': ZERO, 'E': NONE, 'O': NONE, 'G': ZERO,
    }
    items = [
        Item(D(cents) / 100, category, D(21) if category == 'S' else D(0))
        for cents, category in rows
    ]
    lines = [(item.amount, natures[item.category]) for item in items]
    assert deviations(invoice(*items), bill(*reversed(lines))) == ()


def test_very_many_lines_take_no_time():
    items = [Item(D(1), 'S', D(21))] * 50_000 + [Item(D(1), 'S', D(9))] * 50_000
    lines = [(D(1), RATE_21)] * 50_000 + [(D(1), NONE)] * 50_000
    started = time.monotonic()
    assert deviations(invoice(*items), bill(*lines))
    assert time.monotonic() - started < 5
