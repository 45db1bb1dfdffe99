"""What Exact refuses or keeps for itself, as the public facts have it: acceptance and refusal."""

import base64

import pytest
from simulator_client import Client, created, message, switched

SALES, PURCHASES = 'salesentry/SalesEntries', 'purchaseentry/PurchaseEntries'
MISSING_YEAR = 'Onbekend: Boekjaar (Periode - datumtabel)'


@pytest.fixture
def server(pair):
    return pair[0]


def refused(answer):
    assert answer.status_code == 500, answer.text
    return message(answer)


def lines_of(client, entry_id, select, path='salesentry/SalesEntryLines'):
    return client.rows(path, filter=f"EntryID eq guid'{entry_id}'", select=select)


# === the same bill twice === #


def test_the_same_bill_twice(client, server):
    bill = {'YourRef': 'T-1', 'EntryDate': '2026-04-01'}
    created(client.purchase(100, **bill))
    assert refused(client.purchase(100, **bill)) == 'Bestaat reeds: Uw ref.'
    assert refused(client.purchase(60, 40, **{**bill, 'YourRef': ' t-1 '})) == (
        'Bestaat reeds: Uw ref.'
    )
    assert message(Client(server, user='emma').purchase(100, **bill)) == 'Already exists: Your ref.'
    # one of the four differs: another bill
    created(client.purchase(100, **{**bill, 'YourRef': 'T-2'}))
    created(client.purchase(100, **{**bill, 'EntryDate': '2026-04-02'}))
    created(client.purchase(101, **bill))
    created(client.purchase(100, **bill, supplier=client.account('21')))
    # a credit note that carries the number of its bill is none
    created(client.purchase(-100, **bill))
    with switched(server, duplicate_purchase='accept'):
        created(client.purchase(100, **bill))


def test_the_same_bill_twice_without_reference(client):
    created(client.purchase(77.7, EntryDate='2026-04-03'))
    assert refused(client.purchase(77.7, EntryDate='2026-04-03')) == 'Bestaat reeds: Uw ref.'
    created(client.purchase(77.7, EntryDate='2026-04-03', YourRef='now with one'))


def test_a_refused_double_leaves_nothing(client, server):
    bill = {'YourRef': 'T-9', 'EntryDate': '2026-04-04'}
    entry = created(client.purchase(100, **bill))
    count = len(server.entries())
    refused(client.purchase(100, **bill))
    assert len(server.entries()) == count
    assert client.delete(PURCHASES, entry['EntryID']).status_code == 204
    created(client.purchase(100, **bill))


def test_a_change_that_makes_it_a_double(client):
    created(client.purchase(55, YourRef='T-10', EntryDate='2026-04-05'))
    other = created(client.purchase(55, YourRef='T-11', EntryDate='2026-04-05'))
    path = PURCHASES
    assert refused(client.put(path, other['EntryID'], {'YourRef': 'T-10'})) == (
        'Bestaat reeds: Uw ref.'
    )
    assert client.put(path, other['EntryID'], {'Description': 'mine'}).status_code == 204
    assert client.read(path, other['EntryID'], select='YourRef')['YourRef'] == 'T-11'


def test_people_inside_exact_may_type_it_again(client, server):
    bill = {'YourRef': 'T-12', 'EntryDate': '2026-04-06'}
    created(client.purchase(88, **bill))
    values = {
        'Supplier': client.account('20'),
        'Journal': '60',
        **bill,
        'PurchaseEntryLines': [
            {'GLAccount': client.gl('421000'), 'AmountFC': 88, 'VATCode': '4'},
        ],
    }
    server.control.run('add_entry', {'kind': 'purchase', 'values': values})
    assert refused(client.purchase(88, **bill)) == 'Bestaat reeds: Uw ref.'


# === payment condition === #


def test_payment_condition_of_entry_relation_and_administration(client, server):
    customer = created(client.post('crm/Accounts', {'Name': 'Zonder conditie', 'Status': 'C'}))
    body = {'customer': customer['ID']}
    with switched(server, default_payment_condition=''):
        assert refused(client.sale(1, **body)) == 'Verplicht: Betalingsconditie'
        english = Client(server, user='emma').sale(1, **body)
        assert message(english) == 'Mandatory: Payment condition'
        assert created(client.sale(1, PaymentCondition='14', **body))['PaymentCondition'] == '14 '
        client.put('crm/Accounts', customer['ID'], {'PaymentConditionSales': '60'})
        assert created(client.sale(1, **body))['PaymentCondition'] == '60 '
        client.put('crm/Accounts', customer['ID'], {'PaymentConditionSales': None})
        with switched(server, payment_condition='optional'):
            entry = created(client.sale(1, **body))
            assert entry['PaymentCondition'] is None
            assert entry['DueDate'] == entry['EntryDate']
    with switched(server, default_payment_condition='21'):
        assert created(client.sale(1, **body))['PaymentCondition'] == '21 '
    assert created(client.sale(1, **body))['PaymentCondition'] == '30 '


# === relations: VAT numbers, e-mail, files === #


@pytest.mark.parametrize(
    'number',
    [
        'NL123456782B90',
        'NL 1234.56.782.B.90',
        'BE0403170701',
        'BE 0403.170.701',
        'DE136695976',
        'FR40303265045',
        'ATU13585627',
        'CHE-123.456.788 MWST',
        'EL094259216',
        'PL8567346215',
        'SE123456789701',
        'XI110305878',
        'NO995525828MVA',
    ],
)
def test_vat_numbers_that_fit(client, number):
    row = created(client.post('crm/Accounts', {'Name': 'Goed', 'VATNumber': number}))
    assert client.put('crm/Accounts', row['ID'], {'VATNumber': None}).status_code == 204


@pytest.mark.parametrize(
    'number',
    [
        '0403170701',
        '123456782B90',
        '12-3456789',
        'NL123456782',
        'BE403170',
        'BE2403170701',
        'DE12345678',
        'CHE-123.456.78',
        'ATX13585627',
        'PARTICULIER',
        '00000000',
        'LU1234567',
    ],
)
def test_vat_numbers_that_do_not(client, server, number):
    values = {'Name': 'Fout', 'VATNumber': number}
    assert refused(client.post('crm/Accounts', values)) == 'Ongeldig: Btw-nummer'
    row = created(client.post('crm/Accounts', {'Name': 'Fout'}))
    answer = client.put('crm/Accounts', row['ID'], {'VATNumber': number})
    assert refused(answer) == 'Ongeldig: Btw-nummer'


def test_vat_numbers_by_their_check_digits(client, server):
    pytest.importorskip('stdnum')
    values = {'Name': 'Cijfers', 'VATNumber': 'NL123456789B01'}
    created(client.post('crm/Accounts', values))
    with switched(server, vat_numbers='digits'):
        assert refused(client.post('crm/Accounts', values)) == 'Ongeldig: Btw-nummer'
        created(client.post('crm/Accounts', {**values, 'VATNumber': 'NL123456782B90'}))
    with switched(server, vat_numbers='loose'):
        created(client.post('crm/Accounts', {**values, 'VATNumber': 'BE403170'}))


def test_a_number_that_exact_does_not_like(client, server):
    values = {'Name': 'Echt', 'VATNumber': 'DE136695976'}
    with switched(server, vat_refused=['DE 136695976']):
        assert refused(client.post('crm/Accounts', values)) == 'Ongeldig: Btw-nummer'
        created(client.post('crm/Accounts', {**values, 'VATNumber': 'DE123456789'}))
    created(client.post('crm/Accounts', values))


def test_what_is_there_already_is_not_looked_at_again(client):
    row = client.first('crm/Accounts', "trim(Code) eq '38'", select='ID,VATNumber')
    assert client.put('crm/Accounts', row['ID'], {'Phone': '1'}).status_code == 204


@pytest.mark.parametrize('email', ['x', 'a@b', 'a b@c.nl', 'Jan <jan@x.nl>', 'a@x.nl;b@x.nl'])
def test_an_email_that_is_none(client, server, email):
    values = {'Name': 'Mail', 'Email': email}
    assert refused(client.post('crm/Accounts', values)) == 'Ongeldig: E-mail'
    english = Client(server, user='emma').post('crm/Accounts', values)
    assert message(english) == 'Invalid: Email'
    with switched(server, email=False):
        created(client.post('crm/Accounts', values))


def test_an_email(client):
    values = {'Name': 'Mail', 'Email': 'jan.de-vries+in@mail.demo.example'}
    assert created(client.post('crm/Accounts', values))['Email'] == values['Email']


def test_files(client, server):
    document = created(client.post('documents/Documents', {'Subject': 'Bon', 'Type': 20}))
    path = 'documents/DocumentAttachments'

    def attach(content, name='bon.pdf'):
        text = base64.b64encode(content).decode()
        return client.post(path, {'Document': document['ID'], 'FileName': name, 'Attachment': text})

    assert refused(attach(b'')) == 'Verplicht: Bijlage'
    first, second = created(attach(b'one')), created(attach(b'two', 'bon.heic'))
    held = f"Document eq guid'{document['ID']}'"
    assert {row['FileName'] for row in client.rows(path, filter=held, select='FileName')} == {
        'bon.pdf',
        'bon.heic',
    }
    assert client.delete(path, first['ID']).status_code == 204
    [row] = client.rows(path, filter=held, select='ID,FileSize')
    assert (row['ID'], row['FileSize']) == (second['ID'], 3)
    assert (server.store.blob(first['ID']), server.store.blob(second['ID'])) == (None, b'two')
    assert server.control.run('state')


def test_a_document_type_that_nobody_may_make(client, server):
    server.control.run(
        'edit_record',
        {'table': 'DocumentTypes', 'key': '100', 'values': {'DocumentIsCreatable': False}},
    )
    body = {'Subject': 'Offerte', 'Type': 100}
    assert refused(client.post('documents/Documents', body)) == 'Niet toegestaan: Documenttype'
    english = Client(server, user='emma').post('documents/Documents', body)
    assert message(english) == 'Document Type not allowed'


def test_a_document_of_any_kind_of_entry(client):
    bank = created(
        client.post(
            'financialtransaction/BankEntries',
            {
                'JournalCode': '20',
                'BankEntryLines': [{'GLAccount': client.gl('421000'), 'AmountFC': -121}],
            },
        )
    )
    document = created(
        client.post(
            'documents/Documents',
            {'Subject': 'Bon', 'Type': 20, 'FinancialTransactionEntryID': bank['EntryID']},
        )
    )
    rows = client.rows(
        'financialtransaction/TransactionLines',
        filter=f"EntryID eq guid'{bank['EntryID']}'",
        select='Document',
    )
    assert {row['Document'] for row in rows} == {document['ID']}


# === cost centres, accounts, VAT amounts, deferrals === #


def test_cost_centre_without_a_link_to_the_ledger(client, server):
    line = {'AmountFC': 10, 'CostCenter': 'ADM'}
    created(client.sale(line))
    server.control.run('link_cost_center', {'code': 'ADM', 'accounts': ['421000']})
    try:
        assert refused(client.sale(line)) == 'Ongeldig: Kostenplaatskoppeling'
        assert message(Client(server, user='emma').sale(line)) == 'Invalid: Cost center link'
        created(client.purchase(line))
        created(client.sale({'AmountFC': 10, 'CostCenter': 'VERK'}))
    finally:
        server.control.run('link_cost_center', {'code': 'ADM', 'accounts': None})
    created(client.sale(line))


def test_own_receivable_and_payable_account(client):
    other = client.gl('110100')
    own = {'Name': 'Eigen rekening', 'Status': 'C', 'IsSupplier': True}
    row = created(client.post('crm/Accounts', {**own, 'GLAR': other, 'GLAP': other}))
    assert refused(client.sale(1, customer=row['ID'])) == (
        'Ongeldig: Verzamelrekening debiteuren'
    )
    assert refused(client.purchase(1, supplier=row['ID'])) == (
        'Ongeldig: Verzamelrekening crediteuren'
    )
    same = {'GLAR': client.gl('1300'), 'GLAP': client.gl('1600')}
    assert client.put('crm/Accounts', row['ID'], same).status_code == 204
    created(client.sale(1, customer=row['ID']))
    created(client.purchase(1, supplier=row['ID']))


@pytest.mark.parametrize('code', ['0', '6', '11'])
def test_a_vat_amount_where_there_is_no_vat(client, code):
    text = refused(client.sale({'AmountFC': 100, 'VATCode': code, 'VATAmountFC': 0.01}))
    assert text.startswith('Een btw bedrag is niet toegestaan')
    created(client.sale({'AmountFC': 100, 'VATCode': code, 'VATAmountFC': 0}))
    created(client.sale({'AmountFC': 100, 'VATCode': '2', 'VATAmountFC': 21.01}))


def test_a_deferral_has_both_its_ends(client):
    start, end = '2026-04-01T00:00:00', '2027-03-31T00:00:00'
    assert refused(client.sale({'AmountFC': 1, 'From': start})) == 'Verplicht: Tot en met'
    assert refused(client.sale({'AmountFC': 1, 'To': end})) == 'Verplicht: Van'
    entry = created(client.sale({'AmountFC': 12, 'From': start, 'To': end, 'Quantity': 3}))
    [line] = lines_of(client, entry['EntryID'], 'From,To,Quantity')
    assert (line['From'], line['To'], line['Quantity']) == (
        '/Date(1775001600000)/',
        '/Date(1806451200000)/',
        3,
    )


# === currencies === #


def test_currencies_of_the_administration(client, server):
    path = 'general/Currencies'
    rows = client.rows(path, select='Code,Description,AmountPrecision,PricePrecision')
    codes = {row['Code'].strip() for row in rows}
    assert {'EUR', 'USD', 'GBP'} <= codes
    assert 'JPY' not in codes
    assert client.post(path, {'Code': 'JPY'}).status_code == 405
    yen = {'Currency': 'JPY', 'Rate': 0.0061}
    assert refused(client.sale(1000, **yen)) == 'Ongeldige referentie: Valuta'
    server.control.run('add_currency', {'code': 'JPY', 'description': 'Yen', 'precision': 1})
    row = client.first(path, "Code eq 'JPY'", select='Code,Description,AmountPrecision')
    assert (row['Description'], row['AmountPrecision']) == ('Yen', 1)
    created(client.sale(1000, **yen))
    assert created(client.sale(1, Currency='EUR'))['Currency'] == 'EUR'
    server.control.run('delete_record', {'table': 'Currencies', 'key': 'JPY'})
    assert refused(client.sale(1000, **yen)) == 'Ongeldige referentie: Valuta'


def test_a_currency_comes_with_its_rate(client, server):
    server.control.run('add_currency', {'code': 'NOK', 'rate': 0.085})
    assert created(client.sale(100, Currency='NOK'))['Rate'] == 0.085
    assert refused(client.sale(100, Currency='NOK', Journal='76')) == 'Niet toegestaan: Valuta'


# === financial years === #


def test_a_year_closed_for_one_journal(client, server):
    day = {'EntryDate': '2023-02-10'}
    status = {
        'filter': "Year eq 2023 and Period eq 2",
        'select': 'Journal,Year,Period,Status',
    }
    path = 'read/financial/JournalStatusList'
    assert {row['Status'] for row in client.rows(path, **status)} == {0}
    server.control.run('close_period', {'year': 2023, 'journal': '60'})
    try:
        assert refused(client.purchase(1, **day)) == 'Periode is afgesloten: 2023 - 2'
        created(client.sale(1, **day))
        found = {row['Journal']: row['Status'] for row in client.rows(path, **status)}
        assert (found['60'], found['70']) == (1, 0)
    finally:
        server.control.run('close_period', {'year': 2023, 'journal': '60', 'closed': False})
    created(client.purchase(1, **day))


def test_an_old_year_is_opened_and_closed(client, server):
    day = {'EntryDate': '2018-11-20', 'YourRef': 'old'}
    assert refused(client.purchase(10, **day)) == 'Periode is afgesloten: 2018 - 11'
    server.control.run('close_period', {'year': 2018, 'closed': False})
    try:
        # the rate of that day, not of today
        entry = created(client.purchase({'AmountFC': 10, 'VATCode': '5'}, **day))
        assert (entry['VATAmountFC'], entry['AmountFC']) == (0.6, 10.6)
    finally:
        server.control.run('close_period', {'year': 2018})
    today = created(client.purchase({'AmountFC': 10, 'VATCode': '5'}, EntryDate='2026-11-20'))
    assert today['VATAmountFC'] == 0.9


def test_percentages_have_a_history(client):
    code = client.first('vat/VATCodes', "trim(Code) eq '5'", select='ID,Percentage')
    assert code['Percentage'] == 0.09
    rows = client.rows(
        'vat/VatPercentages',
        filter=f"VATCodeID eq guid'{code['ID']}'",
        select='Percentage,StartDate,EndDate',
    )
    assert sorted((row['Percentage'], row['EndDate'] is None) for row in rows) == [
        (0.06, False),
        (0.09, True),
    ]


def test_a_year_that_nobody_knows(client, server):
    assert refused(client.sale(1, EntryDate='2031-05-01')) == MISSING_YEAR
    assert refused(client.sale(1, ReportingYear=2031, ReportingPeriod=5)) == MISSING_YEAR
    english = Client(server, user='emma').sale(1, EntryDate='2031-05-01')
    assert message(english) == 'Unknown: Financial year (Period-date table)'
    server.control.run('add_year', {'year': 2031})
    entry = created(client.sale(1, EntryDate='2031-05-01'))
    assert (entry['ReportingYear'], entry['ReportingPeriod']) == (2031, 5)
    server.control.run('delete_entry', {'entry': entry['EntryID']})
    server.control.run('remove_year', {'year': 2031})
    assert refused(client.sale(1, EntryDate='2031-05-01')) == MISSING_YEAR


# === reverse charge on a sale === #


def test_domestic_reverse_charge_on_a_sale_both_ways(client, server):
    record = {'table': 'VATCodes', 'key': '11C'}
    blocked = refused(client.sale({'AmountFC': 500, 'VATCode': '11C'}))
    assert blocked == 'Geblokkeerd: Btw-code'
    server.control.run('edit_record', {**record, 'values': {'IsBlocked': False}})
    codes = client.rows('vat/VATCodes', select='Code,Charged,Percentage,VATTransactionType')
    found = {row['Code'].strip(): row for row in codes}
    assert (found['11']['Charged'], found['11C']['Charged']) == (False, True)
    for code in ('11', '11C'):
        assert (found[code]['Percentage'], found[code]['VATTransactionType']) == (0, 'S')
        entry = created(client.sale({'AmountFC': 500, 'VATCode': code}))
        assert (entry['AmountFC'], entry['VATAmountFC']) == (500, 0)
        assert client.ledger(entry['EntryID']) == [('1300', 500, 'S'), ('800100', -500, 'V')]


# === what the ledger does not tell === #


def test_the_ledger_may_not_tell_the_vat_of_its_lines(client, server):
    entry = created(
        client.sale({'AmountFC': 100, 'Quantity': 2}, PaymentReference='RF18539007547034')
    )

    def ledger(path, filter):
        select = 'ID,LineNumber,EntryID,AmountVATFC,AmountVATBaseFC,VATType,Quantity'
        rows = client.rows(path, filter=filter, select=f'{select},PaymentReference')
        rows = [row for row in rows if row['EntryID'] == entry['EntryID']]
        return [
            (
                row['VATType'],
                row['AmountVATFC'],
                row['AmountVATBaseFC'],
                row['Quantity'],
                row['PaymentReference'],
            )
            for row in sorted(rows, key=lambda row: row['LineNumber'])
        ]

    of_entry = f"EntryID eq guid'{entry['EntryID']}'"
    for path, filter in (
        ('financialtransaction/TransactionLines', of_entry),
        ('bulk/Financial/TransactionLines', of_entry),
        ('sync/Financial/TransactionLines', 'Timestamp gt 1L'),
    ):
        party, revenue, vat = ledger(path, filter)
        assert revenue == ('V', -21, -100, 2, 'RF18539007547034')
        with switched(server, ledger_line_vat='zero', ledger_quantity='zero'):
            assert ledger(path, filter)[1] == ('V', 0, 0, 0, 'RF18539007547034')
            assert ledger(path, filter)[2] == vat
        with switched(
            server, ledger_line_vat='null', ledger_quantity='null', ledger_payment_reference='null',
        ):
            assert ledger(path, filter)[1] == ('V', None, None, None, None)
            assert ledger(path, filter)[2][:3] == vat[:3]
            assert ledger(path, filter)[0][:3] == party[:3]


# === processed entries, people inside Exact === #


def test_processed_entries(client, server):
    entry = created(client.sale(100))
    server.control.run('process_entry', {'entry': entry['EntryID']})
    row = client.read(SALES, entry['EntryID'], select='Status,StatusDescription')
    assert (row['Status'], row['StatusDescription']) == (50, 'Processed')
    assert refused(client.delete(SALES, entry['EntryID'])) == 'Reeds verwerkt'
    assert refused(client.put(SALES, entry['EntryID'], {'YourRef': 'x'})) == 'Reeds verwerkt'


@pytest.mark.parametrize('processed', [False, True])
def test_a_line_changed_inside_exact_is_seen(client, server, processed):
    entry = created(client.sale(100))
    if processed:
        server.control.run('process_entry', {'entry': entry['EntryID']})
    stamp = server.store.last_stamp
    before = client.rows(
        'bulk/Financial/TransactionLines',
        filter=f"EntryID eq guid'{entry['EntryID']}'",
        select='ID,Modified',
    )
    server.clock.advance(5)
    server.control.run(
        'edit_entry', {'entry': entry['EntryID'], 'lines': {'1': {'AmountFC': 90}}},
    )
    rows = client.rows(
        'sync/Financial/TransactionLines',
        filter=f'Timestamp gt {stamp}L',
        select='ID,EntryID,AmountFC,Modified,LineNumber',
    )
    assert {row['EntryID'] for row in rows} == {entry['EntryID']}
    amounts = {row['LineNumber']: row['AmountFC'] for row in rows}
    assert (amounts[0], amounts[1]) == (108.9, -90)
    assert min(row['Modified'] for row in rows) > max(row['Modified'] for row in before)
    assert client.read(SALES, entry['EntryID'], select='AmountFC')['AmountFC'] == 108.9


# === terms === #


def terms_of(client, entry_id, select, path='sync/Cashflow/PaymentTerms'):
    found = client.rows(path, filter='Timestamp gt 1L', select=f'TransactionEntryID,{select}')
    return [row for row in found if row['TransactionEntryID'] == entry_id]


def test_terms_tell_the_discount(client, server):
    names = (
        'DiscountDueDate',
        'PaymentDaysDiscount',
        'PaymentDiscountPercentage',
        'AmountDiscountFC',
    )
    entry = created(client.sale(100, PaymentCondition='30K'))
    [term] = terms_of(client, entry['EntryID'], ','.join((*names, 'AmountFC')))
    assert [term[name] for name in names] == ['/Date(1773705600000)/', 7, 0.02, -2]
    assert term['AmountFC'] == -121
    with switched(server, terms_discount='null'):
        [term] = terms_of(client, entry['EntryID'], ','.join(names))
        assert [term[name] for name in names] == [None] * 4
    entry = created(client.sale(100, PaymentCondition='30'))
    [term] = terms_of(client, entry['EntryID'], ','.join(names))
    assert [term[name] for name in names] == [None] * 4


def test_conditions_tell_their_discount(client):
    names = 'Code,PaymentDiscountType,DiscountPercentage,DiscountCalculation,VATCalculation'
    rows = client.rows('cashflow/PaymentConditions', select=names)
    found = {row['Code'].strip(): row for row in rows}
    assert [found[code]['PaymentDiscountType'] for code in ('30', '30K', 'KK')] == [None, 'B', 'K']
    assert found['KK']['DiscountPercentage'] == 0.02
    assert found['KK']['DiscountCalculation'] == found['KK']['VATCalculation'] == 'E'


def test_a_term_in_parts(client, server):
    entry = created(client.sale(1000, YourRef='P-1'))
    parts = [['2026-03-10', 363], ['2026-05-09', 847]]
    server.control.run('split_term', {'entry': entry['EntryID'], 'parts': parts})

    def found():
        rows = terms_of(client, entry['EntryID'], 'ID,DueDate,AmountFC,AmountDC,YourRef,Status')
        return sorted((row['DueDate'], row['AmountFC'], row['YourRef']) for row in rows)

    days = ['/Date(1773100800000)/', '/Date(1778284800000)/']
    assert found() == [(days[0], -363, 'P-1'), (days[1], -847, 'P-1')]
    assert client.put(SALES, entry['EntryID'], {'YourRef': 'P-2'}).status_code == 204
    assert found() == [(days[0], -363, 'P-2'), (days[1], -847, 'P-2')]
    server.control.run('register_payment', {'entry': entry['EntryID'], 'amount': 363})
    rows = terms_of(client, entry['EntryID'], 'Status,AmountFC')
    assert sorted((row['Status'], row['AmountFC']) for row in rows) == [(20, -847), (50, -363)]


# === bank accounts === #


def test_bank_accounts_of_a_relation(client):
    path = 'crm/BankAccounts'
    row = created(client.post('crm/Accounts', {'Name': 'Rekening', 'IsSupplier': True}))
    body = {'Account': row['ID'], 'BankAccount': 'NL91 ABNA 0417 1643 00'}
    first = created(client.post(path, body))
    assert (first['IBAN'], first['Main'], first['Format']) == ('NL91ABNA0417164300', True, 'IBAN')
    assert refused(client.post(path, body)) == 'Bestaat reeds: Bankrekening'
    wrong = {**body, 'BankAccount': 'NL92ABNA0417164300'}
    assert refused(client.post(path, wrong)) == 'Ongeldig: Bankrekening (Formaat)'
    second = created(client.post(path, {**body, 'BankAccount': 'NL20INGB0001234567'}))
    assert second['Main'] is False
    of_relation = f"Account eq guid'{row['ID']}'"
    assert len(client.rows(path, filter=of_relation, select='ID')) == 2
    for name in ('BankAccount', 'IBAN'):
        [found] = client.rows(
            path, filter=f"{of_relation} and {name} eq 'NL20INGB0001234567'", select='ID',
        )
        assert found['ID'] == second['ID']
    assert client.put(path, second['ID'], {'Main': True}).status_code == 204
    assert client.read(path, first['ID'], select='Main')['Main'] is False
    foreign = created(client.post(path, {**body, 'BankAccount': '123456'}))
    assert (foreign['BankAccount'], foreign['IBAN']) == ('123456', None)
