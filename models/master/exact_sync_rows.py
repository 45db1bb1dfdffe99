"""Rows of Exact one by one: one that nobody can read is left out and named, and costs no other."""

from ...exact_api import MalformedAnswer, wire

# What reading a row raises that does not have the form of the reference.
BROKEN = (KeyError, TypeError, ValueError, ArithmeticError)
# So many are named; all are counted.
NAMED = 20


def sound_rows(resource, page, extra):
    """Read the rows of a page.

    :param resource: of `exact_sync_resources`
    :param list page: rows as Exact sent them
    :param extra: what `resource.prepare` gave
    :return: ({identity: values}, list of {'key': identity or '', 'why': what is wrong})
    :raise MalformedAnswer: if not one row can be read: then it is the resource that changed
    """
    vals_by_key, broken = {}, []
    for row in page:
        key = ''
        try:
            key = resource.identity(row) or ''
            if not key:
                raise KeyError(resource.key_property)
            vals_by_key[key] = resource.values(row, extra)
        except BROKEN as error:
            broken.append({'key': key, 'why': why(error)})
    if broken and not vals_by_key:
        raise MalformedAnswer(
            f"{broken[0]['why']} in a row", resource=resource.endpoint, method='GET',
        )
    return vals_by_key, broken


def why(error):
    """Name what is wrong with a row, without any of its values."""
    if isinstance(error, KeyError):
        return f'{error.args[0]}?'
    if isinstance(error, MalformedAnswer):
        # Only this package's own words: they hold no value
        return str(error.args[0])
    return type(error).__name__


def highest_timestamp(resource, page):
    """Return the highest counter of the rows; one without a counter comes again when it changes.

    :raise MalformedAnswer: if there is none: nobody could say from where to go on
    """
    counters = []
    for row in page:
        try:
            counters.append(wire.as_int(row.get('Timestamp')))
        except MalformedAnswer:
            continue
    counters = [counter for counter in counters if counter is not None]
    if not counters:
        raise MalformedAnswer("no Timestamp", resource=resource.endpoint, method='GET')
    return max(counters)


def last_key(resource, page):
    """Return the key of the last row that has one.

    :raise MalformedAnswer: if none has
    """
    for row in reversed(page):
        try:
            key = wire.as_guid(row.get(resource.key_property))
        except MalformedAnswer:
            continue
        if key:
            return key
    raise MalformedAnswer(f"no {resource.key_property}", resource=resource.endpoint, method='GET')


def left_out(known, count, sound_keys, broken):
    """Return which rows are left out after a page, and how many.

    :param list known: those that were left out before
    :param int count: how many they were; the list holds the last of them
    :param sound_keys: identities of the rows that could be read: they are whole again
    :param list broken: those of this page
    """
    keys = {entry['key'] for entry in broken} | set(sound_keys)
    kept = [entry for entry in known if not entry['key'] or entry['key'] not in keys]
    count += len(broken) - (len(known) - len(kept))
    return (kept + broken)[-NAMED:], count
