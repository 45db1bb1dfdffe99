"""How records look on the wire: JSON or Atom, dates, padding, envelopes. Fact sheet 3.7,
samples.
"""

import json
from urllib.parse import quote
from xml.sax.saxutils import escape

from .odata import to_milliseconds

#: properties that Exact pads on the right with blanks to the width of the database column
PADDED_RIGHT = {
    'Country': 3,
    'AccountCountry': 3,
    'OssCountry': 3,
    'IntraStatCountry': 3,
    'VATCode': 3,
    'SalesVATCode': 3,
    'PurchaseVATCode': 3,
    'SalesVatCode': 3,
    'PaymentCondition': 3,
    'PaymentConditionSales': 3,
    'PaymentConditionPurchase': 3,
}
#: padded only in these resources' own ``Code``
PADDED_CODES = {'VATCodes': 3, 'PaymentConditions': 3, 'Currencies': 3}
ACCOUNT_CODE_WIDTH = 18
SCALARS = {
    'String',
    'Guid',
    'DateTime',
    'Boolean',
    'Byte',
    'Int16',
    'Int32',
    'Int64',
    'Double',
    'Decimal',
    'Binary',
}


def padding_of(kind, name):
    """How a code is padded: positive width on the right, negative on the left, 0 not at all.

    :param kind: table of the record ('Accounts', 'VATCodes', ...)
    """
    if name == 'AccountCode' or (name == 'Code' and kind == 'Accounts'):
        return -ACCOUNT_CODE_WIDTH
    return PADDED_RIGHT.get(name) or (PADDED_CODES.get(kind, 0) if name == 'Code' else 0)


def pad(width, value):
    """A text filled with blanks to a width of :func:`padding_of`."""
    if not width or not value or not isinstance(value, str):
        return value
    return value.ljust(width) if width > 0 else value.rjust(-width)


def key_text(endpoint, value):
    """Literal of a record's key in an address."""
    name = endpoint.key
    edm = endpoint.types.get(name, 'Guid')
    if name == 'Timestamp':
        return f'{value}L'
    if edm == 'Guid':
        return f"guid'{value}'"
    if edm in ('String', 'DateTime'):
        return "'" + quote(str(value)) + "'"
    return str(value)


def render_value(edm, value):
    if value is None:
        return None
    if edm == 'DateTime':
        return f'/Date({to_milliseconds(value)})/'
    if edm == 'Int64':
        return str(value)
    if edm == 'Double' and isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return value


def render(endpoint, key, value, base, names, padding=True):
    """A record as the JSON object that Exact sends.

    :param endpoint: :class:`~.reference.Endpoint`
    :param key: value of the primary key
    :param value: callable(name) -> value of a property
    :param base: ``http://host/api/v1/1234567/`` (address of the division)
    :param names: properties to give, in order
    """
    uri = f'{base}{endpoint.path}({key_text(endpoint, key)})'
    result = {'__metadata': {'uri': uri, 'type': endpoint.type}}
    types, widths = endpoint.types, endpoint.widths
    for name in names:
        edm = types[name]
        if edm not in SCALARS:
            result[name] = {'__deferred': {'uri': f'{uri}/{name}'}}
            continue
        found = value(name)
        if padding and name in widths:
            found = pad(widths[name], found)
        result[name] = render_value(edm, found)
    return result


def dumps(payload):
    """JSON as bytes; what UTF-8 cannot say (half a surrogate pair) is escaped."""
    try:
        return json.dumps(payload, ensure_ascii=False, separators=(',', ':')).encode()
    except UnicodeEncodeError:
        return json.dumps(payload, separators=(',', ':')).encode()


def error_body(message, as_json=True):
    """Body of an error answer."""
    if as_json:
        return dumps({'error': {'code': '', 'message': {'lang': '', 'value': message}}})
    return (
        '<?xml version="1.0" encoding="utf-8" standalone="yes"?>'
        '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        f'<code></code><message xml:lang="">{escape(message)}</message></error>'
    ).encode()


def atom(objects, single=False):
    """Minimal Atom XML of rendered objects: what comes without ``Accept: application/json``."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>']
    names = (
        ' xmlns="http://www.w3.org/2005/Atom"'
        ' xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"'
        ' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"'
    )
    if not single:
        parts.append(f'<feed{names}>')
    for item in objects:
        parts.append(
            f'<entry{names if single else ""}><id>{escape(item["__metadata"]["uri"])}</id>'
        )
        parts.append('<content type="application/xml"><m:properties>')
        for name, value in item.items():
            if name == '__metadata' or isinstance(value, dict):
                continue
            if value is None:
                parts.append(f'<d:{name} m:null="true" />')
            else:
                text = str(value).lower() if isinstance(value, bool) else str(value)
                parts.append(f'<d:{name}>{escape(text)}</d:{name}>')
        parts.append('</m:properties></content></entry>')
    if not single:
        parts.append('</feed>')
    return ''.join(parts).encode()
