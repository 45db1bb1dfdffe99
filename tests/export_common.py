import json
import os
import pathlib
import re
from datetime import timedelta
from decimal import Decimal

import requests

from odoo import Command, fields
from odoo.tests import tagged

from odoo.addons.account_exact.exact_api import odata, wire
from odoo.addons.account_exact.models.base.exact_clock import VISIBILITY

from . import synced
from .common import ExactConnectedCase

READ_ROWS = [
    'ID', 'EntryID', 'EntryNumber', 'GLAccountCode', 'AmountFC', 'AmountDC', 'AmountVATFC',
    'VATCode',
    'CostCenter', 'CostUnit', 'LineNumber', 'Type', 'Status', 'YourRef', 'Document', 'JournalCode',
    'Description', 'FinancialYear', 'FinancialPeriod', 'Account', 'Currency',
]


class ExplicitTypeMixin:
    """For administrations that want credit notes as positive amounts with Type 21 or 31.

    `Type` in a POST is read-only in the reference, so these requests have a log of their own.
    """

    simulator_switches = {'rate_limits': False, 'credit_note': 'explicit'}
    request_log_suffix = '.explicit'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division.credit_note_style = 'explicit'


@tagged('post_install', '-at_install')
class ExactSynchronisedCase(ExactConnectedCase):
    """Documents of a Dutch company against the simulator: synchronised, suggestions accepted.

    The limits of Exact are tested on their own; here they would make every test wait a minute.
    """

    simulator_switches = {'rate_limits': False}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry_enter_test_mode_cls()
        cls.run_cron('ir_cron_sync')
        cls.division._refresh_mappings()
        cls.division.send_documents = False
        cls.customer = cls.env['res.partner'].create({
            'name': "De Vries Tuinmachines B.V.", 'vat': 'NL000099998B57',
            'street': "Dorpsstraat 1", 'zip': "1234 AB",
            'city': "Ons Dorp", 'country_id': cls.env.ref('base.nl').id,
            'email': "boekhouding@devries.example", 'is_company': True,
        })
        cls.supplier = cls.env['res.partner'].create({
            'name': "Jansen Papier", 'country_id': cls.env.ref('base.nl').id, 'is_company': True,
            'city': "Papendrecht",
        })
        cls.tax_21 = cls.tax('sale', 21)
        cls.tax_9 = cls.tax('sale', 9)
        cls.tax_in_21 = cls.tax('purchase', 21)
        cls.revenue = cls.company_data['default_account_revenue']
        cls.expense = cls.company_data['default_account_expense']
        for account in (cls.revenue | cls.expense):
            cls.map_ledger(account)
        cls.map_journal(cls.company_data['default_journal_sale'], '20')
        cls.map_journal(cls.company_data['default_journal_purchase'], '22')
        cls.map_journal(cls.company_data['default_journal_misc'], '90')
        cls.division.action_accept_suggestions()

    def setUp(self):
        # The class is in test mode for all its tests; once is enough.
        super(ExactConnectedCase, self).setUp()
        # Exact's books would outlive a test, Odoo's do not: what is there would be found.
        for entry in self.simulator.entries():
            self.simulator.control.run('delete_entry', {'entry': entry['EntryID']})

    # === SET-UP === #

    @classmethod
    def run_cron(cls, name):
        """Run a scheduled action to its end, as the scheduler does."""
        cls.env.flush_all()
        cls.env.ref(f'account_exact.{name}').method_direct_trigger()
        cls.env.invalidate_all()

    @classmethod
    def tax(cls, use, amount):
        return cls.env['account.tax'].search([
            ('company_id', '=', cls.company.id), ('type_tax_use', '=', use),
            ('amount', '=', amount), ('amount_type', '=', 'percent'),
            ('price_include_override', '!=', 'tax_included'),
        ], limit=1, order='sequence, id')

    @classmethod
    def master(cls, model, domain):
        return cls.env[model].search([('division_id', '=', cls.division.id), *domain], limit=1)

    @classmethod
    def map_ledger(cls, account, code=None):
        target = cls.master('exact.gl.account', [('code', '=', code or account.code)])
        return cls.mapping('exact.account.mapping', 'account_id', account, 'gl_account_id', target)

    @classmethod
    def map_journal(cls, journal, journal_type):
        target = cls.master('exact.journal', [
            ('journal_type', '=', journal_type), ('is_blocked', '=', False),
            ('allow_vat', '=', True),
        ])
        return cls.mapping(
            'exact.journal.mapping', 'journal_id', journal, 'exact_journal_id', target,
        )

    @classmethod
    def mapping(cls, model, source, record, field, target):
        mapping = cls.env[model].search([
            ('division_id', '=', cls.division.id), (source, '=', record.id),
        ])
        if mapping:
            mapping[field] = target
            return mapping
        return cls.env[model].create({
            'division_id': cls.division.id, source: record.id, field: target.id,
        })


class ExactExportCase(ExactSynchronisedCase):
    """Documents of a company that is synchronised already: made once for all classes where
    scripts/test runs them, else for each class.
    """

    @classmethod
    def setUpClass(cls):
        start = synced.start(cls, ExactExportCase)
        if start:
            start.set_up(cls)
            cls.registry_enter_test_mode_cls()
        else:
            super().setUpClass()

    # === DOCUMENTS === #

    @classmethod
    def document(cls, move_type, lines, *, partner=None, post=True, **values):
        """Make a document.

        :param lines: list of (price, taxes) or of dicts of values.
        """
        sale = move_type.startswith('out')
        if partner is None and move_type != 'entry':
            partner = cls.customer if sale else cls.supplier
        commands = []
        for line in lines:
            if not isinstance(line, dict):
                price, taxes = line
                line = {
                    'name': "Line", 'quantity': 1, 'price_unit': price,
                    'tax_ids': [Command.set(taxes.ids)],
                    'account_id': (cls.revenue if sale else cls.expense).id,
                }
            commands.append(Command.create(line))
        if not sale and move_type != 'entry':
            values.setdefault('ref', f"F{cls.env['account.move'].search_count([])}")
        move = cls.env['account.move'].with_company(cls.company).create({
            'move_type': move_type,
            'partner_id': partner.id if partner else False,
            'invoice_date': '2026-01-15',
            'date': '2026-01-15',
            'invoice_date_due': '2026-02-14',
            ('line_ids' if move_type == 'entry' else 'invoice_line_ids'): commands,
            **values,
        })
        if post:
            move.action_post()
        return move

    @classmethod
    def export(cls, moves):
        """Ask for the export as a person does, and let the worker do all of it."""
        moves.action_exact_export()
        cls.run_cron('ir_cron_exact_export')
        return moves.exact_export_id

    @classmethod
    def rated(cls, name, rate):
        """A currency in use; so many of it are one of the company's own."""
        currency = cls.env.ref(f'base.{name}')
        currency.active = True
        cls.env['res.currency.rate'].create({
            'currency_id': currency.id, 'company_id': cls.company.id, 'name': '2025-01-01',
            'rate': rate,
        })
        return currency

    def document_wizard(self, move):
        """The window in which a person decides for this document alone."""
        return self.env['exact.export.document.wizard'].with_context(
            default_move_id=move.id,
        ).create({})

    def adjust(self, move, ledger=None, **values):
        """A person decides for this document, and the worker works.

        :param ledger: for all of its lines
        """
        wizard = self.document_wizard(move)
        wizard.write(values)
        if ledger:
            wizard.line_ids.gl_account_id = ledger
        wizard.action_export()
        self.run_cron('ir_cron_exact_export')

    # === EXACT === #

    @classmethod
    def control(cls, action, **values):
        """Do something in Exact that no client can: what its users and its operators do."""
        response = requests.post(f'{cls.simulator.url}/_control/{action}', json=values, timeout=10)
        response.raise_for_status()
        return response.json() if response.content else None

    @classmethod
    def rows(cls, guid):
        """What Exact's ledger says of an entry."""
        with cls.division.client() as client:
            rows = client.get(
                'financialtransaction/TransactionLines', select=READ_ROWS,
                filter=odata.eq('EntryID', odata.guid(guid)),
            )
        return sorted(rows, key=lambda row: wire.as_int(row['LineNumber']) or 0)

    def assertBooked(self, move):
        """The document is verified, and Exact's books hold what its lines say, to the cent."""
        export = move.exact_export_id
        self.assertEqual(
            (move.exact_state, export.state), ('verified', 'verified'),
            f"{move.name}: {export.finding_ids.mapped('message')}",
        )
        rows = self.rows(export.exact_guid)
        types = {
            account.code: account.gl_type
            for account in self.env['exact.gl.account'].search([
                ('division_id', '=', self.division.id),
            ])
        }
        sign = 1 if move.is_sale_document(include_receipts=True) else -1
        control = sum(
            wire.as_decimal(row['AmountFC']) for row in rows
            if types.get(wire.as_text(row['GLAccountCode'])) in (20, 22)
        )
        terms = move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        self.assertEqual(
            Decimal(control), Decimal(f"{sum(terms.mapped('amount_currency')):.2f}"),
            f"{move.name}: total in Exact",
        )
        taxes = move.line_ids.filtered(lambda line: line.display_type == 'tax')
        vat = -sign * sum(
            wire.as_decimal(row['AmountFC']) for row in rows
            if types.get(wire.as_text(row['GLAccountCode'])) == 24
        )
        self.assertEqual(
            Decimal(vat), Decimal(f"{-sign * sum(taxes.mapped('amount_currency')):.2f}"),
            f"{move.name}: VAT in Exact",
        )
        return rows

    def payload(self, export):
        return json.loads(export.payload)

    def operation(self, record, verb='post', part='entry'):
        """What Exact was asked for, of a kind, for an export or a mapping."""
        return record.sudo().operation(verb, part)

    def no_right(self, method, resource):
        """Exact says once that its user may not do that."""
        self.simulator.faults.add(
            'status', method=method, resource=resource, status=403, headers={'Reason': 'Forbidden'},
        )

    def asked_long_ago(self, records, minutes=20):
        """What Exact was asked for lies so far back that its books would show it."""
        moment = fields.Datetime.now() - timedelta(minutes=minutes)
        records.sudo().operation_ids.filtered('asked_at').write({
            'asked_at': moment, 'shown_by': moment + VISIBILITY,
        })

    def stable(self, payload):
        """A payload with codes for ids, so that it can be compared with a golden file."""
        text = json.dumps(payload, indent=1, sort_keys=True)
        for model in ('exact.gl.account', 'exact.project', 'exact.relation'):
            for record in self.env[model].search([('division_id', '=', self.division.id)]):
                label = record.name if model == 'exact.relation' else record.code
                text = text.replace(record.exact_guid, f'{model} {label}')
        return re.sub(r'"[0-9a-f]{8}-[0-9a-f-]{27}"', '"GUID"', text)

    def assertGolden(self, name, payload):
        """Compare a payload with the golden file of its kind.

        ACCOUNT_EXACT_SAVE_GOLDEN=1 writes the files instead, for a person to read before they are
        committed.
        """
        path = pathlib.Path(__file__).parent / 'test_files' / f'{name}.json'
        text = self.stable(payload) + '\n'
        if os.environ.get('ACCOUNT_EXACT_SAVE_GOLDEN'):
            path.write_text(text)
        self.assertEqual(text, path.read_text(), f"payload of {name}")
