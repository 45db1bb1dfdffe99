"""Counts the invariants of the design: Odoo's documents against the simulator's own books.

An independent reading: what Exact has is read from the simulator's tables, never through the
addon's client; what it should be is computed from Odoo's documents, never from what the addon
remembers of them.
"""

import json
from collections import Counter, defaultdict
from decimal import Decimal

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError

from .people import reference_in

INVARIANTS = {
    1: "entries per document and division: exactly 1",
    2: "nothing in another division than the mapped one",
    3: "verified is equal, totals to the cent",
    4: "a refresh token is used once, never early",
    5: "calls and errors within Exact's limits",
    6: "no relation changed that is not linked, none made twice",
    7: "undo restores the state before, redo the one after",
    9: "one failure blocks nobody else, nor Odoo",
    10: "rights and companies hold, secrets stay",
}
# States in which an export stands for an entry in Exact.
STANDING = ('verified', 'changed', 'sent', 'superseded')
# And those in which it stands for none, though Exact may have what a backup forgot.
UNKNOWN_HERE = ('blocked', 'refused', 'undone')
RECEIVABLE, PAYABLE, VAT = 20, 22, 24
CENT = Decimal('0.01')


def cents(value):
    return Decimal(str(value or 0)).quantize(CENT)


def normal(lines):
    """What the ledger says of an entry, whatever its number and its moment."""
    return sorted(
        (line['GLAccount'], cents(line['AmountFC']), line.get('VATCode') or '',
         line.get('Account') or '', line['JournalCode'], line['YourRef'] or '')
        for line in lines
    )


class Count:
    """One counting of a `World` that has come to rest."""

    def __init__(self, world, env):
        self.world, self.env = world, env
        self.simulator, self.store = world.simulator, world.simulator.store
        self.violations = defaultdict(list)
        self.told = env['account.move']     # documents that a violation names
        self.exports = env['exact.export'].search([], order='id')
        self.by_move = defaultdict(lambda: env['exact.export'])
        for export in self.exports:
            self.by_move[export.move_id] |= export
        self.moves = env['account.move'].browse(world.documents).exists() | self.exports.move_id
        self.entries = {
            code: {entry['EntryID']: entry for entry in self.simulator.entries(code)}
            for code in world.companies.values()
        }
        self.deleted_there = set().union(*(b.deleted for b in world.bookkeepers))
        self.edited_there = {
            guid: reference for b in world.bookkeepers for guid, reference in b.edited.items()
        }
        self.amounts_there = world.amounts_changed_there()
        self.typed = set().union(*(b.typed for b in world.bookkeepers))

    def broken(self, number, text):
        self.violations[number].append(text)

    def all(self):
        for name in (
            'entries', 'documents', 'divisions', 'verified', 'tokens', 'limits', 'relations',
            'undone', 'failures', 'rights', 'secrets',
        ):
            getattr(self, f'_count_{name}')()
        return self.violations

    # === THE BOOKS === #

    def code(self, move):
        return self.world.companies[move.company_id.id]

    @staticmethod
    def reference(move):
        """By what a person finds the document in Exact."""
        if move.is_purchase_document(include_receipts=True) and move.ref:
            return move.ref
        return move.name

    def entry_reference(self, entry):
        return self.edited_there.get(entry['EntryID']) or reference_in(entry)

    def label(self, move):
        self.told |= move
        states = ', '.join(self.by_move[move].mapped('state')) or 'no export'
        return (
            f'{self.code(move)} {self.reference(move)} ({move.move_type}, {move.state}: {states})'
        )

    def standing(self, export):
        """GUIDs of the entries that an export stands for."""
        if export.state in STANDING:
            return {export.exact_guid}
        if export.reversal_guid:
            return {export.exact_guid, export.reversal_guid}
        if export.state in ('blocked', 'refused'):
            return self.asked_about(export, [
                json.dumps(finding.params) for finding in export.finding_ids
                if finding.code == 'entry_exists'
            ])
        if export.state == 'undone' and not export.exact_guid:
            # Who withdraws what they were asked about leaves that entry to Exact.
            return self.asked_about(export, [
                attempt.message for attempt in export.attempt_ids
                if (attempt.action, attempt.outcome) == ('look_up', 'refused')
            ][:1])
        return set()

    def asked_about(self, export, questions):
        """GUID of the one entry of which people are asked whether it is the document's.

        So it ends where Exact took an entry otherwise than it was sent (a property was lost) and
        the answer was lost as well: its amount is another, and nothing more is sent.

        :param questions: what people were asked, as text
        """
        if not questions:
            return set()
        asked = questions[0]
        code = self.code(export.move_id)
        guids = {
            guid for guid, entry in self.entries[code].items()
            if self.entry_reference(entry) == self.reference(export.move_id)
            and str(entry['EntryNumber']) in asked
        }
        return guids if len(guids) == 1 else set()

    def _count_entries(self):
        """1: the entries in the books are those that the exports stand for, each once."""
        found = defaultdict(set)
        for code, entries in self.entries.items():
            for guid, entry in entries.items():
                if guid not in self.typed:
                    found[code, self.entry_reference(entry)].add(guid)
        claimed = Counter(guid for export in self.exports for guid in self.standing(export))
        for move in self.moves:
            there = found.pop((self.code(move), self.reference(move)), set())
            self._count_entries_of(move, there)
        for (code, reference), guids in found.items():
            self.broken(1, f'{code} {reference!r}: {len(guids)} entries of no document')
        for guid, times in claimed.items():
            if times > 1:
                self.broken(1, f'entry {guid} stands for {times} exports')

    def _count_entries_of(self, move, there):
        exports = self.by_move[move]
        standing = set().union(*map(self.standing, exports))
        last = exports[-1:]
        if len(there) == 1 and not last.exact_guid and last.state in UNKNOWN_HERE:
            # A person has to say something first (who the relation is): then it is found. Or they
            # withdrew it before that.
            standing |= there & self.world.forgotten
        for guid in there - standing:
            number = self.entries[self.code(move)][guid]['EntryNumber']
            self.broken(1, f'{self.label(move)}: entry {number} too many')
        for guid in standing - there:
            if guid not in self.deleted_there:
                self.broken(1, f'{self.label(move)}: no entry {guid} in Exact')
            elif any(
                export.exact_guid == guid and export.state in ('verified', 'changed')
                for export in exports
            ):
                self.broken(1, f'{self.label(move)}: deleted in Exact, nobody noticed')
        if self.world.documents.get(move.id, {}).get('asked') and not exports:
            self.broken(1, f'{self.label(move)}: asked for, never exported')

    def _count_documents(self):
        """1: files, too, come once: a document in Exact belongs to an export."""
        known = set(self.exports.filtered('document_guid').mapped('document_guid'))
        # Of an entry that was found the file is the one that it has.
        known |= {
            self.entries[self.code(export.move_id)].get(guid, {}).get('Document')
            for export in self.exports for guid in self.standing(export)
        }
        # A file whose answer was lost is found by its name: when people retry, or withdraw.
        lost = Counter(
            (self.code(export.move_id), export.move_id.name) for export in self.exports
            if export.state in ('blocked', 'refused') and not export.document_guid
            and any(
                (attempt.action, attempt.outcome) == ('document', 'unknown')
                for attempt in export.attempt_ids
            )
        )
        for code in self.world.companies.values():
            for row in self.store.all('Documents', code):
                if row['ID'] in known or row['ID'] in self.world.documents_before:
                    continue
                if lost[code, row.get('Subject')]:
                    lost[code, row['Subject']] -= 1
                    continue
                self.broken(1, f"{code}: document {row.get('Subject')} of no export")

    def _count_divisions(self):
        """2: each reference is found in the division of its company alone."""
        for move in self.moves:
            for code, entries in self.entries.items():
                if code != self.code(move) and any(
                    self.entry_reference(entry) == self.reference(move)
                    for entry in entries.values()
                ):
                    self.broken(2, f'{self.label(move)} is in division {code}')
        for method, path, guid in self.world.observer.foreign:
            self.broken(2, f'{method} {path}: {guid} is of another division, or of none')

    # === VERIFIED === #

    def _count_verified(self):
        """3: what is called verified is what the document says."""
        for export in self.exports.filtered(lambda export: export.state == 'verified'):
            move = export.move_id
            lines = self.simulator.transaction_lines(export.exact_guid, self.code(move))
            if move.state == 'cancel':
                self.broken(3, f'{self.label(move)}: cancelled, yet verified')
            changed = self.amounts_there.get(export.exact_guid)
            if not lines or move.state != 'posted' or (changed and export.verified_at <= changed):
                # Somebody gave it another amount there after it was read back
                continue
            for text in self._differences(move, lines):
                self.broken(3, f'{self.label(move)}: {text}')

    def _differences(self, move, lines):
        code = self.code(move)
        types = {row['ID']: row['Type'] for row in self.store.all('GLAccounts', code)}
        there, meant = Counter(), Counter()
        for line in lines:
            kind = types[line['GLAccount']]
            key = kind if kind in (RECEIVABLE, PAYABLE, VAT) else line['GLAccount']
            there[key] += cents(line['AmountFC'])
        for line in move.line_ids:
            meant[self._ledger(move, line)] += cents(line.amount_currency)
        for key in there.keys() | meant.keys():
            if there[key] != meant[key]:
                yield f'{key}: {there[key]} in Exact, {meant[key]} in Odoo'
        relations = {line['Account'] for line in lines if line.get('Account')}
        linked = self._relation(move)
        if move.move_type != 'entry' and relations != {linked}:
            yield f'relation {relations} in Exact, {linked} in Odoo'
        journal = self.env['exact.journal.mapping'].search([
            ('journal_id', '=', move.journal_id.id), ('division_id.code', '=', code),
        ]).exact_journal_id.code
        if {line['JournalCode'].strip() for line in lines} != {journal}:
            yield f'not in journal {journal}'
        currencies = {line['Currency'].strip() for line in lines}
        if currencies != {move.currency_id.name}:
            yield f'in {currencies}'

    def _ledger(self, move, line):
        """Where a line of Odoo belongs in Exact."""
        if line.display_type == 'payment_term':
            return RECEIVABLE if move.is_sale_document(include_receipts=True) else PAYABLE
        if line.display_type == 'tax' or line.tax_line_id:
            return VAT
        return self.env['exact.account.mapping'].search([
            ('account_id', '=', line.account_id.id), ('division_id.code', '=', self.code(move)),
        ]).gl_account_id.exact_guid

    def _relation(self, move):
        return self.env['exact.partner.mapping'].search([
            ('partner_id', '=', move.commercial_partner_id.id),
            ('division_id.code', '=', self.code(move)),
        ]).relation_id.exact_guid

    # === THE WAY TO EXACT === #

    def _count_tokens(self):
        for what, moment in self.world.observer.tokens:
            self.broken(4, f'{what} at {moment}')

    def _count_limits(self):
        for what, division, moment in self.world.observer.limited:
            self.broken(5, f'{what} of {division}: above the limit at {moment}')
        for resource, division, hour, errors in self.errors_by_hour():
            if errors >= 10:
                self.broken(5, f'{resource} of {division}: {errors} errors in hour {hour}')

    def errors_by_hour(self):
        return self.store.query(
            'SELECT resource, division, CAST(at / 3600 AS INTEGER), count(*) FROM call'
            " WHERE status >= 400 AND status NOT IN (429, 502, 503, 504) AND app != ''"
            ' GROUP BY 1, 2, 3',
        )

    # === RELATIONS === #

    def _count_relations(self):
        linked = self.world.links() | self.world.lost_links
        after, names = self.world.relations(), Counter()
        for key, card in after.items():
            if key not in self.world.before:
                names[key[0], card['Name']] += 1
            elif card != self.world.before[key] and key not in linked and (
                key not in self.world.relations_changed_there
            ):
                self.broken(6, f"relation {card['Name']} of {key[0]} changed, it is not linked")
        for key in self.world.before.keys() - after.keys():
            self.broken(6, f'relation {key} is gone')
        for key in self.world.observer.changed_relations.keys() - linked:
            self.broken(6, f'relation {key} was written, it is not linked')
        for (code, name), times in names.items():
            if times > 1:
                self.broken(6, f'{code}: {times} relations {name}')

    # === UNDO === #

    def _count_undone(self):
        for move in self.moves:
            last = self.by_move[move][-1:]
            note = self.world.documents.get(move.id, {})
            if last.state == 'undone' and not last.reversal_guid:
                kept = last.finding_ids.filtered(lambda f: f.code == 'document_kept')
                if last.document_guid and not kept and self.store.get(
                    'Documents', self.code(move), last.document_guid,
                ):
                    self.broken(7, f'{self.label(move)}: its file is still in Exact')
                # Who booked it once more beside an entry that stays is back at that one's number.
                before = {note.get('payment_reference', '')} | {
                    str(export.invoice_number or export.entry_number)
                    for export in self.by_move[move] if export.state == 'superseded'
                }
                if move.state == 'posted' and not note.get('edited') and (
                    (move.payment_reference or '') not in before
                ):
                    self.broken(7, f'{self.label(move)}: payment reference not restored')
            undone = note.get('undone')
            if last.state == 'verified' and undone and (
                not note['edited'] or note['edited'] < undone['at']
            ) and last.exact_guid not in self.amounts_there:
                lines = self.simulator.transaction_lines(last.exact_guid, self.code(move))
                if lines and normal(lines) != undone['lines']:
                    self.broken(7, f'{self.label(move)}: another entry than before the undo')

    # === EVERYBODY ELSE === #

    def _count_failures(self):
        for text in self.world.odoo_failed:
            self.broken(9, f'Odoo failed: {text}')
        for text in self.world.observer.errors:
            self.broken(9, f'error in the log: {text[:300]}')
        for export in self.exports.browse(self.world.unsettled()):
            self.broken(
                9, f'{self.label(export.move_id)}: waits for ever'
                f' ({export.pending_action or export.state}, next {export.next_try})',
            )
        for text in self.world.waited:
            self.broken(9, text)

    def _count_rights(self):
        second = self.env['res.users'].search([('login', '=', 'second')])
        nobody = self.env['res.users'].search([('login', '=', 'nobody')])
        first = self.world.offices[0].company_id
        for model in ('exact.export', 'exact.finding', 'exact.export.attempt', 'exact.relation',
                      'exact.gl.account', 'exact.partner.mapping', 'exact.division'):
            env = self.env(user=second.id, context={'allowed_company_ids': second.company_ids.ids})
            seen = env[model].search_count([('company_id', '=', first)])
            if seen:
                self.broken(10, f'{seen} {model} of another company are seen')
        exports = self.exports.filtered(lambda export: export.company_id.id == first)[:1]
        for user in (second, nobody):
            for action in ('action_undo', 'action_retry', 'action_update'):
                env = self.env(
                    user=user.id, context={'allowed_company_ids': user.company_ids.ids},
                )
                if exports and self._may(exports.with_env(env), action):
                    self.broken(10, f'{user.login} may {action}')
        for name in ('access_token', 'refresh_token', 'client_secret'):
            if self._may_read(name):
                self.broken(10, f'an administrator reads {name}')

    def _may(self, records, action):
        try:
            with self.env.cr.savepoint():
                getattr(records, action)()
        except AccessError:
            return False
        return True

    def _may_read(self, name):
        env = self.env(user=self.world.admin_id, su=False)
        try:
            rows = env['exact.token'].search([]).read([name])
        except AccessError:
            return False
        return any(row.get(name) for row in rows)

    def _count_secrets(self):
        """10: tokens are in no log and, in the clear, nowhere in the database."""
        secrets = self.world.observer.secrets
        for text in self.world.observer.texts:
            if any(secret in text for secret in secrets):
                self.broken(10, f'a secret in the log: {text[:60]}…')
        self.env.cr.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type IN"
            "       ('text', 'character varying', 'json', 'jsonb')"
            "   AND (table_name LIKE 'exact\\_%' OR table_name IN"
            "        ('mail_message', 'mail_tracking_value', 'ir_logging', 'mail_activity'))",
        )
        for table, column in self.env.cr.fetchall():
            # So begin the simulator's tokens, and nothing else
            self.env.cr.execute(
                f'SELECT count(*) FROM "{table}" WHERE "{column}"::text LIKE %s',
                ['%stampNL001.%'],
            )
            if self.env.cr.fetchone()[0]:
                self.broken(10, f'a secret in {table}.{column}')


def history(counting):
    """What was done with the documents that violations name."""
    return [
        f'{export.move_id.name} {export.create_date:%m-%d %H:%M:%S} {export.state}'
        f' {export.entry_number or ""} {export.exact_guid or ""}: ' + '; '.join(
            f'{attempt.date:%m-%d %H:%M:%S} {attempt.action} {attempt.outcome}'
            f' {(attempt.message or "")[:80]}'
            for attempt in export.attempt_ids.sorted('id')
        )
        for move in counting.told for export in counting.by_move[move]
    ]


def count(world):
    """All that is printed of a run, as plain data."""
    with world.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        counting = Count(world, env)
        violations = counting.all()
        states = Counter(
            counting.by_move[move][-1:].state or 'not exported' for move in counting.moves
        )
        findings = Counter(
            finding.code for finding in env['exact.finding'].search([('severity', '=', 'blocks')])
        )
        told = history(counting)
        worst = max((row[3] for row in counting.errors_by_hour()), default=0)
        cr.rollback()
    observer = world.observer
    return {
        'violations': {str(number): violations.get(number, []) for number in INVARIANTS},
        'history': told,
        'documents': len(counting.moves),
        'states': dict(states),
        'findings': dict(findings),
        'calls': observer.calls['all'],
        'statuses': dict(observer.statuses),
        'limited': len(observer.limited),
        'worst_errors': worst,
        'kills': world.kills, 'guests': world.guests, 'conflicts': world.conflicts,
        'restores': world.restores,
        'faults': dict(Counter(world.weather.fired())),
        'refused': world.refused,
        'virtual': str(world.machine.clock() - world.machine.clock.start).split('.')[0],
    }
