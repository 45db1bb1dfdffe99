"""What is due: each kind of work says it once, as a condition on its own row. The index, the
queries, the domains and the forecast are made from that.
"""

from collections.abc import Callable
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL


class Work(NamedTuple):
    """A kind of work that waits in the rows of a model."""

    name: str
    #: given a function that names a column of the row, the condition that it is due, as SQL
    condition: Callable[[Callable[[str], SQL]], SQL]
    #: whether Exact is asked or told something: not without a connection
    asks_exact: bool = True
    #: whether it is done while the administration is on hold, too
    while_on_hold: bool = True
    #: whether people are told that it waits
    is_told: bool = True
    #: the model of the row
    model: str = 'exact.export'
    #: method of the model that does what is due: it is called on these rows with the administration
    #: and a client (None if Exact is not asked), commits each piece of work, and returns whether
    #: time ran out before all was done. '' where the model has an engine of its own
    step: str = ''
    #: steps are done after the exports, the lowest first
    order: int = 0
    #: of its calls, a key of `exact_call.RESERVES`
    priority: str = 'entry'


def index_of_work(columns, kinds):
    """Definition of the index of the rows in which anything is due, and of no others.

    :param str columns: of the index
    :param kinds: tuple of `Work`
    """
    conditions = (kind.condition(SQL).code for kind in kinds)
    return f"({columns}) WHERE {' OR '.join(f'({condition})' for condition in conditions)}"


class ExactWorkMixin(models.AbstractModel):
    """A model whose rows the scheduled actions work on.

    Its rows have a `division_id`, and a `next_try`: not before this moment.
    """

    _name = 'exact.work.mixin'
    _description = "Exact Work Mixin"

    work = fields.Char(
        compute='_compute_work', search='_search_work', export_string_translation=False,
        help="Kinds of work that are due; to search by.",
    )

    def _compute_work(self):
        due = {
            kind.name: set(self._search([('id', 'in', self.ids), ('work', '=', kind.name)]))
            for kind in self._work_kinds()
        }
        for record in self:
            names = [name for name, ids in due.items() if record.id in ids]
            record.work = ' '.join(names) or False

    def _search_work(self, operator, value):
        if operator != 'in':
            return NotImplemented
        names = set(value)
        return Domain.custom(to_sql=lambda model, alias, _query: model.work_sql(
            alias, lambda kind: kind.name in names,
        ))

    @api.model
    @api.private
    def commit_half(self, *, keep=False):
        """Commit what was written in the middle of a step, which goes on.

        :param bool keep: what was read stays as it was read. For a step that asks Exact for one
            thing after the other: what people write meanwhile, the next step sees.
        """
        transaction = self.env.transaction
        if keep:
            self.env.flush_all()
            read = dict(transaction.field_data)
        self.env['ir.cron'].with_context(ir_cron_progress_id=False)._commit_progress()
        if keep:
            # (What a hook of the commit has read is read once more.)
            transaction.invalidate_field_data()
            transaction.field_data.update(read)

    @api.model
    def _work_kinds(self):
        """The kinds of work of this model, of those that are registered on the administration.

        :rtype: tuple[Work, ...]
        """
        return tuple(
            kind for kind in self.env['exact.division']._work_kinds() if kind.model == self._name
        )

    @api.model
    @api.private
    def work_sql(self, alias, chosen=lambda kind: True):
        """Condition on a row: work of one of the chosen kinds is due.

        :param str alias: of the table in the query
        :param chosen: callable that is given a `Work`
        """
        def column(name):
            return SQL.identifier(alias, name, to_flush=self._fields[name])

        due = [
            SQL("(%s)", kind.condition(column)) for kind in self._work_kinds() if chosen(kind)
        ]
        return SQL("(%s)", SQL(" OR ").join(due)) if due else SQL("FALSE")

    @api.model
    @api.private
    def due_sql(self, alias, chosen=lambda kind: True):
        """Condition on a row, `division` and `connection`: the workers have something to do.

        Who archives an administration wants nothing more to happen to its books.

        :param str alias: of the table in the query
        :param chosen: callable that is given a `Work`
        """
        return SQL(
            """
            division.active AND %(any)s AND (
            %(inside)s
            OR (connection.state = 'connected' AND division.unreachable_reason IS NULL AND (
                %(asking)s OR (division.hold IS NOT TRUE AND %(sending)s)
            )))
            """,
            # The condition of the index
            any=self.work_sql(alias, chosen),
            inside=self.work_sql(alias, lambda kind: chosen(kind) and not kind.asks_exact),
            asking=self.work_sql(
                alias, lambda kind: chosen(kind) and kind.asks_exact and kind.while_on_hold,
            ),
            sending=self.work_sql(
                alias, lambda kind: chosen(kind) and kind.asks_exact and not kind.while_on_hold,
            ),
        )
