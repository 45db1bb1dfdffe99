"""Addresses of Exact's own screens, for people. Inferred: not part of any documented interface."""

from urllib.parse import quote, urlencode

_ENTRY_PAGES = {
    'sale': 'FinEntryEdit.aspx', 'purchase': 'FinEntryEdit.aspx', 'general': 'FinEntryEdit.aspx',
}


def entry_url(base_url: str, division: int, kind: str, entry_id: str,
              entry_number: int | None = None) -> str:
    """Where a person sees an entry."""
    page = f'{_ENTRY_PAGES[kind]}?' + urlencode({'TransactionID': f'{{{entry_id}}}'})
    return _in_division(base_url, division, page)


def document_url(base_url: str, division: int, document_id: str) -> str:
    """Where a person sees a document."""
    return _in_division(base_url, division, 'DocView.aspx?' + urlencode({'DocumentID': f'{{{document_id}}}'}))


def _in_division(base_url, division, page):
    # Exact opens a page in the division last used, unless it is told which.
    return f'{base_url}/docs/{page}&{urlencode({"_Division_": division}, quote_via=quote)}'
