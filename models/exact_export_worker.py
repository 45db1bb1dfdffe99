"""The engine: takes exports from the queue and brings them into Exact, step by committed step.

Nothing here runs in a person's request. Whoever is killed at any line leaves a state that the next
run can go on from; what may have reached Exact is looked up before it is ever sent again.
"""

import logging
from collections import defaultdict
from datetime import timedelta

from psycopg2 import OperationalError
from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import split_every

from ..booking import (
    fingerprint,
    to_dict,
)
from ..booking.rules import check
from ..exact_api import ExactError, NeedsReconnect, RateLimited
from .exact_booking_builder import BookingBuilder, Problem
from .exact_clock import ceil
from .exact_error_text import describe
from .exact_export_queue import BUSY
from .exact_facts import line_taxes
from .exact_note import note
from .exact_relation_match import RELATION_QUESTIONS

_logger = logging.getLogger(__name__)

# Documents that are built and checked together: what they share is read once.
CHECK_BATCH = 200
# And so many in one turn: the rest while what is checked is on its way.
CHECK_AT_ONCE = 1000
# So many entries that wait to be read back are about one page of ledger lines.
VERIFY_AT = 250
# Four of them, since what the journals changed shortly before is read along.
VERIFY_MANY = 4 * VERIFY_AT
VERIFY_AFTER = timedelta(minutes=10)
# After so many tries without an answer a person has to look.
MAX_ATTEMPTS = 5
# Findings that block by the rules, but that the engine mends by itself on linked relations.
_MENDED = {'relation_not_customer', 'relation_not_supplier'}


def plain_text(value):
    """What json cannot write, as text."""
    return str(value)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === SCHEDULED ACTIONS === #

    @api.model
    def _cron_process(self):
        """Serve the divisions that have something to do, who waited longest first.

        Runs in several scheduled actions at once: each takes divisions that no other one serves.
        """
        divisions = self._due_divisions()
        cron = self.env['ir.cron']
        cron._commit_progress(remaining=len(divisions))
        # Many divisions have to be looked at again at the same moment: woken for it once.
        again = defaultdict(self.env['exact.division'].browse)
        for division in divisions:
            moment = self._turn(division)
            if moment:
                again[moment] |= division
            if not cron._commit_progress(1):
                again[fields.Datetime.now()] |= divisions
                break
        for moment, waiting in again.items():
            self._enqueue(waiting, moment)

    @api.model
    def _work(self, division):
        """Do all that is due in one division, and have it served again when more is.

        Whoever wakes it in the pause after a failure, or before a limit ends, has it served then.

        :return: that moment, None if nothing waits
        """
        moment = self._next_moment(division)
        if not moment or moment <= fields.Datetime.now():
            moment = self._turn(division)
        if moment:
            self._enqueue(division, moment)
        return moment

    @api.model
    def _turn(self, division):
        """Do all that is due in one division; a failure stops no other division.

        :return: when it has to be served again, None if nothing waits
        """
        with self._serving(division) as mine:
            return self._turn_alone(division) if mine else fields.Datetime.now() + BUSY

    @api.model
    def _turn_alone(self, division):
        company = division.company_id
        worker = self.with_company(company).with_context(
            allowed_company_ids=company.ids, lang=company.partner_id.lang,
            # What the worker does is told by attempts, not by a message per state.
            tracking_disable=True,
        )
        division = division.with_env(worker.env)
        retry_at = reason = limited_by = more = False
        try:
            more = worker._process_division(division)
        except RateLimited as error:
            self.env.cr.rollback()
            # Woken at full seconds, and never before the moment: the next chance is minutes later
            retry_at, limited_by = ceil(error.retry_at), error.scope
        except SerializationFailure:
            # Somebody changed what was being worked on; it is done with the next turn.
            self.env.cr.rollback()
        except NeedsReconnect:
            # The connection tells its people itself; the queue waits until it is back.
            self.env.cr.rollback()
        except ExactError as error:
            self.env.cr.rollback()
            _logger.info("Exact division %s: %s", division.code, type(error).__name__)
            retry_at, reason = None, describe(error)
        except Exception as error:
            self.env.cr.rollback()
            _logger.exception("Exact division %s: export failed", division.code)
            retry_at, reason = None, note('finding/unexpected', reason=type(error).__name__)
        worker.env['exact.export.queue']._of(division)._served(retry_at, reason, limited_by)
        self._commit()
        moment = self._next_moment(division)
        # If a turn changed nothing, the next one does not begin at once.
        return moment if more or not moment else max(moment, fields.Datetime.now() + BUSY)

    @api.model
    def _process_division(self, division):
        """All that is due in one division, each step committed.

        :return: whether time ran out before all was done
        """
        if not division.active:
            # An archived administration is not served, whatever woke us.
            return False
        self._recover_claims(division)
        more = self._check_proposed(division)
        self._recheck_changed(division)
        closed = division.connection_id.sudo().state != 'connected' or division.unreachable_reason
        if closed or not (self._due_in(division) or self._is_look_due(division)):
            return more
        with division._client() as client:
            self._resolve_uncertain(division, client)
            self._look_at_deleted(division, client)
            if self._verify_first(division):
                # At the limit of calls a large queue takes many turns: nobody waits for the last.
                more |= self._verify_sent(division, client)
            if not division.hold:
                more |= self._do_pending(division, client)
                more |= self._send_ready(division, client)
            self._look_if_due(division, client)
            if not more or self._verify_first(division):
                # With many at once: the next turn sends on, a call for each turn's few is a waste.
                more |= self._verify_sent(division, client)
        return more

    @api.model
    def _verify_first(self, division):
        """Whether so many entries, or so old ones, wait to be read back that it is done now."""
        sent = self.search([
            ('division_id', '=', division.id), ('work', '=', 'read_back'),
        ], order='sent_at', limit=VERIFY_MANY)
        oldest = sent[:1].sent_at
        return len(sent) == VERIFY_MANY or (
            oldest and oldest < fields.Datetime.now() - VERIFY_AFTER
        )

    @api.model
    def _due_in(self, division):
        """Whether there is anything to ask or tell Exact."""
        now = fields.Datetime.now()
        return self.search_count([
            ('division_id', '=', division.id),
            '|', ('next_try', '=', False), ('next_try', '<=', now),
            ('work', 'in', [kind.name for kind in self._work_kinds() if kind.asks_exact]),
        ], limit=1)

    def _due(self, division, work, **kwargs):
        """Those of a division in which work of this kind can be done now."""
        return self.search([
            ('division_id', '=', division.id), ('work', '=', work),
            '|', ('next_try', '=', False), ('next_try', '<=', fields.Datetime.now()),
        ], **kwargs)

    def _commit(self):
        """Commit the step.

        :return: seconds that are left for this run.
        """
        # A step that counts: Odoo gives up on actions that are killed again and again without any.
        return self.env['ir.cron']._commit_progress(1)

    def _commit_half(self):
        """Commit what was written in the middle of a step, which goes on."""
        self.env['ir.cron'].with_context(ir_cron_progress_id=False)._commit_progress()

    # === BUILD AND CHECK === #

    @api.model
    def _check_proposed(self, division):
        """Build the bookings of what is proposed and check them by Exact's own rules.

        :return: whether more wait to be checked
        """
        proposed = self.search([
            ('division_id', '=', division.id), ('work', '=', 'check'),
        ], order='id', limit=CHECK_AT_ONCE)
        for batch_ids in split_every(CHECK_BATCH, proposed.ids):
            batch = self.browse(batch_ids).try_lock_for_update().filtered(
                lambda export: export.state == 'proposed',
            )
            batch._each_by_itself(
                # While exports are done one by one, people may withdraw some of them.
                lambda exports: exports.filtered(
                    lambda export: export.state == 'proposed',
                )._check(division),
                lambda export, error: export._check_failed(error),
            )
            if not self._commit():
                return True
        return len(proposed) == CHECK_AT_ONCE

    def _each_by_itself(self, work, failed):
        """Do the work on all of them; where that fails, on each alone: one document's trouble is no
        other's.

        :param work: callable that is given exports.
        :param failed: callable that is given the export and the exception that it alone raised.
        """
        try:
            work(self)
            self.env.flush_all()
        except (OperationalError, ExactError):
            raise
        except Exception:
            _logger.info("Exact: %s exports are done one by one", len(self), exc_info=True)
            self.env.cr.rollback()
        else:
            return
        for export in self:
            try:
                work(export)
                self.env.flush_all()
            except (OperationalError, ExactError):
                raise
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("Exact: export %s failed", export.id)
                failed(export, error)
            self._commit()

    @api.model
    def _unexpected(self, error):
        """The finding of an error that nobody foresaw."""
        return Problem('unexpected', params={'reason': f"{type(error).__name__}: {error}"[:200]})

    def _check_failed(self, error):
        self._set_findings([self._unexpected(error)])
        self._log_attempt('check', 'refused', self.finding_ids[:1]._note())
        self._go('check_blocked')

    def _check(self, division):
        """Check exports of one division; each ends `ready` or `blocked`, or `uncertain` where Exact
        may have the entry already.
        """
        moves = self.move_id
        builder = BookingBuilder(division, moves, link=True)
        built = {export: builder.build(export.move_id, export.overrides) for export in self}
        facts = division._booking_facts(builder, list(built.values()))
        suspects = self._suspects(division, {
            export: one.booking for export, one in built.items() if one.booking
        })
        ids = self._ids_in_exact(division, built.values())
        deviating = self._einvoice_problems(built)
        all_problems, others_now = {}, self.browse()
        for export, one in built.items():
            before = export.fingerprint
            problems = export._problems(division, one, facts) + deviating.get(export, [])
            blocked = any(problem.severity == 'blocks' for problem in problems)
            # What somebody else may have booked is looked at before anything is sent.
            event = 'check_in_doubt' if export in suspects else 'check_passed'
            export._go(
                'check_blocked' if blocked else event,
                name=export.move_id.name, next_try=False, asked_at=False,
                **(export._booking_values(one, ids) if one.booking else {}),
            )
            all_problems[export] = problems
            if before and before != export.fingerprint:
                others_now |= export
        self._set_all_findings(all_problems)
        self._keep_lines(built, ids)
        if others_now:
            others_now._release_same()
        self.filtered(lambda export: export.state == 'ready')._hold_with_refused(division)

    @api.model
    def _problems(self, division, one, facts):
        """All findings on a built document, those of the build and those of the rules.

        :rtype: list[Problem]
        """
        problems = list(one.problems)
        move = one.move
        if move.state != 'posted':
            problems.append(Problem('not_posted'))
        start = division.export_start_date
        if start and move.date < start:
            problems.append(Problem('before_start_date', params={
                'date': str(move.date), 'start': str(start),
            }))
        if division.currency_id and division.currency_id != move.company_currency_id:
            problems.append(Problem('division_currency', params={
                'division_currency': division.currency_id.name,
                'currency': move.company_currency_id.name,
            }, target=('exact.division', division.id)))
        for partner_id in one.new_relations:
            partner = self.env['res.partner'].browse(partner_id)
            problems.append(Problem(
                'relation_new', 'informs', {'partner': partner.display_name},
            ))
        if not one.booking:
            return problems
        known = {problem.code for problem in problems}
        lines = {position: line_id for position, (line_id, _chosen) in enumerate(one.sources)}
        for finding in check(one.booking, facts, taxes=line_taxes(one)):
            if finding.code in known or self._said_already(finding.code, known):
                continue
            severity = 'informs' if finding.code in _MENDED else finding.severity
            problems.append(Problem(
                finding.code, severity,
                {key: str(value) for key, value in finding.params.items()},
                self._target(one, finding, lines.get(finding.line)),
            ))
        return problems

    @api.model
    def _said_already(self, code, known):
        """Whether a finding only repeats, in Exact's terms, what the build said in Odoo's."""
        causes = {
            'journal_missing': {'mapping_missing_journal'},
            'account_missing': {'mapping_missing_account', 'line_without_account'},
            'vat_code_missing': {'mapping_missing_tax', 'several_taxes'},
            'relation_missing': {'no_partner', *RELATION_QUESTIONS},
            'period_unknown': {'period_unknown'},
            'period_closed': {'period_ask', 'no_open_period'},
            'no_lines': {'nothing_to_book'},
            'total_differs': {
                'total_mismatch', 'mapping_missing_tax', 'mapping_missing_account', 'several_taxes',
            },
            'vat_total_differs': {'total_mismatch', 'mapping_missing_tax', 'several_taxes'},
        }
        return bool(causes.get(code, set()) & known)

    @api.model
    def _target(self, one, finding, line_id):
        """The record that a person has to mend for a finding of the rules."""
        move = one.move
        line = self.env['account.move.line'].browse(line_id or [])
        code = finding.code
        if code.startswith(('vat_', 'reverse_charge')) and line.tax_ids:
            return ('account.tax', line.tax_ids.flatten_taxes_hierarchy()[:1].id)
        if code.startswith('account_') and line.account_id:
            return ('account.account', line.account_id.id)
        if code.startswith('journal_'):
            return ('account.journal', move.journal_id.id)
        if code.startswith('relation_') and move.commercial_partner_id:
            return ('res.partner', move.commercial_partner_id.id)
        if code == 'period_closed':
            return one.closed_period
        if code.startswith(('period_', 'currency_')):
            return ('exact.division', self.division_id.id) if self.division_id else None
        if code == 'payment_condition_unknown':
            return ('account.payment.term', move.invoice_payment_term_id.id)
        return None

    @api.model
    def _booking_values(self, one, ids):
        """What an export keeps of a built booking.

        :param dict ids: of `_ids_in_exact`
        """
        booking = one.booking
        return {
            'booking': to_dict(booking),
            'document_written_at': one.move.write_date,
            'fingerprint': fingerprint(booking),
            'reference': booking.your_ref,
            'kind': booking.kind,
            'own_date': booking.own_date or False,
            'journal_id': ids['exact.journal'].get(booking.journal),
            'relation_id': ids['exact.relation'].get(booking.relation),
        }

    def _keep_lines(self, built, ids):
        """Keep the lines of the bookings, for people to read.

        :param built: {export: Built}
        :param dict ids: of `_ids_in_exact`
        """
        self.env['exact.export.line'].search([('export_id', 'in', self.ids)]).unlink()
        self.env['exact.export.line'].create([
            {
                'export_id': export.id,
                'sequence': position,
                'move_line_id': one.sources[position][0],
                'chosen_by': one.sources[position][1],
                'name': line.description,
                'gl_account_id': ids['exact.gl.account'].get(line.gl_account),
                'amount': float(line.amount),
                'vat_code_id': ids['exact.vat.code'].get(line.vat_code),
                'vat_amount': float(line.vat_amount or 0),
                'cost_center': line.cost_center,
                'cost_unit': line.cost_unit,
                'project_id': ids['exact.project'].get(line.project),
            }
            for export, one in built.items() if one.booking
            for position, line in enumerate(one.booking.lines)
        ])

    @api.model
    def _ids_in_exact(self, division, built):
        """Ids of the master data that bookings name, in a query per kind of it.

        :param built: `Built` of one division
        :return: {model: {code or GUID: id}}
        """
        bookings = [one.booking for one in built if one.booking]
        lines = [line for booking in bookings for line in booking.lines]
        named = {
            'exact.journal': ('code', {booking.journal for booking in bookings}),
            'exact.relation': ('exact_guid', {booking.relation for booking in bookings}),
            'exact.gl.account': ('exact_guid', {line.gl_account for line in lines}),
            'exact.vat.code': ('code', {line.vat_code for line in lines}),
            'exact.project': ('exact_guid', {line.project for line in lines}),
        }
        return {
            model: {
                record[field]: record.id
                for record in self.env[model].with_context(active_test=False).search_fetch([
                    ('division_id', '=', division.id), (field, 'in', list(keys - {'', None})),
                ], [field])
            } if keys - {'', None} else {}
            for model, (field, keys) in named.items()
        }
