"""The engine: takes exports from the queue and brings them into Exact, step by committed step.

Nothing here runs in a person's request. Whoever is killed at any line leaves a state that the next
run can go on from; what may have reached Exact is looked up before it is ever sent again.
"""

import base64
import json
import logging
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import date, timedelta
from decimal import Decimal

from psycopg2 import OperationalError
from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import LockError, UserError
from odoo.tools import split_every
from odoo.tools.misc import format_date, formatLang

from ..booking import (
    READ_FIELDS,
    Difference,
    compare,
    fingerprint,
    from_dict,
    is_ledger_only,
    payload,
    read_entry,
    resource,
    to_dict,
)
from ..booking.changes import changes, plan
from ..booking.payload import has_reference, line_resource
from ..booking.rules import check, next_open_period
from ..exact_api import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
    Unreachable,
    odata,
    wire,
)
from .exact_booking_builder import BookingBuilder, Problem, stand_in
from .exact_error_text import explain
from .exact_export import BOOKED_STATES
from .exact_facts import line_taxes

_logger = logging.getLogger(__name__)

# Documents that are built and checked together: what they share is read once.
CHECK_BATCH = 200
# Entries read back with one call; keeps the address of the call below 4 kB.
READ_BATCH = 40
# After this a claimed export has lost its worker.
CLAIM_TIMEOUT = timedelta(minutes=15)
# How long Exact may take to show an entry that it has booked.
VISIBILITY = timedelta(minutes=2)
MAX_ATTEMPTS = 5
# Documents are never larger in Exact.
MAX_ATTACHMENT = 25 * 1024 * 1024
# EntityType of TransactionLines in sync/Deleted.
TRANSACTION_LINES = 1
# What the rules call blocking and the engine mends by itself, on relations that are linked.
_MENDED = {'relation_not_customer', 'relation_not_supplier'}

_DATES = {'Date', 'DueDate'}
_NUMBERS = {
    'EntryNumber', 'Division', 'FinancialYear', 'FinancialPeriod', 'InvoiceNumber', 'Status',
    'Type', 'LineNumber',
}
_AMOUNTS = {'AmountFC', 'AmountVATFC', 'ExchangeRate'}


def _decoded(row):
    """A row of TransactionLines as Python values."""
    result = {}
    for name, value in row.items():
        if name in _DATES:
            value = wire.as_date(value)
        elif name in _NUMBERS:
            value = wire.as_int(value)
        elif name in _AMOUNTS:
            value = wire.as_decimal(value)
        result[name] = value
    return result


def _plain(value):
    """What json cannot write, as text."""
    return str(value)


class ExactExport(models.Model):
    _inherit = 'exact.export'

    # === SCHEDULED ACTION === #

    @api.model
    def _cron_process(self):
        """Do all that is due, division by division; one division's trouble is its own."""
        divisions = self._due_divisions()
        cron = self.env['ir.cron']
        cron._commit_progress(remaining=len(divisions))
        for division in divisions:
            worker = self.with_company(division.company_id).with_context(
                allowed_company_ids=division.company_id.ids,
                lang=division.company_id.partner_id.lang,
            )
            division = division.with_env(worker.env)
            try:
                worker._process_division(division)
            except RateLimited as error:
                self.env.cr.rollback()
                self._wake_at(error.retry_at.replace(tzinfo=None))
            except (Unreachable, Transient) as error:
                self.env.cr.rollback()
                _logger.info("Exact division %s: %s", division.code, type(error).__name__)
                self._wake_at(fields.Datetime.now() + timedelta(minutes=2))
            except ExactError as error:
                # The connection tells its people itself what is the matter.
                self.env.cr.rollback()
                _logger.info("Exact division %s: %s", division.code, type(error).__name__)
            except SerializationFailure:
                # Another worker was faster; what is left comes with the next run.
                self.env.cr.rollback()
                self._wake_at(fields.Datetime.now())
            except Exception:
                self.env.cr.rollback()
                _logger.exception("Exact division %s: export failed", division.code)
            if not cron._commit_progress(1):
                break

    @api.model
    def _due_divisions(self):
        rows = self._read_group(
            [
                '|', ('state', 'in', ['proposed', 'ready', 'sending', 'sent', 'uncertain']),
                ('pending_action', '!=', False),
            ],
            ['division_id'],
        )
        return self.env['exact.division'].union(*(division for [division] in rows)).filtered(
            'company_id',
        )

    def _wake_at(self, moment):
        self.env.ref('account_exact.ir_cron_exact_export')._trigger(
            max(moment, fields.Datetime.now()),
        )

    @api.model
    def _process_division(self, division):
        """All that is due in one division, each step committed."""
        self._recover_claims(division)
        self._check_proposed(division)
        self._recheck_changed(division)
        if division.hold or not self._due_in(division):
            return
        with division._client() as client:
            self._resolve_uncertain(division, client)
            self._do_pending(division, client)
            self._send_ready(division, client)
            self._verify_sent(division, client)

    @api.model
    def _due_in(self, division):
        """Whether there is anything to ask or tell Exact."""
        now = fields.Datetime.now()
        return self.search_count([
            ('division_id', '=', division.id),
            '|', ('next_try', '=', False), ('next_try', '<=', now),
            '|', ('pending_action', 'in', ['undo', 'reverse', 'update']),
            '|', ('state', 'in', ['ready', 'uncertain']),
            '&', ('state', '=', 'sent'), ('has_difference', '=', False),
        ], limit=1)

    def _due(self, division, domain, **kwargs):
        return self.search([
            ('division_id', '=', division.id),
            '|', ('next_try', '=', False), ('next_try', '<=', fields.Datetime.now()),
            *domain,
        ], **kwargs)

    def _commit(self):
        """Make the step a fact.

        :return: seconds that are left for this run.
        """
        return self.env['ir.cron']._commit_progress()

    # === BUILD AND CHECK === #

    @api.model
    def _check_proposed(self, division):
        """Build the bookings of what is proposed and check them by Exact's own rules."""
        proposed = self.search([
            ('division_id', '=', division.id), ('state', '=', 'proposed'),
        ], order='id')
        for batch_ids in split_every(CHECK_BATCH, proposed.ids):
            batch = self.browse(batch_ids).try_lock_for_update().filtered(
                lambda export: export.state == 'proposed',
            )
            batch._each_by_itself(
                lambda exports: exports._check(division),
                lambda export, error: export._check_failed(error),
            )
            self._commit()

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
        """What nobody foresaw, as a finding."""
        return Problem('unexpected', params={'reason': f"{type(error).__name__}: {error}"[:200]})

    def _check_failed(self, error):
        self._set_findings([self._unexpected(error)])
        self._log_attempt('check', 'refused', self.finding_ids[:1].message)
        self.write({'state': 'blocked'})

    def _check(self, division):
        """Check exports of one division; each ends `ready`, `blocked` or `to_approve`."""
        moves = self.move_id
        builder = BookingBuilder(division, moves, link=True)
        built = {export: builder.build(export.move_id, export.overrides) for export in self}
        facts = division._booking_facts(builder, list(built.values()))
        for export, one in built.items():
            problems = export._problems(division, one, facts)
            export._set_findings(problems)
            blocked = any(problem.severity == 'blocks' for problem in problems)
            values = {
                'state': 'blocked' if blocked else 'ready',
                'name': export.move_id.name,
                'next_try': False,
            }
            if one.booking:
                values |= export._booking_values(one)
            export.write(values)

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
            'relation_missing': {'no_partner', 'relation_ambiguous', 'relation_same_name'},
            'period_unknown': {'period_unknown'},
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
        if code.startswith('period_'):
            return ('exact.division', self.division_id.id) if self.division_id else None
        if code == 'payment_condition_unknown':
            return ('account.payment.term', move.invoice_payment_term_id.id)
        return None

    def _booking_values(self, one):
        """What an export keeps of a built booking: the data, and lines for people to read."""
        self.ensure_one()
        booking = one.booking
        division_domain = [('division_id', '=', self.division_id.id)]
        model = {
            'journal_id': ('exact.journal', 'code', [booking.journal]),
            'relation_id': ('exact.relation', 'exact_guid', [booking.relation]),
        }
        values = {
            'booking': to_dict(booking),
            'fingerprint': fingerprint(booking),
            'reference': booking.your_ref,
            'kind': booking.kind,
        }
        for name, (comodel, field, keys) in model.items():
            values[name] = self.env[comodel].search(
                [*division_domain, (field, 'in', keys)], limit=1,
            ).id
        ledgers = self._by_key('exact.gl.account', 'exact_guid', {
            line.gl_account for line in booking.lines
        })
        vat_codes = self._by_key('exact.vat.code', 'code', {
            line.vat_code for line in booking.lines if line.vat_code
        })
        projects = self._by_key('exact.project', 'exact_guid', {
            line.project for line in booking.lines if line.project
        })
        values['line_ids'] = [fields.Command.clear()] + [
            fields.Command.create({
                'sequence': position,
                'move_line_id': one.sources[position][0],
                'chosen_by': one.sources[position][1],
                'name': line.description,
                'gl_account_id': ledgers.get(line.gl_account),
                'amount': float(line.amount),
                'vat_code_id': vat_codes.get(line.vat_code),
                'vat_amount': float(line.vat_amount or 0),
                'cost_center': line.cost_center,
                'cost_unit': line.cost_unit,
                'project_id': projects.get(line.project),
            })
            for position, line in enumerate(booking.lines)
        ]
        return values

    def _by_key(self, model, field, keys):
        if not keys:
            return {}
        return {
            record[field]: record.id
            for record in self.env[model].with_context(active_test=False).search([
                ('division_id', '=', self.division_id.id), (field, 'in', list(keys)),
            ])
        }

    # === SEND === #

    @api.model
    def _send_ready(self, division, client):
        """Send what is ready, the documents of a journal in the order of their numbers."""
        ready = self._due(division, [('state', '=', 'ready'), ('pending_action', '=', False)])
        ready = ready.sorted(lambda export: (
            export.journal_id.code or '', export.move_id.journal_id.id,
            export.move_id.sequence_prefix or '', export.move_id.sequence_number, export.id,
        ))
        paused = set()
        for export in ready:
            if export.kind in paused or not export._claim():
                continue
            try:
                export._send(division, client)
            except RateLimited as error:
                if error.scope != 'error_fuse':
                    raise
                # Too many refusals of one kind of request: the other kinds go on.
                paused.add(export.kind)
                self._wake_at(error.retry_at.replace(tzinfo=None))
            if not self._commit():
                self._wake_at(fields.Datetime.now())
                return

    def _claim(self):
        """Make this export ours, as a fact that other workers and our own successor see.

        :return: whether it is ours now.
        """
        self.ensure_one()
        try:
            self.lock_for_update(allow_referencing=True)
        except (LockError, SerializationFailure):
            self.env.cr.rollback()
            return False
        self.invalidate_recordset(['state'])
        if self.state != 'ready' or self.exact_guid:
            return False
        self.write({
            'state': 'sending',
            'claimed_at': fields.Datetime.now(),
            'attempt_count': self.attempt_count + 1,
        })
        self._commit()
        return True

    def _send(self, division, client):
        """Send one claimed export: relation, document, entry.

        Ends `sent`, `refused`, `uncertain` or `ready` again; raises what concerns the whole
        division (limits, connection), after the export is safe.
        """
        self.ensure_one()
        step, asked = 'relation', False
        try:
            booking = self._ensure_relations(client, from_dict(self.booking))
            step = 'document'
            booking = replace(booking, document=self._ensure_document(client, booking))
            step = 'entry'
            body = payload(booking, explicit_type=division.credit_note_style == 'explicit')
            # Kept before the call: without an answer this is what the entry is looked up by.
            self.write({
                'payload': json.dumps(body, default=_plain), 'booking': to_dict(booking),
            })
            self._commit()
            asked = True
            answer = client.post(resource(booking), body)
        except Rejected as error:
            self._refused(step, error)
            return
        except (OutcomeUnknown, MalformedAnswer) as error:
            self._log_attempt(step, 'unknown', explain(self.env, error))
            # Only the entry itself must not come twice; relations and documents are looked up.
            state = 'uncertain' if step == 'entry' else 'ready'
            self.write({
                'state': self._state_or_give_up(state, error),
                'next_try': fields.Datetime.now() + timedelta(minutes=1),
            })
            self._wake_at(self.next_try)
            return
        except (Forbidden, NotFound) as error:
            self._refused(step, error)
            return
        except UserError as error:
            # Odoo could not print the document; Exact was not asked for the entry yet.
            self._set_findings([Problem('pdf_failed', params={'reason': str(error)})])
            self._log_attempt(step, 'refused', str(error))
            self.write({'state': 'refused'})
            return
        except ExactError as error:
            self._log_attempt(step, 'later', explain(self.env, error))
            self.write({'state': 'ready', 'attempt_count': self.attempt_count - 1})
            self._commit()
            raise
        except OperationalError:
            raise
        except Exception as error:
            # Nobody foresaw it: a person is told, and the documents behind this one go on.
            self.env.cr.rollback()
            _logger.exception("Exact: export %s failed at its %s", self.id, step)
            self._set_findings([self._unexpected(error)])
            self._log_attempt(step, 'unknown' if asked else 'refused', self.finding_ids[:1].message)
            self.write({'state': 'uncertain' if asked else 'refused', 'next_try': False})
            return
        self._booked(booking, answer)

    def _state_or_give_up(self, state, error):
        """After some attempts a person has to look."""
        if state == 'ready' and self.attempt_count >= MAX_ATTEMPTS:
            self._set_findings([Problem('refused', params={'message': explain(self.env, error)})])
            return 'refused'
        return state

    def _refused(self, step, error):
        """Exact said no: the answer becomes a finding."""
        message = explain(self.env, error)
        self._log_attempt(step, 'refused', message)
        self._set_findings([Problem('refused', params={'message': message})])
        self.write({'state': 'refused', 'answer': "\n".join(error.messages) or message})

    def _booked(self, booking, answer):
        """Exact took it: keep what it became before anything else happens."""
        guid = wire.as_guid(answer.get('EntryID'))
        if not guid:
            self._log_attempt('entry', 'unknown', self.env._("Exact answered without an entry."))
            self.write({'state': 'uncertain', 'next_try': fields.Datetime.now()})
            return
        self.write({
            'state': 'sent',
            'booking': to_dict(booking),
            'exact_guid': guid,
            'entry_number': wire.as_int(answer.get('EntryNumber')) or 0,
            'invoice_number': wire.as_int(answer.get('InvoiceNumber')) or 0,
            'answer': json.dumps(answer, default=_plain),
            'sent_at': fields.Datetime.now(),
            'next_try': False,
            'has_difference': False,
        })
        self._log_attempt('entry', 'done', str(self.entry_number or ''))

    # === RELATIONS === #

    def _ensure_relations(self, client, booking):
        """Make the relations that the booking still has stand-ins for.

        :return: the booking with real relations.
        """
        move = self.move_id
        partners = (
            move.commercial_partner_id
            | move.line_ids.partner_id | move.line_ids.partner_id.commercial_partner_id
        )
        real = {}
        wanted = {booking.relation} | {line.relation for line in booking.lines}
        for partner in partners:
            if stand_in(partner.id) in wanted:
                relation = self._create_relation(client, partner, booking.kind)
                real[stand_in(partner.id)] = relation.exact_guid
        booking = replace(
            booking,
            relation=real.get(booking.relation, booking.relation),
            lines=tuple(
                replace(line, relation=real.get(line.relation, line.relation))
                for line in booking.lines
            ),
        )
        relation = self.env['exact.relation'].search([
            ('division_id', '=', self.division_id.id), ('exact_guid', '=', booking.relation),
        ], limit=1) if booking.relation else self.env['exact.relation']
        if relation:
            self._fit_relation(client, relation, booking.kind)
            self.relation_id = relation
        return booking

    def _create_relation(self, client, partner, kind):
        """The relation of a partner: one made meanwhile, one that Exact has, or a new one."""
        mapping_model = self.env['exact.partner.mapping']
        mapping = mapping_model.search([
            ('division_id', '=', self.division_id.id), ('partner_id', '=', partner.id),
        ], limit=1)
        if mapping.relation_id:
            return mapping.relation_id
        values = self.division_id._relation_body(partner, kind)
        guid = self._find_remote_relation(client, partner, values)
        if not guid:
            answer = client.post('crm/Accounts', values)
            guid = wire.as_guid(answer.get('ID'))
            if not guid:
                raise MalformedAnswer(self.env._("Exact answered without a relation."))
            self._log_attempt('relation', 'done', partner.display_name)
        relation = self.env['exact.relation']._adopt(self.division_id, guid, values)
        if mapping:
            mapping.relation_id = relation
        else:
            mapping_model.with_context(tracking_disable=True).create({
                'division_id': self.division_id.id,
                'partner_id': partner.id,
                'relation_id': relation.id,
            })
        # A relation in Exact is a fact, whatever becomes of this document.
        self._commit()
        return relation

    def _find_remote_relation(self, client, partner, values):
        """A relation that came into Exact after the last refresh, or in an attempt without answer.

        Only what identifies a party counts: its VAT or chamber of commerce number, or a card that
        says the very same as ours.
        """
        terms = [
            odata.eq(name, values[name])
            for name in ('VATNumber', 'ChamberOfCommerce', 'Name') if values.get(name)
        ]
        rows = client.get(
            'crm/Accounts', filter=' or '.join(terms),
            select=['ID', 'Name', 'VATNumber', 'ChamberOfCommerce', 'Email', 'Postcode', 'City'],
        )
        for row in rows:
            for name in ('VATNumber', 'ChamberOfCommerce'):
                if values.get(name) and wire.as_text(row.get(name)) == values[name]:
                    return wire.as_guid(row['ID'])
        place = ('Email', 'Postcode', 'City')
        if self.attempt_count < 2 and not any(values.get(name) for name in place):
            # A name alone is no identity; only after a lost answer it is likely to be our own.
            return ''
        guids = [
            wire.as_guid(row['ID']) for row in rows
            if all(
                wire.as_text(row.get(name)) == (values.get(name) or '')
                for name in ('Name', *place)
            )
        ]
        if (self.overrides or {}).get('create_relation'):
            # The person saw the relations that there were, and wants none of them.
            seen = self.env['exact.relation'].with_context(active_test=False).search([
                ('division_id', '=', self.division_id.id), ('exact_guid', 'in', guids),
            ])
            guids = [guid for guid in guids if guid not in set(seen.mapped('exact_guid'))]
        return guids[0] if guids else ''

    def _fit_relation(self, client, relation, kind):
        """Let a linked relation be what the document needs: customer, supplier or both."""
        values = {}
        if kind == 'sale' and not relation.is_customer:
            values['Status'] = 'C'
        if kind == 'purchase' and not relation.is_supplier:
            values['IsSupplier'] = True
        if not values:
            return
        client.put('crm/Accounts', relation.exact_guid, values)
        relation.write({
            'status': values.get('Status', relation.status),
            'is_supplier': values.get('IsSupplier', relation.is_supplier),
        })
        self._log_attempt('relation', 'done', relation.display_name)

    # === DOCUMENTS === #

    def _ensure_document(self, client, booking):
        """Send the files of the document, each once.

        :return: GUID of the document in Exact; '' without files.
        """
        division = self.division_id
        if not division.send_documents:
            return ''
        files, problems = self._files()
        if problems:
            kept = [
                Problem(
                    f.code, f.severity, f.params, (f.res_model, f.res_id) if f.res_model else None,
                )
                for f in self.finding_ids if f.code not in ('attachment_too_large', 'pdf_failed')
            ]
            self._set_findings(kept + problems)
        if not files:
            return self.document_guid or ''
        done = dict(self.document_step or {})
        if not self.document_guid:
            # Subject: what a person looks for in Exact; with the relation it is also our key.
            subject = self.move_id.name
            guid = ''
            relation = self._document_relation(booking)
            if self.attempt_count > 1:
                guid = self._find_remote_document(client, subject, relation)
            if not guid:
                body = {
                    'Subject': subject,
                    'Type': (
                        division.sale_document_type if booking.kind == 'sale'
                        else division.purchase_document_type
                    ),
                    'DocumentDate': booking.entry_date,
                }
                if relation:
                    body['Account'] = relation
                guid = wire.as_guid(client.post('documents/Documents', body).get('ID'))
                if not guid:
                    raise MalformedAnswer(self.env._("Exact answered without a document."))
            self.document_guid = guid
            self._commit()
        elif self.attempt_count > 1:
            rows = client.get(
                'documents/DocumentAttachments', select=['ID', 'FileName'],
                filter=odata.eq('Document', odata.guid(self.document_guid)),
            )
            done |= {wire.as_text(row['FileName']): wire.as_guid(row['ID']) for row in rows}
        for name, content in files:
            if name in done:
                continue
            answer = client.post('documents/DocumentAttachments', {
                'Document': self.document_guid, 'FileName': name, 'Attachment': content,
            })
            done[name] = wire.as_guid(answer.get('ID'))
            self.document_step = done
            self._commit()
        return self.document_guid

    @api.model
    def _document_relation(self, booking):
        """Whose document it is: the relation of the entry, or the one that its lines name."""
        named = {line.relation for line in booking.lines} - {''}
        return booking.relation or (named.pop() if len(named) == 1 else '')

    def _find_remote_document(self, client, subject, relation):
        terms = [odata.eq('Subject', subject)]
        if relation:
            terms.append(odata.eq('Account', odata.guid(relation)))
        rows = client.get(
            'documents/Documents', select=['ID', 'Subject'], filter=odata.all_of(*terms),
        )
        guids = [wire.as_guid(row['ID']) for row in rows]
        # An entry that stays in Exact keeps the document of its own export.
        taken = set(self.search([
            ('document_guid', 'in', guids), ('id', '!=', self.id),
        ]).mapped('document_guid'))
        return next((guid for guid in reversed(guids) if guid not in taken), '')

    def _files(self):
        """Files that travel with the document.

        :return: ([(file name, content in base64 as text)], problems)
        """
        files, problems, names = [], [], set()
        for title, raw in self.move_id._exact_files():
            # Exact's attachments are told apart by their names: two scans may share one.
            name, number = title, 1
            while name in names:
                number += 1
                stem, dot, extension = title.rpartition('.')
                name = f"{stem} ({number}).{extension}" if dot else f"{title} ({number})"
            if len(raw) > MAX_ATTACHMENT:
                problems.append(Problem('attachment_too_large', 'warns', {
                    'name': name, 'size': f"{len(raw) / 1024 / 1024:.0f}",
                }))
                continue
            names.add(name)
            files.append((name, self._encoded(raw)))
        return files, problems

    @api.model
    def _encoded(self, raw):
        return base64.b64encode(raw).decode('ascii')

    # === DOUBT === #

    @api.model
    def _recover_claims(self, division):
        """What a worker claimed and never finished may or may not be in Exact."""
        lost = self.search([
            ('division_id', '=', division.id), ('state', '=', 'sending'),
            ('claimed_at', '<', fields.Datetime.now() - CLAIM_TIMEOUT),
        ]).try_lock_for_update(allow_referencing=True)
        lost.filtered(lambda export: export.state == 'sending').write({
            'state': 'uncertain', 'next_try': False,
        })
        self._commit()

    @api.model
    def _resolve_uncertain(self, division, client):
        """Ask Exact whether it has what we got no answer for; adopt it, or send again."""
        for export in self._due(division, [('state', '=', 'uncertain')], order='id'):
            try:
                found = export._look_up(client)
            except (Rejected, NotFound, MalformedAnswer) as error:
                # The question fails, not the division; it is asked again, and people see why.
                message = explain(self.env, error)
                export._log_attempt('look_up', 'refused', message)
                export._set_findings([Problem('look_up_failed', 'warns', {'message': message})])
                export.next_try = fields.Datetime.now() + timedelta(minutes=30)
                self._wake_at(export.next_try)
                self._commit()
                continue
            ours = [entry for entry in found if not export._other_export(entry.entry_id)]
            right = [
                entry for entry in ours
                if not [d for d in compare(from_dict(export.booking), entry)
                        if d.field not in ('document', 'division')]
            ] if len(ours) > 1 else ours
            if len(right) == 1:
                entry = right[0]
                export.write({
                    'state': 'sent', 'exact_guid': entry.entry_id,
                    'entry_number': entry.entry_number or 0,
                    'invoice_number': entry.invoice_number or 0,
                    'sent_at': fields.Datetime.now(), 'next_try': False,
                    'has_difference': False,
                })
                export._log_attempt('look_up', 'done', str(entry.entry_number or ''))
            elif right or ours:
                export._set_findings([Problem('several_entries', params={
                    'entries': ", ".join(str(entry.entry_number) for entry in ours),
                })])
                export.write({'state': 'refused'})
            elif fields.Datetime.now() - export.claimed_at < VISIBILITY:
                # Too early to say that it is not there.
                export.next_try = fields.Datetime.now() + timedelta(minutes=1)
                self._wake_at(export.next_try)
            else:
                export._log_attempt('look_up', 'done', self.env._("Not in Exact."))
                if export.attempt_count % MAX_ATTEMPTS:
                    export.write({'state': 'ready', 'next_try': False})
                else:
                    # Once more would be for ever: a person decides.
                    export._set_findings([Problem('no_answer', params={
                        'count': export.attempt_count,
                    })])
                    export.write({'state': 'refused', 'next_try': False})
            self._commit()

    def _other_export(self, guid):
        """Whether an entry belongs to another export already. It does even if that one is over: a
        reversed entry is still in Exact, and so is its reversal."""
        return bool(self.search_count([
            ('id', '!=', self.id), '|', ('exact_guid', '=', guid), ('reversal_guid', '=', guid),
        ], limit=1))

    def _look_up(self, client):
        """Entries in Exact that carry our reference, in our journal and year.

        :return: list of booking.ReadEntry
        """
        self.ensure_one()
        booking = from_dict(self.booking)
        terms = [
            odata.eq('JournalCode', booking.journal),
            odata.eq('FinancialYear', booking.year),
            odata.eq('FinancialPeriod', booking.period),
        ]
        if is_ledger_only(booking.kind):
            terms.append(odata.startswith('Description', booking.your_ref))
        else:
            terms.append(odata.eq('YourRef', booking.your_ref))
            if stand_in(self.move_id.commercial_partner_id.id) != booking.relation:
                terms.append(odata.eq('Account', odata.guid(booking.relation)))
        rows = client.get(
            'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
            filter=odata.all_of(*terms),
        )
        guids = {
            wire.as_guid(row['EntryID']) for row in rows
            if not is_ledger_only(booking.kind)
            or has_reference(wire.as_text(row.get('Description')), booking.your_ref)
        }
        return list(self._read_entries(client, self.division_id, guids).values())

    @api.model
    def _read_entries(self, client, division, guids):
        """Read entries of Exact's ledger in bulk.

        :param guids: of the entries, as many as fit into one call.
        :return: {guid: booking.ReadEntry}; their line ids are kept in `lines_of`.
        """
        if not guids:
            return {}
        rows = client.get(
            'bulk/Financial/TransactionLines', select=['ID', *READ_FIELDS],
            filter=odata.any_of('EntryID', [odata.guid(guid) for guid in sorted(guids)]),
        )
        by_entry = defaultdict(list)
        for row in rows:
            by_entry[wire.as_guid(row['EntryID'])].append(_decoded(row))
        gl_types = {
            row['exact_guid']: row['gl_type']
            for row in self.env['exact.gl.account'].with_context(active_test=False).search_read(
                [('division_id', '=', division.id)], ['exact_guid', 'gl_type'],
            )
        }
        self._keep_entry_lines(by_entry)
        return {guid: read_entry(entry, gl_types) for guid, entry in by_entry.items()}

    @api.model
    def _keep_entry_lines(self, by_entry):
        """Remember the ids of ledger lines: Exact names those when somebody deletes an entry."""
        exports = {
            export.exact_guid: export
            for export in self.search([('exact_guid', 'in', list(by_entry))])
        }
        ids = {export.id for export in exports.values()}
        self.env['exact.export.entry.line'].search([('export_id', 'in', list(ids))]).unlink()
        self.env['exact.export.entry.line'].create([
            {'export_id': exports[guid].id, 'exact_guid': wire.as_guid(row['ID'])}
            for guid, rows in by_entry.items() if guid in exports
            for row in rows
        ])

    # === READ BACK === #

    @api.model
    def _verify_sent(self, division, client):
        """Read back what was sent, many entries with one call, and compare all of it."""
        sent = self._due(
            division,
            [
                ('state', '=', 'sent'), ('has_difference', '=', False),
                ('pending_action', '=', False),
            ],
            order='id',
        )
        for batch_ids in split_every(READ_BATCH, sent.ids):
            batch = self.browse(batch_ids)
            entries = self._read_entries(client, division, set(batch.mapped('exact_guid')))
            verified = self.browse()
            for export in batch:
                read = entries.get(export.exact_guid)
                booking = from_dict(export.booking)
                differences = compare(booking, read)
                if not differences and self._is_no_credit_note(booking, read):
                    differences = (Difference('credit_note_type', None, read.type),)
                if not differences:
                    verified |= export
                elif read is None and export.sent_at > fields.Datetime.now() - VISIBILITY * 5:
                    export.next_try = fields.Datetime.now() + timedelta(minutes=1)
                    self._wake_at(export.next_try)
                else:
                    export._differs(differences, read)
            verified._verified(entries)
            if not self._commit():
                self._wake_at(fields.Datetime.now())
                return

    @api.model
    def _is_no_credit_note(self, booking, read):
        """Whether Exact took a credit note for an invoice with negative amounts: it wants the other
        of the two styles."""
        return booking.is_refund and booking.total < 0 and read.type in (20, 30)

    def _differs(self, differences, read):
        """Exact's books say something else: loud, and never called done."""
        self.ensure_one()
        own_sentence = {
            'missing_entry': Problem('missing_entry'),
            'credit_note_type': Problem(
                'credit_note_type', target=('exact.division', self.division_id.id),
            ),
        }
        self._set_findings([
            own_sentence.get(difference.field) or Problem(
                'read_back', params={
                    'field': difference.field,
                    'meant': self._shown(difference.meant), 'found': self._shown(difference.found),
                },
            )
            for difference in differences
        ])
        self.write({'has_difference': True, 'read_back': self._read_text(read)})
        self._log_attempt('verify', 'refused', self.finding_ids[:1].message)

    def _verified(self, entries):
        """Exact's books say what the documents say."""
        if not self:
            return
        now = fields.Datetime.now()
        self.finding_ids.filtered(lambda finding: finding.severity == 'blocks').unlink()
        for export in self:
            read = entries[export.exact_guid]
            export.write({
                'state': 'verified',
                'verified_at': now,
                'entry_number': read.entry_number or export.entry_number,
                'invoice_number': read.invoice_number or export.invoice_number,
                'read_back': self._read_text(read),
                'next_try': False,
            })
            move = export.move_id
            if move.state == 'cancel' or move.write_date > export.claimed_at:
                # Edited while it was under way: equal to what was meant is not equal to what it is.
                export.pending_action = 'recheck'
                export._trigger_worker()
        self._log_attempt('verify', 'done')
        for export in self:
            export._number_document()
        self.move_id._message_log_batch(bodies={
            export.move_id.id: self.env._(
                "Booked in Exact as %(number)s, journal %(journal)s of %(division)s; "
                "read back and equal.",
                number=export.entry_number, journal=export.journal_id.code,
                division=export.division_id.display_name,
            )
            for export in self
        })

    def _number_document(self):
        """Where Exact numbers, its number is what the customer pays by."""
        self.ensure_one()
        if self.division_id.numbering != 'exact' or self.kind != 'sale':
            return
        if self._has_own_number():
            return
        self.previous_payment_reference = self.move_id.payment_reference or ''
        self.move_id.payment_reference = str(self.invoice_number or self.entry_number)

    def _has_own_number(self):
        """Whether the document is paid by the number that Exact gave it."""
        return self.move_id.payment_reference == str(self.invoice_number or self.entry_number)

    @api.model
    def _shown(self, value):
        """A compared value as a person reads it."""
        if value is None or value == '':
            return self.env._("nothing")
        if isinstance(value, Decimal):
            return formatLang(self.env, float(value))
        if isinstance(value, date):
            return format_date(self.env, value)
        if isinstance(value, tuple):
            return " ".join(self._shown(part) for part in value)
        is_guid = isinstance(value, str) and len(value) == 36
        ledger = is_guid and self.env['exact.gl.account'].search(
            [('exact_guid', '=', value)], limit=1,
        )
        return ledger.display_name if ledger else str(value)

    @api.model
    def _kept(self, value):
        """A value of a difference as it is stored: amounts are written in the reader's language."""
        return float(value) if isinstance(value, Decimal) else self._shown(value)

    @api.model
    def _read_text(self, read):
        """What was read back, for people and auditors."""
        if read is None:
            return ''
        return json.dumps(asdict(read), default=_plain)

    # === WHAT PEOPLE ASKED FOR === #

    @api.model
    def _do_pending(self, division, client):
        """Undo, reverse and update, one committed document at a time."""
        for export in self._due(
            division, [('pending_action', 'in', ['undo', 'reverse', 'update'])], order='id',
        ):
            action = export.pending_action
            try:
                getattr(export, f'_do_{action}')(client)
            except (Rejected, Forbidden, NotFound) as error:
                message = explain(self.env, error)
                export._log_attempt(action, 'refused', message)
                processed = 'already_processed' in getattr(error, 'kinds', ())
                code = 'already_processed' if processed else 'undo_refused'
                export._set_findings([Problem(code, params={'message': message})])
                export.pending_action = False
            except (OutcomeUnknown, MalformedAnswer) as error:
                # All three can be done again: what is gone is gone, what differs is compared.
                export._unanswered(action, error)
            except RateLimited as error:
                if error.scope != 'error_fuse':
                    raise
                export.next_try = error.retry_at.replace(tzinfo=None)
                self._wake_at(export.next_try)
            except (ExactError, OperationalError):
                raise
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("Exact: %s of export %s failed", action, export.id)
                export._set_findings([self._unexpected(error)])
                export._log_attempt(action, 'refused', export.finding_ids[:1].message)
                export.pending_action = False
            if not self._commit():
                self._wake_at(fields.Datetime.now())
                return

    def _unanswered(self, action, error):
        """Do it again in a minute, but not for ever: then a person has to look."""
        message = explain(self.env, error)
        self._log_attempt(action, 'unknown', message)
        tries = self.attempt_ids.filtered(
            lambda attempt: attempt.action == action and attempt.outcome == 'unknown'
        )
        if len(tries) % MAX_ATTEMPTS == 0:
            self._set_findings([Problem('refused', params={'message': message})])
            self.pending_action = False
            return
        self.next_try = fields.Datetime.now() + timedelta(minutes=1)
        self._wake_at(self.next_try)

    def _do_undo(self, client):
        """Delete the entry, then its document; both may be gone already, or never have come."""
        body = self.env._("The export is withdrawn; its document is deleted in Exact.")
        if self.exact_guid:
            self._delete(client, resource(from_dict(self.booking)), self.exact_guid)
            body = self.env._("Taken out of Exact: entry %s is deleted.", self.entry_number)
        kept = ''
        if self.document_guid:
            try:
                self._delete(client, 'documents/Documents', self.document_guid)
            except (Rejected, Forbidden) as error:
                # The entry is gone, and that is what an undo means; the file is told of.
                kept = explain(self.env, error)
        self._undone(body)
        if kept:
            self._set_findings([Problem('document_kept', 'warns', {'message': kept})])

    @api.model
    def _delete(self, client, path, guid):
        try:
            client.delete(path, guid)
        except NotFound:
            _logger.info("Exact: %s was gone already", path)

    def _undone(self, body):
        """Put back what the export changed in Odoo."""
        if self.previous_payment_reference is not False and self._has_own_number():
            self.move_id.payment_reference = self.previous_payment_reference
        self.finding_ids.unlink()
        self.write({'state': 'undone', 'pending_action': False, 'has_difference': False})
        self._log_attempt('undo', 'done')
        self.move_id._message_log(body=body)

    def _do_reverse(self, client):
        """Book the opposite in an open period, for entries that Exact no longer lets go."""
        division = self.division_id
        booking = from_dict(self.booking)
        opposite = replace(
            booking, is_refund=not booking.is_refund, total=-booking.total,
            vat_total=-booking.vat_total, due_date=None, invoice_number=None, entry_number=None,
            document='', payment_reference='',
            description=self.env._("Reversal of entry %s", self.entry_number),
            lines=tuple(
                replace(
                    line, amount=-line.amount, date=None, document='',
                    vat_amount=None if line.vat_amount is None else -line.vat_amount,
                    from_date=None, to_date=None,
                )
                for line in booking.lines
            ),
        )
        found = self._look_up_reversal(client, opposite)
        if found:
            guid, number = found[0].entry_id, found[0].entry_number
        else:
            builder = BookingBuilder(division, self.move_id)
            facts = division._booking_facts(builder, [])
            period = next_open_period(facts, booking.journal, self.move_id.date)
            if not period:
                self._set_findings([
                    Problem('period_unknown', params={'date': str(self.move_id.date)}),
                ])
                self.pending_action = False
                return
            opposite = replace(
                opposite, entry_date=max(booking.entry_date, period.start),
                year=period.year, period=period.number,
            )
            # Whoever is killed from here on leaves the word that Exact may have been asked.
            self._log_attempt('reverse', 'later', self.env._("Being sent."))
            self._commit()
            answer = client.post(resource(opposite), payload(
                opposite, explicit_type=division.credit_note_style == 'explicit',
            ))
            guid = wire.as_guid(answer.get('EntryID'))
            number = wire.as_int(answer.get('EntryNumber'))
            if not guid:
                raise MalformedAnswer(self.env._("Exact answered without an entry."))
        self.write({'reversal_guid': guid, 'reversal_number': number or 0})
        self._undone(self.env._(
            "Reversed in Exact: entry %(number)s is offset by entry %(reversal)s.",
            number=self.entry_number, reversal=number,
        ))

    def _look_up_reversal(self, client, booking):
        """The opposite entry that an earlier attempt may have booked."""
        if 'reverse' not in self.attempt_ids.mapped('action'):
            return []
        ledger_only = is_ledger_only(booking.kind)
        rows = client.get(
            'bulk/Financial/TransactionLines', select=['EntryID', 'AmountFC', 'Description'],
            filter=odata.all_of(
                odata.eq('JournalCode', booking.journal),
                odata.startswith('Description', booking.your_ref) if ledger_only
                else odata.eq('YourRef', booking.your_ref),
            ),
        )
        guids = {
            wire.as_guid(row['EntryID']) for row in rows
            if not ledger_only
            or has_reference(wire.as_text(row.get('Description')), booking.your_ref)
        }
        # What belongs to an export already is no reversal of ours, whatever became of that one.
        known = self.search([
            '|', ('exact_guid', 'in', list(guids)), ('reversal_guid', 'in', list(guids)),
        ])
        guids -= set(known.mapped('exact_guid') + known.mapped('reversal_guid'))
        return [
            entry for entry in self._read_entries(client, self.division_id, guids).values()
            if not {'total', 'line_count', 'gl_account', 'amount'} & {
                difference.field for difference in compare(booking, entry)
            }
        ]

    def _do_update(self, client):
        """Bring the entry in line with the document: changed properties only, or anew."""
        division = self.division_id
        builder = BookingBuilder(division, self.move_id, link=True)
        one = builder.build(self.move_id, self.overrides)
        problems = self._problems(division, one, division._booking_facts(builder, [one]))
        if any(problem.severity == 'blocks' for problem in problems):
            self._set_findings(problems)
            self.pending_action = False
            return
        # What is edited from here on is another change.
        self.claimed_at = fields.Datetime.now()
        old = from_dict(self.booking)
        new = replace(one.booking, document=self.document_guid or '')
        new = self._ensure_relations(client, new)
        line_guids = self._line_guids(client, old)
        what = plan(
            old, new, entry_id=self.exact_guid, line_ids=line_guids,
            explicit_type=division.credit_note_style == 'explicit',
        )
        if not line_guids and (what.put or what.post or what.delete):
            # Exact has other lines than we sent, so none of them can be named: all anew.
            what = replace(what, action='replace')
        values = self._booking_values(one) | {'relation_id': self.relation_id.id}
        # Exact may give the lines new ids: reading back learns them.
        self.entry_line_ids.unlink()
        if what.action == 'replace':
            self._delete(client, resource(old), self.exact_guid)
            if self.document_guid:
                self._delete(client, 'documents/Documents', self.document_guid)
            # From here on Exact has nothing: the export is a new one that sends itself.
            self.write({
                **values, 'booking': to_dict(new), 'state': 'ready', 'exact_guid': False,
                'entry_number': 0, 'pending_action': False, 'difference_ids': False,
                'document_guid': False, 'document_step': False, 'has_difference': False,
                'next_try': False,
            })
            self._log_attempt('update', 'done', self.env._("Deleted, to be booked anew."))
            return
        if what.header:
            client.put(resource(new), self.exact_guid, what.header)
        for guid, body in what.put:
            client.put(line_resource(new), guid, body)
        for body in what.post:
            client.post(line_resource(new), body)
        for guid in what.delete:
            client.delete(line_resource(new), guid)
        self.write({
            **values, 'booking': to_dict(new), 'state': 'sent', 'pending_action': False,
            'difference_ids': False, 'has_difference': False, 'sent_at': fields.Datetime.now(),
        })
        self._log_attempt('update', 'done')

    def _line_guids(self, client, booking):
        """Ids of the lines in Exact, in the order in which we sent them."""
        if is_ledger_only(booking.kind):
            return []
        rows = client.get(
            line_resource(booking), select=['ID', 'LineNumber'],
            filter=odata.eq('EntryID', odata.guid(self.exact_guid)),
        )
        rows.sort(key=lambda row: wire.as_int(row.get('LineNumber')) or 0)
        guids = [wire.as_guid(row['ID']) for row in rows]
        return guids if len(guids) == len(booking.lines) else []

    # === DOCUMENTS THAT CHANGED === #

    @api.model
    def _recheck_changed(self, division):
        """Compare documents that were edited after their export with what was sent."""
        edited = self.search([
            ('division_id', '=', division.id), ('pending_action', '=', 'recheck'),
        ])
        for batch_ids in split_every(CHECK_BATCH, edited.ids):
            batch = self.browse(batch_ids).try_lock_for_update(allow_referencing=True)
            batch._each_by_itself(
                lambda exports: exports._compare_with_documents(division),
                lambda export, error: export._compare_failed(error),
            )
            self._commit()

    def _compare_with_documents(self, division):
        builder = BookingBuilder(division, self.move_id)
        for export in self:
            export._compare_with_document(builder.build(export.move_id, export.overrides))

    def _compare_failed(self, error):
        self._set_findings([self._unexpected(error)])
        self.write({
            'state': 'changed', 'pending_action': False,
            'difference_ids': [['state', self.env._("booked"), self.env._("cannot be booked")]],
        })

    def _compare_with_document(self, one):
        self.ensure_one()
        if self.move_id.state == 'draft':
            # Still being edited: confirming it asks again.
            self.pending_action = False
            return
        old = from_dict(self.booking)
        differences = []
        if self.move_id.state == 'cancel':
            differences = [('state', self.env._("booked"), self.env._("cancelled"))]
        elif not one.booking:
            self._set_findings(one.problems)
            differences = [('state', self.env._("booked"), self.env._("cannot be booked"))]
        else:
            new = replace(one.booking, document=old.document)
            differences = [
                (change.field, self._kept(change.meant), self._kept(change.found))
                for change in changes(old, new)
            ]
        values = {'pending_action': False, 'difference_ids': [list(row) for row in differences]}
        if differences:
            values['state'] = 'changed'
        elif self.state == 'changed':
            # Verified is what was read back, not what was meant once more.
            values |= {'state': 'sent', 'has_difference': False, 'next_try': False}
        self.write(values)

    # === DELETED IN EXACT === #

    @api.model
    def _deleted_in_exact(self, division, line_guids):
        """Somebody deleted ledger lines in Exact: the exports they belonged to are gone there.

        :param line_guids: ids of TransactionLines that `sync/Deleted` names.
        """
        lines = self.env['exact.export.entry.line'].search([
            ('exact_guid', 'in', list(line_guids)), ('export_id.division_id', '=', division.id),
            ('export_id.state', 'in', BOOKED_STATES),
        ])
        exports = lines.export_id.filtered(lambda export: export.pending_action != 'update')
        for export in exports:
            left = export.entry_line_ids.filtered(lambda line: line.exact_guid not in line_guids)
            if left:
                # Lines alone went: the next read-back says what is different.
                export.write({'state': 'sent', 'has_difference': False, 'next_try': False})
                continue
            export.write({'state': 'deleted', 'pending_action': False})
            export._set_findings([Problem('deleted_in_exact', 'warns')])
            export.move_id._message_log(body=self.env._(
                "Somebody deleted entry %s in Exact.", export.entry_number,
            ))
        if exports:
            self._trigger_worker()


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _on_deleted(self, entity_type, guids):
        result = super()._on_deleted(entity_type, guids)
        if entity_type == TRANSACTION_LINES:
            self.env['exact.export']._deleted_in_exact(self, set(guids))
        return result
