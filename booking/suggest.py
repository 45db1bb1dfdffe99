"""Suggestions: which record of Exact is likely meant by one of the sender's.

Pure functions over plain records. A suggestion is only made when one candidate is clearly best; it
always carries the reason a person sees next to it. What Exact would refuse is never suggested.
"""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from difflib import SequenceMatcher
from typing import NamedTuple

from .compare import PAYABLE, RECEIVABLE, VAT_ACCOUNT
from .reverse_charge import disagreements
from .vat import VatCode

REASONS = ('same_code', 'same_name', 'name_likeness', 'vat', 'payment_days', 'only_one')

# Below this likeness two names are just two names.
THRESHOLD = 0.78
# Candidates that get the exact (slow) comparison, after a rough one by common words.
_FINALISTS = 12

# Words that say nothing about which record is meant (Dutch and English), and words for one thing.
_NOISE = frozenset((
    'a', 'aan', 'account', 'accounts', 'als', 'an', 'and', 'at', 'bij', 'bv', 'by', 'de', 'den',
    'der', 'div', 'diverse', 'een', 'en', 'for', 'from', 'gmbh', 'grootboek', 'het', 'in', 'inc',
    'ledger', 'ltd', 'met', 'misc', 'miscellaneous', 'naar', 'no', 'nr', 'nv', 'of', 'on', 'op',
    'or', 'other', 'overig', 'overige', 'per', 'rekening', 'sa', 'sarl', 'te', 'the', 'to', 'tot',
    'uit', 'van', 'various', 'vof', 'voor', 'with',
))
_SYNONYMS = {
    'revenue': 'omzet', 'revenues': 'omzet', 'sales': 'verkoop', 'sale': 'verkoop',
    'verkopen': 'verkoop', 'purchase': 'inkoop', 'purchases': 'inkoop', 'inkopen': 'inkoop',
    'costs': 'kosten', 'cost': 'kosten', 'expense': 'kosten', 'expenses': 'kosten',
    'vat': 'btw', 'tax': 'btw', 'high': 'hoog', 'low': 'laag', 'bank': 'bank', 'cash': 'kas',
    'rent': 'huur', 'wages': 'lonen', 'salaries': 'lonen', 'salarissen': 'lonen', 'loon': 'lonen',
    'insurance': 'verzekering', 'verzekeringen': 'verzekering', 'days': 'dagen', 'day': 'dagen',
    'dag': 'dagen', 'general': 'memoriaal', 'memorial': 'memoriaal', 'domestic': 'binnenland',
    'inventory': 'voorraad', 'stock': 'voorraad', 'bills': 'inkoop', 'vendor': 'inkoop',
    'invoices': 'factuur', 'invoice': 'factuur', 'facturen': 'factuur',
    'verkoopboek': 'verkoop', 'inkoopboek': 'inkoop', 'kasboek': 'kas', 'bankboek': 'bank',
}
_WORD = re.compile(r'[^\W_]+')

# Exact's G/L account types (facts: GLAccount.Type) that fit each kind of account in Odoo.
# Type 90 (general) fits everywhere.
ACCOUNT_TYPES = {
    'asset_receivable': {20, 21},
    'asset_cash': {10, 12, 14, 16},
    'asset_current': {21, 24, 26, 32, 40},
    'asset_non_current': {30, 32, 35},
    'asset_prepayments': {26, 32},
    'asset_fixed': {30, 32, 35},
    'liability_payable': {22, 25},
    'liability_credit_card': {14, 60},
    'liability_current': {24, 25, 27, 29, 60, 100},
    'liability_non_current': {55, 60},
    'equity': {50, 52},
    'equity_unaffected': {50, 52},
    'income': {110, 140, 160},
    'income_other': {110, 140, 160},
    'expense': {111, 120, 121, 122, 123, 124, 125, 126, 130, 150},
    'expense_other': {111, 120, 121, 122, 123, 124, 125, 126, 130, 150},
    'expense_depreciation': {35, 120, 121, 122, 123, 124, 125, 126},
    'expense_direct_cost': {111, 120, 121, 122, 123, 124, 125, 126},
}
_JOURNAL_TYPES = {
    'sale': {'20'}, 'purchase': {'22'}, 'general': {'90'}, 'bank': {'12', '16'}, 'cash': {'10'},
    'credit': {'12', '16'},
}


class Suggestion(NamedTuple):
    """The key of a candidate, why (one of REASONS), and how sure: 0 to 1."""

    key: object
    reason: str
    score: float


class Candidate(NamedTuple):
    """Anything with a code and a name. `key` is the caller's and comes back as given."""

    key: object
    code: str
    name: str


class AccountCandidate(NamedTuple):
    """A G/L account: Exact's type number."""

    key: object
    code: str
    name: str
    type: int = 90
    blocked: bool = False


class JournalCandidate(NamedTuple):
    """A journal: Exact's type as text."""

    key: object
    code: str
    name: str
    type: str = '90'
    blocked: bool = False


class PaymentCandidate(NamedTuple):
    """A payment condition. Discount percentage as a fraction; method B on credit, I collection,
    K cash, Q collection by a payment provider."""

    key: object
    code: str
    name: str
    days: int = 0
    end_of_months: int = 0
    method: str = 'B'
    discount_days: int = 0
    discount_percentage: Decimal = Decimal(0)
    is_surcharge: bool = False


class Tax(NamedTuple):
    """A tax of the sender.

    :param percentage: a fraction; for a reverse charge that which is self-assessed (0 if none).
    :param direction: 'sale' or 'purchase'.
    :param price_include: prices contain it. It makes no difference: lines are sent net.
    :param eu: Exact's letter if it belongs on the EU sales list (L goods, S services,
        T triangulation), N if not, '' if not known.
    """

    percentage: Decimal
    direction: str
    price_include: bool = False
    reverse_charge: bool = False
    eu: str = ''
    name: str = ''


def tokens(text: str) -> tuple[str, ...]:
    """The words that count, normalised: case, accents, punctuation, noise, Dutch for English.

    Numbers lose leading zeros. If only noise is there, the noise counts.
    """
    plain = unicodedata.normalize('NFKD', text.casefold())
    plain = ''.join(char for char in plain if not unicodedata.combining(char))
    words = [word.lstrip('0') or '0' if word.isdigit() else word for word in _WORD.findall(plain)]
    kept = [_SYNONYMS.get(word, word) for word in words if word not in _NOISE]
    return tuple(sorted(set(kept or words)))


def likeness(left: Iterable[str], right: Iterable[str]) -> float:
    """How alike two sets of words are, 0 to 1.

    Mostly whether one holds the other, partly whether they are equal: "omzet hoog" is like
    "omzet hoog tarief", and "omzet" less so. Numbers must not contradict each other: accounts of
    21 % and 9 %, or of 2025 and 2026, are different ones however alike the rest is.
    """
    left, right = set(left), set(right)
    if not left or not right:
        return 0.0
    if left == right:
        return 1.0
    common = left & right
    only_left, only_right = left - common, right - common
    if _numbers(only_left) and _numbers(only_right):
        return 0.0
    base = ' '.join(sorted(common))
    one = ' '.join(filter(None, [base, ' '.join(sorted(only_left))]))
    two = ' '.join(filter(None, [base, ' '.join(sorted(only_right))]))
    whole = _ratio(one, two)
    held = max(_ratio(base, one), _ratio(base, two), whole) if base else whole
    return 0.5 * held + 0.5 * whole


def _numbers(words):
    return {word for word in words if word.isdigit()}


def _ratio(left, right):
    # In one order, because the matcher's answer depends on it.
    left, right = sorted((left, right))
    return SequenceMatcher(None, left, right, autojunk=False).ratio()


class NameIndex:
    """Candidates by the words of their names, so that one of many is found quickly.

    Build it once for a list and hand it to the functions below in place of the list.
    """

    def __init__(self, candidates: Iterable):
        self.candidates = tuple(candidates)
        self._tokens = [tokens(candidate.name) for candidate in self.candidates]
        self._by_code: dict[str, list[int]] = {}
        self._by_piece: dict[str, list[int]] = {}
        self._by_words: dict[tuple[str, ...], list[int]] = {}
        for position, candidate in enumerate(self.candidates):
            self._by_code.setdefault(_code(candidate.code), []).append(position)
            if self._tokens[position]:
                self._by_words.setdefault(self._tokens[position], []).append(position)
            for piece in _pieces(self._tokens[position]):
                self._by_piece.setdefault(piece, []).append(position)

    def with_code(self, code: str) -> list:
        """The candidates with this code, without regard to case and padding."""
        found = self._by_code.get(_code(code), ()) if _code(code) else ()
        return [self.candidates[position] for position in found]

    def by_name(self, name: str, accept=None, threshold: float = THRESHOLD) -> Suggestion | None:
        """The candidate with the same name, or the one most like it; None if none is, or two are.

        :param accept: function of a candidate, False to leave it out.
        """
        words = tokens(name)
        if not words:
            return None
        same = [p for p in self._by_words.get(words, ())
                if accept is None or accept(self.candidates[p])]
        if len(same) == 1:
            return Suggestion(self.candidates[same[0]].key, 'same_name', 0.95)
        if same:
            return None
        counts: dict[int, int] = {}
        for piece in _pieces(words):
            for position in self._by_piece.get(piece, ()):
                counts[position] = counts.get(position, 0) + 1
        rough = sorted(
            (-count / (len(words) + len(self._tokens[position])), position)
            for position, count in counts.items()
            if accept is None or accept(self.candidates[position]))
        scored = sorted(
            ((likeness(words, self._tokens[position]), position)
             for _rough, position in rough[:_FINALISTS]),
            key=lambda item: (-item[0], item[1]))
        if not scored or scored[0][0] < threshold:
            return None
        if len(scored) > 1 and scored[0][0] - scored[1][0] < 1e-9:
            return None
        return Suggestion(self.candidates[scored[0][1]].key, 'name_likeness',
                          round(min(scored[0][0], 0.94), 4))


def suggest_by_name(code: str, name: str, candidates) -> Suggestion | None:
    """Same code, same name, or a name that is like it; for analytic accounts, items, relations.

    :param candidates: Candidates or a NameIndex of them.
    """
    index = _index(candidates)
    found = _same_code(code, name, index.with_code(code))
    return found or index.by_name(name)


def suggest_account(code: str, name: str, account_type: str, candidates) -> Suggestion | None:
    """The G/L account for an account of Odoo.

    The type has to fit, unless code and name are both the same. Blocked accounts are never
    suggested, and receivable, payable and VAT accounts only for accounts of that kind.

    :param account_type: Odoo's, a key of ACCOUNT_TYPES; '' or another one fits every type that may
        stand on a line.
    :param candidates: AccountCandidates or a NameIndex of them.
    """
    index = _index(candidates)
    wanted = ACCOUNT_TYPES.get(account_type)

    def fits(candidate):
        if candidate.blocked:
            return False
        if wanted is not None:
            return candidate.type in wanted or candidate.type == 90
        return candidate.type not in (RECEIVABLE, PAYABLE, VAT_ACCOUNT)

    same = [c for c in index.with_code(code)
            if fits(c) or (not c.blocked and likeness(tokens(name), tokens(c.name)) == 1.0)]
    return _same_code(code, name, same) or index.by_name(name, fits)


def suggest_journal(journal_type: str, code: str, name: str, candidates) -> Suggestion | None:
    """The journal for a journal of Odoo ('sale', 'purchase', 'general', 'bank', 'cash', 'credit').

    Only journals of the fitting type. If the division has just one, that is it.
    """
    wanted = _JOURNAL_TYPES.get(journal_type, set())
    index = NameIndex(c for c in candidates if str(c.type) in wanted and not c.blocked)
    found = suggest_by_name(code, name, index)
    if found is None and len(index.candidates) == 1:
        found = Suggestion(index.candidates[0].key, 'only_one', 0.8)
    return found


def suggest_payment_condition(
    days: int, end_of_months: int, candidates: Iterable[PaymentCandidate], *, name: str = '',
    discount_days: int = 0, discount_percentage: Decimal = Decimal(0), method: str = 'B',
) -> Suggestion | None:
    """The payment condition with the same days, end of months and discount.

    Of several the one with this method, then the one with the likest name, then the lowest code.

    :param end_of_months: counted as Exact does: 0 = no end of month.
    :param discount_percentage: a fraction.
    """
    words = tokens(name)
    fitting = []
    for candidate in candidates:
        terms = (candidate.days, candidate.end_of_months, candidate.discount_percentage)
        if terms != (days, end_of_months, discount_percentage) or candidate.is_surcharge:
            continue
        if discount_percentage and candidate.discount_days != discount_days:
            continue
        alike = likeness(words, tokens(candidate.name))
        fitting.append(((candidate.method != method, -alike, _natural(candidate.code)), candidate))
    if not fitting:
        return None
    rank, best = min(fitting, key=lambda item: item[0])
    score = 1.0 if len(fitting) == 1 else 0.9
    return Suggestion(best.key, 'payment_days', score - (0.2 if rank[0] else 0))


def vat_fits(tax: Tax, vat_code: VatCode) -> tuple[str, ...]:
    """Why a VAT code must not stand for a tax: blocked, direction, including, reverse_charge,
    percentage; () if it fits. A code fits a tax whose percentage it has, or had, on any day: which
    day counts, only an entry says."""
    reasons = []
    if vat_code.blocked:
        reasons.append('blocked')
    if vat_code.transaction_type not in ('B', 'S' if tax.direction == 'sale' else 'P'):
        reasons.append('direction')
    if vat_code.vat_type == 'I':
        # Lines are sent net of VAT, whether or not prices contain it.
        reasons.append('including')
    reasons += min(
        (
            disagreements(tax.direction, tax.percentage, tax.reverse_charge, code)
            for code in vat_code.of_each_time
        ), key=len)
    return tuple(reasons)


def suggest_vat(tax: Tax, candidates: Iterable[tuple[object, VatCode]]) -> Suggestion | None:
    """The VAT code for a tax, of those that fit (`vat_fits`).

    Preferred are codes of this direction, with the same EU listing, with a like name. Taxes of
    0 % often fit many codes (exempt, export, EU): if nothing tells them apart, none is suggested.

    :param candidates: pairs of key and VatCode (with its name and EU listing).
    """
    words = tokens(tax.name)
    fitting = []
    for key, code in candidates:
        if vat_fits(tax, code):
            continue
        score = 0.6 + (0.1 if code.transaction_type != 'B' else 0.05)
        # Of codes for the same sale that which says itself what it is.
        score += 0.02 if code.charged == tax.reverse_charge else 0
        score += 0.15 * likeness(words, tokens(code.name))
        if disagreements(tax.direction, tax.percentage, tax.reverse_charge, code):
            # It had the percentage once, and another may have it now.
            score -= 0.25
        listing = code.eu_listing or 'N'
        if tax.eu:
            score += 0.15 if listing == tax.eu else -0.3
        elif listing == 'N':
            score += 0.05
        fitting.append((-round(score, 6), _natural(code.code), key))
    if not fitting:
        return None
    fitting.sort(key=lambda item: item[:2])
    tie = len(fitting) > 1 and fitting[0][0] == fitting[1][0]
    if tie and not tax.percentage:
        return None
    score = -fitting[0][0] - (0.1 if tie else 0)
    return Suggestion(fitting[0][2], 'vat', round(max(score, 0.1), 4))


def _same_code(code, name, same):
    if len(same) != 1 or not _code(code):
        return None
    alike = likeness(tokens(name), tokens(same[0].name))
    return Suggestion(same[0].key, 'same_code', 1.0 if alike == 1.0 else 0.9)


def _index(candidates):
    return candidates if isinstance(candidates, NameIndex) else NameIndex(candidates)


def _pieces(words):
    """What words are found by: themselves and their beginnings, for plurals and typing errors."""
    return {*words, *(f"{word[:4]}*" for word in words if len(word) >= 5)}


def _code(code):
    return (code or '').strip().casefold()


def _natural(code):
    """Sorts 2 before 10, and numbers before words."""
    text = _code(code)
    return (0, int(text), text) if text.isdecimal() else (1, 0, text)
