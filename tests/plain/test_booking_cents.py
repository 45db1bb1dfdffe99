"""Cents: totals equal to the sender's, divisions without a rest."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from booking_cases import VAT_CODES, amounts, booked_totals, line_values, line_vat, per_line_vat
from hypothesis import given, settings, strategies as st

from booking import (
    Line,
    VatCode,
    computed_vat,
    difference_line,
    exact_totals,
    rounded,
    spread,
    vat_overrides,
)

D = Decimal
CENT = D('0.01')


@given(amounts, st.lists(st.integers(-50, 1000), min_size=1, max_size=20), st.integers(0, 3))
def test_spread_is_exact_and_fair(total, weights, decimals):
    total = rounded(total, decimals)
    parts = spread(total, weights, decimals)
    assert sum(parts) == total
    assert spread(-total, weights, decimals) == tuple(-part for part in parts)
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert part == rounded(part, decimals)
        if whole:
            assert abs(part - total * weight / whole) < D(1).scaleb(-decimals)


def test_spread_examples():
    assert spread(D(100), [1, 1, 1]) == (D('33.34'), D('33.33'), D('33.33'))
    assert spread(D('-0.01'), [1, 5]) == (D(0), D('-0.01'))
    assert spread(D('0.03'), [0, 0]) == (D('0.02'), D('0.01'))
    assert spread(D(5), [D('33.3'), D('66.7')], 0) == (D(2), D(3))
    with pytest.raises(ValueError, match='nothing'):
        spread(D(1), [])
    with pytest.raises(ValueError, match='decimals'):
        spread(D('0.001'), [1])


@given(amounts, st.sampled_from(sorted(VAT_CODES)))
def test_computed_vat_is_exacts_rule(amount, code):
    expected = per_line_vat(amount, VAT_CODES[code].percentage)
    assert computed_vat(amount, VAT_CODES[code]) == expected
    assert computed_vat(-amount, VAT_CODES[code]) == -expected


def test_computed_vat_examples():
    high = VatCode('2', D('0.21'))
    assert computed_vat(D('0.50'), high) == D('0.11')
    assert computed_vat(D('-0.50'), high) == D('-0.11')
    assert computed_vat(D(121), VatCode('1', D('0.21'), 'I')) == D(21)
    assert computed_vat(D(100), VatCode('0', D('0.21'), 'N')) == 0
    assert computed_vat(D(100), None) == 0
    assert computed_vat(D(105), VatCode('J', D('0.10')), 0) == D(11)
    assert exact_totals([Line('g', D(121), '1')], {'1': VatCode('1', D('0.21'), 'I')}) == (
        D(100), D(21), D(121))


def targets_of(lines, globally):
    """The sender's VAT per code, rounded per line or per total."""
    result = {}
    for code in {line.vat_code for line in lines if line.vat_code}:
        own = [line.amount for line in lines if line.vat_code == code]
        percentage = VAT_CODES[code].percentage
        if globally:
            result[code] = (sum(own) * percentage).quantize(CENT, ROUND_HALF_UP)
        else:
            result[code] = sum((per_line_vat(amount, percentage) for amount in own), D(0))
    return result


@settings(max_examples=400)
@given(st.lists(line_values(), min_size=1, max_size=12), st.booleans())
def test_totals_are_the_senders_to_the_cent(lines, globally):
    targets = targets_of(lines, globally)
    settled, left = vat_overrides(lines, VAT_CODES, targets)
    line = difference_line(left, 'g9', 'Rounding')
    settled += (line,) if line else ()
    vat, total = booked_totals(settled)
    assert total == sum((line.amount for line in lines), D(0)) + sum(targets.values(), D(0))
    assert vat + sum(left.values(), D(0)) == sum(targets.values(), D(0))
    assert exact_totals(settled, VAT_CODES) == (total - vat, vat, total)
    for line in settled:
        if line.vat_amount is None:
            continue
        computed = per_line_vat(line.amount, VAT_CODES[line.vat_code].percentage)
        assert line.vat_amount != computed
        assert line.vat_amount != 0
        assert (line.vat_amount > 0) == (line.amount > 0)
        assert abs(line.vat_amount) <= abs(line.amount)
    assert vat_overrides(settled[:len(lines)], VAT_CODES, targets).lines == settled[:len(lines)]


@settings(max_examples=200)
@given(st.lists(line_values(), min_size=1, max_size=12),
       st.integers(500, 100_000).map(lambda cents: D(cents) / 100))
def test_one_fair_line_carries_all_rounding_of_its_code(lines, amount):
    lines = [line for line in lines if line.vat_code == '2'] + [Line('g1', amount, '2')]
    settled, left = vat_overrides(lines, VAT_CODES, targets_of(lines, globally=True))
    assert left == {}
    assert sum(line.vat_amount is not None for line in settled) <= 1


@given(st.lists(line_values(), min_size=1, max_size=12))
def test_lines_keep_exacts_own_vat_where_it_is_right(lines):
    settled, left = vat_overrides(lines, VAT_CODES, targets_of(lines, globally=False))
    assert left == {}
    assert all(line.vat_amount is None for line in settled)


def test_the_largest_line_carries_the_difference():
    lines = [Line('g', D(10), '2'), Line('g', D(-30), '2'), Line('g', D(20), '2')]
    settled, left = vat_overrides(lines, VAT_CODES, {'2': D('0.02')})
    assert [line.vat_amount for line in settled] == [None, D('-6.28'), None]
    assert left == {}


def test_no_override_of_zero_and_none_of_another_sign():
    lines = [Line('g', D('0.05'), '2'), Line('g', D('0.04'), '2')]
    assert [line_vat(line) for line in lines] == [CENT, CENT]
    settled, left = vat_overrides(lines, VAT_CODES, {'2': CENT})
    assert [line.vat_amount for line in settled] == [None, None]
    assert left == {'2': -CENT}
    line = difference_line(left, 'g9', 'Rounding', cost_center='CC')
    assert (line.amount, line.vat_code, line.cost_center) == (-CENT, '', 'CC')
    settled, left = vat_overrides([Line('g', D(100), '2')], VAT_CODES, {})
    assert left == {'2': -CENT}
    assert settled[0].vat_amount == CENT


def test_small_lines_share_what_one_cannot_carry():
    lines = [Line('g', D('0.10'), '2'), Line('g', D('0.09'), '2')]
    settled, left = vat_overrides(lines, VAT_CODES, {'2': D('0.12')})
    assert left == {}
    assert [line.vat_amount for line in settled] == [D('0.10'), None]


def test_codes_without_vat_of_their_own_are_never_overridden():
    lines = [Line('g', D(100), '0'), Line('g', D(100), 'V'), Line('g', D(100), '')]
    settled, left = vat_overrides(lines, VAT_CODES, {'0': CENT, 'V': D(21), 'X': D(3)})
    assert all(line.vat_amount is None for line in settled)
    assert left == {'0': CENT, 'V': D(21), 'X': D(3)}
    assert difference_line({'0': CENT, 'V': -CENT}, 'g', 'x') is None


def test_currencies_without_cents():
    codes = {'J': VatCode('J', D('0.1'))}
    settled, left = vat_overrides([Line('g', D(105), 'J'), Line('g', D(5), 'J')], codes,
                                  {'J': D(11)}, decimals=0)
    assert left == {}
    assert exact_totals(settled, codes, 0) == (D(110), D(11), D(121))
