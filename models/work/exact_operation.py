"""One memory for everything that Exact is asked to change: entries, files, relations.

What was asked once is looked up before it is asked again, whatever became of the call: an answer
that is lost, an answer that somebody between Odoo and Exact gave, a worker that was killed.
"""

import json
from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools.translate import LazyTranslate

from ...booking import life
from ...exact_api import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    Rejected,
    wire,
)
from ..base.exact_clock import CLOCKS_DIFFER, VISIBILITY

_lt = LazyTranslate(__name__)

# After so long what has no read-back of its own is looked for, with all that came behind it.
PROVE_AFTER = timedelta(minutes=10)
# Verbs that may be repeated: the second time does what the first did.
REPEATABLE = ('put', 'delete')
# The methods of HTTP by which Exact is asked.
METHODS = {
    'post': 'post', 'upload': 'post', 'reverse': 'post', 'put': 'put', 'delete': 'delete',
}

# What of a record an operation is about, as people read it: by how its part begins.
PARTS = {
    'entry': _lt("Entry"),
    'line': _lt("Line"),
    'document': _lt("Document"),
    'file': _lt("File"),
    'relation': _lt("Relation"),
    'bank_account': _lt("Bank Account"),
}
GUID_LENGTH = 36


def as_text(data):
    """What went over the wire, as it is kept."""
    return json.dumps(data, default=str)


def without_file(data):
    """The properties of a record without the content of its file, which Odoo has already."""
    return {name: value for name, value in data.items() if name != 'Attachment'}


class ExactOperation(models.Model):
    """One thing that Exact is asked to change for a record, and what became of it.

    At most one of a verb and a part lives at a time. Exports, mappings and whatever comes later
    keep no memory of calls beside it.
    """

    _name = 'exact.operation'
    _description = "Exact Operation"
    _inherit = ['exact.work.mixin']
    _order = 'id desc'
    # No columns of the log: `asked_at` and `shown_by` tell what they would.
    _log_access = False

    division_id = fields.Many2one(
        'exact.division', string="Administration", required=True, ondelete='cascade', index=True,
        readonly=True,
    )
    res_model = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference(model_field='res_model', required=True, readonly=True)
    verb = fields.Selection(
        [
            ('post', "Make"), ('put', "Change"), ('delete', "Delete"), ('reverse', "Reverse"),
            ('upload', "Upload"),
        ],
        required=True, readonly=True,
    )
    part = fields.Char(
        required=True, readonly=True,
        help="What of the record: its entry, a line, its document, a file, its relation.",
    )
    part_text = fields.Char(string="What", compute='_compute_part_text')
    # What leads from one to the next: booking/life.py
    state = fields.Selection(
        [
            ('open', "To Be Asked"), ('asked', "Asked"), ('answered', "Answered"),
            ('refused', "Refused"), ('unknown', "No Answer"), ('done', "Done"), ('over', "Over"),
        ],
        required=True, default='open', readonly=True,
        help="Answered: Exact said yes. Done: its books were read since, and show it.",
    )
    resource = fields.Char(readonly=True, help="Where Exact was asked, e.g. crm/Accounts.")
    # Large, and read one by one: no list has to carry them along.
    request = fields.Text(readonly=True, prefetch=False)
    answer = fields.Text(readonly=True, prefetch=False)
    exact_guid = fields.Char(
        string="Exact ID", readonly=True, index='btree_not_null',
        help="Of what Exact made, or of what is to be changed.",
    )
    title = fields.Char(readonly=True, help="Of a file: its name in Odoo.")
    version = fields.Char(readonly=True, help="Of a file: which state of it.")
    asked_at = fields.Datetime(readonly=True)
    shown_by = fields.Datetime(
        readonly=True, help="When Exact's books show what it was asked for, if it was done.",
    )
    next_try = fields.Datetime(
        readonly=True, help="When it is looked for, unless it is proved with its record before.",
    )

    # Whatever happens above the database.
    _living_uniq = models.UniqueIndex(
        "(res_model, res_id, verb, part) WHERE state NOT IN ('done', 'over')",
        "Exact is being asked for this already.",
    )
    _record_idx = models.Index('(res_model, res_id)')

    @api.depends('part', 'title')
    @api.depends_context('lang')
    def _compute_part_text(self):
        for operation in self:
            kind, _slash, name = operation.part.partition('/')
            text = str(PARTS.get(kind, kind))
            shown = operation.title or (name if len(name) < GUID_LENGTH else '')
            operation.part_text = f"{text} {shown}" if shown else text

    # === STATE === #

    def _go(self, event, known='', **values):
        """Something happened to these operations: the only writer of their state.

        :param str event: of `booking.life.OPERATION_EVENTS`
        :param str known: the state that all of them have, where it need not be read anew
        :param values: what is written with it
        :raise booking.life.LifeError: that cannot happen in the state of one of them.
        """
        ids = defaultdict(list)
        for operation in self:
            follows = life.after(known or operation.state, event, life.OPERATION_EVENTS)
            ids[follows].append(operation.id)
        for state, moved in ids.items():
            self.browse(moved).write({'state': state, **values})
            if state in life.SETTLED:
                # Before another of the kind is made: the index of the living ones sees only that.
                self.browse(moved).flush_recordset(['state'])

    @api.private
    def end(self):
        """What Exact was asked for is no longer of any concern: a person has said what holds."""
        self._go('ended')

    @api.private
    def unanswered(self):
        """Those of which nobody knows what became."""
        return self.filtered(lambda operation: operation.state in life.UNANSWERED)

    @api.private
    def to_look_up(self):
        """Those that Exact was asked for and that its books were not looked at for since."""
        return self.filtered(
            lambda operation: operation.state in (*life.UNANSWERED, 'refused'),
        )

    @api.private
    def may_still_come(self):
        """Whether Exact may have done this without showing it yet.

        Of a moment in the future nobody knows when it was: then it counts from now.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        if self.asked_at and self.asked_at > now + CLOCKS_DIFFER:
            self.write({'asked_at': now, 'shown_by': now + VISIBILITY})
        return bool(self.shown_by) and now < self.shown_by

    @api.private
    def look_again_at(self):
        """When to look next: soon, at last when Exact's books must show it."""
        soon = fields.Datetime.now() + timedelta(minutes=1)
        return min(soon, self.shown_by or soon)

    @api.private
    def is_about(self, moment):
        """Whether Exact may have made something at this moment because it was asked for it then.

        :param moment: of the database, None or False if it is not known
        """
        if not moment or not self.asked_at:
            return False
        until = max(self.shown_by or self.asked_at, self.asked_at + VISIBILITY)
        return self.asked_at - CLOCKS_DIFFER <= moment <= until

    # === THE CALL === #

    def _call(self, client, body, key, key_name, before):
        """Ask Exact, once. Committed before the call is that it was asked, after it what became of
        that: whatever follows may fail.

        :param dict body: what is sent, None of a deletion
        :param str key: GUID of what is changed or deleted
        :param str key_name: property of the answer with the GUID of what was made
        :param before: the state before, False of what is asked for the first time
        :return: what Exact answered, None of what makes nothing
        :raise ExactError: as of the client
        """
        self.ensure_one()
        verb, resource = self.verb, self.resource
        ask = getattr(client, METHODS[verb])
        self.env['exact.work.mixin'].commit_half(keep=True)
        started = fields.Datetime.now()
        try:
            if verb == 'put':
                answer = ask(resource, key, body)
            elif verb == 'delete':
                answer = ask(resource, key)
            else:
                answer = ask(resource, body)
                if not wire.as_guid(answer.get(key_name)):
                    raise MalformedAnswer(
                        "made something without its key", resource=resource, method='POST',
                    )
        except NotFound as error:
            if verb != 'delete':
                self._failed('refused', error)
                raise
            # Exact says that it is not there: whether that is so, its books show.
            answer = None
        except (OutcomeUnknown, MalformedAnswer) as error:
            self._failed(
                'no_answer', error, shown_by=self._shown_by(started, fields.Datetime.now()),
            )
            raise
        except (Rejected, Forbidden) as error:
            self._failed('refused', error, shown_by=False)
            raise
        except ExactError as error:
            # Limits, no connection, no consent: surely not processed.
            if not before:
                self.unlink()
                self.env['exact.work.mixin'].commit_half()
            else:
                self._failed('not_made' if before == 'open' else 'no_answer', error)
            raise
        made = {} if answer is None else {
            'exact_guid': wire.as_guid(answer[key_name]), 'answer': as_text(without_file(answer)),
        }
        self._go('answered', known='asked', **made)
        return answer

    @api.model
    def _shown_by(self, started, ended):
        """When Exact's books show what became of a call without answer. Exact was slow already: it
        may need as long again.
        """
        return ended + VISIBILITY + (ended - started)

    def _failed(self, event, error, **values):
        # A refusal without words is still one.
        words = "\n".join(error.messages) or (event == 'refused' and str(error))
        self._go(event, known='asked', answer=words, **values)
        self.env['exact.work.mixin'].commit_half()


class ExactOperationMixin(models.AbstractModel):
    """A record for which Exact is asked to change something."""

    _name = 'exact.operation.mixin'
    _description = "Exact Operation Mixin"

    operation_ids = fields.One2many(
        'exact.operation', 'res_id', string="Operations", readonly=True, copy=False,
        domain=lambda self: [('res_model', '=', self._name)],
    )

    def unlink(self):
        # sudo: people who may delete the record have no rights on what is remembered of its calls.
        self.sudo().operation_ids.unlink()
        return super().unlink()

    @api.private
    def operation(self, verb, part):
        """The latest operation of a kind that is not over, or an empty one.

        :rtype: `exact.operation`
        """
        return self.operation_ids.filtered(
            lambda operation: (operation.verb, operation.part) == (verb, part)
            and operation.state != 'over',
        )[:1]

    @api.private
    def operations(self, verb, part=''):
        """Those of a verb that are not over, of all parts whose names begin so."""
        return self.operation_ids.filtered(
            lambda operation: operation.verb == verb and operation.part.startswith(part)
            and operation.state != 'over',
        )

    @api.private
    def ask(
        self, client, verb, part, resource, body=None, *, key=None, key_name='ID', is_first=False,
        **values,
    ):
        """Ask Exact to change something for this record. Nothing else asks Exact for a change.

        :param str verb: of `exact.operation`, and `part`
        :param str resource: where, e.g. 'crm/Accounts'
        :param body: see `ExactOperation._call`, and `key`, `key_name`
        :param is_first: whether the caller knows that it was never asked before
        :param values: more to keep, as `title` and `version` of a file
        :return: what Exact answered, None of what makes nothing
        :raise ExactError: as of the client
        :raise booking.life.LifeError: it was asked before, and not looked up since.
        """
        self.ensure_one()
        operation = self.env['exact.operation'] if is_first else self.operation(verb, part)
        now = fields.Datetime.now()
        values |= {
            'resource': resource, 'asked_at': now, 'shown_by': now + VISIBILITY, 'answer': False,
            'request': self._request_text(body), 'next_try': now + PROVE_AFTER,
        }
        if key:
            values['exact_guid'] = key
        before = operation.state not in life.SETTLED and operation.state
        if before:
            again = before != 'open' and verb in REPEATABLE
            operation._go('asked_again' if again else 'asked', **values)
        else:
            operation = operation.create({
                'division_id': self.division_id.id, 'res_model': self._name, 'res_id': self.id,
                'verb': verb, 'part': part, 'state': 'asked', **values,
            })
        return operation._call(client, body, key, key_name, before)

    @api.model
    def _request_text(self, body):
        """What is kept of a request."""
        if body is None:
            return False
        return as_text(without_file(body))
