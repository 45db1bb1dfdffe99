"""Master data of the simulator: relations, bank accounts, documents, codes, the seed."""

import base64
import time

import pytest
import requests
from simulator_client import BELGIAN, BROKEN_YEAR, Client, created, message, switched


def test_new_relation_gets_a_code_and_defaults(client):
    row = created(client.post('crm/Accounts', {'Name': 'Nieuwe Klant B.V.', 'Status': 'C'}))
    assert row['Code'].strip().isdigit() and len(row['Code']) == 18
    assert (row['Status'], row['IsSupplier'], row['IsSales'], row['Country'], row['Type']) == (
        'C',
        False,
        True,
        'NL ',
        'A',
    )
    next_row = created(client.post('crm/Accounts', {'Name': 'Nog een'}))
    assert int(next_row['Code']) > int(row['Code'])
    assert next_row['Status'] == 'A' and next_row['IsSales'] is False


def test_relation_codes_are_unique_numbers(client):
    assert (
        message(client.post('crm/Accounts', {'Name': 'X', 'Code': '10'})) == 'Bestaat reeds: Code'
    )
    assert message(client.post('crm/Accounts', {'Name': 'X', 'Code': 'AB1'})) == 'Ongeldig: Code'
    row = created(client.post('crm/Accounts', {'Name': 'X', 'Code': '7777'}))
    assert row['Code'] == '7777'.rjust(18)


def test_put_with_an_unchanged_code_is_a_duplicate(client, server):
    row = client.account('11')
    answer = client.put('crm/Accounts', row, {'Code': '11'.rjust(18), 'City': 'Deventer'})
    assert (answer.status_code, message(answer)) == (500, 'Bestaat reeds: Code')
    with switched(server, put_unchanged='accept'):
        assert client.put('crm/Accounts', row, {'Code': '11'}).status_code == 204


def test_put_changes_only_what_is_sent(client):
    row = created(client.post('crm/Accounts', {'Name': 'Deels', 'City': 'Gouda', 'Status': 'C'}))
    answer = client.put('crm/Accounts', row['ID'], {'IsSupplier': True})
    assert (answer.status_code, answer.content) == (204, b'')
    after = client.read('crm/Accounts', row['ID'])
    assert (after['Name'], after['City'], after['Status'], after['IsSupplier']) == (
        'Deels',
        'Gouda',
        'C',
        True,
    )


@pytest.mark.parametrize(
    ('values', 'text'),
    [
        ({'VATNumber': 'NL123'}, 'Ongeldig: Btw-nummer'),
        ({'Country': 'Nederland'}, 'Ongeldige referentie: Land'),
        ({'PaymentConditionSales': '99'}, 'Ongeldige referentie: Betalingsconditie'),
        ({'Status': 'X'}, 'Ongeldig: Status'),
        ({'Name': 'x' * 51}, 'Te lang: Naam (max. 50)'),
        (
            {'GLAR': '00000000-0000-4000-8000-000000000000'},
            'Ongeldige referentie: Verzamelrekening debiteuren',
        ),
    ],
)
def test_relation_checks(client, values, text):
    answer = client.post('crm/Accounts', {'Name': 'Controle', **values})
    assert (answer.status_code, message(answer)) == (500, text)


def test_an_address_follows_the_relation(client):
    row = created(
        client.post(
            'crm/Accounts', {'Name': 'Adres B.V.', 'AddressLine1': 'Dam 1', 'City': 'Amsterdam'}
        )
    )
    client.put('crm/Accounts', row['ID'], {'City': 'Rotterdam'})
    addresses = client.rows(
        'crm/Addresses',
        select='City,Type,Main,AddressLine1',
        filter=f"Account eq guid'{row['ID']}'",
    )
    assert [(one['City'], one['Type'], one['Main']) for one in addresses] == [
        ('Rotterdam', 1, True)
    ]


def test_used_relations_cannot_be_deleted(client):
    customer = created(client.post('crm/Accounts', {'Name': 'Gebruikt', 'Status': 'C'}))['ID']
    created(client.sale(10, customer=customer))
    answer = client.delete('crm/Accounts', customer)
    assert (answer.status_code, message(answer)) == (500, 'Kan niet verwijderen: in gebruik')


def test_bank_accounts(client):
    account = created(client.post('crm/Accounts', {'Name': 'Bankier'}))['ID']
    first = created(
        client.post(
            'crm/BankAccounts', {'Account': account, 'BankAccount': 'NL91 ABNA 0417 1643 00'}
        )
    )
    assert (first['BankAccount'], first['IBAN'], first['Main']) == (
        'NL91ABNA0417164300',
        'NL91ABNA0417164300',
        True,
    )
    answer = client.post(
        'crm/BankAccounts', {'Account': account, 'BankAccount': 'NL92ABNA0417164300'}
    )
    assert message(answer) == 'Ongeldig: Bankrekening (Formaat)'
    answer = client.post(
        'crm/BankAccounts', {'Account': account, 'BankAccount': 'NL91ABNA0417164300'}
    )
    assert message(answer) == 'Bestaat reeds: Bankrekening'
    second = created(
        client.post(
            'crm/BankAccounts',
            {'Account': account, 'BankAccount': 'DE89370400440532013000', 'Main': True},
        )
    )
    mains = client.rows('crm/BankAccounts', select='ID,Main', filter=f"Account eq guid'{account}'")
    assert [row['ID'] for row in mains if row['Main']] == [second['ID']]
    answer = client.post('crm/BankAccounts', {'BankAccount': 'NL91ABNA0417164300'})
    assert message(answer) == 'Verplicht: Relatie'
    other = '00000000-0000-4000-8000-000000000000'
    answer = client.post('crm/BankAccounts', {'Account': other, 'BankAccount': '1234'})
    assert message(answer) == 'Ongeldige referentie: Relatie'


def test_documents_and_attachments(client, server):
    document = created(
        client.post(
            'documents/Documents',
            {'Subject': 'INV/2026/00001', 'Type': 10, 'Account': client.account('10')},
        )
    )
    assert document['TypeDescription'] == 'Verkoopfactuur' and document['HID'] > 0
    content = b'%PDF-1.4 ' + bytes(range(256))
    attachment = created(
        client.post(
            'documents/DocumentAttachments',
            {
                'Document': document['ID'],
                'FileName': 'INV.pdf',
                'Attachment': base64.b64encode(content).decode(),
            },
        )
    )
    assert attachment['FileSize'] == len(content) and attachment['Attachment'] is None
    token = {'Authorization': client.session.headers['Authorization']}
    assert (
        requests.get(attachment['Url'] + '&Download=1', headers=token, timeout=10).content
        == content
    )
    assert requests.get(attachment['Url'], timeout=10).status_code == 401
    stamp = server.store.last_stamp
    assert client.delete('documents/Documents', document['ID']).status_code == 204
    gone = client.rows(
        'sync/Deleted', select='EntityKey,EntityType', filter=f'Timestamp gt {stamp}L'
    )
    assert {(row['EntityKey'], row['EntityType']) for row in gone} == {
        (attachment['ID'], 4),
        (document['ID'], 6),
    }


def test_attachment_checks(client):
    document = created(client.post('documents/Documents', {'Subject': 'X', 'Type': 20}))['ID']
    body = {'Document': document, 'FileName': 'x.pdf', 'Attachment': 'not base64!'}
    answer = client.post('documents/DocumentAttachments', body)
    assert answer.status_code == 400 and "to type 'Byte[]'" in message(answer)
    body['Attachment'] = base64.b64encode(bytes(25 * 1024 * 1024 + 1)).decode()
    assert message(client.post('documents/DocumentAttachments', body)) == (
        'Bestand is te groot: maximaal 25 MB'
    )
    body.update(Attachment='WA==', Document='00000000-0000-4000-8000-000000000000')
    assert (
        message(client.post('documents/DocumentAttachments', body))
        == 'Ongeldige referentie: Document'
    )
    assert message(client.post('documents/Documents', {'Subject': 'X', 'Type': 999})) == (
        'Ongeldige referentie: Type'
    )


def test_simple_tables_take_new_records(client):
    created(client.post('hrm/Costcenters', {'Code': 'NW', 'Description': 'Nieuw'}))
    assert message(client.post('hrm/Costcenters', {'Code': 'NW', 'Description': 'Dubbel'})) == (
        'Bestaat reeds: Code'
    )
    created(
        client.post(
            'cashflow/PaymentConditions',
            {'Code': '90', 'Description': '90 dagen', 'PaymentDays': 90},
        )
    )
    created(
        client.post('financial/GLAccounts', {'Code': '490099', 'Description': 'Nieuw', 'Type': 121})
    )
    code = created(
        client.post(
            'vat/VATCodes',
            {
                'Code': 'X1',
                'Description': 'Nieuw tarief',
                'Type': 'E',
                'VATPercentages': [{'Percentage': 0.13, 'VATCodeID': client.account('10')}],
            },
        )
    )
    rows = client.rows(
        'vat/VatPercentages', select='Percentage', filter=f"VATCodeID eq guid'{code['ID']}'"
    )
    assert [row['Percentage'] for row in rows] == [0.13]


def test_used_ledger_accounts_cannot_be_deleted(client):
    created(client.sale({'AmountFC': 5, 'GLAccount': client.gl('804100')}))
    assert client.delete('financial/GLAccounts', client.gl('804100')).status_code == 500
    assert client.delete('financial/GLAccounts', client.gl('490100')).status_code == 204


# === the seed === #


def test_seeded_dutch_chart(client):
    rows = {
        row['Code']: row
        for row in client.rows(
            'financial/GLAccounts', select='Code,Description,Type,BalanceType,BalanceSide,IsBlocked'
        )
    }
    assert rows['800100']['Description'] == 'Omzet NL handelsgoederen 1'
    assert (rows['1300']['Type'], rows['1600']['Type']) == (20, 22)
    assert (rows['800100']['Type'], rows['700100']['Type'], rows['103004']['Type']) == (
        110,
        111,
        12,
    )
    assert (rows['800100']['BalanceType'], rows['800100']['BalanceSide']) == ('W', 'C')
    assert rows['4999']['IsBlocked'] is True
    assert {row['BalanceType'] for row in rows.values()} == {'B', 'W'}


def test_seeded_vat_history(client):
    code = client.first('vat/VATCodes', "Code eq '1'")['ID']
    rows = client.rows(
        'vat/VatPercentages',
        select='Percentage,StartDate,EndDate',
        filter=f"VATCodeID eq guid'{code}'",
    )
    assert sorted(row['Percentage'] for row in rows) == [0.06, 0.09]


def test_seeded_vat_kinds(client):
    rows = client.rows(
        'vat/VATCodes',
        select='Code,Type,VATTransactionType,Charged,EUSalesListing,'
        'OssCountry,Percentage,IsBlocked,GLToPayCode,GLToClaimCode',
    )
    assert {row['Type'] for row in rows} == {'E', 'I', 'B', 'N'}
    assert {row['EUSalesListing'] for row in rows} == {'L', 'S', 'T', 'N'}
    assert any(row['Charged'] and row['VATTransactionType'] == 'P' for row in rows)
    assert any(row['OssCountry'] == 'DE ' for row in rows) and any(row['IsBlocked'] for row in rows)
    for row in rows:
        if row['Percentage'] and row['VATTransactionType'] == 'P':
            assert row['GLToClaimCode'], row
        if row['Percentage'] and row['VATTransactionType'] == 'S':
            assert row['GLToPayCode'], row


def test_broken_financial_year(server):
    client = Client(server, division=BROKEN_YEAR)
    period = client.rows(
        'financial/FinancialPeriods',
        select='FinYear,FinPeriod,StartDate,EndDate',
        filter="StartDate le datetime'2026-03-10' and EndDate ge datetime'2026-03-10'",
    )
    assert [(row['FinYear'], row['FinPeriod']) for row in period] == [(2026, 9)]
    entry = created(client.sale(100))
    assert (entry['ReportingYear'], entry['ReportingPeriod']) == (2026, 9)


def test_belgian_division(server):
    client = Client(server, division=BELGIAN)
    entry = created(
        client.sale(
            {'AmountFC': 100, 'GLAccount': client.gl('700000'), 'VATCode': '1'},
            customer=client.account('31'),
        )
    )
    assert entry['AmountFC'] == 121


def test_relations_by_the_thousand_are_quick(server):
    start = time.perf_counter()
    server.control.run('generate_relations', {'count': 5000})
    assert time.perf_counter() - start < 5
    client = Client(server)
    assert len(client.rows('sync/CRM/Accounts', select='ID', filter='Timestamp gt 1L')) > 5000
