"""Values as Exact writes them, values as Python holds them.

Exact sends a moment as `/Date(ms)/`, where ms is the Dutch wall clock counted as if it were UTC
(D). A pure date is midnight of that count, so it is cut off without any conversion; a moment is
read as Europe/Amsterdam. What is sent is ISO 8601 without a zone, again in Dutch wall clock. This
is the only place that knows about it.

Every reading function returns None for None and for empty text (`as_text` returns ''), and raises
`MalformedAnswer`, which is a ValueError too, for anything else that it does not understand.
"""

import json
import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from uuid import UUID
from zoneinfo import ZoneInfo

from .errors import MalformedAnswer

AMSTERDAM = ZoneInfo('Europe/Amsterdam')
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  wall clock
# Account.Code is a numeric text of 18 characters with leading spaces (D).
RELATION_CODE_LENGTH = 18

# What no database and no XML holds: NUL and most other control characters, halves of surrogate
# pairs (an emoji that somebody cut), and the two that are no characters.
_UNFIT = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')
# Where JSON may hold one of them, escaped or not.
_PERHAPS_UNFIT = re.compile(
    r'\\(?:[bf]|u(?:00[01]|[dD][89a-fA-F]|[fF]{3}[eEfF]))'
    r'|[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]',
)
_JSON_DATE = re.compile(r'/Date\((-?[0-9]{1,17})\)/')
_ISO_DATE = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?)?')
_GUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}')
_TRUTH = {'true': True, '1': True, 'false': False, '0': False}


# === READING === #


def as_date(value):
    """Return the date, cut off without a conversion of time zones."""
    wall = _wall_clock(value)
    return None if wall is None else wall.date()


def as_utc(value):
    """Return the moment, aware, in UTC.

    In the hour that comes twice in autumn the first one is taken: who asks for changes since then
    gets too much rather than too little.
    """
    wall = _wall_clock(value)
    if wall is None:
        return None
    try:
        return wall.replace(tzinfo=AMSTERDAM).astimezone(timezone.utc)
    except OverflowError:
        raise MalformedAnswer("a moment out of range") from None


def as_text(value):
    """Return text without the padding around codes: '2  ' -> '2', '      123' -> '123'."""
    if value is None:
        return ''
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise MalformedAnswer(f"{type(value).__name__} instead of text")


def as_decimal(value):
    """Return a Decimal, from a number or a text."""
    if value is None or value == '':
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise MalformedAnswer(f"{type(value).__name__} instead of a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise MalformedAnswer("text instead of a number") from None
    if not number.is_finite():
        raise MalformedAnswer("no finite number")
    return number


def as_int(value):
    """Return an int. Int64 may come as text: '1000001' (O)."""
    number = as_decimal(value)
    if number is None:
        return None
    if number.adjusted() > 20 or number != number.to_integral_value():
        raise MalformedAnswer("no whole number of 64 bits")
    return int(number)


def as_bool(value):
    """Return a bool. Some resources write it as text or as a number (O)."""
    if value is None or value == '':
        return None
    known = _TRUTH.get(str(value).strip().lower())
    if known is None:
        raise MalformedAnswer("neither true nor false")
    return known


def as_guid(value):
    """Return a GUID in lower case, without the braces that webhooks put around it."""
    text = as_text(value).lower()
    if not text:
        return None
    if text.startswith('{') and text.endswith('}'):
        text = text[1:-1]
    if not _GUID.fullmatch(text):
        raise MalformedAnswer("no GUID")
    return text


def percent_of_fraction(value):
    """Return 21 for 0.21: Exact writes percentages as fractions (D)."""
    number = as_decimal(value)
    return None if number is None else number * 100


def _wall_clock(value):
    """Return the wall clock as a datetime without a zone."""
    if value is None or value == '':
        return None
    if not isinstance(value, str):
        raise MalformedAnswer(f"{type(value).__name__} instead of a date")
    text = value.strip()
    try:
        if match := _JSON_DATE.fullmatch(text):
            return EPOCH + timedelta(milliseconds=int(match[1]))
        if match := _ISO_DATE.fullmatch(text):
            # Python 3.10 reads fractions of 3 or 6 digits only
            fraction = (match[2] or '.')[1:7].ljust(6, '0')
            return datetime.fromisoformat(text[:19]).replace(microsecond=int(fraction))
    except (OverflowError, ValueError):
        raise MalformedAnswer("a date out of range") from None
    raise MalformedAnswer("text instead of a date")


def clean(text):
    """Return text that came from outside as it can be stored and shown: what cannot becomes the
    replacement character.
    """
    return _UNFIT.sub('\ufffd', text)


def loads(data):
    """Return what a JSON answer holds, with fractions as Decimal.

    The one place where an answer becomes text: a name that nobody can store is replaced here, and
    costs neither its row nor the others.

    :param bytes data: the body
    :raise ValueError: if it is not JSON
    """
    text = data.decode(json.detect_encoding(data), 'replace')
    try:
        value = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse_constant, strict=False,
        )
        return _cleaned(value) if _PERHAPS_UNFIT.search(text) else value
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(type(error).__name__) from None


def _cleaned(value):
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(item) for item in value]
        case dict():
            return {clean(name): _cleaned(item) for name, item in value.items()}
    return value


def _refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


# === WRITING === #


def wall_clock(moment):
    """Return the Dutch wall clock of a moment as text, to the second: '2026-07-01T14:00:00'.

    :param datetime moment: aware
    :raise ValueError: if it has no zone: nobody could say which moment it is
    """
    if moment.utcoffset() is None:
        raise ValueError("A moment without a time zone cannot be sent to Exact.")
    return moment.astimezone(AMSTERDAM).replace(tzinfo=None, microsecond=0).isoformat()


def date_text(day):
    """Return a date as Exact takes it: '2026-01-31T00:00:00'."""
    return f'{day.isoformat()}T00:00:00'


def pad_relation_code(code):
    """Return the code of a relation as a filter must hold it: '123' after 15 spaces (D)."""
    return as_text(code).rjust(RELATION_CODE_LENGTH)


def file_name(text):
    """Return the name of a file as it may travel: no folder, nothing that is invisible or that
    Windows, where such files are saved, does not take.
    """
    parts = [part for part in re.split(r'[/\\]', text) if part.strip('. ')]
    kept = ''.join(char for char in '_'.join(parts) if char.isprintable())
    return re.sub(r'[<>:"|?*]', '_', kept).strip(' .') or 'file'


def sendable(text):
    """Return text without what Exact could not store, or would answer with an error."""
    return _UNFIT.sub('', text)


def encode(value):
    """Return the JSON text of a body or of a value in it.

    date and datetime become ISO text, Decimal a number with exactly its digits. A float is
    refused: 0.1 + 0.2 has no place in the books.

    :raise TypeError: if the type has no form in Exact
    :raise ValueError: if the value has none
    """
    match value:
        case None:
            return 'null'
        case bool():
            return 'true' if value else 'false'
        case int():
            return str(int(value))
        case Decimal():
            return _encode_decimal(value)
        case str() | UUID():
            return json.dumps(sendable(str(value)))
        case datetime():
            return json.dumps(wall_clock(value))
        case date():
            return json.dumps(date_text(value))
        case list() | tuple():
            return f'[{", ".join(map(encode, value))}]'
        case dict():
            items = (f'{_encode_name(name)}: {encode(item)}' for name, item in value.items())
            return f'{{{", ".join(items)}}}'
    raise TypeError(f"{type(value).__name__} cannot be sent to Exact.")


def _encode_name(name):
    if not isinstance(name, str):
        raise TypeError("The name of a property must be text.")
    return json.dumps(name)


def _encode_decimal(value):
    if not value.is_finite():
        raise ValueError("Only finite numbers can be sent to Exact.")
    text = format(value, 'f')
    return text.removeprefix('-') if not value else text
