"""Lists and records in Exact's answers: the rows of a page, where the next one is, and whether the
pages go on bringing something new.
"""

from .errors import MalformedAnswer

READING = 'GET'
# What tells one row from another, or which entry it belongs to.
ROW_KEYS = ('ID', 'EntryID')
# As many as a day has calls (D).
MAX_PAGES = 5000
# So many pages in a row that bring nothing new end a read: rows that have a key are known by it.
PATIENCE, PATIENCE_WITHOUT_KEY = 1, 3


class Progress:
    """Whether the pages of a read bring something new, in little memory."""

    def __init__(self):
        self._pages = set()
        self._last = frozenset()
        self._stale = 0

    def limit_of(self, rows):
        """Take the next page, of which there is another one behind it; return the limit that ends
        the read, None if it may go on.
        """
        has_key = bool(rows) and all('ID' in row for row in rows)
        page = frozenset(str(row['ID']) if has_key else repr(row) for row in rows)
        is_new = not page <= self._last and hash(page) not in self._pages
        self._pages.add(hash(page))
        self._last = page
        self._stale = 0 if is_new else self._stale + 1
        if self._stale >= (PATIENCE if has_key or not rows else PATIENCE_WITHOUT_KEY):
            return 'progress'
        return 'pages' if len(self._pages) >= MAX_PAGES else None


def page_of(body, resource):
    """Return (rows, link to the next page or None) of a list in either envelope.

    {"d": {"results": [...], "__next": "..."}}, or {"d": [...]} with the link, if any, beside `d`
    (O).
    """
    body = body if isinstance(body, dict) else {}
    rows, link = body.get('d'), body.get('__next')
    if isinstance(rows, dict):
        rows, link = rows.get('results'), rows.get('__next') or link
    if (
        not isinstance(rows, list)
        or not all(isinstance(row, dict) for row in rows)
        or not isinstance(link, (str, type(None)))
    ):
        raise MalformedAnswer("not a list of records", resource=resource, method=READING)
    return rows, link or None


def whole_row(row, names, resource):
    """Return the row with all that was selected.

    Without its key nobody could say what it is; what else is missing is nothing, as null is.
    """
    for key in ROW_KEYS:
        if key in names and not row.get(key):
            raise MalformedAnswer(f"a row without {key}", resource=resource, method=READING)
    return {**dict.fromkeys(names), **row}


def single_record(body):
    """Return the one record of an answer, {} for an empty list, None if it is neither."""
    row = body.get('d') if isinstance(body, dict) else None
    if isinstance(row, dict) and 'results' in row:
        row = row['results']
    if isinstance(row, list) and len(row) <= 1:
        row = row[0] if row else {}
    return row if isinstance(row, dict) else None
