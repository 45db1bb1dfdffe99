"""Sending: the relation, the document, the entry; each outcome told apart.

A claim is committed before anything is sent, and what Exact answered before anything else happens.
"""

import logging
import time
from dataclasses import replace
from datetime import timedelta

from psycopg2 import OperationalError
from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ...booking import (
    from_dict,
    payload,
    resource,
    to_dict,
)
from ...exact_api import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    wire,
)
from ..administration.exact_call import OF_ONE_KIND
from ..base.exact_clock import ceil
from ..base.exact_error_text import DIVISION_REASONS, describe
from ..base.exact_problem import Problem
from .exact_export import ENTRY
from .exact_export_files import DOCUMENT_RESOURCES
from .exact_export_relation import RELATION_RESOURCE, RelationQuestion

_logger = logging.getLogger(__name__)

# Exports that are looked for together.
SEND_BATCH = 200
# Seconds after which another division has its turn.
TURN = 60
# What sending looks at, read with one query each.
_SENT_BY = [
    'state', 'exact_guid', 'attempt_count', 'booking', 'kind', 'move_id', 'relation_id',
    'overrides', 'document_guid', 'document_written_at', 'pending_action', 'division_id',
    'has_difference', 'fingerprint', 'next_try', 'entry_number', 'name', 'is_double',
]
_MADE_OF = ['state', 'write_date', 'move_type', 'name']
# How long a document that must follow another is left alone while that one cannot go.
HELD_BACK = timedelta(minutes=10)


class ExactExportSend(models.AbstractModel):
    _name = 'exact.export.send'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Sending"

    # === SEND === #

    @api.private
    def send_ready(self, division, client):
        """Send what is ready, the documents of a journal in the order of their numbers.

        :return: whether the next turn goes on at once: time ran out, or some are to be checked anew
        """
        started, tried, looked_for = time.monotonic(), set(), set()
        check_anew = False
        # A batch at a time: the queue may be long, and a turn ends with the minute's calls.
        while ready_ids := [
            export_id for export_id in self.next_ready(division, tried) if export_id not in tried
        ]:
            if not looked_for.issuperset(ready_ids):
                # What is in Exact already is not booked once more.
                self.env['exact.export.look'].look_before_sending(division, client)
                looked_for = set(self.next_ready(division, tried))
                continue
            if self._learn_old_years(division, client, ready_ids):
                check_anew = True
                continue
            for export_id in ready_ids:
                if division.hold:
                    return check_anew
                # Each alone: a record that is read along would be read anew after each commit.
                export = self.env['exact.export'].browse(export_id)
                tried.add(export_id)
                if self._claim(export):
                    try:
                        self._send(export, client)
                    except RateLimited as error:
                        if error.scope not in OF_ONE_KIND:
                            raise
                        self._wait_for_fuse(export, error)
                    if not self._commit() or time.monotonic() - started > TURN:
                        return True
                if division.numbering == 'exact' and export.state != 'sent':
                    # Those behind it may have to wait for it.
                    break
        return check_anew

    def _wait_for_fuse(self, export, refusal):
        """Exact refused too many requests of one kind: the documents that need it wait, the others
        go on.

        :param RateLimited refusal: what this export met
        """
        export.ensure_one()
        waiting = export
        if refusal.resource == resource(export.kind):
            same = Domain.TRUE
        elif refusal.resource in DOCUMENT_RESOURCES and export.kind == 'sale':
            # Each sale has a file, and printing it would be a waste. Documents of other kinds find
            # out by themselves.
            same = Domain('document_guid', '=', False)
        else:
            same = Domain.FALSE
        waiting |= export.search(same & Domain([
            ('division_id', '=', export.division_id.id), ('state', '=', 'ready'),
            ('kind', '=', export.kind),
        ]))
        waiting.next_try = ceil(refusal.retry_at)

    @api.private
    def resources(self, exports):
        """The kinds of requests that sending these exports may take."""
        resources = {RELATION_RESOURCE, *(resource(kind) for kind in set(exports.mapped('kind')))}
        if any(exports.division_id.mapped('send_documents')):
            resources.update(DOCUMENT_RESOURCES)
        return resources

    @api.private
    def next_ready(self, division, tried=(), limit=SEND_BATCH):
        """Ids of exports to be sent next, in the order of their documents.

        Where Exact gives the numbers, a document waits for those before it.

        :param tried: ids of those that could not be claimed or sent in this turn, if still ready
        """
        self.env['exact.export'].flush_model(['state', 'pending_action', 'next_try', 'journal_id'])
        in_order, now = SQL("TRUE"), fields.Datetime.now()
        if division.numbering == 'exact':
            in_order = SQL(
                """NOT (export.kind = 'sale' AND EXISTS (
                    SELECT 1 FROM exact_export earlier
                      JOIN account_move before ON before.id = earlier.move_id
                     WHERE earlier.division_id = export.division_id AND earlier.kind = 'sale'
                       AND (
                            earlier.state IN ('proposed', 'blocked', 'refused', 'uncertain')
                            OR (earlier.state = 'ready'
                                AND (earlier.next_try > %s OR earlier.id = ANY(%s)))
                       )
                       AND before.journal_id = move.journal_id
                       AND before.sequence_prefix = move.sequence_prefix
                       AND before.sequence_number < move.sequence_number
                ))""", now, list(tried),
            )
        rows = self.env.execute_query(SQL(
            """
            SELECT export.id, %(in_order)s
              FROM exact_export export
              JOIN account_move move ON move.id = export.move_id
         LEFT JOIN exact_journal journal ON journal.id = export.journal_id
             WHERE export.division_id = %(division)s AND export.state = 'ready'
               AND export.pending_action IS NULL
               AND (export.next_try IS NULL OR export.next_try <= %(now)s)
          ORDER BY 2 DESC, journal.code, move.journal_id, move.sequence_prefix,
                   move.sequence_number, export.id
             LIMIT %(limit)s
            """,
            in_order=in_order, division=division.id, now=now, limit=limit,
        ))
        self.env['exact.export'].browse(row[0] for row in rows if not row[1]).next_try = (
            now + HELD_BACK
        )
        return [row[0] for row in rows if row[1]]

    def _claim(self, export):
        """Claim this export. The claim is committed before Exact is asked for anything, so that our
        successor knows of it.

        :return: whether it is ours now.
        """
        export.ensure_one()
        try:
            export.lock_for_update(allow_referencing=True)
        except (LockError, SerializationFailure):
            self.env.cr.rollback()
            return False
        export.fetch(_SENT_BY)
        if export.state != 'ready' or export.exact_guid:
            return False
        if export.next_try and export.next_try > fields.Datetime.now():
            # Another document of this turn has made it wait
            return False
        # A document whose export was uncertain may have been edited meanwhile.
        export.move_id.fetch(_MADE_OF)
        if export.move_id.state != 'posted':
            export.withdraw()
            self._commit()
            return False
        if self.is_outdated(export):
            export._go('check_anew')
            self._commit()
            return False
        export._go('claimed', attempt_count=export.attempt_count + 1)
        return True

    @api.private
    def is_outdated(self, export):
        """Whether the document was written since its booking was built."""
        export.ensure_one()
        return export.move_id.write_date != export.document_written_at

    def _send(self, export, client):
        """Send one claimed export: relation, document, entry.

        Ends `sent`, `refused`, `uncertain` or `ready` again; raises what concerns the whole
        division (limits, connection), after the export is safe.
        """
        export.ensure_one()
        step = 'relation'
        try:
            meant = from_dict(export.booking)
            booking = self.env['exact.export.relations'].ensure_relations(export, client, meant)
            step = 'document'
            booking = replace(
                booking,
                document=self.env['exact.export.files'].ensure_document(export, client, booking),
            )
            step = 'entry'
            if booking != meant:
                # Without an answer this is what the entry is looked up by.
                export.booking = to_dict(booking)
            answer = export.ask(
                client, *ENTRY, resource(booking), self.body(export, booking), key_name='EntryID',
                is_first=export.attempt_count == 1,
            )
        except RelationQuestion:
            self.env['exact.export.relations'].check_anew(export)
            return
        except Rejected as error:
            self.env['exact.export.refusal'].refused(export, step, error)
            return
        except (OutcomeUnknown, MalformedAnswer) as error:
            export.log_attempt(step, 'unknown', describe(error))
            # Only the entry itself must not come twice; relations and documents are looked up.
            export._go(
                'in_doubt' if step == 'entry' else self._again_or_given_up(export, error.messages),
                next_try=fields.Datetime.now() + timedelta(minutes=1),
            )
            return
        except (Forbidden, NotFound) as error:
            if getattr(error, 'reason', '') in DIVISION_REASONS:
                # Not this document but the whole administration is closed to us: all wait
                self._later(export, step, error)
                raise
            self.env['exact.export.refusal'].refused(export, step, error)
            return
        except UserError as error:
            # Odoo could not print the document; Exact was not asked for the entry yet.
            problem = Problem('pdf_failed', params={'reason': str(error)})
            export._set_findings([problem if step == 'document' else self._unexpected(error)])
            export.log_attempt(step, 'refused', str(error))
            export._go('refused')
            return
        except ExactError as error:
            self._later(export, step, error)
            raise
        except OperationalError:
            raise
        except Exception as error:
            # Nobody foresaw it: a person is told, and the documents behind this one go on.
            self.env.cr.rollback()
            _logger.exception("Exact: export %s failed at its %s", export.id, step)
            asked = export.operation(*ENTRY).to_look_up()
            export._set_findings([self._unexpected(error)])
            export.log_attempt(
                step, 'unknown' if asked else 'refused', export.finding_ids[:1].as_note()
            )
            export._go('in_doubt' if asked else 'refused', next_try=False)
            return
        self._booked(export, answer)

    @api.private
    def body(self, export, booking):
        """What Exact is sent for a booking."""
        explicit = export.division_id.credit_note_style == 'explicit'
        return payload(booking, explicit_type=explicit)

    def _later(self, export, step, error):
        """Go back into the queue: nothing was sent, and it was not this document's fault."""
        export.log_attempt(step, 'later', describe(error))
        export._go('not_asked', attempt_count=export.attempt_count - 1)
        self._commit()

    def _again_or_given_up(self, export, words):
        """After some attempts a person has to look.

        :param words: what Exact answered, sentence by sentence
        :return: the event of `booking.life` that it is
        """
        if self.env['exact.export.refusal'].may_try_again(export, words):
            return 'not_asked'
        export._set_findings([self.env['exact.export.refusal'].given_up(export, words)])
        return 'refused'

    def _booked(self, export, answer):
        """Exact took it: keep what it became before anything else happens."""
        export._go(
            'booked',
            exact_guid=wire.as_guid(answer['EntryID']),
            entry_number=wire.as_int(answer.get('EntryNumber')) or 0,
            invoice_number=wire.as_int(answer.get('InvoiceNumber')) or 0,
            sent_at=fields.Datetime.now(),
            next_try=False,
            has_difference=False,
        )
        export.log_attempt('entry', 'done', str(export.entry_number or ''))
