"""Databases of the release before: what fields of exports and mappings remembered of calls."""

import json
from importlib import util
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import SQL

from odoo.addons.account_exact.exact_api import odata

from .test_export_faults import ENTRIES, ExactFaultCase

# As the release before had them.
EXPORTS = {
    'asked_at': 'timestamp', 'reversal_asked_at': 'timestamp', 'line_asked_at': 'timestamp',
    'replacing_since': 'timestamp', 'lines_deleted': 'boolean', 'document_step': 'jsonb',
    'payload': 'text', 'answer': 'text',
}
MAPPINGS = {'asked_at': 'timestamp', 'account_asked_at': 'timestamp'}


@tagged('post_install', '-at_install')
class TestOperationsUpgrade(ExactFaultCase):

    def before(self, record, **values):
        """Put a row back to what the release before kept of it."""
        self.env.flush_all()
        for name, value in values.items():
            self.env.cr.execute(SQL(
                "UPDATE %s SET %s = %s WHERE id = %s",
                SQL.identifier(record._table), SQL.identifier(name), value, record.id,
            ))

    def old_columns(self):
        self.env.flush_all()
        for table, columns in (('exact_export', EXPORTS), ('exact_partner_mapping', MAPPINGS)):
            for name, kind in columns.items():
                self.env.cr.execute(SQL(
                    "ALTER TABLE %s ADD COLUMN %s %s", SQL.identifier(table),
                    SQL.identifier(name), SQL(kind),
                ))

    def migrate(self):
        script = Path(__file__).parents[2] / 'migrations/19.0.1.2.0/post-operations.py'
        spec = util.spec_from_file_location('operations', script)
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM exact_operation")
        module.migrate(self.env.cr, '19.0.1.1.0')
        self.env.invalidate_all()

    def in_state(self, state, **values):
        """A document that the release before left so."""
        move = self.invoice()
        export = self.export(move)
        payload = export.payload
        if state in ('uncertain', 'sending'):
            values['exact_guid'] = None
        self.before(export, state=state, payload=payload, **values)
        return move

    def test_documents_in_every_state_finish_right(self):
        self.old_columns()
        long_ago = SQL("now() AT TIME ZONE 'UTC' - interval '1 hour'")
        verified = self.in_state('verified')
        sent = self.in_state('sent')
        sending = self.in_state('sending', asked_at=long_ago)
        uncertain = self.in_state('uncertain', asked_at=long_ago)
        refused = self.in_state('refused', exact_guid=None)
        never_asked = self.in_state('sending')
        deleted = self.in_state('verified', lines_deleted=True)
        self.delete(deleted.exact_export_id.exact_guid)
        replacing = self.in_state(
            'verified', replacing_since=long_ago, pending_action='update',
        )
        self.delete(replacing.exact_export_id.exact_guid)
        self.migrate()
        refused.action_exact_retry()
        for _turn in range(2):
            self.work()
        for move in (verified, sent, sending, uncertain, refused, never_asked, replacing):
            self.assertBooked(move)
            self.assertEqual(len(self.entries(move.name)), 1, move.name)
        self.assertEqual(deleted.exact_export_id.state, 'deleted')
        self.assertTrue(verified.exact_export_id.payload)

    def delete(self, guid):
        """Exact, or we in a call that the database knows nothing of, deleted an entry."""
        with self.division.client() as client:
            client.delete(ENTRIES, guid)

    def test_files_are_neither_sent_twice_nor_forgotten(self):
        self.division.send_documents = True
        self.old_columns()
        move = self.invoice()
        export = self.export(move)
        uploads = {
            name: (one.version, one.exact_guid)
            for name, one in self.env['exact.export.files']._uploads(export).items()
        }
        [(name, (version, guid))] = uploads.items()
        step = json.dumps({name: {'version': version, 'id': guid}})
        self.before(export, payload=export.payload, document_step=SQL("%s::jsonb", step))
        self.migrate()
        self.assertEqual(
            {
                name: (one.version, one.exact_guid)
                for name, one in self.env['exact.export.files']._uploads(export).items()
            },
            uploads,
        )
        self.assertEqual(self.operation(export, part='document').exact_guid, export.document_guid)
        move.action_exact_undo()
        self.work()
        self.assertEqual(export.state, 'undone')
        with self.division.client() as client:
            self.assertFalse(client.get(
                'documents/DocumentAttachments', select=['ID', 'FileName'],
                filter=f"ID eq guid'{guid}'",
            ))

    def without_document(self, fault):
        """A document whose files wait for the document in Exact, which was asked for and did not
        answer; as the release before left it.
        """
        self.division.send_documents = True
        self.simulator.faults.add(fault, method='POST', resource='documents/Documents$')
        move = self.invoice()
        export = self.export(move)
        self.assertEqual((export.state, export.document_guid), ('ready', False))
        files, _problems = self.env['exact.export.files']._files(export)
        step = json.dumps({name: {'version': version} for name, _raw, version in files})
        self.before(export, document_step=SQL("%s::jsonb", step))
        return move

    def test_files_of_a_document_without_answer_were_not_asked_for(self):
        self.old_columns()
        moves = self.without_document('cut_after') | self.without_document('cut_before')
        self.migrate()
        self.age(moves.exact_export_id)
        self.work()
        for move in moves:
            self.assertBooked(move)
            with self.division.client() as client:
                [document] = client.get(
                    'documents/Documents', select=['ID'], filter=odata.eq('Subject', move.name),
                )
                [_file] = client.get(
                    'documents/DocumentAttachments', select=['ID'],
                    filter=odata.eq('Document', odata.guid(document['ID'])),
                )

    def test_document_without_answer_goes_with_what_was_withdrawn(self):
        self.old_columns()
        move = self.without_document('cut_after')
        move.action_exact_undo()
        self.migrate()
        self.division.send_documents = False
        self.work()
        self.assertEqual(move.exact_export_id.state, 'undone')
        with self.division.client() as client:
            self.assertFalse(client.get(
                'documents/Documents', select=['ID'], filter=odata.eq('Subject', move.name),
            ))

    def test_relations_that_exact_was_asked_for(self):
        self.old_columns()
        move = self.invoice(partner_id=self.env['res.partner'].create({
            'name': "Asked Before the Upgrade", 'country_id': self.env.ref('base.nl').id,
        }).id)
        self.simulator.faults.add('cut_after', method='POST', resource='crm/Accounts')
        self.export(move)
        mapping = self.env['exact.partner.mapping'].search([
            ('partner_id', '=', move.partner_id.id),
        ])
        self.before(mapping, asked_at=self.operation(mapping, part='relation').asked_at)
        self.migrate()
        self.assertEqual(self.operation(mapping, part='relation').state, 'unknown')
        self.age(move.exact_export_id)
        self.work()
        self.assertBooked(move)
        with self.division.client() as client:
            rows = client.get(
                'crm/Accounts', select=['ID'], filter="Name eq 'Asked Before the Upgrade'",
            )
        self.assertEqual(len(rows), 1)
