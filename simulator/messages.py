"""Error texts in the user's language: the words that vendors of such links list in public, and
fragments of the error catalogue of the fact sheet.

Sources: help pages on messages of Exact Online by Coachview, Declaree, Informat, Simplicate,
Streamtime, Reflex, Spend Cloud, Booking Experts, onFact and Payhawk. Where only one language is
known, the other one is a translation.
"""

#: kind of error -> (Dutch, English)
KINDS = {
    'mandatory': ('Verplicht', 'Mandatory'),
    'reference': ('Ongeldige referentie', 'Invalid reference'),
    'invalid': ('Ongeldig', 'Invalid'),
    'not_allowed': ('Niet toegestaan', 'Not allowed'),
    'in_use': ('In gebruik', 'In use'),
    'exists': ('Bestaat reeds', 'Already exists'),
    'blocked': ('Geblokkeerd', 'Blocked'),
    'too_long': ('Te lang', 'Too long'),
    'unknown': ('Onbekend', 'Unknown'),
}
#: name of a property or thing -> (Dutch, English)
LABELS = {
    'Account': ('Relatie', 'Account'),
    'Address': ('Adres', 'Address'),
    'AmountFC': ('Bedrag', 'Amount'),
    'Attachment': ('Bijlage', 'Attachment'),
    'BankEntryLines': ('Regels', 'Lines'),
    'CashEntryLines': ('Regels', 'Lines'),
    'BankAccount': ('Bankrekening', 'Bank account'),
    'BankAccountFormat': ('Bankrekening (Formaat)', 'Bank account (Format)'),
    'CallbackURL': ('Callback-URL', 'Callback URL'),
    'Code': ('Code', 'Code'),
    'CostCenter': ('Kostenplaats', 'Cost center'),
    'CostCenterLink': ('Kostenplaatskoppeling', 'Cost center link'),
    'CostUnit': ('Kostendrager', 'Cost unit'),
    'Country': ('Land', 'Country'),
    'Currency': ('Valuta', 'Currency'),
    'Customer': ('Klant', 'Customer'),
    'CustomerType': ('Klant (Type)', 'Customer (Type)'),
    'Date': ('Datum', 'Date'),
    'Description': ('Omschrijving', 'Description'),
    'Document': ('Document', 'Document'),
    'DocumentType': ('Documenttype', 'Document type'),
    'DueDate': ('Vervaldatum', 'Due date'),
    'Email': ('E-mail', 'Email'),
    'EntryDate': ('Factuurdatum', 'Invoice date'),
    'EntryID': ('Boeking', 'Entry'),
    'EntryNumber': ('Boekstuknummer', 'Entry number'),
    'ExchangeRate': ('Wisselkoers', 'Exchange rate'),
    'FileName': ('Bestandsnaam', 'File name'),
    'FinancialYear': ('Boekjaar (Periode - datumtabel)', 'Financial year (Period-date table)'),
    'FirstName': ('Voornaam', 'First name'),
    'From': ('Van', 'From'),
    'GLAccount': ('Grootboekrekening', 'G/L account'),
    'GLAccountType': ('Grootboekrekeningtype', 'G/L account type'),
    'GLAP': ('Verzamelrekening crediteuren', 'Accounts payable account'),
    'GLAR': ('Verzamelrekening debiteuren', 'Accounts receivable account'),
    'GeneralJournalEntryLines': ('Regels', 'Lines'),
    'Item': ('Artikel', 'Item'),
    'Journal': ('Dagboek', 'Journal'),
    'JournalCode': ('Dagboek', 'Journal'),
    'LastName': ('Achternaam', 'Last name'),
    'Name': ('Naam', 'Name'),
    'PaymentCondition': ('Betalingsconditie', 'Payment condition'),
    'PaymentReference': ('Betalingskenmerk', 'Payment reference'),
    'Period': ('Periode', 'Period'),
    'Project': ('Project', 'Project'),
    'PurchaseEntryLines': ('Regels', 'Lines'),
    'Rate': ('Wisselkoers', 'Exchange rate'),
    'SalesEntryLines': ('Regels', 'Lines'),
    'SourceCurrency': ('Valuta', 'Currency'),
    'Subject': ('Onderwerp', 'Subject'),
    'Supplier': ('Leverancier', 'Supplier'),
    'SupplierType': ('Leverancier (Type)', 'Supplier (Type)'),
    'To': ('Tot en met', 'To'),
    'Topic': ('Onderwerp', 'Topic'),
    'Type': ('Type', 'Type'),
    'VATCode': ('Btw-code', 'VAT-code'),
    'VATNumber': ('Btw-nummer', 'VAT number'),
    'VATPercentage': ('Btw-percentage', 'VAT percentage'),
    'YourRef': ('Uw ref.', 'Your ref.'),
}
TEXTS = {
    'processed': ('Reeds verwerkt', 'Already processed'),
    'period_closed': (
        'Periode is afgesloten: {year} - {period}',
        'Period is closed: {year} - {period}',
    ),
    'unbalanced': (
        ('De boeking is niet in evenwicht op: {year} / {period} (Type: {type_nl}) - '
        'Verschil: {currency} {amount_nl}'),
        ('The entry is not in balance on: {year} / {period} (Type: {type_en}) - '
        'Difference: {currency} {amount}'),
    ),
    'receivable_account': (
        ('De klantenrekening van deze relatie is niet gelijk aan de rekening van het gebruikte '
        'verkoopdagboek'),
        'The receivable account of this account is not the account of the sales journal used',
    ),
    'payable_account': (
        ('De leveranciersrekening van deze relatie is niet gelijk aan de rekening van het '
        'gebruikte inkoopdagboek'),
        'The payable account of this account is not the account of the purchase journal used',
    ),
    'vat_amount': (
        ('Een btw bedrag is niet toegestaan als u gebruikmaakt van een btw-code van het type '
        "'Geen btw' of 'Btw 0%'"),
        "A VAT amount is not allowed if you use a VAT code of type 'No VAT' or 'VAT 0%'",
    ),
    'document_type': ('Niet toegestaan: Documenttype', 'Document Type not allowed'),
    'entry_exists': (
        'Bestaat reeds - Boekstuknummer: {number}, Dagboek: {journal}',
        'Already exists - Entry number: {number}, Journal: {journal}',
    ),
    'data_exists': ('Gegeven bestaat reeds', 'Data already exists'),
    'verbatim': ('{words}', '{words}'),
    'closing': (
        'Opening balance plus all lines must be equal to the closing balance',
        'Opening balance plus all lines must be equal to the closing balance',
    ),
    'year_fixed': ('The financial year cannot be changed', 'The financial year cannot be changed'),
    'used_in_entries': ('Kan niet verwijderen: in gebruik', 'Cannot delete: in use'),
    'problem': ('Er is een fout opgetreden. A problem has occurred.', 'A problem has occurred.'),
    'attachment_size': ('Bestand is te groot: maximaal 25 MB', 'File is too large: maximum 25 MB'),
}


#: what a text is filled with where nothing else is given (texts asked for by a fault)
SAMPLES = {
    'year': 2026,
    'period': 3,
    'type_nl': 'Inkoopboeking',
    'type_en': 'Purchase entry',
    'currency': 'EUR',
    'amount': '-0.01',
    'amount_nl': '-0,01',
    'number': 26700001,
    'journal': '70',
    'words': '',
}


class BusinessError(Exception):
    """A refusal by Exact's rules: HTTP 500 with one or more messages, joined by line breaks."""

    def __init__(self, *messages):
        super().__init__(messages)
        self.messages = list(messages)

    def text(self, language):
        """The whole text in a language ('nl' or 'en')."""
        return '\r\n'.join(message.text(language) for message in self.messages)


class Message:
    """One refusal, kept untranslated: ``Message('invalid', 'Journal')`` or
    ``Message('processed')``.
    """

    def __init__(self, kind, label='', **values):
        self.kind, self.label, self.values = kind, label, values

    def text(self, language):
        column = 0 if language == 'nl' else 1
        if self.kind in TEXTS:
            return TEXTS[self.kind][column].format_map({**SAMPLES, **self.values})
        label = LABELS.get(self.label, (self.label, self.label))[column]
        extra = self.values.get('extra')
        return f'{KINDS[self.kind][column]}: {label}' + (f' ({extra})' if extra else '')

    def __eq__(self, other):
        return (self.kind, self.label, self.values) == (other.kind, other.label, other.values)

    def __hash__(self):
        return hash((self.kind, self.label))


def refuse(kind, label='', **values):
    """Raise a refusal with one message."""
    raise BusinessError(Message(kind, label, **values))
