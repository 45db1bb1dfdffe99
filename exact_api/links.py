"""Addresses of Exact's own screens, for people.

None of them is documented by the vendor. They hold no secret: who follows them logs in to Exact.
"""

from urllib.parse import urlencode

from . import wire


def _page(base_url, page, division, **parameters):
    # Pages take the division as `_Division_` and show that one, whatever was open before (O)
    query = urlencode({'_Division_': int(division), **parameters})
    return f'{base_url}/docs/{page}?{query}'


def entry_url(base_url, division, kind, entry_id, entry_number):
    """Return where a person finds an entry: the start page of the right division.

    No public source shows the address of the page of an entry, neither by id nor by number; a
    guess would lead people to an error page. The search field of the start page finds entries by
    number (O, as the page itself; `_Division_` on it is inferred from other pages). Who learns the
    address of the entry's page changes this function and nothing else.

    :param str kind: 'sale', 'purchase' or 'general'
    :param str entry_id: GUID of the entry
    :param int entry_number: its number in Exact
    """
    return _page(base_url, 'MenuPortal.aspx', division)


def relation_url(base_url, division, relation_id):
    """Return the page of a relation (O: in public programs and on a support page)."""
    relation = f'{{{wire.as_guid(relation_id)}}}'
    return _page(base_url, 'CRMAccountCard.aspx', division, AccountID=relation)


def document_url(base_url, division, document_id):
    """Return the page of a document (O in a public program; the division is inferred)."""
    document = f'{{{wire.as_guid(document_id)}}}'
    return _page(base_url, 'DocView.aspx', division, DocumentID=document)
