"""Read-back: what Exact booked against what was meant, and what changed since."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from booking_cases import GL_TYPES, PAYABLE, RECEIVABLE, VAT_PAY, bookings, books, sale
from hypothesis import assume, given, strategies as st

from booking import (
    READ_FIELDS,
    Booking,
    Difference,
    Line,
    amount_of,
    changes,
    compare,
    fingerprint,
    has_amount_of,
    is_reversal_of,
    match_lines,
    own_difference,
    payload,
    plan,
    read_entry,
)

D = Decimal
DAY = dt.date(2026, 1, 31)


def found(booking, rows):
    return {d.field for d in compare(booking, read_entry(rows, GL_TYPES))}


@given(bookings(), st.randoms(use_true_random=False))
def test_books_made_from_a_booking_are_right(booking, random):
    rows = books(booking)
    random.shuffle(rows)
    assert compare(booking, read_entry(rows, GL_TYPES)) == ()


def test_the_helper_reads_no_more_than_it_selects():
    booking = sale()
    rows = [{k: v for k, v in row.items() if k in READ_FIELDS} for row in books(booking)]
    assert compare(booking, read_entry(rows, GL_TYPES)) == ()


def test_nothing_there():
    assert read_entry([], GL_TYPES) is None
    (difference,) = compare(sale(), None)
    assert difference.field == 'missing_entry'


def test_an_entry_is_known_by_what_is_owed_or_by_its_debits():
    free = sale(lines=[Line('g1', D(100)), Line('g2', D(-100))], total=D(0), vat_total=D(0))
    for booking, amount in (
        (sale(), D(121)), (sale(kind='purchase'), D(-121)), (free, D(0)),
    ):
        assert amount_of(read_entry(books(booking), GL_TYPES)) == amount
    moved = general(lines=[Line(RECEIVABLE, D(10)), Line(PAYABLE, D(5)), Line('g2', D(-15))])
    rows = [row | {'Type': 90} for row in books(moved)]
    assert amount_of(read_entry(rows, GL_TYPES)) == D(15)


@given(bookings())
def test_a_booking_comes_to_as_much_as_its_entry(booking):
    types = {'Type': 90} if booking.kind == 'general' else {}
    amount = amount_of(read_entry([row | types for row in books(booking)], GL_TYPES))
    assert has_amount_of(booking, amount)
    assert not has_amount_of(booking, amount + D('0.01').copy_sign(amount))
    assert not is_reversal_of(booking, amount)


def test_an_entry_the_other_way_round_is_a_reversal():
    booking = general(lines=[Line('g1', D(0)), Line('g1', D(-10)), Line('g2', D(10))])
    rows = [row | {'Type': 90} for row in books(booking)]
    there = amount_of(read_entry(rows, GL_TYPES))
    back = amount_of(read_entry(
        [row | {'AmountFC': -row['AmountFC']} for row in rows], GL_TYPES,
    ))
    assert (there, back) == (D(-10), D(10))
    assert has_amount_of(booking, back)
    assert [is_reversal_of(booking, amount) for amount in (there, back)] == [False, True]
    # Of an invoice the amount says it already.
    assert not is_reversal_of(sale(), D(-121))
    assert not has_amount_of(sale(), D(-121))


def test_rows_of_two_entries_are_refused():
    rows = books(sale())
    rows[1]['EntryID'] = 'E-2'
    with pytest.raises(ValueError, match='more than one'):
        read_entry(rows, GL_TYPES)


HEADER = {
    'division': ('Division', 2),
    'journal': ('JournalCode', '71'),
    'relation': ('Account', 'r9'),
    'entry_date': ('Date', dt.date(2026, 1, 30)),
    'due_date': ('DueDate', dt.date(2026, 2, 27)),
    'currency': ('Currency', 'USD'),
    'your_ref': ('YourRef', 'INV/2026/00002'),
    'period': ('FinancialPeriod', 2),
    'document': ('Document', None),
    'rate': ('ExchangeRate', D('0.92')),
}


@pytest.mark.parametrize('field', HEADER)
@pytest.mark.parametrize('kind', ['sale', 'purchase'])
def test_each_difference_of_the_header_is_found(kind, field):
    booking = sale(kind=kind, due_date=dt.date(2026, 2, 28), document='d1', rate=D('0.9'))
    rows = books(booking)
    assert found(booking, rows) == set()
    name, value = HEADER[field]
    for row in rows:
        row[name] = value
    assert found(booking, rows) == {field}


def test_what_exact_works_out_is_not_compared_when_not_given():
    booking = sale(lines=[Line('g1', D(100), None)], total=D(121), vat_total=D(21))
    rows = books(sale())
    for row in rows:
        row['DueDate'] = dt.date(2027, 1, 1)
        row['ExchangeRate'] = D('0.5')
        row['Document'] = 'd7'
    assert found(booking, rows) == set()


LINE = {
    'gl_account': ('GLAccount', 'g3'),
    'vat_code': ('VATCode', '1'),
    'vat': ('AmountVATFC', D('-20.99')),
    'cost_center': ('CostCenter', None),
    'cost_unit': ('CostUnit', 'CU2'),
    'project': ('Project', None),
    'amount': ('AmountFC', D('-100.01')),
}


@pytest.mark.parametrize('field', LINE)
def test_each_difference_of_a_line_is_found_and_placed(field):
    booking = sale(lines=[Line('g2', D(50), ''),
                          Line('g1', D(100), '2', D(21), cost_center='CC', cost_unit='CU',
                               project='p1')], total=D(171))
    rows = books(booking)
    assert found(booking, rows) == set()
    name, value = LINE[field]
    rows[2][name] = value
    (difference,) = compare(booking, read_entry(rows, GL_TYPES))
    assert (difference.field, difference.line) == (field, 1)
    assert difference.meant != difference.found


MUTATIONS = ['gl_account', 'vat_code', 'cost_center', 'cost_unit', 'project', 'amount', 'drop',
             'double', 'division', 'relation', 'your_ref', 'journal']


@given(bookings(), st.sampled_from(MUTATIONS), st.data())
def test_any_single_mutation_of_the_books_is_found(booking, mutation, data):
    rows = books(booking)
    index = data.draw(st.integers(0, len(rows) - 1))
    row = rows[index]
    is_line = booking.kind == 'general' or 1 <= index <= len(booking.lines)
    if mutation in ('gl_account', 'vat_code', 'cost_center', 'cost_unit', 'project'):
        assume(is_line)
        name = {'gl_account': 'GLAccount', 'vat_code': 'VATCode', 'cost_center': 'CostCenter',
                'cost_unit': 'CostUnit', 'project': 'Project'}[mutation]
        row[name] = 'other'
    elif mutation == 'amount':
        row['AmountFC'] += D('0.01')
    elif mutation in ('drop', 'double'):
        # Dropping or doubling a row of nothing changes nothing, unless it is a line.
        assume((is_line or row['AmountFC']) and len(rows) > 1)
        if mutation == 'drop':
            del rows[index]
        else:
            rows.append(dict(row))
    else:
        for other in rows:
            if mutation == 'division':
                other['Division'] += 1
            elif mutation == 'relation':
                assume(booking.kind != 'general')
                other['Account'] = 'someone'
            elif mutation == 'your_ref':
                other['YourRef'] = other['Description'] = 'INV/2026/000011: x'
            else:
                other['JournalCode'] = '1'
    assert compare(booking, read_entry(rows, GL_TYPES))


def test_totals_and_vat_are_told():
    booking = sale()
    rows = books(booking)
    rows[0]['AmountFC'], rows[2]['AmountFC'] = D('121.01'), D('-21.01')
    read = read_entry(rows, GL_TYPES)
    differences = {d.field: (d.meant, d.found) for d in compare(booking, read)}
    assert differences == {'total': (D(121), D('121.01')), 'vat': (D(21), D('21.01'))}


def test_noise_of_doubles_and_padding_is_no_difference():
    booking = sale()
    rows = books(booking)
    rows[0]['AmountFC'] = D('121.00000000000001')
    rows[1]['VATCode'] = '2  '
    rows[1]['GLAccount'] = '{G1}'
    assert found(booking, rows) == set()


def test_missing_and_extra_lines_are_told_apart():
    booking = sale(lines=[Line('g1', D(60), ''), Line('g2', D(40), '')], total=D(100),
                   vat_total=D(0))
    rows = books(booking)
    del rows[2]
    (difference,) = compare(booking, read_entry(rows, GL_TYPES))
    assert (difference.field, difference.line, difference.found) == ('line_count', 1, None)
    rows = books(booking)
    rows.append(rows[1] | {'GLAccount': 'g3', 'AmountFC': D('-5')})
    (difference,) = compare(booking, read_entry(rows, GL_TYPES))
    assert (difference.meant, difference.found) == (None, ('g3', D(5)))


def test_equal_lines_are_counted():
    booking = sale(lines=[Line('g1', D(50), ''), Line('g1', D(50), '')], total=D(100),
                   vat_total=D(0))
    rows = books(booking)
    assert found(booking, rows) == set()
    assert found(booking, rows[:-1]) == {'line_count'}


def test_a_line_that_says_its_vat_gets_the_row_with_it():
    booking = sale(lines=[Line('g1', D(50), '2'), Line('g1', D(50), '2', D('10.51'))],
                   total=D('121.01'), vat_total=D('21.01'))
    rows = books(booking)
    rows[1], rows[2] = rows[2] | {'LineNumber': 1}, rows[1] | {'LineNumber': 2}
    assert found(booking, rows) == set()


def test_reverse_charge_on_a_purchase_balances_on_the_vat_accounts():
    booking = sale(kind='purchase', lines=[Line('g2', D(100), 'V')], total=D(100), vat_total=D(0))
    rows = books(booking)
    assert sum(row['AmountFC'] for row in rows) == 0
    assert [r['AmountFC'] for r in rows if r['GLAccount'] == PAYABLE.upper()] == [D(-100)]
    assert found(booking, rows) == set()
    del rows[-1]
    assert found(booking, rows) == {'vat'}


def test_credit_notes_are_negative_on_both_sides():
    booking = sale(lines=[Line('g1', D(-100), '2')], total=D(-121), vat_total=D(-21),
                   is_refund=True)
    rows = books(booking)
    assert [r['AmountFC'] for r in rows if r['GLAccount'] == RECEIVABLE.upper()] == [D(-121)]
    assert found(booking, rows) == set()
    for row in rows:
        row['AmountFC'] = -row['AmountFC']
    assert {'total', 'vat', 'amount'} <= found(booking, rows)


def test_deferral_rows_are_not_lines_of_the_entry():
    booking = sale()
    rows = books(booking)
    rows.append(rows[1] | {'Type': 84, 'AmountFC': D(50)})
    assert found(booking, rows) == set()


def general(**values):
    values = {'kind': 'general', 'division': 1, 'journal': '90', 'entry_date': DAY,
              'currency': 'EUR', 'year': 2026, 'period': 1, 'your_ref': 'MISC/1',
              'lines': [Line('g1', D(10), relation='r1', document='d1'),
                        Line(VAT_PAY, D('-10'), date=dt.date(2026, 1, 1))]} | values
    return Booking(**values)


def test_general_entries_may_book_on_any_account():
    booking = general()
    assert found(booking, books(booking)) == set()
    rows = books(booking)
    rows[0]['Account'] = None
    assert found(booking, rows) == {'relation'}
    rows = books(booking)
    rows[1]['Date'] = DAY
    assert found(booking, rows) == {'entry_date'}


def test_an_account_of_unknown_type_with_a_vat_letter_is_vat():
    booking = sale()
    rows = books(booking)
    rows[2] |= {'GLAccount': 'new', 'VATType': 'A'}
    assert found(booking, rows) == set()


# --- changes and plans


@given(bookings())
def test_no_change_no_plan(booking):
    lines = [replace(line, sources=(index,)) for index, line in enumerate(booking.lines)]
    assert changes(booking, replace(booking, lines=lines, document='', entry_number=None)) == ()
    assert plan(booking, booking).action == 'none'


@given(bookings(), bookings())
def test_changes_are_told_whenever_fingerprints_differ(old, new):
    if fingerprint(old) != fingerprint(new):
        same_lines = sorted(map(str, old.lines)) == sorted(map(str, new.lines))
        assert changes(old, new) or same_lines


def test_changes_name_field_old_and_new():
    old = sale(lines=[Line('g1', D(100), '2', sources=(1,)), Line('g2', D(10), '', sources=(2,))])
    new = sale(lines=[Line('g1', D(120), '2', sources=(1,)), Line('g3', D(5), '', sources=(3,))],
               total=D('150.2'), vat_total=D('25.2'))
    told = [(d.field, d.meant, d.found, d.line) for d in changes(old, new)]
    assert told == [
        ('total', D(121), D('150.2'), None),
        ('vat_total', D(21), D('25.2'), None),
        ('amount', D(100), D(120), 0),
        ('line', ('g2', D(10)), None, None),
        ('line', None, ('g3', D(5)), 1),
    ]


def test_plan_puts_only_what_changed():
    old = sale(lines=[Line('g1', D(100), '2', D('21.01'), sources=(1,), cost_center='A'),
                      Line('g2', D(10), '', sources=(2,))])
    new = replace(old, description='New', lines=[
        Line('g1', D(120), '2', D('25.21'), sources=(1,)), Line('g3', D(5), '', sources=(3,))])
    made = plan(old, new, entry_id='e1', line_ids=('l1', 'l2'))
    assert made.action == 'put'
    assert made.header == {'Description': 'New'}
    assert made.put == (
        ('l1', {'AmountFC': D(120), 'VATAmountFC': D('25.21'), 'CostCenter': ''}),)
    assert made.post == ({'EntryID': 'e1', 'GLAccount': 'g3', 'AmountFC': D(5), 'VATCode': ''},)
    assert made.delete == ('l2',)
    assert made.calls == 4


def test_the_due_date_goes_along_with_what_exact_computes_it_from():
    due = dt.date(2026, 2, 14)
    old = sale(entry_date=dt.date(2026, 1, 15), due_date=due, payment_condition='30')
    for change in ({'entry_date': dt.date(2026, 1, 20)}, {'payment_condition': '14'}):
        made = plan(old, replace(old, **change))
        assert (made.action, len(made.header)) == ('put', 2)
        assert made.header['DueDate'] == due
    assert 'DueDate' not in plan(old, replace(old, description='New')).header


def test_an_override_goes_along_with_a_new_base():
    old = sale(lines=[Line('g1', D(100), '2', D('21.01'))])
    new = sale(lines=[Line('g1', D('100.02'), '2', D('21.01'))])
    assert plan(old, new).put == ((0, {'AmountFC': D('100.02'), 'VATAmountFC': D('21.01')}),)


def test_what_a_put_cannot_empty_replaces_the_line_or_the_entry():
    old = sale(lines=[Line('g1', D(100), '2', D('21.01'))])
    made = plan(old, sale(lines=[Line('g1', D(100), '2')]))
    assert (made.action, made.put, len(made.post), made.delete) == ('put', (), 1, (0,))
    made = plan(sale(payment_condition='30'), sale())
    assert (made.action, made.reasons) == ('replace', ('PaymentCondition',))


@pytest.mark.parametrize('change', [
    {'journal': '71'}, {'year': 2027}, {'is_refund': True}, {'currency': 'USD'},
    {'division': 2}, {'kind': 'purchase'}, {'entry_number': 5},
])
def test_another_identity_is_another_entry(change):
    assert plan(sale(), sale(**change)).action == 'replace'


def test_general_entries_are_replaced():
    made = plan(general(), general(lines=[Line('g1', D(11)), Line('g2', D(-11))]))
    assert (made.action, made.calls) == ('replace', 2)


def test_ids_must_fit_the_lines():
    with pytest.raises(ValueError, match='id per line'):
        plan(sale(), sale(description='x'), line_ids=('a', 'b'))


@given(bookings(kinds=('sale', 'purchase')), st.data())
def test_a_plan_carried_out_gives_the_new_entry(old, data):
    """A ledger that knows only PUT of given properties, POST and DELETE ends at the new entry."""
    lines = data.draw(st.permutations(old.lines))
    lines = [replace(line, amount=line.amount + 1) if data.draw(st.booleans()) else line
             for line in lines][data.draw(st.integers(0, len(lines) - 1)):]
    lines.append(Line('g3', D('3.33'), '2', cost_unit='CU9'))
    new = replace(old, description='Other', lines=lines)
    name = 'SalesEntryLines' if old.kind == 'sale' else 'PurchaseEntryLines'
    header, target = payload(old), payload(new)
    ledger = dict(enumerate(header.pop(name)))
    wanted = target.pop(name)
    made = plan(old, new)
    assert made.action == 'put'
    for key, values in made.put:
        assert values
        ledger[key] |= values
    for position, body in enumerate(made.post):
        ledger[f"new {position}"] = body
    for key in made.delete:
        del ledger[key]
    assert header | made.header == target

    def content(row):
        return sorted((k, str(v)) for k, v in row.items() if v != '' or k == 'VATCode')

    assert sorted(map(content, ledger.values())) == sorted(map(content, wanted))


@given(st.lists(st.tuples(st.sampled_from(['g1', 'g2']), st.integers(1, 3)), max_size=6),
       st.lists(st.tuples(st.sampled_from(['g1', 'g2']), st.integers(1, 3)), max_size=6))
def test_match_lines_uses_each_line_once(old, new):
    old = [Line(account, D(amount)) for account, amount in old]
    new = [Line(account, D(amount)) for account, amount in new]
    pairs, removed, added = match_lines(old, new)
    assert sorted([i for i, _ in pairs] + removed) == list(range(len(old)))
    assert sorted([p for _, p in pairs] + added) == list(range(len(new)))


def test_conversion_may_differ_by_cents_and_no_more():
    meant = sale(currency='USD', rate=D('0.9'), own_total=D('108.90'))
    rows = books(meant)

    def read(own_total):
        rows[0]['AmountDC'] = own_total
        return read_entry(rows, GL_TYPES)

    for found, cents in ((D('108.90'), 0), (D('108.91'), D('0.01')), (D('108.87'), D('-0.03'))):
        assert compare(meant, read(found)) == ()
        assert own_difference(meant, read(found)) == cents
    # Another rate than ours.
    assert compare(meant, read(D('111.32'))) == (
        Difference('own_total', D('108.90'), D('111.32')),)
    # In the division's own currency there is nothing to convert.
    assert own_difference(sale(), read_entry(books(sale()), GL_TYPES)) == 0
