from odoo import models

from .exact_engine_fields import context_defaults


class ExactVisibleMixin(models.AbstractModel):
    """A form that names records of Exact: it names none that the person may not see.

    `onchange` is given ids by whoever calls it, and answers with the names of these records as
    superuser. Exact's records have no other door; those of Odoo have Odoo's own forms.
    """

    _name = 'exact.visible.mixin'
    _description = "Form That Names Records of Exact"

    def onchange(self, values, field_names, fields_spec):
        _check_named(self, context_defaults(self.env))
        _check_named(self, values)
        return super().onchange(values, field_names, fields_spec)


def _check_named(model, values):
    """See that people may read what the values of a form name.

    :param dict values: as `onchange` gets them
    :raise AccessError: one of the records is not theirs to see.
    """
    for name, value in values.items():
        field = model._fields.get(name)
        if not field or not field.relational or not value:
            continue
        comodel = model.env[field.comodel_name]
        if field.type != 'many2one':
            for command in value:
                if len(command) > 2 and isinstance(command[2], dict):
                    _check_named(comodel, command[2])
        elif comodel._name == 'account.move' or comodel._name.startswith('exact.'):
            # An id, or a record that Odoo takes the id of
            named = value.get('id') if isinstance(value, dict) else value
            comodel.browse(named or ()).exists().check_access('read')
