"""Files of a document: which of them travel, under which names, and which are left out and why.

Facts about Exact that shape this: a file of a document is made and deleted, never changed; it has
a name and content; there is a largest size. Which kinds of files Exact takes is documented
nowhere, so that none is held back for its kind.
"""

from collections.abc import Iterable
from typing import NamedTuple

from .text import LIMITS, fit_text

# Documents are never larger in Exact.
MAX_FILE = 25 * 1024 * 1024
# Longer endings are no kinds of files but part of the name.
_LONGEST_EXTENSION = 10


class File(NamedTuple):
    """One file of a document.

    :param name: as the document has it.
    :param raw: its content; may be left out where it does not travel anyway.
    :param left_out: why it does not travel, where whoever has it knows: 'link' (nothing but an
        address) or 'inline' (a picture in the text of a message).
    :param size: in bytes, where the content is not given.
    :param url: the address of a link.
    """

    name: str
    raw: bytes = b''
    left_out: str = ''
    size: int = 0
    url: str = ''

    @property
    def why_left_out(self) -> str:
        """'' for a file that travels; else 'link', 'inline', 'empty' or 'too_large'."""
        if self.left_out:
            return self.left_out
        size = len(self.raw) or self.size
        if not size:
            return 'empty'
        return 'too_large' if size > MAX_FILE else ''


def cut_name(name: str, limit: int = LIMITS['file_name']) -> str:
    """The name as it travels: clean, and cut before its extension where it is too long."""
    name = fit_text(name) or 'file'
    if len(name) <= limit:
        return name
    stem, extension = _parts(name)
    return stem[:limit - len(extension)].rstrip(' .') + extension


def free_name(name: str, taken: Iterable[str]) -> str:
    """The name, numbered where it is taken: 'scan (2).pdf'. Names that differ in case alone are
    one name to Exact and to Windows."""
    taken = {other.casefold() for other in taken}
    stem, extension = _parts(cut_name(name))
    result, number = cut_name(name), 1
    while result.casefold() in taken:
        number += 1
        suffix = f' ({number}){extension}'
        result = stem[:LIMITS['file_name'] - len(suffix)].rstrip() + suffix
    return result


def _parts(name):
    stem, dot, extension = name.rpartition('.')
    if not stem or not extension or len(extension) > _LONGEST_EXTENSION:
        return name, ''
    return stem, dot + extension
