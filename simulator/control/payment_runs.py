"""Payment runs inside Exact: chosen, sent to the bank, executed, cancelled."""

from .. import seed
from ..ledger import RUN_PROPERTIES, exact
from .error import ControlError

#: LineType -> names of the properties of a run
NAMES = {
    20: ('ReceivableSelected', 'ReceivableSelector', 'ReceivableBatchNumber'),
    22: ('PaymentSelected', 'PaymentSelector', 'PaymentBatchNumber'),
}


class PaymentRuns:
    """Actions of :class:`~.control.Control`."""

    def run_terms(self, division, batch):
        rows = [
            term
            for term in self.store.all('PaymentTerms', division)
            if term.get('_run') == batch and term['Status'] in (30, 40)
        ]
        if not rows:
            raise ControlError(f'nothing is in payment run {batch}')
        return sorted(rows, key=lambda row: row['HID'])

    def do_select_payment(self, entries, batch=77, division=seed.MAIN):
        """What is open of ``entries`` (EntryIDs or numbers) is chosen for a run: Status 30, with
        the number of the run (``PaymentBatchNumber``, on receivables ``ReceivableBatchNumber``).
        """
        call, ledger = self.call(division), self.app.ledger
        with self.store.transaction():
            for entry in entries:
                _kind, header = self.entry(division, entry)
                terms = [
                    term
                    for term in ledger.open_terms(call, header['EntryID'])
                    if term['Status'] == 20
                ]
                if not terms:
                    raise ControlError(f"nothing to choose of {header['EntryNumber']}")
                for term in terms:
                    selected, selector, number = NAMES[term['LineType']]
                    values = {
                        selected: self.app.clock.wall(),
                        selector: call.user['ID'],
                        number: batch,
                    }
                    ledger.put_term(call, term, Status=30, _run=batch, **values)

    def do_send_payment_run(self, batch=77, division=seed.MAIN):
        """The bank file is made: ``CashflowTransactionBatchCode``, EntryDate is the processing
        date, Status 40 unless the switch ``status_sent_to_bank`` leaves it out.
        """
        call, ledger = self.call(division), self.app.ledger
        status = 40 if self.app.switches.status_sent_to_bank == 'used' else 30
        today = self.app.clock.today()
        with self.store.transaction():
            for term in self.run_terms(division, batch):
                ledger.put_term(
                    call,
                    term,
                    Status=status,
                    CashflowTransactionBatchCode=str(batch),
                    EntryDate=today,
                    _processed=today,
                )

    def do_execute_payment_run(self, batch=77, date=None, journal=None, division=seed.MAIN):
        """The bank paid: one bank entry with a line per term, Status 50. Answers as
        ``bank_payment``.
        """
        lines = [
            {
                'matched': [
                    {
                        'entry': term['TransactionEntryID'],
                        'term': term['ID'],
                        'amount': abs(exact(term['_open_fc'])),
                    }
                ]
            }
            for term in self.run_terms(division, batch)
        ]
        return self.do_bank_payment(lines, date, journal, division)

    def do_cancel_payment_run(self, batch=77, division=seed.MAIN):
        """The run is given up: Status 20, nothing of it is left on the terms."""
        call, ledger = self.call(division), self.app.ledger
        with self.store.transaction():
            for term in self.run_terms(division, batch):
                nothing = dict.fromkeys(RUN_PROPERTIES)
                day = term['InvoiceDate']
                ledger.put_term(call, term, **{**nothing, 'Status': 20, 'EntryDate': day})
