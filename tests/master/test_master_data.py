from datetime import date
from decimal import Decimal

from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.account_exact.models.master.exact_sync_relations import match_key
from odoo.addons.account_exact.models.master.exact_sync_resource import TIMESTAMP

from ..sync_common import RESOURCES

GUID = '00000002-0000-4000-8000-00000000000A'


@tagged('post_install', '-at_install')
class TestMasterData(TransactionCase):
    """What a row of Exact becomes, without Exact."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env['res.company'].create({'name': "Mirror B.V."})
        connection = cls.env['exact.connection'].create(
            {
                'company_id': cls.company.id,
                'site': 'nl',
                'client_id': 'app',
            }
        )
        cls.division = cls.env['exact.division'].create(
            {
                'connection_id': connection.id,
                'code': 1,
                'name': "Books",
            }
        )

    def _row(self, resource, **values):
        return {**dict.fromkeys(RESOURCES[resource].select), **values}

    def _values(self, resource, extra=None, **values):
        return RESOURCES[resource].values(self._row(resource, **values), extra)

    # === ROWS === #

    def test_padding_is_stripped_and_guids_are_lower_case(self):
        row = self._row(
            'relation', ID=GUID, Code='               123', Name=' Example B.V. ', Country='NL '
        )
        self.assertEqual(RESOURCES['relation'].identity(row), GUID.lower())
        vals = RESOURCES['relation'].values(row, None)
        self.assertEqual(vals['code'], '123')
        self.assertEqual(vals['name'], 'Example B.V.')
        self.assertEqual(vals['country_code'], 'NL')

    def test_empty_is_what_the_orm_reads_back(self):
        """A value that differs from what is read back would be written again at every reading."""
        for key, resource in RESOURCES.items():
            if not resource.model:
                continue
            with self.subTest(resource=key):
                row = self._row(
                    key, Code='1', FinYear=2026, FinPeriod=1, Journal='70', Year=2026, Period=1
                )
                row.update(ID=GUID)
                cursor = self.env['exact.cursor'].create(
                    {
                        'division_id': self.division.id,
                        'resource': key,
                        'is_full': False,
                    }
                )
                self.assertTrue(self.division.upsert(resource, cursor, [row], None))
                self.env.invalidate_all()
                self.assertFalse(
                    self.division.upsert(resource, cursor, [row], None),
                    "unchanged, yet written again",
                )

    def test_percentages_are_percent(self):
        self.assertEqual(self._values('vat_code', Percentage=Decimal('0.21'))['percentage'], 21.0)
        self.assertEqual(self._values('vat_code', Percentage=Decimal('0.09'))['percentage'], 9.0)
        self.assertEqual(self._values('vat_code', Percentage=0)['percentage'], 0.0)
        self.assertEqual(
            self._values('payment_condition', DiscountPercentage=Decimal('0.025'))[
                'discount_percentage'
            ],
            2.5,
        )

    def test_dates_are_cut_off_not_converted(self):
        vals = self._values(
            'period',
            FinYear=2026,
            FinPeriod=7,
            StartDate='/Date(1782864000000)/',
            EndDate='/Date(1785456000000)/',
        )
        self.assertEqual(vals['start_date'], date(2026, 7, 1))
        self.assertEqual(vals['end_date'], date(2026, 7, 31))
        self.assertEqual(vals['code'], '2026-07')

    def test_codes_that_exact_added_since_stop_nothing(self):
        self.assertEqual(self._values('journal', Type=20)['journal_type'], '20')
        self.assertFalse(self._values('journal', Type=80)['journal_type'])
        self.assertFalse(self._values('vat_code', Type='X')['vat_type'])

    def test_numbers_as_text(self):
        """Some endpoints give numbers as strings."""
        vals = self._values('gl_account', Type='110', UseCostcenter='1', UseCostunit=2)
        self.assertEqual(
            (vals['gl_type'], vals['use_cost_center'], vals['use_cost_unit']), (110, '1', '2')
        )

    def test_match_keys(self):
        vals = self._values(
            'relation',
            VATNumber='nl 8012.34.567 B01',
            ChamberOfCommerce='0123.456.789',
            Name='x',
            Code='1',
        )
        self.assertEqual(vals['vat_key'], 'NL801234567B01')
        self.assertEqual(vals['chamber_key'], '0123456789')
        self.assertEqual(vals['chamber_of_commerce'], '0123.456.789')
        self.assertIs(match_key(' - '), False)
        bank = self._values('relation_bank', IBAN='NL91 ABNA 0417 1643 00', Account=GUID)
        self.assertEqual(bank['iban_key'], 'NL91ABNA0417164300')

    def test_account_without_iban_keeps_its_number(self):
        self.assertEqual(
            self._values('relation_bank', BankAccount='1234567')['iban_key'], '1234567'
        )

    def test_inactive_cost_centre_is_flagged_not_archived(self):
        self.assertTrue(self._values('cost_center', Code='A', Active=False)['is_blocked'])
        self.assertFalse(self._values('cost_center', Code='A', Active=True)['is_blocked'])

    # === RESOURCES === #

    def test_sync_endpoints_select_their_timestamp(self):
        for resource in RESOURCES.values():
            with self.subTest(resource=resource.key):
                self.assertEqual(resource.how == TIMESTAMP, resource.endpoint.startswith('sync/'))
                self.assertEqual(resource.how == TIMESTAMP, 'Timestamp' in resource.select)

    def test_entity_types_of_exact(self):
        self.assertEqual(
            {one.entity_type: one.key for one in RESOURCES.values() if one.entity_type},
            {2: 'relation', 7: 'gl_account', 9: 'item', 21: 'project'},
        )

    # === RECORDS === #

    def test_percentage_on_a_day(self):
        code = self.env['exact.vat.code'].create(
            {
                'division_id': self.division.id,
                'exact_guid': GUID,
                'code': '4',
                'vat_type': 'E',
                'percentage': 21.0,
                'percentages': [[None, '2012-09-30', 19.0], ['2012-10-01', None, 21.0]],
            }
        )
        self.assertEqual(code.as_facts().percentage_on(date(2012, 9, 30)), Decimal('0.19'))
        self.assertEqual(code.as_facts().percentage_on(date(2012, 10, 1)), Decimal('0.21'))
        code.percentages = False
        self.assertEqual(code.as_facts().percentage_on(date(2012, 9, 30)), Decimal('0.21'))

    def test_type_of_a_gl_account_is_a_word(self):
        account = self.env['exact.gl.account'].create(
            {
                'division_id': self.division.id,
                'exact_guid': GUID,
                'code': '8000',
                'name': "Turnover",
                'gl_type': 110,
            }
        )
        self.assertEqual(account.type_name, "Revenue")
        self.assertEqual(account.display_name, "8000 Turnover")
        account.gl_type = 999
        self.assertEqual(account.type_name, "999")

    def test_another_company_sees_nothing(self):
        self.division.company_id = self.company
        other = self.env['res.company'].create({'name': "Other"})
        own_user = new_test_user(
            self.env,
            'exact_own',
            groups='account.group_account_manager',
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        other_user = new_test_user(
            self.env,
            'exact_other',
            groups='account.group_account_manager',
            company_id=other.id,
            company_ids=[(6, 0, other.ids)],
        )
        for resource in RESOURCES.values():
            if not resource.model:
                continue
            with self.subTest(resource=resource.key):
                model = self.env[resource.model]
                record = model.create(
                    {
                        'division_id': self.division.id,
                        'exact_guid': 'visible',
                        'code': 'V',
                        'name': "V",
                    }
                )
                self.assertEqual(record.company_id, self.company)
                self.assertIn(record, model.with_user(own_user).search([]))
                self.assertFalse(model.with_user(other_user).search([]))
                self.assertFalse(model.with_user(own_user).has_access('write'))
                self.assertFalse(model.with_user(own_user).has_access('create'))
                self.assertFalse(model.with_user(own_user).has_access('unlink'))
