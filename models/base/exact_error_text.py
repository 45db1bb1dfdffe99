"""What happened and what to do, for every error of Exact, said with `exact_sentences.py`.

Used wherever an `ExactError` becomes visible. Exact's own words are always kept (in the language of
its user): they are what an accountant searches for.
"""

from ...exact_api import (
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    NotFound,
    OAuthRefused,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TooEarlyToRefresh,
    TooMuch,
    TooSlow,
    Transient,
    Unreachable,
)
from .exact_note import moment, note, told
from .exact_sentences import DIVISION_REASONS, HOLD_REASONS, KINDS, REASONS, SCOPES


def reason_text(env, reason):
    """Return the sentence for a code of `exact.connection.reason`."""
    return _translate(env, REASONS.get(reason) or REASONS['refused'])


def division_reason_text(env, reason):
    """Return the sentence for a code of `exact.division.unreachable_reason`."""
    return _translate(env, DIVISION_REASONS.get(reason) or DIVISION_REASONS['NoDivisionAccess'])


def division_reason(reason):
    """Return a code of `exact.division.unreachable_reason` as a note; None of none."""
    name = reason if reason in DIVISION_REASONS else 'NoDivisionAccess'
    return note(f'division/{name}') if reason else None


def hold_reason(reason, params=None):
    """Return a code of `exact.division.hold_reason` as a note; a former release kept the sentence
    itself.
    """
    return note(f'hold/{reason}', **(params or {})) if reason in HOLD_REASONS else reason or ''


def hold_reason_text(env, reason, params=None):
    """Return the sentence for a code of `exact.division.hold_reason`."""
    return told(env, hold_reason(reason, params))


def rights_of(env, missing):
    """Return (scope, what will not work, what Exact said) of one row of
    `exact.connection.missing_rights`.
    """
    scope = missing.get('scope') or ''
    reason = missing.get('reason') or ''
    if reason in DIVISION_REASONS:
        said = _translate(env, DIVISION_REASONS[reason])
    elif missing.get('lacks'):
        said = env._(
            "The app registration does not have this scope. Add it in the App Center, then "
            "connect again.",
        )
    else:
        said = env._(
            "The Exact user may not see this. Give the user the right in Exact, then check again.",
        )
    return scope.capitalize(), _translate(
        env, SCOPES.get(scope, missing.get('resource') or ''),
    ), said


def describe(error):
    """Return what happened and what to do as a note, to be kept: `exact_note.told` tells it.

    :param error: an `ExactError`
    """
    match error:
        case NeedsReconnect():
            return note(f'connection/{error.reason if error.reason in REASONS else "refused"}')
        case OAuthRefused():
            reason = error.reason if error.reason in REASONS else 'consent_failed'
            return note(f'connection/{reason}')
        case TooEarlyToRefresh():
            return note('error/too_early')
        case RateLimited():
            known = ('day', 'error_fuse', 'ill', 'token')
            scope = error.scope if error.scope in known else 'minute'
            return note(
                f'error/limit_{scope}', time=moment(error.retry_at) if error.retry_at else '',
            )
        case Forbidden():
            return _describe_forbidden(error)
        case NotFound():
            return note('error/not_found', resource=error.resource or '?')
        case Rejected():
            return _describe_rejected(error)
        case OutcomeUnknown():
            if error.is_foreign and error.status:
                return note('error/not_exact', status=error.status)
            return note('error/answer_lost')
        case Unreachable():
            return note('error/unreachable')
        case TooSlow():
            return note('error/too_slow', resource=error.resource or '?')
        case TooMuch():
            kind = 'too_large' if error.limit == 'bytes' else 'endless'
            return note(f'error/{kind}', resource=error.resource or '?')
        case Transient():
            return note('error/busy')
        case MalformedAnswer():
            return note('error/malformed')
    return note('error/other', words=_words(error) or type(error).__name__)


def explain(env, error):
    """Return a plain sentence in the person's language: what happened and what to do.

    :param env: an environment with the person's language and time zone
    :param error: an `ExactError`
    """
    return told(env, describe(error))


def explain_to_asker(env, error):
    """The same for a person who asked for something that nobody tries again for them."""
    described = describe(error)
    if described['code'] in ('error/unreachable', 'error/busy'):
        described = note('error/not_now')
    return told(env, described)


def _describe_forbidden(error):
    if error.reason in DIVISION_REASONS:
        return note(f'division/{error.reason}')
    if error.scope:
        return note('error/scope_missing', scope=error.scope)
    return note('error/right_missing', resource=error.resource or '?')


def _describe_rejected(error):
    words = _words(error)
    for kind in error.kinds:
        if kind in KINDS:
            return note('error/refused_kind', what_to_do=note(f'kind/{kind}'), words=words)
    return note('error/refused', words=words)


def _words(error):
    """Return Exact's own words on one line."""
    return ' '.join(' '.join(str(message).split()) for message in error.messages)


def _translate(env, text):
    """Return a lazy text in the language of the environment; any other text as it is."""
    if isinstance(text, str):
        return text
    translate = env._
    return translate(text)
