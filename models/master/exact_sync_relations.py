"""Customers and suppliers of Exact, and their bank accounts."""

from datetime import timedelta

from odoo.tools import LazyTranslate

from ...booking.party_numbers import bank_account
from .exact_relation import identity_keys
from .exact_sync_resource import (
    HOURLY,
    MODIFIED,
    TIMESTAMP,
    Resource,
    boolean,
    choice,
    date,
    guid,
    text,
)

_lt = LazyTranslate(__name__)


def match_key(value):
    """A bank account without what people add to it; False for what identifies nobody."""
    return bank_account(value) or False


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
