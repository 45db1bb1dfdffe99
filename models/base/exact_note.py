"""What is kept for people to read later: codes with parameters, told in the language and the time
zone of whoever reads. A note is a dict that goes into a Json field as it is; a text is one, too
(Exact's own words, a number, what a former release kept).
"""

import contextlib
from datetime import date, datetime

from odoo import fields
from odoo.tools import format_date, format_datetime
from odoo.tools.misc import formatLang
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

# Words that stand for a value.
WORDS = {
    'nothing': _lt("nothing"),
    'booked': _lt("booked"),
    'cancelled': _lt("cancelled"),
    'cannot_be_booked': _lt("cannot be booked"),
}


def note(code, /, **params):
    """Return a note.

    :param str code: family and name, 'error/unreachable': see `exact.finding._texts`
    :param params: texts, numbers, or values made by the functions below
    """
    return {'code': code, 'params': params}


def moment(value):
    """A point in time as a parameter, from a naive (UTC) or aware datetime."""
    return {'moment': fields.Datetime.to_string(
        value.replace(tzinfo=None) if isinstance(value, datetime) else value,
    )}


def day(value):
    """A date as a parameter."""
    return {'day': fields.Date.to_string(value) or ''}


def money(amount, currency=''):
    """An amount as a parameter, with the code of its currency if that is to be told."""
    return {'amount': str(amount), 'currency': currency}


def word(name):
    """A word of `WORDS` as a parameter."""
    return {'word': name}


def several(params):
    """Several parameters in a row, told one after the other; what stands `between` them, if it is
    no semicolon, `booking.status` says.
    """
    return {'several': list(params)}


def value(something):
    """Any value that was compared, as a parameter: None, text, Decimal, date or a tuple of them."""
    if something is None or something == '':
        return word('nothing')
    if isinstance(something, date):
        return day(something)
    if isinstance(something, tuple):
        return [value(part) for part in something]
    if isinstance(something, (str, dict)):
        return something
    return money(something)


def shown(env, param):
    """Return a parameter as the reader writes it: dates, amounts, words, and notes within notes."""
    if isinstance(param, (list, tuple)):
        return " ".join(str(shown(env, part)) for part in param)
    if isinstance(param, float):
        return formatLang(env, param)
    if not isinstance(param, dict):
        return '' if param is None else param
    if 'code' in param:
        return told(env, param)
    if 'several' in param:
        between = param.get('between', "; ")
        return between.join(str(shown(env, part)) for part in param['several'])
    if 'moment' in param:
        return format_datetime(
            env, fields.Datetime.to_datetime(param['moment']), dt_format='short',
        )
    if 'day' in param:
        return format_date(env, param['day'] or False)
    if 'word' in param:
        return _translated(env, WORDS[param['word']])
    amount = formatLang(env, float(param['amount']))
    return f"{param['currency']} {amount}" if param.get('currency') else amount


def fill(env, text, params):
    """Return a lazy text with its parameters; one that lacks a parameter is told without any.

    A plain text is told as it is: it may have signs of per cent.
    """
    if isinstance(text, str):
        return text
    text = _translated(env, text)
    with contextlib.suppress(KeyError, ValueError, TypeError):
        text = text % {name: shown(env, param) for name, param in (params or {}).items()}
    return text


def told(env, kept):
    """Return what a note says, in the language of the environment.

    :param kept: a note; or a text, which is told as it is; or nothing
    """
    if not kept:
        return ''
    if not isinstance(kept, dict):
        return str(kept)
    return env['exact.finding'].said(kept['code'], kept['params'])


def _translated(env, text):
    if isinstance(text, str):
        return text
    translate = env._
    return translate(text)
