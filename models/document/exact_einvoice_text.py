"""What findings on e-invoices say of VAT, in the words of a bookkeeper who reads them."""


def einvoice_values(env, params):
    """What the parameters of a finding on an e-invoice are told as, where they are codes.

    :param dict params: of `exact.finding`
    """
    if 'category' not in params:
        return {}
    lines = params.get('lines')
    return {
        'meant': _category(env, params['category'], params.get('rate')),
        'found': _kind(env, params.get('kind'), params.get('found_rate')),
        'lines': f" ({lines})" if lines else '',
    }


def _category(env, category, rate):
    """A category of UNCL 5305 and its rate, as "AE (reverse charge)"."""
    name = {
        'Z': env._("zero rate"),
        'E': env._("exempt"),
        'AE': env._("reverse charge"),
        'K': env._("intra-community supply"),
        'G': env._("export"),
        'O': env._("outside the scope of VAT"),
    }.get(category) or env._("VAT of %s %%", rate)
    return f"{category} ({name})" if category else name


def _kind(env, kind, rate):
    """What a tax of the bill does, see `booking.einvoice_check.Nature`."""
    return {
        'none': env._("no VAT"),
        'reverse': env._("reverse charge"),
    }.get(kind) or env._("VAT of %s %%", rate)
