"""What is matched: terms settled in whole or in part, invoices with credit notes, and back.

A matched part is a dict in ``_parts`` of a term's record: ``match`` (its own id), ``payment``
(EntryID of the bank entry, None where no money moved), ``date`` of the bank line, ``end`` and
``end_invoices`` (highest invoice date of what it is matched with, payments counted or not),
``with`` (EntryID of the other side), ``line`` (the ledger line there), ``is_pair`` (no payment that
the clerk booked with it), ``fc`` and ``dc`` (debit positive).
"""

from ..masters import ENTITY_TYPES, new_id
from ..term_views import PAYMENT
from ..views import deleted_row
from .kinds import ZERO, exact, money, number

#: what a payment run leaves on a term
RUN_PROPERTIES = (
    'PaymentSelected',
    'PaymentSelector',
    'PaymentBatchNumber',
    'ReceivableSelected',
    'ReceivableSelector',
    'ReceivableBatchNumber',
    'CashflowTransactionBatchCode',
    '_run',
    '_processed',
)


class MatchError(ValueError):
    """What is to be matched does not fit: its text is answered with 400."""


class Matching:
    """Needs ``store``, ``switches`` and ``clock``."""

    # === terms of an entry === #

    def terms_of(self, call, entry_id):
        return self.store.by('PaymentTerms', call.division, 'TransactionEntryID', entry_id)

    def open_terms(self, call, entry_id):
        """Terms that are not matched, the earliest due first."""
        rows = [term for term in self.terms_of(call, entry_id) if term['Status'] != 50]
        return sorted(rows, key=lambda row: (row['DueDate'], row['HID']))

    @staticmethod
    def parts(term):
        """Matched parts of a term; books of before know a payment only by its ID."""
        if '_parts' in term or term['Status'] != 50:
            return term.get('_parts') or []
        payment = term.get('_payment')
        part = {'match': payment, 'payment': payment, 'date': term.get('LastPaymentDate')}
        return [{**part, 'fc': term['_open_fc'], 'dc': term['_open']}]

    def matched(self, terms):
        """(AmountDC, AmountFC) of all matched parts of some terms, debit positive."""
        parts = [part for term in terms for part in self.parts(term)]
        return (
            sum((exact(part['dc']) for part in parts), ZERO),
            sum((exact(part['fc']) for part in parts), ZERO),
        )

    def settle(self, call, entry_id, fc, part, only=None):
        """Match a part of what is open of an entry, the earliest due terms first.

        :param fc: Decimal, debit positive as the entry's AR/AP line
        :param part: what the part says beside its amounts
        :param only: ID of the term that is meant
        :return: what that is in the currency of the division, as it was booked
        :raise MatchError: less is open
        """
        left, total = fc, ZERO
        for term in self.open_terms(call, entry_id):
            open_fc, open_dc = exact(term['_open_fc']), exact(term['_open'])
            if not left or (only and term['ID'] != only) or open_fc * left <= 0:
                continue
            whole = abs(left) >= abs(open_fc)
            here = open_fc if whole else left
            here_dc = open_dc if whole else money(open_dc * here / open_fc)
            left, total = left - here, total + here_dc
            own = {**part, 'fc': number(here), 'dc': number(here_dc)}
            if whole:
                self.close_term(call, term, own)
            elif self.switches.partial_payment == 'reduce':
                self.reduce_term(call, term, own)
            else:
                self.split_term(call, term, own)
        if left:
            raise MatchError(f'{abs(fc)} is more than what is open of {entry_id}')
        self.tell_dates(call, entry_id)
        return total

    def put_term(self, call, term, **values):
        return self.store.put(
            'PaymentTerms', call.division, {**term, **values, 'Modified': self.clock.wall()}
        )

    def close_term(self, call, term, part):
        """All that is open of a term is matched: Status 50."""
        self.put_term(
            call, term, Status=50, IsFullyPaid=True, _parts=[*self.parts(term), part]
        )

    def reduce_term(self, call, term, part):
        """One row with a lower amount; nothing else tells of the part."""
        self.put_term(
            call,
            term,
            _open=number(exact(term['_open']) - exact(part['dc'])),
            _open_fc=number(exact(term['_open_fc']) - exact(part['fc'])),
            _parts=[*self.parts(term), part],
        )

    def split_term(self, call, term, part):
        """The open rest keeps its ID, the matched part is a new record with the EntryID of what
        it is matched with (assumption).
        """
        self.put_term(
            call,
            {name: value for name, value in term.items() if name != '_key'},
            ID=new_id(),
            HID=self.store.next_number('PaymentTerms', call.division),
            EntryID=part['payment'] or part['with'],
            Status=50,
            IsFullyPaid=True,
            Created=self.clock.wall(),
            _open=part['dc'],
            _open_fc=part['fc'],
            _parts=[part],
        )
        self.put_term(
            call,
            term,
            _open=number(exact(term['_open']) - exact(part['dc'])),
            _open_fc=number(exact(term['_open_fc']) - exact(part['fc'])),
        )

    def unsettle(self, call, entry_id, match):
        """Take a matched part back: its term is open again, or it joins the open rest."""
        for term in list(self.terms_of(call, entry_id)):
            gone = [part for part in self.parts(term) if part['match'] == match]
            if not gone:
                continue
            kept = [part for part in self.parts(term) if part['match'] != match]
            dc = sum((exact(part['dc']) for part in gone), ZERO)
            fc = sum((exact(part['fc']) for part in gone), ZERO)
            open_again = {**dict.fromkeys(RUN_PROPERTIES), 'Status': 20, 'IsFullyPaid': False}
            if term.get('_processed'):
                open_again['EntryDate'] = term['InvoiceDate']
            rest = [
                other
                for other in self.open_terms(call, entry_id)
                if other['ID'] != term['ID']
                and other['TransactionID'] == term['TransactionID']
                and other['DueDate'] == term['DueDate']
            ]
            if term['Status'] == 50 and not kept and rest:
                self.put_term(
                    call,
                    rest[0],
                    _open=number(exact(rest[0]['_open']) + dc),
                    _open_fc=number(exact(rest[0]['_open_fc']) + fc),
                )
                self.drop_joined(call, term)
                continue
            if term['Status'] != 50:
                dc, fc = dc + exact(term['_open']), fc + exact(term['_open_fc'])
                open_again = {}
            self.put_term(
                call,
                term,
                **open_again,
                EntryID=term['TransactionEntryID'],
                _open=number(dc),
                _open_fc=number(fc),
                _parts=kept,
            )
        self.tell_dates(call, entry_id)

    def drop_joined(self, call, term):
        """The row of a part that joined its term again; sync/Deleted tells it or not."""
        self.store.drop('PaymentTerms', call.division, term['_key'])
        if self.switches.deleted_unsplit:
            deleted_row(self.store, call, term['_key'], ENTITY_TYPES['PaymentTerms'])

    def tell_dates(self, call, entry_id):
        """LastPaymentDate (of receipts only) and EndDate (highest invoice date of all matched
        terms) after a match or its undoing.
        """
        terms = self.terms_of(call, entry_id)
        for term in list(terms):
            if term['TransactionType'] == PAYMENT:
                continue
            parts = self.parts(term) or [
                part
                for other in terms
                if other['TransactionID'] == term['TransactionID']
                for part in self.parts(other)
            ]
            paid = max((part['date'] for part in parts if part.get('date')), default=None)
            own = term['InvoiceDate']
            told = {
                'LastPaymentDate': paid if term['LineType'] == 20 else None,
                '_paid_on': paid,
                'EndDate': None,
                '_end_invoices': None,
            }
            if term['Status'] == 50:
                for name, kept in (('EndDate', 'end'), ('_end_invoices', 'end_invoices')):
                    told[name] = max([own, *(part.get(kept) or own for part in parts)])
            if any(term.get(name) != value for name, value in told.items()):
                self.put_term(call, term, **told)
        self.tell_offset(call, entry_id)

    # === two entries, no money === #

    def match_pair(self, call, one_id, two_id, amount=None):
        """Match what is open of an entry with what is open of another one of the same relation,
        currency and side, such as an invoice and its credit note.

        :param amount: Decimal, how much of it; default all that both have
        :return: id of the match
        :raise MatchError: they do not fit
        """
        one, two = self.open_terms(call, one_id), self.open_terms(call, two_id)
        if not one or not two:
            raise MatchError('nothing is open')
        for name in ('Account', 'LineType', 'Currency'):
            if one[0][name] != two[0][name]:
                raise MatchError(f'{name} of the two is not the same')
        one_fc = sum((exact(term['_open_fc']) for term in one), ZERO)
        two_fc = sum((exact(term['_open_fc']) for term in two), ZERO)
        if one_fc * two_fc >= 0:
            raise MatchError('both are open on the same side')
        fc = min(abs(one_fc), abs(two_fc)) if amount is None else amount
        match = new_id()
        sides = ((one_id, one[0], two[0], fc.copy_sign(one_fc)),
                 (two_id, two[0], one[0], fc.copy_sign(two_fc)))
        total = ZERO
        for entry_id, _own, other, part_fc in sides:
            total += self.settle(call, entry_id, part_fc, self.pair_part(match, other))
        if total:
            # Exact books an exchange difference for this; not offered
            raise MatchError(f'the two differ by {total} in the currency of the division')
        self.tell_pair(call, one_id, two_id)
        return match

    @staticmethod
    def pair_part(match, other):
        """What a part says of the term on the other side; that may be a payment of a bank entry
        that was posted.
        """
        is_payment = other['TransactionType'] == PAYMENT
        day = other['InvoiceDate']
        return {
            'match': match,
            'payment': other['TransactionEntryID'] if is_payment else None,
            'date': day if is_payment else None,
            'end': day,
            'end_invoices': None if is_payment else day,
            'with': other['TransactionEntryID'],
            'line': other['TransactionID'],
            'is_pair': True,
        }

    def unmatch_pair(self, call, one_id, two_id):
        """Take back every match of two entries; True if there was one."""
        matches = {
            part['match']
            for term in self.terms_of(call, one_id)
            for part in self.parts(term)
            if part.get('with') == two_id
        }
        for match in matches:
            self.unsettle(call, one_id, match)
            self.unsettle(call, two_id, match)
        if matches:
            self.tell_pair(call, one_id, two_id)
        return bool(matches)

    def tell_pair(self, call, one_id, two_id):
        """The row of a payment has the YourRef of the one invoice that it is matched with."""
        for entry_id in (one_id, two_id):
            terms = self.terms_of(call, entry_id)
            others = {
                part['with'] for term in terms for part in self.parts(term) if part.get('with')
            }
            for term in list(terms):
                if term['TransactionType'] == PAYMENT:
                    paid = sorted(others) if term['Status'] == 50 or len(terms) == 1 else []
                    self.put_term(call, term, _pays=paid, YourRef=self.your_ref(call, paid))

    def tell_offset(self, call, entry_id):
        """OffsetID of an entry's AR/AP line: the line that it is matched with, if that is only
        one. By switch that of a credit note (or of a payment that an app posted) only, or that of
        whatever is matched.
        """
        terms = self.terms_of(call, entry_id)
        if not terms:
            return
        line = self.store.get('TransactionLines', call.division, terms[0]['TransactionID'])
        if line is None:
            return
        parts = [part for term in terms for part in self.parts(term)]
        if self.switches.offset_of_invoice == 'none':
            is_credit = exact(line['AmountDC']) * (1 if terms[0]['LineType'] == 20 else -1) < 0
            parts = [part for part in parts if part.get('is_pair') and is_credit]
        lines = {part.get('line') for part in parts}
        offset = lines.pop() if len(lines) == 1 else None
        if line.get('OffsetID') != offset:
            with self.store.unannounced():
                self.store.put(
                    'TransactionLines',
                    call.division,
                    {**line, 'OffsetID': offset, 'Modified': self.clock.wall()},
                )

    def your_ref(self, call, entry_ids):
        """YourRef of the one entry that a payment is matched with, else None (documented)."""
        if len(entry_ids) != 1:
            return None
        terms = self.terms_of(call, next(iter(entry_ids)))
        return terms[0].get('YourRef') if terms else None
