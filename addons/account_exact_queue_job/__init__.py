from . import models


def _make_channels(env):
    """Give the administrations that are linked already their channels."""
    env['exact.division'].search([('company_id', '!=', False)])._make_channel()
