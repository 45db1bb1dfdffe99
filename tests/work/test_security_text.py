from lxml import html

from odoo import Command
from odoo.fields import Html
from odoo.tests import HttpCase, tagged

from odoo.addons.account_exact.exact_api import Forbidden, Rejected
from odoo.addons.account_exact.models.base.exact_error_text import explain

from ..export_common import ExactExportCase

HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>&"\''
LINK = '<a href="javascript:alert(3)">x</a>'

# Fields whose value the browser takes for markup: each is looked at below.
HTML_FIELDS = {
    'exact.connection.missing_rights_html',
    'exact.export.document.wizard.findings_html',
}


@tagged('post_install', '-at_install')
class TestHostileText(ExactExportCase):
    """Names, texts and errors of Exact are texts, whatever is in them."""

    def assertHarmless(self, markup, *, shows=HOSTILE):
        """No element and no attribute came out of the text, but all of it is there to read."""
        tree = html.fromstring(f'<div>{markup or ""}</div>')
        for element in tree.iter():
            # A picture is text that was taken for markup, unless people may write markup
            self.assertNotIn(
                element.tag, ('script', 'iframe', 'object', 'svg', 'img' if shows else ''), markup,
            )
            for name, value in element.attrib.items():
                self.assertFalse(name.startswith('on'), markup)
                self.assertNotIn('javascript:', value, markup)
        if shows:
            self.assertIn(shows, tree.text_content())

    def test_every_field_of_markup_is_known(self):
        found = {
            f'{model}.{name}'
            for model in self.registry if model.startswith('exact.')
            for name, field in self.registry[model]._fields.items()
            if isinstance(field, Html)
        }
        self.assertEqual(found, HTML_FIELDS)

    def test_names_of_relations_in_the_wizard(self):
        relation = self.master('exact.relation', [('is_customer', '=', True)])
        self.control('edit_record', table='Accounts', key=relation.exact_guid, values={
            'Name': HOSTILE,
        })
        self.division._start_sync()
        self.run_cron('ir_cron_sync')
        partner = self.env['res.partner'].create({'name': HOSTILE, 'is_company': True})
        move = self.document('out_invoice', [(100, self.tax_21)], partner=partner)
        export = self.export(move)
        [finding] = export.finding_ids.filtered(lambda f: f.code == 'relation_same_name')
        self.assertIn(HOSTILE, finding.message)
        self.assertIn(HOSTILE, move.exact_message)
        wizard = self.document_wizard(move)
        self.assertHarmless(wizard.findings_html)

    def test_markup_typed_into_the_wizard(self):
        wizard = self.env['exact.export.document.wizard'].create({
            'move_id': self.document('out_invoice', [(1, self.tax_21)]).id,
            'findings_html': HOSTILE + LINK,
        })
        self.assertHarmless(wizard.findings_html, shows=None)

    def test_what_exact_says_in_the_chatter_and_on_the_bar(self):
        move = self.document('out_invoice', [{
            'name': HOSTILE, 'quantity': 1, 'price_unit': 100, 'account_id': self.revenue.id,
            'tax_ids': [Command.set(self.tax_21.ids)],
        }], ref=HOSTILE)
        export = self.export(move)
        self.assertEqual(move.exact_state, 'verified', export.finding_ids.mapped('message'))
        # sudo: journals are the engine's to write
        export.sudo().journal_id.code = HOSTILE
        export.sudo().move_id._message_log(
            body=self.env['exact.export.proof'].sudo()._verified_text(export.sudo()),
        )
        move.action_exact_undo()
        self.run_cron('ir_cron_exact_export')
        bodies = move.message_ids.mapped('body')
        self.assertTrue(any(
            HOSTILE in html.fromstring(f'<p>{body}</p>').text_content() for body in bodies
        ))
        for body in [*bodies, *export.message_ids.mapped('body')]:
            self.assertHarmless(body, shows=None)

    def test_refusals(self):
        for error in (
            Rejected(messages=(HOSTILE,), status=500, resource='salesentry/SalesEntries'),
            Forbidden(reason=HOSTILE, scope=HOSTILE, resource=HOSTILE),
        ):
            # Plain text, so that whoever shows it escapes it
            self.assertIs(type(explain(self.env, error)), str)
        self.connection._write_rights([
            {'scope': HOSTILE, 'resource': HOSTILE, 'lacks': HOSTILE, 'reason': HOSTILE},
        ])
        self.assertHarmless(self.connection.missing_rights_html)
        self.division.invalidate_recordset()
        self.division.sudo().write({'hold_reason': HOSTILE})
        self.division.sudo()._tell_of_hold()
        self.assertHarmless(self.division.activity_ids.note)

    def test_names_of_files(self):
        self.division.send_documents = True
        bill = self.document('in_invoice', [(10, self.tax_in_21)])
        self.env['ir.attachment'].create([
            {
                'name': name, 'res_model': 'account.move', 'res_id': bill.id,
                'mimetype': 'application/pdf', 'raw': b'%PDF-1.4 ',
            }
            for name in ('../../x<img onerror>.pdf', '..\\..\\x<img onerror>.pdf', 'a\r\nb.pdf')
        ])
        export = self.export(bill)
        self.assertEqual(bill.exact_state, 'verified', export.finding_ids.mapped('message'))
        names = sorted(
            row['FileName'] for row in self.simulator.store.all('DocumentAttachments', 1234567)
            if row['Document'] == export.document_guid
        )
        self.assertEqual(names, ['ab.pdf', 'x_img onerror_ (2).pdf', 'x_img onerror_.pdf'])


@tagged('post_install', '-at_install')
class TestHostileAddress(HttpCase):
    """The page that people see when a consent cannot be used."""

    def test_error_page(self):
        self.authenticate('admin', 'admin')
        for query in (
            {'error': HOSTILE, 'state': HOSTILE}, {'code': HOSTILE, 'state': LINK},
            {'error_description': HOSTILE}, {HOSTILE: LINK},
        ):
            answer = self.url_open('/account_exact/oauth/callback', params=query, timeout=60)
            self.assertEqual(answer.status_code, 400)
            for text in ('onerror', 'alert(', 'javascript:'):
                self.assertNotIn(text, answer.text)
