"""JSON values of a body -> the values that records keep."""

import base64
import binascii
import json
import math
import re

from .errors import HttpError
from .odata import GUID, INTEGERS, parse_datetime


def convert(edm, name, value):
    """A JSON value -> the value kept in records.

    :raise HttpError: 400, wrong type or format
    """
    if value is None:
        return None
    if edm == 'Binary':
        return binary(name, value)
    try:
        return CONVERTERS.get(edm, lambda found, _edm: found)(value, edm)
    except (TypeError, ValueError, AttributeError):
        raise HttpError(
            400,
            f"Error converting value {json.dumps(value)[:60]} to type 'System.{edm}'. "
            f"Path '{name}'.",
        ) from None


def exactly(kind):
    """A converter that takes values of one Python type only."""

    def convert_value(value, _edm):
        if not isinstance(value, kind):
            raise TypeError
        return value

    return convert_value


def to_guid(value, _edm):
    if not GUID.fullmatch(value.strip('{}')):
        raise ValueError
    return value.strip('{}').lower()


def to_integer(value, edm):
    """Whole numbers within the type's range; numeric text is taken too."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError
    number = int(value)
    lowest = 0 if edm == 'Byte' else -INTEGERS[edm]
    if not lowest <= number < INTEGERS[edm]:
        raise ValueError
    return number


def to_double(value, _edm):
    """Numbers, also as text without float noise (fact sheet 3.7)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError
    if isinstance(value, str) and not re.fullmatch(r'-?\d+(\.\d+)?', value):
        raise ValueError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


CONVERTERS = {
    'String': exactly(str),
    'Boolean': exactly(bool),
    'Guid': to_guid,
    'DateTime': lambda value, _edm: parse_datetime(value),
    'Double': to_double,
    'Decimal': to_double,
    **dict.fromkeys(INTEGERS, to_integer),
}


def binary(name, value):
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise HttpError(400, f"Error converting value to type 'Byte[]'. Path '{name}'.") from None
