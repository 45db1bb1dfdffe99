"""What a kind of record of Exact says of itself, and how its values are read.

A class holds facts of Exact's reference and pure functions; reading pages, writing rows, archiving
and errors are the engine's (`exact_sync_engine.py`).

Ways of reading:

`TIMESTAMP`: a `sync/` endpoint. Its `Timestamp` is a counter of 64 bits, higher with every change;
    `Timestamp gt <highest seen>L` gives what changed, in pages of 1,000.
`MODIFIED`: no sync twin, but too many rows to compare: first everything by key, then what has a
    later `Modified`, which Exact keeps in Dutch local time.
`WHOLE`: no sync twin and few rows: read whole, compared, only differences written.
"""

from datetime import timedelta
from zoneinfo import ZoneInfo

from odoo import fields

from ...exact_api import MalformedAnswer, wire
from ..base.exact_clock import aware

TIMESTAMP = 'timestamp'
MODIFIED = 'modified'
WHOLE = 'whole'

# Of a column of 32 bits
LARGEST = 2 ** 31
HOURLY = timedelta(minutes=55)
SIX_HOURLY = timedelta(hours=6)
AMSTERDAM = ZoneInfo('Europe/Amsterdam')


def text(value):
    """Text without Exact's padding; False where there is none, as the ORM reads it back."""
    return wire.as_text(value) or False


def guid(value):
    return wire.as_guid(value) or False


def date(value):
    return wire.as_date(value) or False


def integer(value):
    """A whole number as a column holds it."""
    number = wire.as_int(value) or 0
    if not -LARGEST <= number < LARGEST:
        raise MalformedAnswer("a number that is too large")
    return number


def boolean(value):
    return bool(wire.as_bool(value))


def percent(value):
    """A percentage from the fraction that Exact gives: 0.21 is 21.0."""
    percentage = wire.percent_of_fraction(value) or 0
    if abs(percentage) >= LARGEST:
        raise MalformedAnswer("a number that is too large")
    return float(percentage)


def choice(value, allowed):
    """A code of a fixed list; a code that Exact added since is no reason to stop.

    :param allowed: container of the codes, as strings.
    """
    code = wire.as_text(value)
    return code if code in tuple(allowed) else False


def modified_since(position):
    """From when on changes are asked.

    Exact compares Dutch local time. In the hour that comes twice in autumn, a moment of its first
    pass is later on the clock than most of its second pass: ask from an hour earlier then.

    :param position: UTC, as Odoo writes it.
    :return: aware datetime.
    """
    moment = aware(fields.Datetime.to_datetime(position))
    local = moment.astimezone(AMSTERDAM)
    if local.fold == 0 and local.utcoffset() != local.replace(fold=1).utcoffset():
        moment -= timedelta(hours=1)
    return moment


class Resource:
    """One kind of record of Exact.

    :cvar key: name in `exact.cursor`.
    :cvar model: where it is kept; '' for what is no master data.
    :cvar endpoint: path below the division.
    :cvar select: properties that are read.
    :cvar how: TIMESTAMP, MODIFIED or WHOLE.
    :cvar every: how soon it is read again.
    :cvar rests: what had no change for days is read less often.
    :cvar full_every: how soon everything is read again; None for never.
    :cvar entity_type: in `sync/Deleted`; None where deletions are not told there.
    :cvar topic: of the notifications about it; '' where Exact has none.
    :cvar requires: keys of resources that must have been read completely before.
    :cvar key_property: property that is the key, and by which Exact orders pages.
    """

    key = ''
    label = ''
    model = ''
    endpoint = ''
    select = ()
    how = WHOLE
    every = SIX_HOURLY
    rests = True
    full_every = None
    entity_type = None
    topic = ''
    requires = ()
    key_property = 'ID'

    def prepare(self, client):
        """Read what the rows need beside themselves.

        :return: passed on to `values`.
        """

    def filter(self, today, division):
        """An OData filter for every reading, or None."""

    def scope(self, today, division):
        """The domain of what `filter` lets through: only that may be archived when it is absent."""
        return []

    def identity(self, row):
        """What identifies the row within the division; a GUID wherever Exact has one."""
        return wire.as_guid(row[self.key_property])

    def values(self, row, extra):
        """The fields of a row, with the values that the ORM reads back."""
        raise NotImplementedError

    def link(self, division, vals_by_key):
        """Fill the references to records of other models, in one query per page.

        :param vals_by_key: {identity: values}, changed in place.
        """

    def after_page(self, division, vals_by_key):
        """Do what other records need after these were written."""

    def after_archive(self, records):
        """Do what other records need after these vanished from Exact."""

    def after_restore(self, records):
        """Do what other records need after these came back."""
