"""Who may do what. The tables are the decision; the tests compare the program with them.

A model or a public method that is not in the tables fails the tests: somebody has to decide.
"""
import threading
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.service.model import call_kw
from odoo.tests import HttpCase, JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from ..export_common import ExactExportCase

# login: groups. All but the last two work in the company of the documents.
PEOPLE = {
    'public': 'base.group_public',
    'portal': 'base.group_portal',
    'employee': 'base.group_user',
    'system': 'base.group_user,base.group_system',
    'reader': 'base.group_user,account.group_account_readonly',
    'invoicer': 'base.group_user,account.group_account_invoice',
    'accountant': 'base.group_user,account.group_account_user',
    'manager': 'base.group_user,account.group_account_manager',
    # Another company, whose administration comes over the same connection
    'neighbour': 'base.group_user,base.group_allow_export,account.group_account_manager',
    # Another company that has nothing to do with it
    'stranger': 'base.group_user,base.group_allow_export,account.group_account_manager',
}
NOBODY = set()
MANAGERS = {'manager'}
INVOICERS = {'invoicer', 'accountant', 'manager'}
READERS = {'reader', *INVOICERS}
OF_ANOTHER_COMPANY = {'neighbour', 'stranger'}
ANYBODY = set(PEOPLE)

# === MODELS: who reads, writes, creates, deletes === #

# Kept by the engine: people read it, nobody writes it.
ENGINE = (READERS, NOBODY, NOBODY, NOBODY)
# Decided by administrators, read by whoever keeps the books.
DECISION = (READERS, MANAGERS, MANAGERS, MANAGERS)
SECRET = (NOBODY, NOBODY, NOBODY, NOBODY)
# What one invoicing person is about to do; here, the invoicer's.
OWN = ({'invoicer'},) * 4

MODELS = {
    'exact.connection': (READERS | {'neighbour'}, MANAGERS, MANAGERS, MANAGERS),
    'exact.division': (READERS, MANAGERS, NOBODY, NOBODY),
    'exact.token': SECRET,
    'exact.token.refresh': SECRET,
    # Master data
    'exact.gl.account': ENGINE,
    'exact.journal': ENGINE,
    'exact.vat.code': ENGINE,
    'exact.payment.condition': ENGINE,
    'exact.currency': ENGINE,
    'exact.cost.center': ENGINE,
    'exact.cost.unit': ENGINE,
    'exact.project': ENGINE,
    'exact.item': ENGINE,
    'exact.relation': ENGINE,
    'exact.relation.bank': ENGINE,
    'exact.period': ENGINE,
    'exact.journal.period': ENGINE,
    'exact.cursor': ENGINE,
    'exact.call': ENGINE,
    # Mappings
    'exact.account.mapping': DECISION,
    'exact.journal.mapping': DECISION,
    'exact.tax.mapping': DECISION,
    'exact.payment.term.mapping': DECISION,
    'exact.analytic.mapping': DECISION,
    'exact.partner.mapping': DECISION,
    # Exports
    'exact.export': ENGINE,
    'exact.export.line': ENGINE,
    'exact.export.entry.line': ENGINE,
    'exact.export.term': ENGINE,
    'exact.export.attempt': ENGINE,
    'exact.operation': ENGINE,
    'exact.export.queue': ENGINE,
    'exact.entry': ENGINE,
    'exact.finding': ENGINE,
    'exact.finding.group': ENGINE,
    'exact.accepted.difference': ENGINE,
    # Payments
    'exact.payment.reading': ENGINE,
    'exact.settlement': ENGINE,
    'exact.payment': ENGINE,
    # Wizards
    'exact.export.document.wizard': OWN,
    'exact.export.document.wizard.line': OWN,
    'exact.export.wizard': OWN,
    'exact.export.wizard.line': OWN,
    'exact.link.wizard': OWN,
    'exact.link.wizard.line': OWN,
    'exact.period.wizard': OWN,
    'exact.accept.wizard': OWN,
    'exact.undo.wizard': OWN,
    'exact.undo.wizard.line': OWN,
}
OPERATIONS = ('read', 'write', 'create', 'unlink')
# === METHODS: who may call them by RPC, on records of the company === #

MAPPINGS = [
    'exact.account.mapping', 'exact.journal.mapping', 'exact.tax.mapping',
    'exact.payment.term.mapping', 'exact.analytic.mapping', 'exact.partner.mapping',
]
METHODS = {
    'exact.connection': {
        'action_connect': MANAGERS,
        'action_disconnect': MANAGERS,
        'action_refresh_divisions': MANAGERS,
        'action_probe_rights': MANAGERS,
        'action_try_again': MANAGERS,
        'action_is_original': MANAGERS,
        'action_is_copy': MANAGERS,
        'action_view_divisions': READERS | {'neighbour'},
    },
    'exact.division': {
        'action_use_for_company': MANAGERS,
        'action_hold': MANAGERS,
        'action_release': MANAGERS,
        'action_refresh': INVOICERS,
        'action_ask_payments': INVOICERS,
        'action_reset_fuse': MANAGERS,
        'action_accept_suggestions': MANAGERS | OF_ANOTHER_COMPANY,  # finds none of ours
        'action_look_for_new': MANAGERS,
        'action_open_connection': READERS,
        'action_open_mappings': READERS,
    },
    **{model: {
        'action_accept': MANAGERS,
        # Those of the person's own companies, whatever is selected
        'action_accept_all': MANAGERS | OF_ANOTHER_COMPANY,
        'action_look_for_new': MANAGERS | OF_ANOTHER_COMPANY,
    } for model in MAPPINGS},
    'exact.export': {
        'action_retry': INVOICERS,
        'action_undo': INVOICERS,
        'action_withdraw': INVOICERS,
        'action_reverse': INVOICERS,
        'action_update': INVOICERS,
        'action_create_new': INVOICERS,
        'action_keep_both': INVOICERS,
        'action_fix': READERS,
        'action_open_exact': READERS,
        'action_open_move': READERS,
    },
    'exact.finding': {'action_fix': READERS, 'action_retry': INVOICERS},
    'exact.finding.group': {
        'action_fix': READERS, 'action_retry': INVOICERS, 'action_open_documents': READERS,
    },
    'exact.export.document.wizard': {'action_export': {'invoicer'}},
    'exact.export.wizard': {
        'action_check': {'invoicer'}, 'action_export': {'invoicer'}, 'action_look': {'invoicer'},
    },
    'exact.export.wizard.line': {
        'action_fix': {'invoicer'}, 'action_open_moves': {'invoicer'},
    },
    'exact.link.wizard': {'action_link': {'invoicer'}, 'action_book_beside': {'invoicer'}},
    'exact.period.wizard': {'action_apply': {'invoicer'}},
    'exact.accept.wizard': {'action_accept': {'invoicer'}},
    'exact.undo.wizard': {'action_undo': {'invoicer'}},
    'account.move': {
        'action_exact_export': INVOICERS,
        'action_exact_undo': INVOICERS,
        'action_exact_reverse': INVOICERS,
        'action_exact_update': INVOICERS,
        'action_exact_create_new': INVOICERS,
        'action_exact_keep_both': INVOICERS,
        'action_exact_accept_difference': INVOICERS,
        'action_exact_retry': INVOICERS,
        'action_exact_fix': READERS,
        'action_exact_open': READERS,
        'action_exact_open_export': READERS,
        'action_exact_link': INVOICERS,
        'action_exact_undo_wizard': INVOICERS,
        'action_exact_adjust': INVOICERS,
        'action_exact_refresh': ANYBODY,  # only lets the screen look again
        'action_exact_refresh_payment': INVOICERS,
        'exact_payment_opened': READERS,
    },
}

# === ROUTES: how one comes in === #

ROUTES = {
    # Tied to the person, the connection and the session by its state: see test_oauth
    '/account_exact/oauth/callback': {'auth': 'user', 'methods': ['GET']},
    # Tied to Exact by a signature: see test_webhook
    '/account_exact/webhook/<string:token>': {'auth': 'public', 'methods': ['POST'], 'csrf': False},
}


def is_ours(cls):
    return cls.__module__.startswith('odoo.addons.account_exact')


@tagged('post_install', '-at_install')
class TestSecurity(ExactExportCase):
    """Who may not, cannot: each kind of person, on each model, method and route."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.setup_other_company(name="Other B.V.")['company']
        cls.third_company = cls.setup_other_company(name="Third B.V.")['company']
        companies = {'neighbour': cls.other_company, 'stranger': cls.third_company}
        cls.people = {}
        for login, groups in PEOPLE.items():
            company = companies.get(login, cls.company)
            cls.people[login] = new_test_user(
                cls.env, login=f'exact_{login}', groups=groups, company_id=company.id,
                company_ids=[Command.set(company.ids)],
            )
        cls.neighbours = cls.create_division(cls.connection, cls.other_company, code=1234568)
        # sudo: master data is the engine's to make
        cls.their_ledger = cls.env['exact.gl.account'].sudo().create({
            'division_id': cls.neighbours.id, 'code': '8000', 'name': "Theirs",
            'exact_guid': '00000000-0000-4000-8000-000000008000',
        })
        # A document of each kind: in Exact, and one that cannot go there
        term = cls.env.ref('account.account_payment_term_30days')
        cls.mapping(
            'exact.payment.term.mapping', 'payment_term_id', term, 'payment_condition_id',
            cls.master('exact.payment.condition', [('code', '=', '30')]),
        )
        cls.move = cls.document(
            'out_invoice', [(100, cls.tax_21)], partner=cls.people['portal'].partner_id,
            invoice_payment_term_id=term.id,
        )
        cls.exported = cls.export(cls.move)
        unmapped = cls.revenue.copy({'code': '8999', 'name': "Nowhere in Exact"})
        cls.stuck = cls.document('out_invoice', [{
            'name': "Line", 'quantity': 1, 'price_unit': 5, 'account_id': unmapped.id,
            'tax_ids': [Command.set(cls.tax_21.ids)],
        }], partner=cls.people['portal'].partner_id)
        cls.export(cls.stuck)
        # What the synchronisation of the simulator's books leaves empty
        for model, values in (
            ('exact.call', {'division_id': cls.division.id, 'resource': 'x'}),
            ('exact.entry', {
                'division_id': cls.division.id,
                'exact_guid': '00000000-0000-4000-8000-000000000001',
            }),
            ('exact.payment.reading', {'division_id': cls.division.id}),
            ('exact.settlement', {'export_id': cls.exported.id}),
            ('exact.token.refresh', {'connection_id': cls.connection.id}),
            ('exact.accepted.difference', {
                'division_id': cls.division.id, 'move_id': cls.move.id, 'differences': [],
                'reason': "x", 'user_id': cls.people['invoicer'].id,
                'accepted_at': '2026-01-15 12:00:00',
            }),
        ):
            owner = next(iter(values))
            if not cls.env[model].sudo().search_count([(owner, '=', values[owner])]):
                cls.env[model].sudo().create(values)
        cls.env['exact.payment'].sudo().create({
            'settlement_id': cls.env['exact.settlement'].sudo().search([], limit=1).id,
            'key': "x", 'kind': 'payment',
        })
        analytic_plan = cls.env['account.analytic.plan'].create({'name': "Plan"})
        cls.env['exact.analytic.mapping'].create({
            'division_id': cls.division.id,
            'analytic_account_id': cls.env['account.analytic.account'].create({
                'name': "Analytic", 'plan_id': analytic_plan.id, 'company_id': cls.company.id,
            }).id,
        })
        cls.make_wizards()
        cls.env.flush_all()

    @classmethod
    def make_wizards(cls):
        """Of the invoicer, as the screens make them."""
        cls.wizards = {}

        def wizard(model, **context):
            record = cls.env[model].with_user(cls.people['invoicer']).with_context(
                **context,
            ).create({})
            cls.wizards[model] = record
            if 'line_ids' in record._fields:
                cls.wizards[f'{model}.line'] = record.line_ids[:1]
            return record

        wizard('exact.export.document.wizard', default_move_id=cls.stuck.id)
        wizard('exact.undo.wizard', exact_move_ids=cls.move.ids)
        wizard(
            'exact.period.wizard', default_finding_id=cls.stuck.exact_export_id.finding_ids[:1].id,
        )
        wizard(
            'exact.accept.wizard', default_export_id=cls.stuck.exact_export_id.id,
            default_reason="x",
        )
        # What is found in Exact is the engine's to write, for the person
        for model, values in (
            ('exact.link.wizard', {'division_id': cls.division.id, 'asked_for_id': cls.stuck.id}),
            ('exact.link.wizard.line', {'move_id': cls.stuck.id, 'how': 'equal'}),
        ):
            if model.endswith('.line'):
                values['wizard_id'] = cls.wizards['exact.link.wizard'].id
            cls.wizards[model] = cls.env[model].with_user(
                cls.people['invoicer'],
            ).sudo().create(values)
        everything = wizard('exact.export.wizard')
        everything.action_check()
        cls.wizards['exact.export.wizard.line'] = everything.line_ids[:1]

    # === HELPERS === #

    @classmethod
    def our_models(cls):
        return [
            name for name, model in cls.registry.items()
            if name.startswith('exact.') and not model._abstract
        ]

    def record(self, model):
        """One record of the company."""
        if model in self.wizards:
            return self.wizards[model].sudo()
        if model == 'account.move':
            return self.move.sudo()
        if model == 'exact.connection':
            return self.connection.sudo()
        if model == 'exact.division':
            return self.division.sudo()
        records = self.env[model].sudo()
        if 'division_id' in records._fields:
            return records.search([('division_id', '=', self.division.id)], limit=1)
        if 'export_id' in records._fields:
            return records.search([('export_id.division_id', '=', self.division.id)], limit=1)
        if 'settlement_id' in records._fields:
            return records.search([
                ('settlement_id.division_id', '=', self.division.id),
            ], limit=1)
        return records.search([('connection_id', '=', self.connection.id)], limit=1)

    def call(self, login, record, method, *args):
        """Call a method as RPC does.

        :return: whether the person may
        """
        user = self.people[login]
        env = self.env(user=user, su=False, context={})
        self.env.invalidate_all()
        savepoint = self.env.cr.savepoint(flush=False)
        try:
            with mute_logger(
                'odoo.addons.base.models.ir_model', 'odoo.addons.base.models.ir_rule',
            ):
                ids = [] if method == 'create' else [record.ids]
                call_kw(env[record._name], method, [*ids, *args], {})
                env.flush_all()
        except (AccessError, MissingError):
            return False
        except UserError:
            # Not the right moment, but the right person
            return True
        else:
            return True
        finally:
            savepoint.close(rollback=True)
            self.env.invalidate_all()

    # === MODELS === #

    def test_every_model_is_decided(self):
        self.assertEqual(sorted(MODELS), sorted(self.our_models()))

    def test_models(self):
        for model, decision in MODELS.items():
            record = self.record(model)
            self.assertEqual(len(record), 1, f"no record of {model} to try")
            for login, user in self.people.items():
                own = record.with_env(self.env(user=user, su=False, context={}))
                for operation, allowed in zip(OPERATIONS, decision, strict=True):
                    with self.subTest(model=model, operation=operation, who=login):
                        # To create: such a record, in this company
                        self.assertEqual(own.has_access(operation), login in allowed)

    def test_nobody_writes_by_rpc_what_the_engine_keeps(self):
        for model, decision in MODELS.items():
            record = self.record(model)
            for login in PEOPLE:
                with self.subTest(model=model, who=login):
                    for method, args, allowed in (
                        ('read', [['display_name']], decision[0]),
                        ('write', [{}], decision[1]),
                        ('unlink', [], decision[3]),
                    ):
                        self.assertEqual(
                            self.call(login, record, method, *args), login in allowed, method,
                        )

    def test_other_companies_find_nothing(self):
        """Not by searching, counting, grouping, exporting or guessing a name or an id."""
        for model, (readers, *_rest) in MODELS.items():
            record = self.record(model)
            for login in OF_ANOTHER_COMPANY - readers:
                records = self.env[model].with_env(
                    self.env(user=self.people[login], su=False, context={}),
                )
                with self.subTest(model=model, who=login), mute_logger(
                    'odoo.addons.base.models.ir_model', 'odoo.addons.base.models.ir_rule',
                ):
                    if not records.has_access('read'):
                        continue
                    domain = [('id', '=', record.id)]
                    self.assertFalse(records.with_context(active_test=False).search(domain))
                    self.assertFalse(records.search_count(domain))
                    self.assertFalse(records.search_read(domain, ['display_name']))
                    self.assertFalse(records.name_search(domain=domain))
                    [(count,)] = records._read_group(domain, [], ['__count'])
                    self.assertFalse(count)
                    with self.assertRaises(AccessError):
                        records.browse(record.id).export_data(['id', 'display_name'])
                    with self.assertRaises(AccessError):
                        records.browse(record.id).read(['display_name'])
                    with self.assertRaises(AccessError):
                        records.with_context(
                            allowed_company_ids=self.company.ids,
                        ).browse(record.id).read(['display_name'])

    def test_fields_of_the_engine(self):
        """`readonly` is for the screen; by RPC a person could send books elsewhere."""
        mapping = self.record('exact.account.mapping')
        for record, values in (
            (self.division, {'code': 1234568}),
            (self.division, {'connection_id': self.connection.id}),
            (self.division, {'currency_id': self.env.ref('base.USD').id}),
            (self.division, {'move_date': '2026-01-01'}),
            (self.division, {'unreachable_reason': False}),
            (self.division, {'hold_reason': "x"}),
            (self.connection, {'state': 'connected'}),
            (self.connection, {'reason': False}),
            (self.connection, {'missing_rights': []}),
            (self.connection, {'connected_at': False}),
            (self.connection, {'company_id': self.other_company.id}),
            (mapping, {'division_id': self.neighbours.id}),
            (mapping, {'company_id': self.other_company.id}),
            (mapping, {'state': 'mapped'}),
            (mapping, {'mapped_by_id': self.env.ref('base.user_admin').id}),
            (mapping, {'mapped_on': '2020-01-01'}),
        ):
            with self.subTest(record=record, values=values):
                self.assertFalse(self.call('manager', record.sudo(), 'write', values))
        for model, values in (
            ('exact.link.wizard', {'asked_for_id': self.move.id}),
            ('exact.link.wizard.line', {'exact_guid': '00000000-0000-4000-8000-000000000009'}),
            ('exact.link.wizard.line', {'how': 'equal'}),
            ('exact.link.wizard.line', {'booking': {}}),
        ):
            with self.subTest(model=model, values=values):
                self.assertFalse(self.call('invoicer', self.wizards[model], 'write', values))
                self.assertFalse(self.call('invoicer', self.wizards[model].browse(), 'create', [
                    {'division_id': self.division.id} if model == 'exact.link.wizard' else
                    {'wizard_id': self.wizards['exact.link.wizard'].id, 'move_id': self.move.id},
                ]))
        for values in ({'state': 'connected'}, {'reason': 'x'}):
            with self.assertRaises(AccessError):
                self.env['exact.connection'].with_user(self.people['manager']).create(values)

    # === METHODS === #

    def public_methods(self, model, is_ours=is_ours):
        """Methods that RPC can call and that are ours, not Odoo's."""
        cls = self.registry[model]
        names = set()
        for name in dir(cls):
            if name.startswith('_') or not callable(getattr(cls, name)):
                continue
            definers = [base for base in cls.mro()[1:] if name in vars(base)]
            if definers and all(
                is_ours(base) and not getattr(vars(base)[name], '_api_private', False)
                for base in definers
            ):
                names.add(name)
        return names

    def test_every_method_is_decided(self):
        for model in [*self.our_models(), 'account.move', 'res.company']:
            with self.subTest(model=model):
                self.assertEqual(
                    sorted(METHODS.get(model, ())), sorted(self.public_methods(model)),
                )

    def test_no_other_model_has_methods_of_ours(self):
        """Where the glue addons add some, their own tests decide."""
        found = {
            name: self.public_methods(
                name, lambda cls: cls.__module__.startswith('odoo.addons.account_exact.'),
            )
            for name, model in self.registry.items() if not model._abstract
        }
        self.assertEqual({name for name, methods in found.items() if methods} - {*METHODS}, set())

    def test_methods(self):
        for model, methods in METHODS.items():
            record = self.record(model)
            for method, allowed in methods.items():
                for login in PEOPLE:
                    with self.subTest(model=model, method=method, who=login):
                        self.assertEqual(self.call(login, record, method), login in allowed)

    def test_lines_are_edited_by_who_keeps_the_books(self):
        """What a line carries along to Exact is Odoo's to allow; ours gives nobody more."""
        line = self.move.invoice_line_ids
        account = self.env['exact.analytic.mapping'].search([
            ('division_id', '=', self.division.id),
        ], limit=1).analytic_account_id
        for values in ({'analytic_distribution': {str(account.id): 100}}, {'name': "Other"}):
            for login in PEOPLE:
                with self.subTest(who=login, values=values):
                    self.assertEqual(
                        self.call(login, line, 'write', values), login in INVOICERS,
                    )

    def test_lines_that_are_edited_are_compared_whoever_may_edit_them(self):
        """Without any right on exports: the comparison is the engine's."""
        line = self.move.invoice_line_ids
        account = self.env['exact.analytic.mapping'].search([
            ('division_id', '=', self.division.id),
        ], limit=1).analytic_account_id
        self.assertFalse(self.exported.pending_action)
        with self.assertRaises(AccessError), mute_logger('odoo.addons.base.models.ir_model'):
            self.exported.with_user(self.people['invoicer']).pending_action = 'recheck'
        line.with_user(self.people['invoicer']).analytic_distribution = {str(account.id): 100}
        self.assertEqual(self.exported.pending_action, 'recheck')

    def test_defaults_of_the_context_fill_nothing_of_the_engine(self):
        """Odoo takes `default_...` of a context, which comes from outside, for read-only fields."""
        guid = '00000000-0000-4000-8000-000000000009'
        line = {'wizard_id': self.wizards['exact.link.wizard'].id, 'is_chosen': True}
        mapped = {'division_id': self.division.id, 'account_id': self.revenue.copy().id}
        for login, model, values, context in (
            ('invoicer', 'exact.link.wizard', {}, {'default_division_id': self.division.id}),
            ('invoicer', 'exact.link.wizard.line', line, {
                'default_move_id': self.stuck.id, 'default_exact_guid': guid,
            }),
            ('manager', 'exact.connection', {'name': "Forged"}, {'default_state': 'connected'}),
            ('manager', 'exact.account.mapping', mapped, {'default_state': 'mapped'}),
        ):
            env = self.env(user=self.people[login], su=False, context={})
            with self.subTest(model=model), self.assertRaisesRegex(AccessError, "nobody writes"):
                call_kw(env[model], 'create', [[values]], {'context': context})

    # === CRAFTED IDS === #

    def test_wizards_show_nothing_of_others(self):
        """An id that is typed by hand shows no name, no amount, no number."""
        for login in OF_ANOTHER_COMPANY:
            own = self.env(user=self.people[login], su=False, context={})
            undo = own['exact.undo.wizard'].create({})
            for model, values in (
                ('exact.undo.wizard.line', {'wizard_id': undo.id, 'move_id': self.move.id}),
                ('exact.undo.wizard.line', {'wizard_id': undo.id, 'export_id': self.exported.id}),
                ('exact.export.document.wizard', {'move_id': self.move.id}),
                ('exact.export.wizard', {'division_id': self.division.id}),
            ):
                with self.subTest(who=login, model=model, values=values):
                    with self.assertRaises(AccessError), mute_logger(
                        'odoo.addons.base.models.ir_rule', 'odoo.addons.base.models.ir_model',
                    ):
                        own[model].create(values)
                    names = [
                        name for name, field in own[model]._fields.items()
                        if field.related and name not in ('currency_id', 'kind')
                    ]
                    for name in names:
                        with mute_logger('odoo.addons.base.models.ir_rule'):
                            try:
                                value = own[model].new(values)[name]
                            except AccessError:
                                continue
                        self.assertFalse(value, name)

    def test_forms_name_nothing_of_others(self):
        """`onchange` answers with the names of the ids that it is sent, whoever sends them."""
        named = {'fields': {'display_name': {}}}
        ours = {
            'exact.export.document.wizard': {'move_id': self.move, 'division_id': self.division},
            'exact.export.wizard': {'division_id': self.division},
            'exact.undo.wizard.line': {'move_id': self.move, 'export_id': self.exported},
            'exact.link.wizard.line': {'move_id': self.move},
            'exact.account.mapping': {
                'division_id': self.division,
                'gl_account_id': self.record('exact.gl.account'),
            },
        }
        for login in ('manager', *OF_ANOTHER_COMPANY):
            env = self.env(user=self.people[login], su=False, context={})
            for model, records in ours.items():
                for name, record in records.items():
                    for values, context in (
                        ({name: record.id}, {}), ({name: {'id': record.id}}, {}),
                        ({}, {f'default_{name}': record.id}),
                    ):
                        arguments = [[], values, list(values), {name: named}]
                        with self.subTest(who=login, model=model, field=name, values=values):
                            if login == 'manager':
                                call_kw(env[model], 'onchange', arguments, {'context': context})
                                continue
                            with self.assertRaises(AccessError), mute_logger(
                                'odoo.addons.base.models.ir_rule',
                                'odoo.addons.base.models.ir_model',
                            ):
                                call_kw(env[model], 'onchange', arguments, {'context': context})
        env = self.env(user=self.people['stranger'], su=False, context={})
        with self.assertRaises(AccessError), mute_logger('odoo.addons.base.models.ir_rule'):
            env['exact.undo.wizard'].onchange(
                {'line_ids': [[0, 'virtual_1', {'export_id': self.exported.id}]]}, ['line_ids'],
                {'line_ids': {'fields': {'export_id': named}}},
            )

    def test_mappings_take_nothing_of_others(self):
        """Neither into their administration nor out of ours."""
        manager = self.env(user=self.people['manager'], su=False, context={})
        account = self.other_company.account_journal_suspense_account_id
        for values in (
            {'division_id': self.neighbours.id, 'account_id': self.revenue.id},
            {'division_id': self.division.id, 'account_id': account.id},
        ):
            with self.subTest(values=values), mute_logger(
                'odoo.addons.base.models.ir_rule', 'odoo.addons.base.models.ir_model',
            ), self.assertRaises(UserError):
                manager['exact.account.mapping'].create(values)
                manager.flush_all()
        for record, field in (
            (self.record('exact.account.mapping'), 'gl_account_id'),
            (self.division, 'default_sale_gl_account_id'),
        ):
            with self.assertRaises(UserError) as refused:
                record.with_env(manager)[field] = self.their_ledger.id
            self.assertNotIn("Theirs", str(refused.exception))
        with self.assertRaises(UserError):
            manager['exact.export.document.wizard'].with_context(
                default_move_id=self.stuck.id,
            ).create({}).line_ids.gl_account_id = self.their_ledger.id

    def test_a_person_of_two_companies_keeps_them_apart(self):
        """Whoever sees both cannot send a document with the master data of the other."""
        both = new_test_user(
            self.env, login='exact_both', groups='account.group_account_manager',
            company_id=self.company.id,
            company_ids=[Command.set((self.company | self.other_company).ids)],
        )
        env = self.env(user=both, su=False, context={
            'allowed_company_ids': (self.company | self.other_company).ids,
        })
        wizard = env['exact.export.document.wizard'].with_context(
            default_move_id=self.stuck.id,
        ).create({})
        wizard.line_ids.gl_account_id = self.their_ledger.id
        with self.assertRaisesRegex(UserError, "another administration"):
            wizard.action_export()
        mapping = self.record('exact.account.mapping').with_env(env)
        with self.assertRaises(UserError):
            mapping.gl_account_id = self.their_ledger.id
        with self.assertRaises(AccessError):
            mapping.division_id = self.neighbours.id

    # === CUSTOMERS === #

    def test_customers_see_nothing_of_it_on_their_invoice(self):
        """They read their own invoice by RPC; what is said of it here may name others."""
        env = self.env(user=self.people['portal'], su=False, context={})
        move = self.move.with_env(env)
        self.assertTrue(move.read(['name']))
        # What lists show has no groups, for the price of a list; its computation tells nothing.
        empty = [
            'exact_state', 'exact_entry_number', 'exact_has_blocking', 'exact_message',
            'exact_button_label',
        ]
        blocked = self.stuck.with_env(env)
        self.assertEqual(self.stuck.exact_state, 'blocked')
        self.assertTrue(self.stuck.exact_message)
        for document in move | blocked:
            self.assertEqual(
                document.read(empty), [{'id': document.id, **dict.fromkeys(empty, False)}],
            )
            self.assertFalse(document.sudo().exact_message)
        ours = [
            name for name in move._fields
            if name.startswith('exact_') and name not in (*empty, 'exact_printed_number')
        ]
        self.assertTrue(ours)
        for name in ours:
            with self.subTest(field=name), self.assertRaises(AccessError):
                move.read([name])
        with self.assertRaises(AccessError):
            env['account.move'].search([('exact_export_ids.payload', 'ilike', 'a')])
        self.assertFalse(set(ours) & set(env['account.move'].fields_get()))

    def test_customers_learn_nothing_by_searching(self):
        env = self.env(user=self.people['portal'], su=False, context={})
        moves = env['account.move']
        number = self.move.exact_entry_number
        self.assertEqual(self.env['account.move'].search_count([
            ('exact_state', '=', 'verified'), ('exact_entry_number', '=', number),
        ]), 1)
        self.assertIn(self.move.with_env(env), moves.search([]))
        for domain in (
            [('exact_state', '=', 'verified')], [('exact_entry_number', '=like', f'{number[:3]}%')],
        ):
            with self.subTest(domain=domain), self.assertRaises(AccessError):
                moves.search_count(domain)
        with self.assertRaises(AccessError):
            moves.formatted_read_group([], ['exact_state'], ['__count'])

    def test_who_may_not_delete_a_document_learns_nothing_of_it(self):
        for login in ('portal', *OF_ANOTHER_COMPANY):
            env = self.env(user=self.people[login], su=False, context={})
            for move in self.move | self.stuck:
                with self.subTest(who=login, move=move.name), mute_logger(
                    'odoo.addons.base.models.ir_rule', 'odoo.addons.base.models.ir_model',
                ), self.assertRaises(AccessError):
                    call_kw(env['account.move'], 'unlink', [move.ids], {})
        with self.assertRaisesRegex(UserError, self.move.exact_entry_number):
            self.move.unlink()

    def test_people_who_read_no_exports_still_read_documents(self):
        """As sales people do: how far it is, but not with what proof."""
        self.env['ir.model.access'].create({
            'name': "Sales people read invoices", 'perm_read': True,
            'model_id': self.env['ir.model']._get_id('account.move'),
            'group_id': self.env.ref('base.group_user').id,
        })
        env = self.env(user=self.people['employee'], su=False, context={})
        readable = [name for name in self.move.fields_get() if name.startswith('exact_')]
        own = [
            name for name in env['account.move'].fields_get() if name.startswith('exact_')
        ]
        self.assertEqual(
            set(readable) - set(own), {'exact_export_ids', 'exact_export_id'},
        )
        self.assertEqual(self.move.with_env(env).read(own)[0]['exact_state'], 'verified')


@tagged('post_install', '-at_install')
class TestRoutes(HttpCase):
    """What can be reached from outside."""

    def routing_map(self):
        with patch.object(threading.current_thread(), 'dbname', self.env.cr.dbname, create=True):
            return self.env['ir.http'].routing_map()

    def test_every_route_is_decided(self):
        found = {
            rule.rule: rule.endpoint.routing
            for rule in self.routing_map().iter_rules()
            if 'account_exact' in rule.rule
            or getattr(rule.endpoint, '__module__', '').startswith('odoo.addons.account_exact')
        }
        self.assertEqual(sorted(found), sorted(ROUTES))
        for route, decision in ROUTES.items():
            for name, value in decision.items():
                self.assertEqual(found[route].get(name, True), value, f'{route} {name}')
            self.assertEqual(found[route]['type'], 'http')

    def test_nobody_calls_methods_without_logging_in(self):
        with self.assertRaises(JsonRpcException), mute_logger('odoo.http'):
            self.make_jsonrpc_request('/web/dataset/call_kw', {
                'model': 'exact.connection', 'method': 'search_read', 'args': [], 'kwargs': {},
            })

    def test_private_methods_are_out_of_reach(self):
        new_test_user(
            self.env, login='exact_boss',
            groups='base.group_system,account.group_account_manager',
        )
        self.authenticate('exact_boss', 'exact_boss')
        for model, method in (
            ('exact.token', '_client_secret'), ('exact.token', '_access_token'),
            ('exact.connection', '_access_token'), ('exact.connection', 'client'),
            ('exact.export', 'propose'), ('exact.export', '_cron_process'),
            ('exact.division', '_sync'),
        ):
            with self.subTest(method=f'{model}.{method}'), mute_logger('odoo.http'):
                with self.assertRaises(JsonRpcException) as refused:
                    self.make_jsonrpc_request('/web/dataset/call_kw', {
                        'model': model, 'method': method, 'args': [[]], 'kwargs': {},
                    })
                self.assertIn('AccessError', str(refused.exception))


