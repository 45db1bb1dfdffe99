"""What is mirrored from Exact, one class per resource: where it is, what is read, what it becomes.

A class holds facts of Exact's reference and pure functions; reading pages, writing rows, archiving
and errors are the engine's (`exact_sync.py`).

Ways of reading:

`TIMESTAMP`: a `sync/` endpoint. Its `Timestamp` is a counter of 64 bits, higher with every change;
    `Timestamp gt <highest seen>L` gives what changed, in pages of 1,000.
`MODIFIED`: no sync twin, but too many rows to compare: first everything by key, then what has a
    later `Modified`, which Exact keeps in Dutch local time.
`WHOLE`: no sync twin and few rows: read whole, compared, only differences written.
"""

from datetime import timedelta

from odoo.tools import LazyTranslate

from ...booking.party_numbers import bank_account
from ...exact_api import MalformedAnswer, odata, wire
from .exact_relation import identity_keys

_lt = LazyTranslate(__name__)

TIMESTAMP = 'timestamp'
MODIFIED = 'modified'
WHOLE = 'whole'

# Of a column of 32 bits
LARGEST = 2 ** 31
HOURLY = timedelta(minutes=55)
SIX_HOURLY = timedelta(hours=6)


def match_key(value):
    """A bank account without what people add to it; False for what identifies nobody."""
    return bank_account(value) or False


def text(value):
    """Text without Exact's padding; False where there is none, as the ORM reads it back."""
    return wire.as_text(value) or False


def guid(value):
    return wire.as_guid(value) or False


def date(value):
    return wire.as_date(value) or False


def integer(value):
    """A whole number as a column holds it."""
    number = wire.as_int(value) or 0
    if not -LARGEST <= number < LARGEST:
        raise MalformedAnswer("a number that is too large")
    return number


def boolean(value):
    return bool(wire.as_bool(value))


def percent(value):
    """A percentage from the fraction that Exact gives: 0.21 is 21.0."""
    percentage = wire.percent_of_fraction(value) or 0
    if abs(percentage) >= LARGEST:
        raise MalformedAnswer("a number that is too large")
    return float(percentage)


def choice(value, allowed):
    """A code of a fixed list; a code that Exact added since is no reason to stop.

    :param allowed: container of the codes, as strings.
    """
    code = wire.as_text(value)
    return code if code in tuple(allowed) else False


class Resource:
    """One kind of record of Exact.

    :cvar key: name in `exact.cursor`.
    :cvar model: where it is kept; '' for what is no master data.
    :cvar endpoint: path below the division.
    :cvar select: properties that are read.
    :cvar how: TIMESTAMP, MODIFIED or WHOLE.
    :cvar every: how soon it is read again.
    :cvar full_every: how soon everything is read again; None for never.
    :cvar entity_type: in `sync/Deleted`; None where deletions are not told there.
    :cvar topic: of the notifications about it; '' where Exact has none.
    :cvar requires: keys of resources that must have been read completely before.
    :cvar key_property: property that is the key, and by which Exact orders pages.
    """

    key = ''
    label = ''
    model = ''
    endpoint = ''
    select = ()
    how = WHOLE
    every = SIX_HOURLY
    full_every = None
    entity_type = None
    topic = ''
    requires = ()
    key_property = 'ID'

    def prepare(self, client):
        """Read what the rows need beside themselves.

        :return: passed on to `values`.
        """

    def filter(self, today, division):
        """An OData filter for every reading, or None."""

    def scope(self, today, division):
        """The domain of what `filter` lets through: only that may be archived when it is absent."""
        return []

    def identity(self, row):
        """What identifies the row within the division; a GUID wherever Exact has one."""
        return wire.as_guid(row[self.key_property])

    def values(self, row, extra):
        """The fields of a row, with the values that the ORM reads back."""
        raise NotImplementedError

    def link(self, division, vals_by_key):
        """Fill the references to records of other models, in one query per page.

        :param vals_by_key: {identity: values}, changed in place.
        """

    def after_page(self, division, vals_by_key):
        """Do what other records need after these were written."""

    def after_archive(self, records):
        """Do what other records need after these vanished from Exact."""

    def after_restore(self, records):
        """Do what other records need after these came back."""


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
        older = division._open_old_years(self.since(today))
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


class Relations(Resource):
    key = 'relation'
    label = _lt("Relations")
    model = 'exact.relation'
    endpoint = 'sync/CRM/Accounts'
    select = (
        'Timestamp', 'ID', 'Code', 'Name', 'Status', 'IsSupplier', 'VATNumber', 'ChamberOfCommerce',
        'Country', 'Email', 'AddressLine1', 'Postcode', 'City', 'Blocked', 'EndDate',
        'PaymentConditionSales', 'PaymentConditionPurchase', 'GLAR', 'GLAP',
    )
    how = TIMESTAMP
    every = HOURLY
    topic = 'Accounts'
    entity_type = 2

    def values(self, row, extra):
        vat_number, chamber = text(row['VATNumber']), text(row['ChamberOfCommerce'])
        return {
            'code': text(row['Code']),
            'name': text(row['Name']),
            'status': choice(row['Status'], 'ASPC'),
            'is_supplier': boolean(row['IsSupplier']),
            'vat_number': vat_number,
            'chamber_of_commerce': chamber,
            **identity_keys(text(row['Country']), vat_number, chamber),
            'country_code': text(row['Country']),
            'email': text(row['Email']),
            'street': text(row['AddressLine1']),
            'zip': text(row['Postcode']),
            'city': text(row['City']),
            'is_blocked': boolean(row['Blocked']),
            'end_date': date(row['EndDate']),
            'payment_condition_sale': text(row['PaymentConditionSales']),
            'payment_condition_purchase': text(row['PaymentConditionPurchase']),
            'gl_receivable_guid': guid(row['GLAR']),
            'gl_payable_guid': guid(row['GLAP']),
        }

    def after_page(self, division, vals_by_key):
        """Give bank accounts that came in before their relation the relation."""
        orphans = division.env['exact.relation.bank'].with_context(active_test=False).search_fetch(
            [
                ('division_id', '=', division.id),
                ('relation_id', '=', False),
                ('relation_guid', 'in', list(vals_by_key)),
            ],
            ['relation_guid'],
        )
        if not orphans:
            return
        relations = relations_by_guid(division, set(orphans.mapped('relation_guid')))
        for bank in orphans:
            bank.relation_id = relations.get(bank.relation_guid)

    def after_archive(self, records):
        """Nobody is found any more by the bank account of a relation that is gone."""
        records.bank_ids.write({'active': False})

    def after_restore(self, records):
        records.with_context(active_test=False).bank_ids.write({'active': True})


class BankAccounts(Resource):
    """Bank accounts of relations.

    Exact tells no deletions of them, so everything is compared once in a while; 50,000 of them are
    834 calls, a sixth of a day's budget.
    """

    key = 'relation_bank'
    label = _lt("Bank Accounts of Relations")
    model = 'exact.relation.bank'
    endpoint = 'crm/BankAccounts'
    select = ('ID', 'Account', 'BankAccount', 'IBAN', 'BICCode', 'Main', 'Blocked')
    how = MODIFIED
    every = HOURLY
    topic = 'BankAccounts'
    full_every = timedelta(days=30)
    requires = ('relation',)

    def values(self, row, extra):
        iban = text(row['IBAN']) or text(row['BankAccount'])
        return {
            'code': iban,
            'name': False,
            'relation_guid': guid(row['Account']),
            'iban': iban,
            'iban_key': match_key(iban),
            'bic': text(row['BICCode']),
            'is_main': boolean(row['Main']),
            'is_blocked': boolean(row['Blocked']),
        }

    def link(self, division, vals_by_key):
        relations = relations_by_guid(
            division, {vals['relation_guid'] for vals in vals_by_key.values()},
        )
        for vals in vals_by_key.values():
            vals['relation_id'] = relations.get(vals['relation_guid'], False)


def relations_by_guid(division, guids):
    """{GUID: id of the relation}, archived ones too, with one query."""
    relations = division.env['exact.relation'].with_context(active_test=False).search_fetch(
        [('division_id', '=', division.id), ('exact_guid', 'in', list(guids))], ['exact_guid'],
    )
    return {relation.exact_guid: relation.id for relation in relations}


# In the order of reading: what documents need first comes first, relations before their accounts
RESOURCES = {
    resource.key: resource
    for resource in (
        Division(), Deleted(), Journals(), GlAccounts(), VatCodes(), PaymentConditions(),
        Currencies(), CostCenters(), CostUnits(), Projects(), Periods(), JournalPeriods(),
        Relations(), BankAccounts(), Items(),
    )
}
BY_ENTITY_TYPE = {
    resource.entity_type: resource for resource in RESOURCES.values() if resource.entity_type
}
