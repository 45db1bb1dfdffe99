from odoo import api, models
from odoo.exceptions import AccessError


def context_defaults(env):
    """What Odoo fills new records with where nothing else is said; it comes from outside.

    :return: {field: value}
    """
    prefix = 'default_'
    return {
        name.removeprefix(prefix): value for name, value in env.context.items()
        if name.startswith(prefix)
    }


def named_at_creation(records, vals):
    """The fields that somebody fills who creates a record, by the values or by the context.

    :param vals: as given to `create`
    :rtype: set[str]
    """
    return {*vals, *context_defaults(records.env)}


def refuse_engine_fields(records, vals, *more):
    """Refuse to people what the engine alone writes: `readonly` binds the screen, not RPC.

    :param vals: as given to `write`, or names of fields
    :param more: names of further fields that people do not write
    :raise AccessError: for a stored field that is read-only on the model
    """
    if records.env.su:
        return
    names = [
        name for name in vals
        if name in more or (
            (field := records._fields.get(name)) and field.store and field.readonly
        )
    ]
    if names:
        raise AccessError(records.env._(
            "%(fields)s: this comes from Exact or is kept by Odoo itself, and nobody writes it.",
            fields=", ".join(names),
        ))


class ExactEngineFieldsMixin(models.AbstractModel):
    """Records that people make and write, but for their read-only fields."""

    _name = 'exact.engine.fields.mixin'
    _description = "Record With Fields of the Engine"

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            refuse_engine_fields(self, named_at_creation(self, vals))
        return super().create(vals_list)

    def write(self, vals):
        refuse_engine_fields(self, vals)
        return super().write(vals)
