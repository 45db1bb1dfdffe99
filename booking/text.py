"""Texts as Exact can hold them: lengths, and the one function that shortens.

Exact's reference gives no lengths for the texts of an entry. LIMITS holds conservative ones
(inferred: 60 is the length of such texts in Exact's XML schema, 30 that of a reference in Exact
Globe), so that a text is rather short than refused.
"""

import unicodedata

LIMITS = {
    'your_ref': 30,
    'payment_reference': 30,
    'description': 60,
    'line_description': 60,
    'notes': 4000,
    'file_name': 100,
}

_ELLIPSIS = '…'


def fit_text(value: str, limit: int | None = None, *, cut: bool = True,
             multiline: bool = False) -> str:
    """The text as it is sent: one line, no characters that a ledger cannot show, not too long.

    Control characters become spaces and runs of spaces one space (`multiline` keeps line feeds).
    Characters outside the Basic Multilingual Plane (emoji, mostly) are left out, as are invisible
    format characters and variation selectors: whether Exact's columns hold them is unknown, and an
    entry must not fail for a smiley. What is left is composed (NFC).

    :param limit: most characters; longer texts end in an ellipsis, never within a composed
        character.
    :param cut: False for references: they stay whole, because a shortened reference is another
        reference. Who sends them checks their length (`reference_too_long`).
    """
    kept = []
    for char in unicodedata.normalize('NFC', value or ''):
        category = unicodedata.category(char)
        if multiline and char == '\n':
            kept.append(char)
        elif category == 'Cc' or category in ('Zs', 'Zl', 'Zp'):
            kept.append(' ')
        elif ord(char) > 0xFFFF or category in ('Cf', 'Cs', 'Cn') or '\ufe00' <= char <= '\ufe0f':
            continue
        else:
            kept.append(char)
    text = '\n'.join(' '.join(row.split()) for row in ''.join(kept).split('\n')).strip()
    if limit is None or len(text) <= limit or not cut:
        return text
    end = limit - 1
    while end > 0 and unicodedata.combining(text[end]):
        end -= 1
    return text[:end].rstrip() + _ELLIPSIS


def fit_reference(value: str) -> str:
    """A reference as it is sent: cleaned like any text, never shortened."""
    return fit_text(value, cut=False)
