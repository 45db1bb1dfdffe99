"""What the fact sheet leaves open (its section 9), and what a test wants off, as named switches."""

#: name -> (default, allowed values or type, what it decides)
SWITCHES = {
    'credit_note': (
        'sign',
        ('sign', 'explicit'),
        (
            'sign: an entry whose total is negative gets Type 21/31, Type in a POST is read-only; '
            'explicit: Type 21/31 is accepted in a POST with positive lines, '
            'without Type it is an invoice'
        ),
    ),
    'negative_total': (
        'refuse',
        ('refuse', 'accept'),
        'a negative total where credit notes are explicit: refused, or booked as it is',
    ),
    'payment_terms_sign': (
        'owes_negative',
        ('owes_negative', 'owes_positive'),
        (
            'AmountDC of sync/Cashflow/PaymentTerms: negative = customer owes '
            '(as in cashflow/Receivables), or positive = open amount of an invoice on '
            'either side'
        ),
    ),
    'receivable_terms_sign': (
        'payment_terms_sign',
        ('payment_terms_sign', '+', '-'),
        (
            'AmountDC of an open invoice (LineType 20) in sync/Cashflow/PaymentTerms; or as '
            'payment_terms_sign says (SW 1)'
        ),
    ),
    'payable_terms_sign': (
        '+',
        ('+', '-'),
        'AmountDC of an open bill (LineType 22) in sync/Cashflow/PaymentTerms (SW 2)',
    ),
    'partial_payment': (
        'split',
        ('split', 'reduce'),
        (
            'part of a term is matched: a second row with an ID and EntryID of its own, or one '
            'row whose amount becomes less; when the rest is matched it keeps the last amount '
            '(SW 3)'
        ),
    ),
    'payment_rows': (
        'yes',
        ('yes', 'no'),
        'rows of payments themselves (TransactionType 40) in sync/Cashflow/PaymentTerms (SW 4)',
    ),
    'payment_row_date': (
        'InvoiceDate',
        ('InvoiceDate', 'EntryDate'),
        'which property of such a row is the date of the bank line; the other is null (SW 4)',
    ),
    'payment_row_amount': (
        'money',
        ('money', 'settled'),
        (
            'amount of such a row: the money that moved, or what it settles with discount, '
            'write-off and exchange difference'
        ),
    ),
    'offset_of_invoice': (
        'none',
        ('none', 'payment'),
        (
            'OffsetID of the AR/AP line of an invoice in TransactionLines: none, or the line of '
            'the payment that it is matched with, if that is only one; the line of the payment '
            'has that of the invoice either way'
        ),
    ),
    'status_sent_to_bank': (
        'used',
        ('used', 'left_out'),
        'a payment run sent to the bank: Status 30 -> 40 -> 50, or 30 -> 50 (SW 5)',
    ),
    'credit_surcharge': (
        'open_item',
        ('open_item', 'total'),
        (
            'payment condition of type K: only the discount properties of the open item tell it, '
            'or the surcharge is added to the total of the entry (SW 6)'
        ),
    ),
    'vat_calculation': (
        'E_after_discount',
        ('E_after_discount', 'I_after_discount'),
        (
            'VATCalculation of a payment condition: which value means VAT over the net after '
            'discount (for K: without surcharge); the other means over the full amount (SW 6)'
        ),
    ),
    'condition_vat': (
        'keeps_ours',
        ('keeps_ours', 'recomputes'),
        (
            'VATAmountFC of a line under a payment condition of type B: kept, or computed anew '
            'after VATCalculation (SW 7)'
        ),
    ),
    'deleted_unsplit': (
        True,
        bool,
        'sync/Deleted reports the row of a part that joins its term again (SW 8)',
    ),
    'duplicate_purchase': (
        'refuse',
        ('refuse', 'accept'),
        (
            'a purchase entry with the supplier, reference, date and amount of another one; '
            'two without a reference are the same, too'
        ),
    ),
    'payment_condition': (
        'mandatory',
        ('mandatory', 'optional'),
        'an entry for which neither the body nor the relation nor the administration names one',
    ),
    'default_payment_condition': (
        '30',
        str,
        "the administration's own payment condition; empty or unknown = none",
    ),
    'entry_status': (20, (20, 50), 'Status of an entry after POST: 20 open, 50 processed'),
    'read_only': (
        'refuse',
        ('refuse', 'ignore'),
        'read-only property in POST or PUT: HTTP 400 or ignored',
    ),
    'vat_amount_zero': (
        'given',
        ('given', 'omitted'),
        'line VATAmountFC 0: overrides to no VAT, or not given',
    ),
    'vat_rounding': (
        'cent',
        ('cent', 'currency'),
        'computed VAT in a currency without cents: to the cent, or to its AmountPrecision',
    ),
    'period_zero': (
        'omitted',
        ('omitted', 'given'),
        'ReportingYear/Period 0: not given, or an invalid period',
    ),
    'envelope_top1': ('flat', ('flat', 'results'), 'envelope of a list with $top=1'),
    'ledger_line_vat': (
        'filled',
        ('filled', 'zero', 'null'),
        'AmountVATFC and AmountVATBaseFC of TransactionLines that are no VAT lines',
    ),
    'ledger_quantity': (
        'filled',
        ('filled', 'zero', 'null'),
        'Quantity of TransactionLines',
    ),
    'ledger_payment_reference': (
        'filled',
        ('filled', 'null'),
        'PaymentReference of TransactionLines',
    ),
    'terms_discount': (
        'filled',
        ('filled', 'null'),
        'discount date, days, percentage and amounts of payment terms',
    ),
    'put_unchanged': (
        'refuse',
        ('refuse', 'accept'),
        'PUT repeating an unchanged Code or EntryNumber',
    ),
    'silent_drop': (
        ['Project', 'Document', 'Asset', 'Subscription', 'TrackingNumber', 'ProjectWBS', 'Item'],
        list,
        ('optional references whose unknown GUID disappears without an error'),
    ),
    'too_early': (400, (400, 401), 'status of a refresh before 570 s'),
    'second_consent_kills': (
        False,
        bool,
        'a new consent of the same user and app ends the older chain',
    ),
    'token_calls_per_day': (
        0,
        int,
        'calls of the token endpoint per app and user a day; 0 = unlimited',
    ),
    'expires_in': ('string', ('string', 'number'), 'type of expires_in in token answers'),
    'rate_limits': (True, bool, 'count and enforce the minute and day limits'),
    'minute_limit': (60, int, 'calls per app, division and minute'),
    'day_limit': (5000, int, 'calls per app, division and day'),
    'error_fuse': (
        '429',
        ('429', '403', '500', 'off'),
        ('how an endpoint refuses after 10 errors in an hour (shape not found in public)'),
    ),
    'error_limit': (10, int, 'errors per app, user, division, endpoint and hour'),
    'scopes': (None, list, 'granted scopes such as "Crm accounts"; null = all'),
    'read_only_scopes': ([], list, 'scopes granted for reading only'),
    'mandatory_filter': (True, bool, 'endpoints with a filter column demand a $filter'),
    'mandatory_select': (True, bool, 'lists demand $select (or $top=1)'),
    'padding': (True, bool, 'pad codes as Exact does'),
    'sync_lag': (0.0, float, 'seconds until a change shows up in sync endpoints'),
    'lengths': (True, bool, 'refuse texts longer than the assumed columns'),
    'vat_numbers': (
        'format',
        ('format', 'digits', 'loose'),
        (
            'VAT numbers of relations: by the format of their country, by its check digits too '
            '(python-stdnum), or anything that starts with two letters'
        ),
    ),
    'vat_refused': ([], list, 'VAT numbers that are refused whatever their form'),
    'email': (True, bool, 'refuse what is no e-mail address'),
    'webhook_delivery': ('once', ('once', 'twice', 'never'), 'how often a notification is sent'),
}


class Switches:
    """Attribute and item access to the switches, with checked values.

    :raise ValueError: unknown switch or value
    """

    def __init__(self, values=None):
        self._values = {name: spec[0] for name, spec in SWITCHES.items()}
        self.update(values or {})

    def update(self, values):
        for name, value in values.items():
            self[name] = value

    def __setitem__(self, name, value):
        if name not in SWITCHES:
            raise ValueError(f'unknown switch {name!r}; known: {", ".join(SWITCHES)}')
        allowed = SWITCHES[name][1]
        if isinstance(allowed, tuple):
            if value not in allowed:
                raise ValueError(f'switch {name}: {value!r} is none of {allowed}')
        elif allowed is list:
            value = list(value) if value is not None else None
        elif allowed in (int, float):
            value = allowed(value)
        elif not isinstance(value, allowed):
            raise ValueError(f'switch {name}: {value!r} is no {allowed.__name__}')
        self._values[name] = value

    def __getitem__(self, name):
        return self._values[name]

    def __getattr__(self, name):
        if name.startswith('_'):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        if name.startswith('_'):
            super().__setattr__(name, value)
        else:
            self[name] = value

    def as_dict(self):
        return dict(self._values)
