from datetime import timedelta

from odoo import fields, models
from odoo.orm.model_classes import add_to_registry
from odoo.tests import tagged
from odoo.tools import SQL, LazyTranslate, mute_logger

from odoo.addons.account_exact.exact_api import RateLimited, Rejected
from odoo.addons.account_exact.models.base.exact_clock import aware
from odoo.addons.account_exact.models.base.exact_note import note, told
from odoo.addons.account_exact.models.base.exact_problem import Problem
from odoo.addons.account_exact.models.mapping.exact_mapping_kinds import MappingKind
from odoo.addons.account_exact.models.master.exact_sync_resource import Resource, text
from odoo.addons.account_exact.models.work.exact_finding_text import Text
from odoo.addons.account_exact.models.work.exact_work import Work

from ..common import DIVISION
from ..export_common import ExactExportCase

lazy = LazyTranslate(__name__)

TASK = Work(
    'task', lambda row: SQL("%s = 'open'", row('state')), model='exact.test.task',
    step='_do_tasks', while_on_hold=False, priority='document',
)
GROUP = '6f6a1c9a-0f1b-4f0e-9d5c-000000000001'


# === WHAT AN ADDON BRINGS ALONG === #


class ItemGroup(models.Model):
    _module = None
    _name = 'exact.test.item.group'
    _description = "Item Group"
    _inherit = ['exact.master.mixin']


class ItemGroups(Resource):
    key = 'item_group'
    label = lazy("Item Groups")
    model = 'exact.test.item.group'
    endpoint = 'logistics/ItemGroups'
    select = ('ID', 'Code', 'Description')

    def values(self, row, extra):
        return {'code': text(row['Code']), 'name': text(row['Description'])}


class CountryMapping(models.Model):
    _module = None
    _name = 'exact.test.country.mapping'
    _description = "Country Mapping"
    _inherit = ['exact.mapping.mixin']

    _source_fields = ('country_id',)
    _target_fields = ('gl_account_id',)

    country_id = fields.Many2one('res.country', required=True)
    gl_account_id = fields.Many2one('exact.gl.account')
    suggested_gl_account_id = fields.Many2one('exact.gl.account')

    def _wanted_sources(self, division):
        return {'country_id': self.env.ref('base.nl') | self.env.ref('base.be')}

    def _find_suggestions(self, division):
        account = self.env['exact.gl.account'].search([
            ('division_id', '=', division.id), ('is_blocked', '=', False),
        ], limit=1)
        return {
            row: ({'gl_account_id': account.id}, 'only_one')
            for row in self if row.country_id.code == 'NL'
        }


class Task(models.Model):
    _module = None
    _name = 'exact.test.task'
    _description = "Task"
    _inherit = ['exact.work.mixin']

    division_id = fields.Many2one('exact.division', required=True)
    next_try = fields.Datetime()
    state = fields.Char(default='open')
    user_name = fields.Char()
    limited_until = fields.Datetime()
    breaks = fields.Char()

    def _do_tasks(self, division, client):
        for task in self:
            if task.breaks == 'refused':
                raise Rejected("no", messages=["Not today."])
            if task.breaks == 'broken':
                raise KeyError('nobody foresaw this')
            if task.limited_until:
                raise RateLimited(
                    "limit", retry_at=aware(task.limited_until), scope='day',
                )
            [me] = client.get('current/Me', select=['UserID', 'FullName'])
            task.write({'state': 'done', 'user_name': me['FullName']})
        return False


class Division(models.Model):
    _module = None
    _inherit = 'exact.division'

    country_mapping_count = fields.Integer(compute='_compute_mapping_counts')
    country_mapping_open_count = fields.Integer(compute='_compute_mapping_counts')

    def _sync_resources(self):
        return super()._sync_resources() + (ItemGroups(),)

    def _mapping_kinds(self):
        return super()._mapping_kinds() + (MappingKind(
            'country', CountryMapping._name, 'country_id', lazy("Map the Country"),
            'account_exact.exact_tax_mapping_action', 'country',
        ),)

    def _work_kinds(self):
        return super()._work_kinds() + (TASK,)


class Finding(models.Model):
    _module = None
    _inherit = 'exact.finding'

    def _texts(self):
        return {
            **super()._texts(),
            'not_approved': Text(
                lazy("%(document)s waits for an approval."), 'manager', lazy("Approve"),
            ),
            'country_missing': Text(lazy("%(country)s is not mapped.")),
            'test/task': Text(lazy("The task is %(state)s.")),
        }


class Move(models.Model):
    _module = None
    _inherit = 'account.move'

    def _exact_gates(self):
        gates = super()._exact_gates()
        for move in self:
            if (move.invoice_origin or '').startswith("to approve"):
                gates.setdefault(move, []).append(
                    Problem('not_approved', params={'document': move.name}),
                )
        return gates


@tagged('post_install', '-at_install')
class TestHooks(ExactExportCase):
    """What another addon adds takes part as if it had been here from the beginning."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.load(ItemGroup, CountryMapping, Task, Division, Finding, Move)

    @classmethod
    def load(cls, *definitions):
        """Have these classes in the registry, as those of an installed addon are."""
        cls.env.flush_all()
        new = [one._name for one in definitions if one._name not in cls.registry]
        before = {
            one._name: cls.registry[one._name]._base_classes__
            for one in definitions if one._name not in new
        }

        def unload():
            cls.env.invalidate_all(flush=False)
            for name in new:
                del cls.registry[name]
            for name, bases in before.items():
                cls.registry[name]._base_classes__ = bases
            # All of them: others know the fields that are gone.
            cls.registry._setup_models__(cls.cr)
            cls.registry.registry_invalidated = False

        cls.addClassCleanup(unload)
        for definition in definitions:
            add_to_registry(cls.registry, definition)
        cls.registry._setup_models__(cls.cr, list(before))
        cls.registry.init_models(cls.cr, new, {})
        cls.registry.registry_invalidated = False
        cls.env['ir.model.access'].sudo().create([
            {
                'name': name, 'model_id': cls.env['ir.model']._get_id(name),
                'group_id': cls.env.ref('base.group_user').id,
                **dict.fromkeys(('perm_read', 'perm_write', 'perm_create', 'perm_unlink'), True),
            } for name in new
        ])

    def work(self):
        self.run_cron('ir_cron_exact_export')

    # === MASTER DATA === #

    def test_a_resource_comes_in(self):
        store = self.simulator.store
        store.put('ItemGroups', DIVISION, {'ID': GROUP, 'Code': 'A', 'Description': "Bolts"})
        self.addCleanup(store.drop, 'ItemGroups', DIVISION, GROUP)
        self.division._start_sync()
        self.run_cron('ir_cron_sync')
        [cursor] = self.division.cursor_ids.filtered(lambda one: one.resource == 'item_group')
        self.assertEqual((cursor.state, cursor.label), ('done', "Item Groups"), cursor.message)
        [group] = self.env['exact.test.item.group'].search([])
        self.assertEqual(
            (group.division_id, group.exact_guid, group.code, group.name),
            (self.division, GROUP, 'A', "Bolts"),
        )
        self.division.on_deleted(7, [GROUP])
        self.assertTrue(group.active, "that is a deleted ledger")

    # === MAPPINGS === #

    def test_a_kind_of_mapping_is_one_of_all(self):
        done = self.division.mapping_open_count
        self.assertFalse(self.division.country_mapping_count)
        self.division.action_look_for_new()
        self.division.invalidate_recordset()
        self.assertEqual(self.division.country_mapping_count, 2)
        self.assertEqual(self.division.country_mapping_open_count, 2)
        self.assertEqual(self.division.mapping_open_count, done + 2)
        rows = self.env['exact.test.country.mapping'].search([])
        self.assertEqual(sorted(rows.mapped('state')), ['missing', 'suggested'])
        self.division.action_accept_suggestions()
        [mapped] = rows.filtered(lambda row: row.state == 'mapped')
        index = self.division.mapping_index()
        self.assertEqual(
            index['country'], {mapped.country_id.id: (mapped.id, mapped.gl_account_id.id)},
        )
        action = self.division.with_context(mapping_kind='country').action_open_mappings()
        self.assertEqual(self.env['exact.test.country.mapping'].search(action['domain']), rows)

    def test_its_records_are_mapped_from_a_finding(self):
        country = self.env.ref('base.de')
        move = self.document('out_invoice', [(100, self.tax_21)])
        export = self.env['exact.export'].sudo().propose(move)
        export._set_findings([Problem(
            'country_missing', params={'country': "Germany"}, target=('res.country', country.id),
        )])
        finding = export.finding_ids
        self.assertEqual(
            (finding.message, finding.button_label, finding.fixed_by),
            ("Germany is not mapped.", "Map the Country", 'manager'),
        )
        action = finding.action_fix()
        [row] = self.env['exact.test.country.mapping'].search(action['domain'])
        self.assertEqual(row.country_id, country)
        # And whoever maps it lets the document go on
        export._go('check_blocked')
        row.gl_account_id = self.master('exact.gl.account', [('is_blocked', '=', False)])
        self.assertEqual(export.state, 'proposed')

    # === GATES AND FINDINGS === #

    def test_a_gate_keeps_a_document_here(self):
        closed = self.document('out_invoice', [(100, self.tax_21)], invoice_origin="to approve")
        other = self.document('out_invoice', [(50, self.tax_21)])
        self.export(closed | other)
        self.assertBooked(other)
        self.assertEqual(closed.exact_state, 'blocked')
        [finding] = closed.exact_export_id.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks',
        )
        self.assertEqual(
            (finding.message, finding.button_label, finding.fixed_by),
            (f"{closed.name} waits for an approval.", "Approve", 'manager'),
        )
        self.assertEqual(len(self.simulator.entries()), 1)
        closed.invoice_origin = "approved"
        self.env['exact.finding'].release([('code', '=', 'not_approved')])
        self.work()
        self.assertBooked(closed)

    def test_every_list_knows_gates(self):
        move = self.document('out_invoice', [(100, self.tax_21)], invoice_origin="to approve")
        self.assertIn("waits for an approval", self.document_wizard(move).findings_html)
        dry_run = self.env['exact.export.wizard'].create({'division_id': self.division.id})
        dry_run.action_check()
        self.assertIn(
            f"{move.name} waits for an approval.", dry_run.line_ids.mapped('message'),
        )

    def test_a_gate_keeps_a_change_here(self):
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        self.assertBooked(move)
        before = self.rows(move.exact_export_id.exact_guid)
        move.button_draft()
        move.write({'invoice_origin': "to approve", 'ref': "Changed"})
        move.action_post()
        self.work()
        self.assertEqual(move.exact_state, 'changed')
        move.action_exact_update()
        self.work()
        self.assertIn('not_approved', move.exact_export_id.finding_ids.mapped('code'))
        self.assertEqual(self.rows(move.exact_export_id.exact_guid), before)

    def test_a_note_is_told(self):
        self.assertEqual(told(self.env, note('test/task', state="open")), "The task is open.")

    # === WORK === #

    def task(self, **values):
        return self.env['exact.test.task'].create({'division_id': self.division.id, **values})

    def test_a_kind_of_work_is_done(self):
        task = self.task()
        self.assertEqual(task.work, 'task')
        self.assertEqual(self.env['exact.export'].due_divisions(), self.division)
        self.work()
        self.assertEqual((task.state, task.work), ('done', False))
        self.assertTrue(task.user_name)
        self.assertFalse(self.env['exact.export'].due_divisions())

    def test_it_waits_for_its_moment_and_for_the_hold(self):
        later = fields.Datetime.now() + timedelta(hours=1)
        task = self.task(next_try=later)
        self.assertEqual(self.env['exact.export'].next_moment(self.division), later)
        self.work()
        self.assertEqual(task.state, 'open')
        task.next_try = False
        self.division.sudo().hold = True
        self.work()
        self.assertEqual(task.state, 'open')
        self.division.sudo().hold = False
        self.work()
        self.assertEqual(task.state, 'done')

    @mute_logger('odoo.addons.account_exact.models.work.exact_work_steps')
    def test_what_it_breaks_at_keeps_nothing_else(self):
        for breaks in ('refused', 'broken'):
            with self.subTest(breaks):
                task = self.task(breaks=breaks)
                move = self.document('out_invoice', [(100, self.tax_21)])
                self.export(move)
                self.assertBooked(move)
                self.assertEqual(task.state, 'open')
                self.assertGreater(task.next_try, fields.Datetime.now() + timedelta(minutes=50))
                queue = self.env['exact.export.queue'].of(self.division)
                self.assertFalse(queue.retry_at or queue.failures)
                # It is tried again then, and works.
                task.write({'breaks': False, 'next_try': fields.Datetime.now()})
                self.work()
                self.assertEqual(task.state, 'done')

    def test_its_limit_is_not_that_of_others(self):
        until = fields.Datetime.now() + timedelta(hours=1)
        task = self.task(limited_until=until)
        move = self.document('out_invoice', [(100, self.tax_21)])
        self.export(move)
        self.assertBooked(move)
        self.assertEqual((task.state, task.next_try), ('open', until))
        self.assertFalse(self.env['exact.export.queue'].of(self.division).retry_at)
