"""Who is it: whether a partner of Odoo and a relation of Exact are one party.

The one rule for it, wherever the two meet: suggestions, links made in bulk, the look-up in Exact
before a relation is made. A number that identifies a party links, if nothing that both sides know
contradicts it. A bank account or a name is a suggestion for a person.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from .party_numbers import (
    VatNumber,
    bank_account,
    chamber_number,
    is_national_register,
    vat_number,
)
from .text import fit_text

# How two sides can relate.
SAME, CONTRADICTION, SUGGESTION, STRANGER = 'same', 'contradiction', 'suggestion', 'stranger'
# Why a person has to choose, besides CONTRADICTION.
AMBIGUOUS, TAKEN_AWAY = 'ambiguous', 'taken_away'

# What Exact takes of a name; a longer one stands there shortened.
NAME_LIMIT = 50
# Reasons for a suggestion, the strongest first.
_HINTS = ('chamber_of_commerce', 'iban', 'same_name')


@dataclass(frozen=True)
class Party:
    """What one side knows of a party; made by `party`.

    :param chamber: number in the trade register; of a Belgian one its enterprise number, which is
        its VAT number as well.
    :param place: e-mail, postcode and city, as they are compared.
    """

    country: str = ''
    vat: VatNumber | None = None
    chamber: str = ''
    accounts: frozenset[str] = frozenset()
    name: str = ''
    place: tuple[str, ...] = ()


class Verdict(NamedTuple):
    """How two sides relate.

    :param kind: SAME, CONTRADICTION, SUGGESTION or STRANGER.
    :param reasons: what is alike: vat, chamber_of_commerce, iban, same_name.
    :param contradictions: (vat or chamber_of_commerce, ours, theirs) of what differs.
    """

    kind: str
    reasons: tuple[str, ...] = ()
    contradictions: tuple[tuple[str, str, str], ...] = ()


class Choice(NamedTuple):
    """Which of several a party is.

    :param key: the one that it is beyond doubt; None otherwise.
    :param reason: what identifies it; without `key` why a person has to choose: CONTRADICTION,
        AMBIGUOUS, TAKEN_AWAY, chamber_of_commerce, iban, same_name.
    :param candidates: {key: Verdict} that a person has to choose from.
    """

    key: object = None
    reason: str = ''
    candidates: dict = {}


def party(*, country='', vat='', chamber='', accounts: Iterable[str] = (), name='', place=()):
    """A party by what somebody wrote of it.

    :rtype: Party
    """
    country = (country or '').strip().upper()
    number, register = vat_number(vat, country), chamber_number(chamber, country)
    if country == 'BE':
        # One number for both purposes.
        if number is None and register:
            number = vat_number(register, country)
        elif not register and number and number.prefix == 'BE':
            register = chamber_number(number.national, country)
    return Party(
        country, number, register,
        frozenset(filter(None, map(bank_account, accounts))),
        fit_text(name, NAME_LIMIT),
        tuple(fit_text(text).casefold() for text in place),
    )


def meet(ours: Party, theirs: Party) -> Verdict:
    """How two sides relate."""
    reasons, hints, contradictions = [], [], []
    if ours.vat and theirs.vat:
        if ours.vat.is_same(theirs.vat):
            reasons.append('vat')
        else:
            contradictions.append(('vat', ours.vat.text, theirs.vat.text))
    if ours.chamber and theirs.chamber:
        countries = {ours.country, theirs.country} - {''}
        if ours.chamber != theirs.chamber:
            contradictions.append(('chamber_of_commerce', ours.chamber, theirs.chamber))
        elif len(countries) > 1 or not all(map(is_national_register, countries)):
            hints.append('chamber_of_commerce')
        else:
            reasons.append('chamber_of_commerce')
    if ours.accounts & theirs.accounts:
        hints.append('iban')
    if ours.name and ours.name == theirs.name:
        hints.append('same_name')
    alike = (*reasons, *hints)
    if not alike:
        kind = STRANGER
    elif contradictions:
        kind = CONTRADICTION
    else:
        kind = SAME if reasons else SUGGESTION
    return Verdict(kind, alike, tuple(contradictions))


def is_same_card(ours: Party, theirs: Party, *, is_answer=False) -> bool:
    """Whether a card says the very same as would be sent, and nothing contradicts it.

    :param is_answer: we made it when we asked for the party's: then its name alone will do,
        wherever somebody says since that the party is.
    """
    return (
        meet(ours, theirs).kind == SUGGESTION
        and ours.name == theirs.name
        and (is_answer or (any(ours.place) and ours.place == theirs.place))
    )


def choose(ours: Party, candidates: Iterable[tuple[object, Party]], taken_away=()) -> Choice:
    """Which of several relations a party is, and whether that is beyond doubt.

    :param candidates: (key, what the other side knows); strangers among them are no candidates.
    :param taken_away: keys that a person has parted from the party: none comes back by itself.
    """
    verdicts = {key: meet(ours, theirs) for key, theirs in candidates}
    same = {key: verdict for key, verdict in verdicts.items() if verdict.kind == SAME}
    free = {key: verdict for key, verdict in same.items() if key not in taken_away}
    if free:
        most = max(_strength(verdict) for verdict in free.values())
        best = {key: verdict for key, verdict in free.items() if _strength(verdict) == most}
        if len(best) == 1:
            [(key, verdict)] = best.items()
            return Choice(key, verdict.reasons[0])
        return Choice(None, AMBIGUOUS, best)
    if same:
        return Choice(None, TAKEN_AWAY, same)
    contrary = {key: one for key, one in verdicts.items() if one.kind == CONTRADICTION}
    if contrary:
        return Choice(None, CONTRADICTION, contrary)
    for hint in _HINTS:
        hinted = {key: one for key, one in verdicts.items() if hint in one.reasons}
        if hinted:
            return Choice(None, hint, hinted)
    return Choice()


def _strength(verdict):
    """How many numbers that identify a party are the same."""
    return len({'vat', 'chamber_of_commerce'} & set(verdict.reasons))
