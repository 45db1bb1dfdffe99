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
from ..document.exact_booking_builder import Problem
from .exact_export import ENTRY
from .exact_export_files import DOCUMENT_RESOURCES
from .exact_export_relation import RELATION_RESOURCE, RelationQuestion

_logger = logging.getLogger(__name__)

# Exports that are looked for together.
SEND_BATCH = 200
# Seconds after which another division has its turn.
TURN = 60
# What sending looks at, read with one query.
_SENT_BY = [
    'state', 'exact_guid', 'attempt_count', 'booking', 'kind', 'move_id', 'relation_id',
    'overrides', 'document_guid', 'document_written_at', 'pending_action',
    'has_difference', 'fingerprint', 'next_try',
]
# How long a document that must follow another is left alone while that one cannot go.
HELD_BACK = timedelta(minutes=10)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === SEND === #

    @api.model
    def _send_ready(self, division, client):
        """Send what is ready, the documents of a journal in the order of their numbers.

        :return: whether the next turn goes on at once: time ran out, or some are to be checked anew
        """
        started, tried, looked_for = time.monotonic(), set(), set()
        check_anew = False
        # A batch at a time: the queue may be long, and a turn ends with the minute's calls.
        while ready_ids := [
            export_id for export_id in self._next_ready(division, tried) if export_id not in tried
        ]:
            if not looked_for.issuperset(ready_ids):
                # What is in Exact already is not booked once more.
                self._look_before_sending(division, client)
                looked_for = set(self._next_ready(division, tried))
                continue
            if self._learn_old_years(division, client, ready_ids):
                check_anew = True
                continue
            for export_id in ready_ids:
                if division.hold:
                    return check_anew
                # Each alone: a record that is read along would be read anew after each commit.
                export = self.browse(export_id)
                tried.add(export_id)
                if export._claim():
                    try:
                        export._send(client)
                    except RateLimited as error:
                        if error.scope not in OF_ONE_KIND:
                            raise
                        export._wait_for_fuse(error)
                    if not self._commit() or time.monotonic() - started > TURN:
                        return True
                if division.numbering == 'exact' and export.state != 'sent':
                    # Those behind it may have to wait for it.
                    break
        return check_anew

    def _wait_for_fuse(self, refusal):
        """Exact refused too many requests of one kind: the documents that need it wait, the others
        go on.

        :param RateLimited refusal: what this export met
        """
        self.ensure_one()
        waiting = self
        if refusal.resource == resource(self.kind):
            same = Domain.TRUE
        elif refusal.resource in DOCUMENT_RESOURCES and self.kind == 'sale':
            # Each sale has a file, and printing it would be a waste. Documents of other kinds find
            # out by themselves.
            same = Domain('document_guid', '=', False)
        else:
            same = Domain.FALSE
        waiting |= self.search(same & Domain([
            ('division_id', '=', self.division_id.id), ('state', '=', 'ready'),
            ('kind', '=', self.kind),
        ]))
        waiting.next_try = ceil(refusal.retry_at)

    def _resources(self):
        """The kinds of requests that sending these exports may take."""
        resources = {RELATION_RESOURCE, *(resource(kind) for kind in set(self.mapped('kind')))}
        if any(self.division_id.mapped('send_documents')):
            resources.update(DOCUMENT_RESOURCES)
        return resources

    @api.model
    def _next_ready(self, division, tried=(), limit=SEND_BATCH):
        """Ids of exports to be sent next, in the order of their documents.

        Where Exact gives the numbers, a document waits for those before it.

        :param tried: ids of those that could not be claimed or sent in this turn, if still ready
        """
        self.flush_model(['state', 'pending_action', 'next_try', 'journal_id'])
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
        self.browse(row[0] for row in rows if not row[1]).next_try = now + HELD_BACK
        return [row[0] for row in rows if row[1]]

    def _claim(self):
        """Claim this export. The claim is committed before Exact is asked for anything, so that our
        successor knows of it.

        :return: whether it is ours now.
        """
        self.ensure_one()
        try:
            self.lock_for_update(allow_referencing=True)
        except (LockError, SerializationFailure):
            self.env.cr.rollback()
            return False
        self.fetch(_SENT_BY)
        if self.state != 'ready' or self.exact_guid:
            return False
        if self.next_try and self.next_try > fields.Datetime.now():
            # Another document of this turn has made it wait
            return False
        # A document whose export was uncertain may have been edited meanwhile.
        self.move_id.fetch(['state', 'write_date'])
        if self.move_id.state != 'posted':
            self._withdraw()
            self._commit()
            return False
        if self._is_outdated():
            self._go('check_anew')
            self._commit()
            return False
        self._go('claimed', attempt_count=self.attempt_count + 1)
        return True

    def _is_outdated(self):
        """Whether the document was written since its booking was built."""
        self.ensure_one()
        return self.move_id.write_date != self.document_written_at

    def _send(self, client):
        """Send one claimed export: relation, document, entry.

        Ends `sent`, `refused`, `uncertain` or `ready` again; raises what concerns the whole
        division (limits, connection), after the export is safe.
        """
        self.ensure_one()
        step = 'relation'
        try:
            meant = from_dict(self.booking)
            booking = self._ensure_relations(client, meant)
            step = 'document'
            booking = replace(booking, document=self._ensure_document(client, booking))
            step = 'entry'
            if booking != meant:
                # Without an answer this is what the entry is looked up by.
                self.booking = to_dict(booking)
            answer = self._ask(
                client, *ENTRY, resource(booking), self._body(booking), key_name='EntryID',
                is_first=self.attempt_count == 1,
            )
        except RelationQuestion:
            self._check_anew()
            return
        except Rejected as error:
            self._refused(step, error)
            return
        except (OutcomeUnknown, MalformedAnswer) as error:
            self._log_attempt(step, 'unknown', describe(error))
            # Only the entry itself must not come twice; relations and documents are looked up.
            self._go(
                'in_doubt' if step == 'entry' else self._again_or_given_up(error.messages),
                next_try=fields.Datetime.now() + timedelta(minutes=1),
            )
            return
        except (Forbidden, NotFound) as error:
            if getattr(error, 'reason', '') in DIVISION_REASONS:
                # Not this document but the whole administration is closed to us: all wait
                self._later(step, error)
                raise
            self._refused(step, error)
            return
        except UserError as error:
            # Odoo could not print the document; Exact was not asked for the entry yet.
            problem = Problem('pdf_failed', params={'reason': str(error)})
            self._set_findings([problem if step == 'document' else self._unexpected(error)])
            self._log_attempt(step, 'refused', str(error))
            self._go('refused')
            return
        except ExactError as error:
            self._later(step, error)
            raise
        except OperationalError:
            raise
        except Exception as error:
            # Nobody foresaw it: a person is told, and the documents behind this one go on.
            self.env.cr.rollback()
            _logger.exception("Exact: export %s failed at its %s", self.id, step)
            asked = self._operation(*ENTRY)._to_look_up()
            self._set_findings([self._unexpected(error)])
            self._log_attempt(step, 'unknown' if asked else 'refused', self.finding_ids[:1]._note())
            self._go('in_doubt' if asked else 'refused', next_try=False)
            return
        self._booked(answer)

    def _body(self, booking):
        """What Exact is sent for a booking."""
        explicit = self.division_id.credit_note_style == 'explicit'
        return payload(booking, explicit_type=explicit)

    def _later(self, step, error):
        """Go back into the queue: nothing was sent, and it was not this document's fault."""
        self._log_attempt(step, 'later', describe(error))
        self._go('not_asked', attempt_count=self.attempt_count - 1)
        self._commit()

    def _again_or_given_up(self, words):
        """After some attempts a person has to look.

        :param words: what Exact answered, sentence by sentence
        :return: the event of `booking.life` that it is
        """
        if self._may_try_again(words):
            return 'not_asked'
        self._set_findings([self._given_up(words)])
        return 'refused'

    def _booked(self, answer):
        """Exact took it: keep what it became before anything else happens."""
        self._go(
            'booked',
            exact_guid=wire.as_guid(answer['EntryID']),
            entry_number=wire.as_int(answer.get('EntryNumber')) or 0,
            invoice_number=wire.as_int(answer.get('InvoiceNumber')) or 0,
            sent_at=fields.Datetime.now(),
            next_try=False,
            has_difference=False,
        )
        self._log_attempt('entry', 'done', str(self.entry_number or ''))
