"""What is mirrored from Exact, one class per resource: where it is, what is read, what it becomes.

Relations are in `exact_sync_relations.py`; what a class says, `exact_sync_resource.py` explains.
"""

from odoo import api, models
from odoo.tools import LazyTranslate

from ...exact_api import odata, wire
from .exact_sync_relations import BankAccounts, Relations
from .exact_sync_resource import (
    HOURLY,
    TIMESTAMP,
    Resource,
    boolean,
    choice,
    date,
    guid,
    integer,
    percent,
    text,
)

_lt = LazyTranslate(__name__)


class Division(Resource):
    """The administration itself: renamed, archived, moved to another database."""

    key = 'division'
    label = _lt("Administration")
    endpoint = 'system/Divisions'
    select = ('Code', 'Description', 'Status', 'DivisionMoveDate', 'DivisionHRLinkUnlinkDate')
    key_property = 'Code'


class Deleted(Resource):
    """What was deleted in Exact, of all kinds.

    Read before the others: a record that was deleted and restored comes back with its own page.
    """

    key = 'deleted'
    label = _lt("Deletions")
    endpoint = 'sync/Deleted'
    select = ('Timestamp', 'ID', 'EntityKey', 'EntityType')
    how = TIMESTAMP
    every = HOURLY
    # With it the journals are looked through: who edits an entry in Exact is seen within the hour.
    rests = False


class GlAccounts(Resource):
    key = 'gl_account'
    label = _lt("G/L Accounts")
    model = 'exact.gl.account'
    endpoint = 'sync/Financial/GLAccounts'
    select = (
        'Timestamp', 'ID', 'Code', 'Description', 'Type', 'BalanceType', 'BalanceSide', 'IsBlocked',
        'UseCostcenter', 'UseCostunit', 'VATCode',
    )
    how = TIMESTAMP
    every = HOURLY
    topic = 'GLAccounts'
    entity_type = 7

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'gl_type': integer(row['Type']),
            'balance_type': choice(row['BalanceType'], 'BW'),
            'balance_side': choice(row['BalanceSide'], 'DC'),
            'is_blocked': boolean(row['IsBlocked']),
            'use_cost_center': choice(row['UseCostcenter'], '012'),
            'use_cost_unit': choice(row['UseCostunit'], '012'),
            'default_vat_code': text(row['VATCode']),
        }


class Journals(Resource):
    key = 'journal'
    label = _lt("Journals")
    model = 'exact.journal'
    endpoint = 'financial/Journals'
    select = (
        'ID', 'Code', 'Description', 'Type', 'Currency', 'AllowVAT', 'AllowVariableCurrency',
        'AllowVariableExchangeRate', 'IsBlocked', 'GLAccount',
    )
    types = ('10', '12', '16', '20', '21', '22', '23', '90')

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'journal_type': choice(row['Type'], self.types),
            'currency_code': text(row['Currency']),
            'allow_vat': boolean(row['AllowVAT']),
            'allow_variable_currency': boolean(row['AllowVariableCurrency']),
            'allow_variable_exchange_rate': boolean(row['AllowVariableExchangeRate']),
            'is_blocked': boolean(row['IsBlocked']),
            'gl_account_guid': guid(row['GLAccount']),
        }


class VatCodes(Resource):
    """VAT codes with their percentages over time.

    `vat/VATCodes` says the percentage of today, `vat/VatPercentages` those of each time; both as a
    fraction. `Type` 1 of a percentage is extra duty, which comes on top and is not the rate.
    """

    key = 'vat_code'
    label = _lt("VAT Codes")
    model = 'exact.vat.code'
    endpoint = 'vat/VATCodes'
    select = (
        'ID', 'Code', 'Description', 'Type', 'VATTransactionType', 'Percentage', 'Charged',
        'EUSalesListing', 'OssCountry', 'IsBlocked',
    )

    def prepare(self, client):
        history = {}
        rows = client.get(
            'vat/VatPercentages',
            select=('ID', 'VATCodeID', 'Percentage', 'StartDate', 'EndDate', 'Type'),
        )
        for row in rows:
            if integer(row['Type']) == 0:
                history.setdefault(wire.as_guid(row['VATCodeID']), []).append([
                    date(row['StartDate']) or None,
                    date(row['EndDate']) or None,
                    percent(row['Percentage']),
                ])
        return {
            code: [
                [start and start.isoformat(), end and end.isoformat(), percentage]
                for start, end, percentage in sorted(
                    periods, key=lambda period: period[0].isoformat() if period[0] else '',
                )
            ]
            for code, periods in history.items()
        }

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'vat_type': choice(row['Type'], 'EIBN'),
            'transaction_type': choice(row['VATTransactionType'], 'BPS'),
            'percentage': percent(row['Percentage']),
            'percentages': (extra or {}).get(self.identity(row)) or False,
            'charged': boolean(row['Charged']),
            'eu_sales_listing': choice(row['EUSalesListing'], 'LNST'),
            'oss_country': text(row['OssCountry']),
            'is_blocked': boolean(row['IsBlocked']),
        }


class PaymentConditions(Resource):
    key = 'payment_condition'
    label = _lt("Payment Conditions")
    model = 'exact.payment.condition'
    endpoint = 'cashflow/PaymentConditions'
    select = (
        'ID', 'Code', 'Description', 'PaymentDays', 'PaymentEndOfMonths', 'PaymentMethod',
        'DiscountPaymentDays', 'DiscountPercentage', 'PaymentDiscountType', 'Percentage',
    )

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'payment_days': integer(row['PaymentDays']),
            'payment_end_of_months': integer(row['PaymentEndOfMonths']),
            'payment_method': choice(row['PaymentMethod'], 'BIKQ'),
            'discount_days': integer(row['DiscountPaymentDays']),
            'discount_percentage': percent(row['DiscountPercentage']),
            'discount_type': choice(row['PaymentDiscountType'], 'BK'),
            'share': percent(row['Percentage']) or 100.0,
        }


class Currencies(Resource):
    """The currencies of the administration, by their code: the rows have no GUID."""

    key = 'currency'
    label = _lt("Currencies")
    model = 'exact.currency'
    endpoint = 'general/Currencies'
    select = ('Code', 'Description', 'AmountPrecision')
    key_property = ''

    def identity(self, row):
        return wire.as_text(row['Code'])

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'amount_precision': float(wire.as_decimal(row['AmountPrecision']) or 0),
        }


class CostCenters(Resource):
    key = 'cost_center'
    label = _lt("Cost Centres")
    model = 'exact.cost.center'
    endpoint = 'hrm/Costcenters'
    select = ('ID', 'Code', 'Description', 'Active', 'EndDate')

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'end_date': date(row['EndDate']),
            'is_blocked': row['Active'] is not None and not boolean(row['Active']),
        }


class CostUnits(Resource):
    key = 'cost_unit'
    label = _lt("Cost Units")
    model = 'exact.cost.unit'
    endpoint = 'hrm/Costunits'
    select = ('ID', 'Code', 'Description', 'EndDate')

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'end_date': date(row['EndDate']),
        }


class Projects(Resource):
    key = 'project'
    label = _lt("Projects")
    model = 'exact.project'
    endpoint = 'sync/Project/Projects'
    select = ('Timestamp', 'ID', 'Code', 'Description', 'Type', 'StartDate', 'EndDate', 'Account')
    how = TIMESTAMP
    every = HOURLY
    topic = 'Projects'
    entity_type = 21

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'project_type': choice(row['Type'], '12345'),
            'start_date': date(row['StartDate']),
            'end_date': date(row['EndDate']),
            'relation_guid': guid(row['Account']),
        }


class Items(Resource):
    key = 'item'
    label = _lt("Items")
    model = 'exact.item'
    endpoint = 'sync/Logistics/Items'
    select = (
        'Timestamp', 'ID', 'Code', 'Description', 'IsSalesItem', 'IsPurchaseItem', 'EndDate',
        'Unit', 'GLRevenue', 'GLCosts', 'SalesVatCode',
    )
    how = TIMESTAMP
    every = HOURLY
    topic = 'Items'
    entity_type = 9

    def values(self, row, extra):
        return {
            'code': text(row['Code']),
            'name': text(row['Description']),
            'is_sales_item': boolean(row['IsSalesItem']),
            'is_purchase_item': boolean(row['IsPurchaseItem']),
            'end_date': date(row['EndDate']),
            'unit': text(row['Unit']),
            'gl_revenue_guid': guid(row['GLRevenue']),
            'gl_costs_guid': guid(row['GLCosts']),
            'sales_vat_code': text(row['SalesVatCode']),
        }


class Periods(Resource):
    key = 'period'
    label = _lt("Periods")
    model = 'exact.period'
    endpoint = 'financial/FinancialPeriods'
    select = ('ID', 'FinYear', 'FinPeriod', 'StartDate', 'EndDate')

    def values(self, row, extra):
        year, number = integer(row['FinYear']), integer(row['FinPeriod'])
        return {
            'code': f'{year}-{number:02}',
            'name': False,
            'year': year,
            'number': number,
            'start_date': date(row['StartDate']),
            'end_date': date(row['EndDate']),
        }


class JournalPeriods(Resource):
    """Which journals are closed in which period.

    The rows have no GUID; journal, year and period are their key. Only the years that documents
    are still booked in are read: twenty journals over fifteen years would be 60 calls. Of older
    years those, and the journals, that open documents are in (`exact_export_years`).
    """

    key = 'journal_period'
    label = _lt("Closed Periods")
    model = 'exact.journal.period'
    endpoint = 'read/financial/JournalStatusList'
    select = ('Journal', 'Year', 'Period', 'Status')
    key_property = ''
    years_back = 1

    def since(self, today):
        """The first year of which everything is read."""
        return today.year - self.years_back

    def filter(self, today, division):
        recent = odata.gt('Year', self.since(today) - 1)
        older = division.open_old_years(self.since(today))
        return f'({recent} or ({self.of(older)}))' if older else recent

    def of(self, journal_years):
        """An OData filter for some journals and years, (code, year) each."""
        return odata.all_of(
            odata.any_of('Year', sorted({year for _code, year in journal_years})),
            odata.any_of('Journal', sorted({code for code, _year in journal_years})),
        )

    def scope(self, today, division):
        # (Of older years not everything is read: nothing can be said to be absent.)
        return [('year', '>=', self.since(today))]

    def identity(self, row):
        return f'{wire.as_text(row["Journal"])}/{integer(row["Year"])}/{integer(row["Period"])}'

    def values(self, row, extra):
        return {
            'code': self.identity(row),
            'name': False,
            'journal_code': text(row['Journal']),
            'year': integer(row['Year']),
            'period': integer(row['Period']),
            'is_closed': integer(row['Status']) == 1,
        }


# In the order of reading: what documents need first comes first, relations before their accounts
RESOURCES = (
    Division(), Deleted(), Journals(), GlAccounts(), VatCodes(), PaymentConditions(), Currencies(),
    CostCenters(), CostUnits(), Projects(), Periods(), JournalPeriods(), Relations(),
    BankAccounts(), Items(),
)


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.model
    def _sync_resources(self):
        """Hook: what is mirrored from Exact, in the order of reading.

        :rtype: tuple[Resource, ...]
        """
        return RESOURCES

    @api.model
    @api.private
    def resource_of(self, key):
        """The resource of a cursor; None where the addon that knew it is gone."""
        return next((one for one in self._sync_resources() if one.key == key), None)
