"""What people do: in Odoo, and in Exact behind Odoo's back."""

from datetime import timedelta

from odoo import Command, fields

from .prepare import accounts, taxes

KINDS = {
    'out_invoice': 42, 'in_invoice': 24, 'out_refund': 8, 'in_refund': 5, 'out_receipt': 6,
    'in_receipt': 5, 'entry': 10,
}
PDF = b'%PDF-1.4\n% a document of the rehearsal\n%%EOF\n'


class Office:
    """The people of one company, in Odoo.

    :param world: the `World`
    :param company: (id of the company, number of its division)
    """

    def __init__(self, world, company, code):
        self.world, self.random = world, world.random
        self.company_id, self.code = company, code

    # === DOCUMENTS === #

    def new_documents(self, env, count):
        """Make documents, post most, ask for the export of most."""
        # What the chatter keeps of it would take as long as all the rest
        quick = env['account.move'].with_context(tracking_disable=True)
        moves = quick.create([self._document(env) for _number in range(count)])
        for move in moves.filtered(lambda move: move.move_type.startswith('in_')):
            if self.random.random() < 0.4:
                self._attach(env, move)
        posted = moves.filtered(lambda move: self.random.random() < 0.96)
        posted.action_post()
        wanted = posted.filtered(lambda move: self.random.random() < 0.9)
        if wanted:
            wanted.action_exact_export()
        for move in posted:
            self.world.note_document(move, asked=move in wanted)

    def _document(self, env):
        """Values of a document."""
        kind = self.random.choices(list(KINDS), list(KINDS.values()))[0]
        self.world.count += 1
        today = fields.Date.context_today(env['account.move'])
        day = today - timedelta(days=self.random.choice([0, 0, 0, 1, 3, 12, 40]))
        values = {
            'move_type': kind, 'date': day, 'company_id': self.company_id,
            'partner_id': self._partner(env).id, 'journal_id': self._journal(env, kind).id,
        }
        if kind == 'entry':
            values |= {'line_ids': self._entry_lines(env), 'ref': f"Memo {self.world.count}"}
        else:
            if self.random.random() < 0.1:
                values['currency_id'] = env.ref('base.USD').id
            values |= {
                'invoice_date': day, 'invoice_line_ids': self._lines(env, kind),
                'invoice_date_due': day + timedelta(days=30),
            }
        if kind.startswith('in_'):
            # The supplier's number: unique, as the key in Exact
            values['ref'] = f"S{self.company_id}-{self.world.count:05}"
        return values

    def _attach(self, env, move):
        env['ir.attachment'].create({
            'name': f"scan-{move.id}.pdf", 'raw': PDF, 'mimetype': 'application/pdf',
            'res_model': 'account.move', 'res_id': move.id,
        })

    def _partner(self, env):
        domain = [('name', 'like', f'Rehearsal {self.company_id} '), ('parent_id', '=', False)]
        if self.random.random() < 0.08:
            self.world.count += 1
            return env['res.partner'].create({
                'name': f"Rehearsal {self.company_id} New {self.world.count}",
                'company_id': self.company_id, 'is_company': True,
                'country_id': env.ref('base.nl').id, 'city': "Nieuwdorp",
                'zip': f"{2000 + self.world.count % 7000} CD",
            })
        return self.random.choice(env['res.partner'].search(domain, order='id'))

    def _journal(self, env, kind):
        name = {'o': 'sale', 'i': 'purchase'}.get(kind[0], 'general')
        return env['account.journal'].search([
            ('company_id', '=', self.company_id), ('name', '=', f'Rehearsal {name}'),
        ])

    def _amount(self):
        return round(self.random.uniform(0.01, self.random.choice([40, 4000])), 2)

    def _lines(self, env, kind):
        company = env['res.company'].browse(self.company_id)
        sale = kind.startswith('out')
        ledgers = accounts(env, company, 'income' if sale else 'expense', 3)
        rates = taxes(env, company, 'sale' if sale else 'purchase')
        return [
            Command.create({
                'name': f"Line {number}",
                'quantity': self.random.choice([1, 1, 1, 2, 3, 0.333, 7.5]),
                'price_unit': self._amount(),
                'discount': self.random.choice([0, 0, 0, 0, 10, 33.33]),
                'account_id': self.random.choice(ledgers).id,
                'tax_ids': [Command.set(self.random.choice(rates).ids)],
            })
            for number in range(1, self.random.choice([1, 1, 2, 2, 3, 5]) + 1)
        ]

    def _entry_lines(self, env):
        company = env['res.company'].browse(self.company_id)
        one = self.random.choice(accounts(env, company, 'expense', 3))
        other = self.random.choice(accounts(env, company, 'income', 3))
        amount = self._amount()
        return [
            Command.create({'name': "Memo", 'account_id': one.id, 'debit': amount,
                            'tax_ids': [Command.clear()]}),
            Command.create({'name': "Memo", 'account_id': other.id, 'credit': amount,
                            'tax_ids': [Command.clear()]}),
        ]

    # === WHAT THEY DO WITH THEM === #

    def _some(self, env, domain, count=1):
        moves = env['account.move'].search([
            ('id', 'in', list(self.world.documents)), ('company_id', '=', self.company_id), *domain,
        ], order='id')
        return env['account.move'].union(
            *self.random.sample(moves, min(count, len(moves))),
        )

    def export(self, env):
        """Ask for the export of what was not asked for, or was undone or deleted."""
        moves = self._some(env, [
            ('state', '=', 'posted'), ('exact_state', 'in', ['not_exported', 'undone', 'deleted']),
        ], 5)
        if moves:
            moves.action_exact_export()
            self.world.note_asked(moves)

    def edit(self, env):
        """Back to draft, something else, posted again."""
        move = self._some(env, [('state', '=', 'posted')])
        if not move:
            return
        move.button_draft()
        if move.move_type != 'entry':
            line = self.random.choice(move.invoice_line_ids)
            change = self.random.choice(['price', 'name', 'line', 'nothing'])
            if change == 'price':
                line.price_unit = self._amount()
            elif change == 'name':
                line.name = f"Edited {self.world.count}"
            elif change == 'line':
                move.invoice_line_ids = self._lines(env, move.move_type)[:1]
        if self.random.random() < 0.85:
            move.action_post()
        self.world.note_edited(move)

    def post_drafts(self, env):
        moves = self._some(env, [('state', '=', 'draft')], 3)
        if moves:
            moves.action_post()

    def cancel(self, env):
        move = self._some(env, [('state', '=', 'posted')])
        if move:
            move.button_draft()
            move.button_cancel()
            self.world.note_edited(move)

    def undo(self, env):
        moves = self._some(
            env, [('exact_state', 'in', ['verified', 'waiting', 'blocked', 'changed'])],
            self.random.choice([1, 1, 1, 4]),
        )
        if moves:
            moves.action_exact_undo()
            self.world.note_undone(moves)

    def update(self, env):
        moves = self._some(env, [('exact_state', '=', 'changed'), ('state', '=', 'posted')], 3)
        if moves:
            moves.action_exact_update()

    def create_new(self, env):
        move = self._some(env, [
            ('exact_state', 'in', ['changed', 'deleted']), ('state', '=', 'posted'),
        ])
        if move:
            move.action_exact_create_new()

    def reverse(self, env):
        move = self._some(env, [('exact_state', 'in', ['verified', 'changed'])])
        if move and 'reverse' in (move.exact_buttons or ()):
            move.action_exact_reverse()

    def retry(self, env):
        moves = self._some(env, [('exact_state', '=', 'blocked')], 8)
        if moves:
            moves.action_exact_retry()

    def pay(self, env):
        """Payments that are registered in Odoo, some of a part."""
        moves = self._some(env, [
            ('state', '=', 'posted'), ('move_type', '!=', 'entry'), ('amount_residual', '>', 0),
        ], self.random.choice([1, 1, 2]))
        for move in moves:
            pay = env['account.payment.register'].with_context(
                active_model='account.move', active_ids=move.ids,
            ).create({})
            if self.random.random() < 0.3:
                pay.amount = round(pay.amount / 2, 2)
            pay.action_create_payments()

    def attach(self, env):
        move = self._some(env, [('move_type', 'in', ['in_invoice', 'in_refund'])])
        if move:
            self._attach(env, move)

    def hold(self, env):
        division = self.division(env)
        if not division.hold:
            division.action_hold()

    def release(self, env):
        division = self.division(env)
        if division.hold:
            division.action_release()

    def refresh(self, env):
        self.division(env).action_refresh()

    def files(self, env):
        """Whether PDFs travel."""
        division = self.division(env)
        division.send_documents = not division.send_documents

    def automatic(self, env):
        division = self.division(env)
        division.auto_export_sale = not division.auto_export_sale

    def division(self, env):
        return env['exact.division'].search([('company_id', '=', self.company_id)])

    ACTIONS = {
        'export': 10, 'edit': 10, 'post_drafts': 5, 'cancel': 2, 'undo': 8, 'update': 8,
        'create_new': 2, 'reverse': 3, 'retry': 5, 'attach': 3, 'hold': 1, 'release': 4,
        'refresh': 2, 'files': 1, 'automatic': 1, 'pay': 6,
    }

    def pick(self):
        """One of the things that they do; callable with an environment."""
        name = self.random.choices(list(self.ACTIONS), list(self.ACTIONS.values()))[0]
        return name, getattr(self, name)


def reference_in(entry):
    """The reference that an entry in Exact carries: general entries have it on their lines."""
    if entry['kind'] in ('sale', 'purchase'):
        return entry.get('YourRef') or ''
    return (entry['lines'][0].get('Description') or '').split(': ')[0] if entry['lines'] else ''


class Bookkeeper:
    """Somebody at work in Exact itself, in one division.

    Attributes: what this person deleted, edited ({GUID: the reference that it had}), gave another
    amount ({GUID: when}) and typed.
    """

    def __init__(self, world, code):
        self.world, self.random, self.code = world, world.random, code
        self.simulator = world.simulator
        self.deleted, self.edited, self.amounts, self.typed = set(), {}, {}, set()

    def _run(self, action, **values):
        return self.simulator.control.run(action, {'division': self.code, **values})

    def _entry(self, status=None):
        entries = [
            entry for entry in self.simulator.entries(self.code)
            if status is None or entry['Status'] == status
        ]
        return self.random.choice(entries) if entries else None

    def delete_entry(self):
        entry = self._entry()
        if entry:
            self._run('delete_entry', entry=entry['EntryID'], documents=self.random.random() < 0.3)
            self.deleted.add(entry['EntryID'])

    def edit_entry(self):
        entry = self._entry(20)
        if not entry:
            return
        if entry['kind'] in ('sale', 'purchase') and self.random.random() < 0.5:
            self._run('edit_entry', entry=entry['EntryID'], header={'Description': "Changed here"})
        else:
            line = self.random.choice(entry['lines'])
            self._run('edit_entry', entry=entry['EntryID'], lines={
                line['LineNumber']: {'Description': "Changed here"},
            })
        self.edited.setdefault(entry['EntryID'], reference_in(entry))

    def edit_amount(self):
        """Correct what Odoo has proved already, or is about to."""
        entry = self._entry(20)
        if not entry or entry['kind'] not in ('sale', 'purchase'):
            return
        line = self.random.choice(entry['lines'])
        self._run('edit_entry', entry=entry['EntryID'], lines={
            line['LineNumber']: {'AmountFC': round(float(line['AmountFC']) + 1, 2)},
        })
        self.edited.setdefault(entry['EntryID'], reference_in(entry))
        self.amounts[entry['EntryID']] = self.world.machine.clock.naive()

    def process_entry(self):
        entry = self._entry(20)
        if entry:
            self._run('process_entry', entry=entry['EntryID'])

    def pay(self):
        entry = self._entry()
        if entry and entry['kind'] in ('sale', 'purchase'):
            part = self.random.random() < 0.3
            self._run(
                'register_payment', entry=entry['EntryID'],
                **({'amount': 0.5} if part else {}),
            )

    def close_period(self):
        today = self.world.machine.clock.naive() - timedelta(days=self.random.choice([20, 50]))
        self._run('close_period', year=today.year, period=today.month)

    def open_period(self):
        today = self.world.machine.clock.naive() - timedelta(days=self.random.choice([20, 50]))
        self._run('close_period', year=today.year, period=today.month, closed=False)

    def _ledger(self):
        return self.random.choice(sorted(
            (row for row in self.simulator.store.all('GLAccounts', self.code)
             if row['Type'] in (110, 121)), key=lambda row: row['Code'],
        ))

    def rename_ledger(self):
        row = self._ledger()
        self._run('edit_record', table='GLAccounts', key=row['ID'], values={
            'Description': f"Renamed {self.world.count}",
        })

    def block_ledger(self):
        row = self._ledger()
        self._run('edit_record', table='GLAccounts', key=row['ID'], values={'IsBlocked': True})
        self.world.later(timedelta(hours=self.random.uniform(1, 12)), lambda: self._run(
            'edit_record', table='GLAccounts', key=row['ID'], values={'IsBlocked': False},
        ), 'unblock ledger')

    def change_vat_code(self):
        row = self.random.choice(sorted(
            self.simulator.store.all('VATCodes', self.code), key=lambda row: row['Code'],
        ))
        self._run('edit_record', table='VATCodes', key=row['ID'], values={
            'Description': f"VAT {self.world.count}",
        })

    def rename_relation(self):
        row = self.random.choice(sorted(
            self.simulator.store.all('Accounts', self.code), key=lambda row: row['ID'],
        ))
        self._run('edit_record', table='Accounts', key=row['ID'], values={
            'City': f"Elders {self.world.count}",
        })
        self.world.relations_changed_there.add((self.code, row['ID'].lower()))

    def type_entry(self):
        """Something of their own, which is none of ours."""
        customers = sorted(
            (row for row in self.simulator.store.all('Accounts', self.code)
             if row.get('Status') == 'C'), key=lambda row: row['ID'],
        )
        journal = next(
            row for row in sorted(
                self.simulator.store.all('Journals', self.code), key=lambda row: row['Code'],
            ) if row['Type'] == 20 and row.get('AllowVAT')
        )
        self.world.count += 1
        answer = self._run('add_entry', kind='sale', values={
            'Customer': self.random.choice(customers)['ID'], 'Journal': journal['Code'],
            'EntryDate': self.world.machine.clock.naive().date().isoformat(),
            'YourRef': f"TYPED{self.world.count}", 'Description': "Typed by hand",
            'SalesEntryLines': [{
                'GLAccount': self._ledger()['ID'], 'AmountFC': 12.5, 'Description': "Typed",
            }],
        })
        self.typed.add(answer['EntryID'])

    ACTIONS = {
        'delete_entry': 4, 'edit_entry': 4, 'edit_amount': 2, 'process_entry': 4, 'pay': 6,
        'close_period': 1, 'open_period': 2, 'rename_ledger': 1, 'block_ledger': 1,
        'change_vat_code': 1, 'rename_relation': 1, 'type_entry': 3,
    }

    def pick(self):
        name = self.random.choices(list(self.ACTIONS), list(self.ACTIONS.values()))[0]
        return name, getattr(self, name)
