"""How the simulator books: checks, VAT, numbers, dates, ledger lines, changes."""

import pytest
from simulator_client import Client, created, message, switched

NOWHERE = '00000000-0000-4000-8000-000000000000'


def refused(answer):
    assert answer.status_code == 500, answer.text
    return message(answer)


def lines_of(client, entry, kind='salesentry/SalesEntryLines'):
    rows = client.rows(
        kind,
        filter=f"EntryID eq guid'{entry['EntryID']}'",
        select=(
            'ID,AmountFC,AmountDC,VATAmountFC,VATCode,VATPercentage,LineNumber,GLAccountCode,Type,'
            'CostCenter,CostUnit,VATBaseAmountFC,Project'
        ),
    )
    return sorted(rows, key=lambda row: row['LineNumber'])


# === sales === #


def test_a_sales_entry(client):
    entry = created(client.sale(100, YourRef='INV/2026/00001', Description='Stoelen'))
    assert (entry['AmountFC'], entry['AmountDC'], entry['VATAmountFC'], entry['VATAmountDC']) == (
        121,
        121,
        21,
        21,
    )
    assert (entry['Type'], entry['Status'], entry['Rate'], entry['Currency']) == (20, 20, 1, 'EUR')
    assert (entry['ReportingYear'], entry['ReportingPeriod']) == (2026, 3)
    assert entry['EntryDate'] == '/Date(1773100800000)/'
    assert entry['PaymentCondition'] == '30 ' and entry['DueDate'] == '/Date(1775692800000)/'
    assert entry['CustomerName'] == 'Bakkerij De Vries B.V.'
    assert 'uri' in entry['SalesEntryLines']['__deferred']
    assert client.ledger(entry['EntryID']) == [
        ('1300', 121, 'S'),
        ('800100', -100, 'V'),
        ('1510', -21, 'A'),
    ]


def test_transaction_lines_carry_the_entry(client):
    entry = created(
        client.sale(
            {'AmountFC': 50, 'CostCenter': 'VERK', 'CostUnit': 'CONS', 'Description': 'Regel'},
            YourRef='INV/2026/00002',
            Description='Kop',
            OrderNumber=77,
            PaymentReference='RF18',
        )
    )
    rows = client.rows(
        'financialtransaction/TransactionLines',
        filter=f"EntryID eq guid'{entry['EntryID']}'",
        select=(
            'ID,LineNumber,LineType,YourRef,Description,CostCenter,CostUnit,JournalCode,Account,AccountCode,'
            'EntryNumber,InvoiceNumber,OrderNumber,PaymentReference,Status,Type,AmountVATFC,AmountVATBaseFC,'
            'VATCode,VATPercentage,FinancialYear,FinancialPeriod,Currency,ExchangeRate,DueDate'
        ),
    )
    party, line, _vat = sorted(rows, key=lambda row: row['LineNumber'])
    assert (party['LineType'], line['LineType']) == (20, 0)
    assert line['ID'] == lines_of(client, entry)[0]['ID']
    assert (line['CostCenter'], line['CostUnit'], line['Description']) == ('VERK', 'CONS', 'Regel')
    assert (
        line['AmountVATFC'],
        line['AmountVATBaseFC'],
        line['VATCode'],
        line['VATPercentage'],
    ) == (-10.5, -50, '2  ', 0.21)
    for row in rows:
        assert row['YourRef'] == 'INV/2026/00002' and row['JournalCode'] == '70'
        assert row['EntryNumber'] == entry['EntryNumber'] and row['OrderNumber'] == 77
        assert row['PaymentReference'] == 'RF18' and row['AccountCode'] == '10'.rjust(18)
        assert (row['FinancialYear'], row['FinancialPeriod'], row['Type'], row['Status']) == (
            2026,
            3,
            20,
            20,
        )


def test_vat_is_rounded_per_line_half_away_from_zero(client):
    # 21 % of 0.50 is 0.105; three lines of it make 0.33, not the 0.32 of their sum
    entry = created(client.sale(0.5, 0.5, 0.5))
    assert entry['VATAmountFC'] == 0.33
    entry = created(client.sale(-0.5))
    assert entry['VATAmountFC'] == -0.11


def test_line_vat_amount_overrides(client, server):
    entry = created(client.sale({'AmountFC': 0.5, 'VATAmountFC': 0.10}, 0.5))
    assert entry['VATAmountFC'] == 0.21 and entry['AmountFC'] == 1.21
    entry = created(client.sale({'AmountFC': 100, 'VATAmountFC': 0}))
    assert (entry['AmountFC'], entry['VATAmountFC']) == (100, 0)
    with switched(server, vat_amount_zero='omitted'):
        entry = created(client.sale({'AmountFC': 100, 'VATAmountFC': 0}))
        assert entry['AmountFC'] == 121
    # the header's own VAT amount is computed whatever is sent
    entry = created(client.sale(100, VATAmountFC=5))
    assert entry['VATAmountFC'] == 21


def test_including_code(client):
    entry = created(client.sale({'AmountFC': 121, 'VATCode': '2I'}))
    assert (entry['AmountFC'], entry['VATAmountFC']) == (121, 21)
    line = lines_of(client, entry)[0]
    assert (line['AmountFC'], line['VATBaseAmountFC'], line['VATAmountFC']) == (121, 100, 21)
    assert client.ledger(entry['EntryID'])[1] == ('800100', -100, 'V')


def test_percentage_follows_the_date(client, server):
    server.control.run(
        'close_period', {'year': 2018, 'period': 12, 'journal': '70', 'closed': False}
    )
    old = created(client.sale({'AmountFC': 100, 'VATCode': '1'}, EntryDate='2018-12-31T00:00:00'))
    new = created(client.sale({'AmountFC': 100, 'VATCode': '1'}))
    assert (old['VATAmountFC'], new['VATAmountFC']) == (6, 9)


def test_vat_code_of_the_ledger_account_is_the_default(client):
    gl = client.gl('800100')
    body = {'Customer': client.account('10'), 'Journal': '70', 'EntryDate': '2026-03-10'}
    entry = created(
        client.post(
            'salesentry/SalesEntries',
            {**body, 'SalesEntryLines': [{'GLAccount': gl, 'AmountFC': 100}]},
        )
    )
    assert entry['VATAmountFC'] == 21
    entry = created(
        client.post(
            'salesentry/SalesEntries',
            {**body, 'SalesEntryLines': [{'GLAccount': gl, 'AmountFC': 100, 'VATCode': ''}]},
        )
    )
    assert entry['VATAmountFC'] == 0
    assert lines_of(client, entry)[0]['VATCode'] is None


def test_vat_percentage_instead_of_a_code(client):
    gl = client.gl('800400')
    body = {'Customer': client.account('10'), 'Journal': '70', 'EntryDate': '2026-03-10'}
    entry = created(
        client.post(
            'salesentry/SalesEntries',
            {
                **body,
                'SalesEntryLines': [{'GLAccount': gl, 'AmountFC': 100, 'VATPercentage': 0.09}],
            },
        )
    )
    assert entry['VATAmountFC'] == 9
    answer = client.post(
        'salesentry/SalesEntries',
        {**body, 'SalesEntryLines': [{'GLAccount': gl, 'AmountFC': 100, 'VATPercentage': 0.08}]},
    )
    assert refused(answer) == 'Ongeldig: Btw-percentage'


@pytest.mark.parametrize(
    ('header', 'line', 'text'),
    [
        ({'customer': NOWHERE}, {}, 'Ongeldige referentie: Klant'),
        ({'customer': '34'}, {}, 'Ongeldig: Klant (Type)'),
        ({'customer': '20'}, {}, 'Ongeldig: Klant (Type)'),
        ({'customer': '36'}, {}, 'Geblokkeerd: Klant'),
        ({'Journal': '99'}, {}, 'Ongeldige referentie: Dagboek'),
        ({'Journal': '60'}, {}, 'Ongeldig: Dagboek'),
        ({'Journal': '75'}, {}, 'Geblokkeerd: Dagboek'),
        ({'Journal': '72'}, {}, 'Niet toegestaan: Btw-code'),
        ({'Journal': '76', 'Currency': 'USD', 'Rate': 0.9}, {}, 'Niet toegestaan: Valuta'),
        ({'Currency': 'XXX'}, {}, 'Ongeldige referentie: Valuta'),
        ({'PaymentCondition': '99'}, {}, 'Ongeldige referentie: Betalingsconditie'),
        ({'ReportingYear': 2026, 'ReportingPeriod': 13}, {}, 'Ongeldige referentie: Periode'),
        ({'EntryDate': '2010-01-01'}, {}, 'Onbekend: Boekjaar (Periode - datumtabel)'),
        ({'EntryDate': '2022-05-01'}, {}, 'Periode is afgesloten: 2022 - 5'),
        ({'ReportingYear': 2021, 'ReportingPeriod': 2}, {}, 'Periode is afgesloten: 2021 - 2'),
        ({'YourRef': 'x' * 31}, {}, 'Te lang: Uw ref. (max. 30)'),
        ({}, {'GLAccount': NOWHERE}, 'Ongeldige referentie: Grootboekrekening'),
        ({}, {'GLAccount': '1300'}, 'Ongeldig: Grootboekrekeningtype'),
        ({}, {'GLAccount': '1600'}, 'Ongeldig: Grootboekrekeningtype'),
        ({}, {'GLAccount': '1510'}, 'Ongeldig: Grootboekrekeningtype'),
        ({}, {'GLAccount': '8999'}, 'Geblokkeerd: Grootboekrekening'),
        ({}, {'VATCode': 'ZZ'}, 'Ongeldige referentie: Btw-code'),
        ({}, {'VATCode': '19'}, 'Geblokkeerd: Btw-code\r\nOngeldig: Btw-percentage'),
        ({}, {'VATCode': '4'}, 'Niet toegestaan: Btw-code'),
        ({}, {'CostCenter': 'NIKS'}, 'Ongeldige referentie: Kostenplaats'),
        ({}, {'CostCenter': 'OUD'}, 'Geblokkeerd: Kostenplaats'),
        ({}, {'CostUnit': 'NIKS'}, 'Ongeldige referentie: Kostendrager'),
        ({}, {'GLAccount': '402100', 'VATCode': ''}, 'Verplicht: Kostenplaats'),
        ({}, {'GLAccount': '402200', 'VATCode': ''}, 'Verplicht: Kostendrager'),
    ],
)
def test_sales_refusals(client, header, line, text):
    header, line = dict(header), {'AmountFC': 10, **line}
    if len(header.get('customer', '')) == 2:
        header['customer'] = client.account(header['customer'])
    if len(line.get('GLAccount', '')) in (4, 6):
        line['GLAccount'] = client.gl(line['GLAccount'])
    assert refused(client.sale(line, **header)) == text


def test_nothing_of_a_refused_entry_stays(client, server):
    before = len(server.entries())
    lines = [
        {'AmountFC': 10},
        {'AmountFC': 10, 'CostCenter': 'NIKS'},
        {'AmountFC': 10, 'VATCode': 'ZZ'},
    ]
    assert refused(client.sale(*lines)) == (
        'Ongeldige referentie: Kostenplaats\r\nOngeldige referentie: Btw-code'
    )
    assert len(server.entries()) == before


def test_english_texts(server):
    emma = Client(server, user='emma')
    answer = emma.sale({'AmountFC': 10, 'VATCode': '4', 'CostUnit': 'NIKS'})
    assert refused(answer) == 'Invalid reference: Cost unit\r\nNot allowed: VAT-code'
    answer = emma.sale(10, EntryDate='2022-05-01')
    assert refused(answer) == 'Period is closed: 2022 - 5'


def test_cost_centre_may_be_forbidden(client):
    account = client.gl('459000')
    client.put('financial/GLAccounts', account, {'UseCostcenter': 2})
    text = refused(
        client.sale({'AmountFC': 1, 'GLAccount': account, 'CostCenter': 'ADM', 'VATCode': ''})
    )
    assert text == 'Niet toegestaan: Kostenplaats'
    client.put('financial/GLAccounts', account, {'UseCostcenter': 0})


def test_another_control_account_is_refused(client):
    row = created(
        client.post(
            'crm/Accounts', {'Name': 'PoS-klant', 'Status': 'C', 'GLAR': client.gl('110100')}
        )
    )
    assert refused(client.sale(10, customer=row['ID'])) == 'Ongeldig: Verzamelrekening debiteuren'


def test_unknown_optional_references_vanish_silently(client, server):
    entry = created(client.sale({'AmountFC': 10, 'Project': NOWHERE}, Document=NOWHERE))
    assert entry['Document'] is None and lines_of(client, entry)[0]['Project'] is None
    project = client.first('project/Projects', "Code eq 'INT'")['ID']
    entry = created(client.sale({'AmountFC': 10, 'Project': project}))
    assert lines_of(client, entry)[0]['Project'] == project
    with switched(server, silent_drop=[]):
        assert refused(client.sale(10, Document=NOWHERE)) == 'Ongeldige referentie: Document'


def test_a_document_is_tied_to_its_entry(client):
    document = created(client.post('documents/Documents', {'Subject': 'PDF', 'Type': 10}))['ID']
    entry = created(client.sale(10, Document=document))
    assert entry['DocumentSubject'] == 'PDF'
    assert (
        client.read('documents/Documents', document)['FinancialTransactionEntryID']
        == entry['EntryID']
    )
    later = created(client.sale(10))
    created(
        client.post(
            'documents/Documents',
            {'Subject': 'Later', 'Type': 10, 'FinancialTransactionEntryID': later['EntryID']},
        )
    )
    assert client.read('salesentry/SalesEntries', later['EntryID'])['DocumentSubject'] == 'Later'


# === numbers and dates === #


def test_entry_numbers(client):
    one, two = created(client.sale(1)), created(client.sale(1))
    assert str(one['EntryNumber']).startswith('2670')
    assert two['EntryNumber'] == one['EntryNumber'] + 1
    assert refused(client.sale(1, EntryNumber=one['EntryNumber'])) == 'In gebruik: Boekstuknummer'
    assert created(client.sale(1, EntryNumber=26709000))['EntryNumber'] == 26709000
    last = created(client.sale(1, Journal='71'))
    assert str(last['EntryNumber']).startswith('2671')
    client.delete('salesentry/SalesEntries', last['EntryID'])
    assert created(client.sale(1, Journal='71'))['EntryNumber'] == last['EntryNumber'] + 1


def test_invoice_number_is_a_hint(client):
    assert created(client.sale(1, InvoiceNumber=20260001))['InvoiceNumber'] == 20260001
    again = created(client.sale(1, InvoiceNumber=20260001))
    assert again['InvoiceNumber'] == again['EntryNumber']


def test_period_zero_is_a_switch(client, server):
    entry = created(client.sale(1, ReportingYear=0, ReportingPeriod=0))
    assert (entry['ReportingYear'], entry['ReportingPeriod']) == (2026, 3)
    with switched(server, period_zero='given'):
        assert refused(client.sale(1, ReportingYear=0, ReportingPeriod=0)) == (
            'Onbekend: Boekjaar (Periode - datumtabel)'
        )


@pytest.mark.parametrize(
    ('code', 'due'),
    [
        ('00', '2026-03-10'),
        ('14', '2026-03-24'),
        ('60', '2026-05-09'),
        ('EM', '2026-03-31'),
        ('10E', '2026-05-10'),
    ],
)
def test_due_dates(client, server, code, due):
    entry = created(client.sale(1, PaymentCondition=code))
    assert server.store.get('SalesEntries', 1234567, entry['EntryID'])['DueDate'] == due


def test_given_due_date_stays(client, server):
    entry = created(client.sale(1, PaymentCondition='30', DueDate='2026-12-24T00:00:00'))
    assert server.store.get('SalesEntries', 1234567, entry['EntryID'])['DueDate'] == '2026-12-24'


def test_status_is_a_switch(client, server):
    with switched(server, entry_status=50):
        entry = created(client.sale(1))
    assert entry['Status'] == 50
    assert refused(client.put('salesentry/SalesEntries', entry['EntryID'], {'YourRef': 'x'})) == (
        'Reeds verwerkt'
    )
    assert refused(client.delete('salesentry/SalesEntries', entry['EntryID'])) == 'Reeds verwerkt'
    line = lines_of(client, entry)[0]['ID']
    assert (
        refused(client.put('salesentry/SalesEntryLines', line, {'AmountFC': 2})) == 'Reeds verwerkt'
    )


# === credit notes === #


def test_credit_note_by_sign(client):
    entry = created(client.sale(-100))
    assert (entry['Type'], entry['AmountFC'], entry['VATAmountFC']) == (21, -121, -21)
    assert client.ledger(entry['EntryID']) == [
        ('1300', -121, 'S'),
        ('800100', 100, 'X'),
        ('1510', 21, 'Z'),
    ]
    entry = created(client.purchase(-100))
    assert entry['Type'] == 31
    assert client.ledger(entry['EntryID']) == [
        ('1600', 121, 'S'),
        ('421000', -100, 'W'),
        ('1520', -21, 'Q'),
    ]
    answer = client.sale(100, Type=21)
    assert answer.status_code == 400 and "'Type' is read-only" in message(answer)


def test_credit_note_explicit(client, server):
    with switched(server, credit_note='explicit'):
        entry = created(client.sale(100, Type=21))
        assert (entry['Type'], entry['AmountFC']) == (21, 121)
        assert client.ledger(entry['EntryID']) == [
            ('1300', -121, 'S'),
            ('800100', 100, 'X'),
            ('1510', 21, 'Z'),
        ]
        entry = created(client.purchase(100, Type=31))
        assert client.ledger(entry['EntryID'])[0] == ('1600', 121, 'S')
        assert refused(client.sale(-100)) == 'Ongeldig: Bedrag'
        assert refused(client.sale(-100, Type=21)) == 'Ongeldig: Bedrag'
        with switched(server, negative_total='accept'):
            entry = created(client.sale(-100))
            assert (entry['Type'], entry['AmountFC']) == (20, -121)
        # a discount is no credit note
        assert created(client.sale(100, -20))['AmountFC'] == 96.8
        assert refused(client.sale(100, Type=31)) == 'Ongeldig: Type'


# === purchases === #


def test_a_purchase_entry(client):
    entry = created(client.purchase(100, YourRef='F-2026-77'))
    assert (entry['AmountFC'], entry['VATAmountFC'], entry['Type']) == (121, 21, 30)
    assert client.ledger(entry['EntryID']) == [
        ('1600', -121, 'S'),
        ('421000', 100, 'I'),
        ('1520', 21, 'O'),
    ]


def test_purchase_checks(client):
    assert (
        refused(client.purchase(1, supplier=client.account('10'))) == 'Ongeldig: Leverancier (Type)'
    )
    assert refused(client.purchase(1, Journal='70')) == 'Ongeldig: Dagboek'
    assert refused(client.purchase({'AmountFC': 1, 'VATCode': '2'})) == 'Niet toegestaan: Btw-code'
    assert created(client.purchase(1, supplier=client.account('11')))['AmountFC'] == 1.21


def test_reverse_charge_books_to_pay_and_to_claim(client):
    entry = created(client.purchase({'AmountFC': 100, 'VATCode': '9'}))
    assert (entry['AmountFC'], entry['VATAmountFC']) == (100, 0)
    assert client.ledger(entry['EntryID']) == [
        ('1600', -100, 'S'),
        ('421000', 100, 'I'),
        ('1522', 21, 'O'),
        ('1512', -21, 'P'),
    ]


def test_foreign_currency(client):
    entry = created(client.sale(100, Currency='USD', Rate=0.913))
    assert (entry['AmountFC'], entry['AmountDC'], entry['Rate']) == (121, 110.47, 0.913)
    assert client.ledger(entry['EntryID']) == [
        ('1300', 110.47, 'S'),
        ('800100', -91.3, 'V'),
        ('1510', -19.17, 'A'),
    ]
    entry = created(client.sale(100, Currency='USD'))
    assert entry['Rate'] == 0.92


def test_every_entry_balances(server):
    for entry in server.entries():
        lines = server.transaction_lines(entry['EntryID'])
        assert round(sum(line['AmountDC'] for line in lines), 2) == 0, entry['EntryNumber']
        assert round(sum(line['AmountFC'] for line in lines), 2) == 0, entry['EntryNumber']


# === changes === #


def test_header_put(client, server):
    entry = created(client.sale(100, YourRef='OUD'))
    lines = lines_of(client, entry)
    before = {row['ID'] for row in server.transaction_lines(entry['EntryID'])}
    answer = client.put(
        'salesentry/SalesEntries',
        entry['EntryID'],
        {'YourRef': 'NIEUW', 'EntryDate': '2026-04-02T00:00:00'},
    )
    assert (answer.status_code, answer.content) == (204, b'')
    after = client.read('salesentry/SalesEntries', entry['EntryID'])
    assert (after['YourRef'], after['ReportingPeriod'], after['EntryNumber']) == (
        'NIEUW',
        4,
        entry['EntryNumber'],
    )
    assert after['DueDate'] == '/Date(1777680000000)/'
    assert lines_of(client, entry)[0]['ID'] == lines[0]['ID']
    rows = server.transaction_lines(entry['EntryID'])
    assert {row['ID'] for row in rows} == before
    assert {row['YourRef'] for row in rows} == {'NIEUW'}


def test_header_put_refusals(client):
    entry = created(client.sale(100))
    key = entry['EntryID']
    path = 'salesentry/SalesEntries'
    answer = client.put(path, key, {'SalesEntryLines': [{'AmountFC': 1}]})
    assert answer.status_code == 400 and 'Binding to new entities' in message(answer)
    assert 'financial year cannot be changed' in refused(
        client.put(path, key, {'ReportingYear': 2025})
    )
    assert refused(client.put(path, key, {'EntryNumber': entry['EntryNumber']})) == (
        'In gebruik: Boekstuknummer'
    )
    assert client.put(path, key, {'Status': 50}).status_code == 400
    assert refused(client.put(path, key, {'Customer': NOWHERE})) == 'Ongeldige referentie: Klant'
    assert client.put(path, NOWHERE, {'YourRef': 'x'}).status_code == 404


def test_line_endpoints(client):
    entry = created(client.sale(100))
    path = 'salesentry/SalesEntryLines'
    new = created(
        client.post(
            path,
            {
                'EntryID': entry['EntryID'],
                'GLAccount': client.gl('800500'),
                'AmountFC': 50,
                'VATCode': '1',
            },
        )
    )
    assert new['LineNumber'] == 2
    assert client.read('salesentry/SalesEntries', entry['EntryID'])['AmountFC'] == 175.5
    assert client.put(path, new['ID'], {'AmountFC': 60}).status_code == 204
    assert client.read('salesentry/SalesEntries', entry['EntryID'])['AmountFC'] == 186.4
    assert client.put(path, new['ID'], {'VATAmountFC': 5.41}).status_code == 204
    assert client.read('salesentry/SalesEntries', entry['EntryID'])['VATAmountFC'] == 26.41
    # another property leaves the given VAT alone
    client.put(path, new['ID'], {'Description': 'Tekst'})
    assert client.read('salesentry/SalesEntries', entry['EntryID'])['VATAmountFC'] == 26.41
    assert client.delete(path, new['ID']).status_code == 204
    assert client.read('salesentry/SalesEntries', entry['EntryID'])['AmountFC'] == 121
    assert client.ledger(entry['EntryID']) == [
        ('1300', 121, 'S'),
        ('800100', -100, 'V'),
        ('1510', -21, 'A'),
    ]
    assert refused(
        client.post(path, {'EntryID': NOWHERE, 'GLAccount': client.gl('800500'), 'AmountFC': 1})
    ) == ('Ongeldige referentie: Boeking')


def test_delete_leaves_traces(client, server):
    entry = created(client.sale(100))
    rows = {row['ID'] for row in server.transaction_lines(entry['EntryID'])}
    term = server.store.by('PaymentTerms', 1234567, 'TransactionEntryID', entry['EntryID'])[0]['ID']
    stamp = server.store.last_stamp
    assert client.delete('salesentry/SalesEntries', entry['EntryID']).status_code == 204
    assert client.get(f"salesentry/SalesEntries(guid'{entry['EntryID']}')").status_code == 404
    assert lines_of(client, entry) == []
    assert client.ledger(entry['EntryID']) == []
    gone = client.rows(
        'sync/Deleted', select='EntityKey,EntityType', filter=f'Timestamp gt {stamp}L'
    )
    assert {(row['EntityKey'], row['EntityType']) for row in gone} == {
        *((key, 1) for key in rows),
        (term, 10),
    }


def test_closed_period_stops_changes(client, server):
    entry = created(client.sale(100, EntryDate='2025-02-03'))
    server.control.run('close_period', {'year': 2025, 'period': 2, 'journal': '70'})
    try:
        closed = 'Periode is afgesloten: 2025 - 2'
        key = entry['EntryID']
        assert refused(client.put('salesentry/SalesEntries', key, {'YourRef': 'x'})) == closed
        assert refused(client.delete('salesentry/SalesEntries', key)) == closed
        assert refused(client.sale(1, EntryDate='2025-02-04')) == closed
        assert created(client.sale(1, EntryDate='2025-02-04', Journal='71'))
        rows = client.rows(
            'read/financial/JournalStatusList',
            filter="Year eq 2025 and Period eq 2",
            select='Journal,Status',
        )
        assert {row['Journal'] for row in rows if row['Status'] == 1} == {'70'}
    finally:
        server.control.run(
            'close_period', {'year': 2025, 'period': 2, 'journal': '70', 'closed': False}
        )


def test_process_by_a_bookkeeper(client, server):
    entry = created(client.sale(100))
    server.control.run('process_entry', {'entry': entry['EntryNumber']})
    assert client.read('salesentry/SalesEntries', entry['EntryID'])['Status'] == 50
    assert {row['Status'] for row in server.transaction_lines(entry['EntryID'])} == {50}


# === sync twins === #


def test_sync_entries_show_lines_with_their_header(client, server):
    stamp = server.store.last_stamp
    entry = created(
        client.sale(100, {'AmountFC': 50, 'VATCode': '1', 'CostCenter': 'ADM'}, YourRef='SYNC')
    )
    rows = client.rows(
        'sync/Financial/SalesEntries',
        filter=f'Timestamp gt {stamp}L',
        select=(
            'ID,EntryID,EntryNumber,Customer,CustomerName,YourRef,Journal,AmountFC,VATCode,Status,GLAccountCode,'
            'CostCenter,ReportingYear,FinancialYear,Type,EntryDate'
        ),
    )
    assert [row['ID'] for row in rows] == [line['ID'] for line in lines_of(client, entry)]
    assert {row['YourRef'] for row in rows} == {'SYNC'}
    assert {row['Status'] for row in rows} == {20} and {row['FinancialYear'] for row in rows} == {
        2026
    }
    assert [row['CostCenter'] for row in rows] == [None, 'ADM']
    assert rows[0]['EntryDate'] == '/Date(1773100800000)/'
    stamp = server.store.last_stamp
    client.put('salesentry/SalesEntries', entry['EntryID'], {'YourRef': 'SYNC2'})
    rows = client.rows(
        'sync/Financial/SalesEntries', filter=f'Timestamp gt {stamp}L', select='YourRef'
    )
    assert [row['YourRef'] for row in rows] == ['SYNC2', 'SYNC2']
    purchase = created(client.purchase(10))
    rows = client.rows(
        'sync/Financial/PurchaseEntries',
        filter=f'Timestamp gt {stamp}L',
        select='EntryID,SupplierName',
    )
    assert [row['EntryID'] for row in rows] == [purchase['EntryID']]
    assert rows[0]['SupplierName'] == 'Papierhandel Noord B.V.'


# === general journal === #


def test_general_entry(client):
    entry = created(
        client.general(
            {
                'GLAccount': client.gl('461000'),
                'AmountFC': 250,
                'Date': '2026-03-31',
                'VATCode': '',
                'Description': 'Juridisch',
            },
            {
                'GLAccount': client.gl('149000'),
                'AmountFC': -250,
                'Date': '2026-03-31',
                'VATCode': '',
            },
            FinancialYear=2026,
            FinancialPeriod=3,
        )
    )
    assert str(entry['EntryNumber']).startswith('2690') and entry['Type'] == 90
    assert client.ledger(entry['EntryID']) == [('461000', 250, 'S'), ('149000', -250, 'S')]
    rows = lines_of_general(client, entry)
    assert [(row['AmountFC'], row['EntryNumber']) for row in rows] == [
        (250, entry['EntryNumber']),
        (-250, entry['EntryNumber']),
    ]
    assert (
        client.put('generaljournalentry/GeneralJournalEntries', entry['EntryID'], {}).status_code
        == 405
    )
    assert (
        client.delete('generaljournalentry/GeneralJournalEntryLines', rows[0]['ID']).status_code
        == 405
    )
    assert (
        client.delete('generaljournalentry/GeneralJournalEntries', entry['EntryID']).status_code
        == 204
    )


def lines_of_general(client, entry):
    rows = client.rows(
        'generaljournalentry/GeneralJournalEntryLines',
        select=('ID,AmountFC,EntryNumber,LineNumber'),
        filter=f"EntryID eq guid'{entry['EntryID']}'",
    )
    return sorted(rows, key=lambda row: row['LineNumber'])


def test_general_entry_must_balance(client):
    one = {'GLAccount': client.gl('461000'), 'AmountFC': 100, 'VATCode': ''}
    other = {'GLAccount': client.gl('149000'), 'AmountFC': -99.99, 'VATCode': ''}
    assert refused(client.general(one, other)).startswith('De boeking is niet in evenwicht')


def test_general_entry_with_vat(client):
    entry = created(
        client.general(
            {'GLAccount': client.gl('461000'), 'AmountFC': 121, 'VATCode': '4I'},
            {'GLAccount': client.gl('149000'), 'AmountFC': -121, 'VATCode': ''},
        )
    )
    assert client.ledger(entry['EntryID']) == [
        ('461000', 100, 'I'),
        ('149000', -121, 'S'),
        ('1520', 21, 'O'),
    ]


def test_general_entry_on_control_accounts(client):
    debtor = {'GLAccount': client.gl('1300'), 'AmountFC': 100, 'VATCode': ''}
    other = {'GLAccount': client.gl('149000'), 'AmountFC': -100, 'VATCode': ''}
    assert refused(client.general(debtor, other)) == 'Verplicht: Relatie'
    wrong = {**debtor, 'Account': client.account('20')}
    assert refused(client.general(wrong, other)) == 'Ongeldig: Klant (Type)'
    entry = created(client.general({**debtor, 'Account': client.account('10')}, other))
    terms = client.rows(
        'sync/Cashflow/PaymentTerms',
        select='TransactionEntryID,LineType,AmountDC',
        filter='Timestamp gt 1L',
    )
    mine = [row for row in terms if row['TransactionEntryID'] == entry['EntryID']]
    assert [(row['LineType'], row['AmountDC']) for row in mine] == [(20, -100)]


def test_general_journal_without_vat_and_wrong_type(client):
    lines = [
        {'GLAccount': client.gl('461000'), 'AmountFC': 100, 'VATCode': '4'},
        {'GLAccount': client.gl('149000'), 'AmountFC': -100, 'VATCode': ''},
    ]
    assert refused(client.general(*lines, JournalCode='91')) == 'Niet toegestaan: Btw-code'
    assert refused(client.general(*lines, JournalCode='70')) == 'Ongeldig: Dagboek'
    lines[0].pop('VATCode')
    # where the journal knows no VAT, the account's default code does not count
    assert created(client.general(*lines, JournalCode='91'))


# === bank and cash === #


def test_bank_entry(client):
    number = created(
        client.post(
            'financialtransaction/BankEntries',
            {
                'JournalCode': '20',
                'BankEntryLines': [
                    {
                        'GLAccount': client.gl('463900'),
                        'AmountFC': -12.5,
                        'Date': '2026-03-10',
                        'VATCode': '',
                        'Description': 'Bankkosten',
                    },
                    {
                        'GLAccount': client.gl('1300'),
                        'AmountFC': 121,
                        'Date': '2026-03-10',
                        'Account': client.account('10'),
                    },
                ],
            },
        )
    )
    assert str(number['EntryNumber']).startswith('2620')
    assert (number['OpeningBalanceFC'], number['ClosingBalanceFC'], number['Status']) == (
        0,
        108.5,
        20,
    )
    assert client.ledger(number['EntryID']) == [
        ('1010', 108.5, 'S'),
        ('463900', 12.5, 'S'),
        ('1300', -121, 'S'),
    ]
    terms = client.rows(
        'cashflow/Receivables',
        select='AmountDC,Status',
        filter=f"TransactionEntryID eq guid'{number['EntryID']}'",
    )
    assert [(row['AmountDC'], row['Status']) for row in terms] == [(121, 20)]
    line = {'GLAccount': client.gl('463900'), 'AmountFC': -8.5, 'VATCode': ''}
    following = created(
        client.post(
            'financialtransaction/BankEntries',
            {'JournalCode': '20', 'BankEntryLines': [line], 'ClosingBalanceFC': 100},
        )
    )
    assert following['OpeningBalanceFC'] == 108.5
    text = refused(
        client.post(
            'financialtransaction/BankEntries',
            {
                'JournalCode': '20',
                'BankEntryLines': [line],
                'OpeningBalanceFC': 100,
                'ClosingBalanceFC': 5,
            },
        )
    )
    assert 'Opening balance plus all' in text
    key = following['EntryID']
    assert client.put('financialtransaction/BankEntries', key, {}).status_code == 405
    assert client.delete('financialtransaction/BankEntries', key).status_code == 204


def test_cash_entry_and_wrong_journals(client):
    line = {'GLAccount': client.gl('431900'), 'AmountFC': -24.2, 'VATCode': '4I'}
    entry = created(
        client.post(
            'financialtransaction/CashEntries', {'JournalCode': '10', 'CashEntryLines': [line]}
        )
    )
    assert client.ledger(entry['EntryID']) == [
        ('1000', -24.2, 'S'),
        ('431900', 20, 'I'),
        ('1520', 4.2, 'O'),
    ]
    for path, journal, lines in (
        ('BankEntries', '10', 'BankEntryLines'),
        ('CashEntries', '20', 'CashEntryLines'),
    ):
        answer = client.post(
            f'financialtransaction/{path}', {'JournalCode': journal, lines: [line]}
        )
        assert refused(answer) == 'Ongeldig: Dagboek'
