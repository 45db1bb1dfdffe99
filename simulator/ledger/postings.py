"""What follows from an entry: totals, the ledger's own lines, balances."""

from ..masters import ENTITY_TYPES, new_id
from ..messages import refuse
from ..views import deleted_row
from .kinds import BANK, CASH, CENT, GENERAL, PURCHASES, SALES, ZERO, exact, money, number


class Postings:
    """Needs ``store``, ``switches``, ``clock`` and what the other parts of a ledger have."""

    def rebuild(self, call, kind, header):
        """Totals, Type, transaction lines and payment terms from header and lines; stores the
        header.
        """
        lines = self.lines(call, kind, header)
        if not lines:
            refuse('mandatory', kind.collection)
        explicit = header.get('_explicit')
        flip = -1 if explicit == kind.types[1] and not kind.own_parties else 1
        booked = [*lines, *self.surcharge_lines(call, kind, header, lines)]
        net = sum((exact(line['_net']) for line in booked), ZERO)
        vat = sum((exact(line['_vat']) for line in booked if not line['_charged']), ZERO)
        total = net + vat
        if not kind.own_parties and total < 0:
            switches = self.switches
            if switches.credit_note == 'explicit' and switches.negative_total == 'refuse':
                # this administration wants positive lines and the type of a credit note
                refuse('invalid', 'AmountFC')
        if not kind.own_parties:
            credit = (
                explicit == kind.types[1]
                if self.switches.credit_note == 'explicit' or explicit
                else total < 0
            )
            header['Type'] = kind.types[1] if credit else kind.types[0]
        else:
            credit = False
            header['Type'] = header.get('Type') or kind.types[0]
        if kind in (BANK, CASH):
            self.balances(call, kind, header, total)
        ledger_lines = self.transaction_lines(call, kind, header, booked, flip, credit)
        dc = ledger_lines[0]['AmountDC'] if not kind.own_parties else 0
        for line in lines:
            if not kind.own_parties and line.get('Type') != header['Type']:
                line = {**line, 'Type': header['Type']}
            self.store.put(kind.lines, call.division, line)
        if not kind.own_parties:
            header['AmountFC'] = number(total)
            header['VATAmountFC'] = number(vat)
            header['AmountDC'] = number(exact(dc) * -kind.sign * flip)
            header['VATAmountDC'] = number(
                sum((exact(line['_vat_dc']) for line in booked if not line['_charged']), ZERO)
            )
        header['Modified'], header['Modifier'] = self.clock.wall(), call.user['ID']
        row = self.store.put(kind.header, call.division, header)
        self.replace_transactions(call, header, ledger_lines)
        self.payment_terms(call, kind, header, ledger_lines)
        return row

    def balances(self, call, kind, header, moved):
        """Opening balance plus lines is the closing balance; not given, the one before goes on."""
        if header.get('OpeningBalanceFC') is None:
            others = [
                row
                for row in self.store.by(
                    kind.header, call.division, 'JournalCode', header['JournalCode']
                )
                if row['EntryID'] != header['EntryID']
            ]
            last = max(others, key=lambda row: row['EntryNumber'], default={})
            header['OpeningBalanceFC'] = last.get('ClosingBalanceFC', 0.0)
        closing = money(header['OpeningBalanceFC']) + moved
        given = header.get('_closing_given')
        if given is not None and money(given) != closing:
            refuse('closing')
        header['ClosingBalanceFC'] = number(closing)

    def transaction_lines(self, call, kind, header, lines, flip, credit):
        """The ledger's lines: 0 the AR/AP line, then the entry lines with their own IDs, then
        VAT.
        """
        letters = kind.credit_letters if credit else kind.vat_letters
        rate = exact(header.get(kind.rate) or 1)
        shared = {
            'EntryID': header['EntryID'],
            'EntryNumber': header['EntryNumber'],
            'JournalCode': header[kind.journal],
            'FinancialYear': header[kind.year],
            'FinancialPeriod': header[kind.period],
            'Date': header[kind.date],
            'Currency': header['Currency'],
            'ExchangeRate': header.get(kind.rate) or 1.0,
            'Status': header['Status'],
            'Type': header['Type'],
            'YourRef': header.get('YourRef'),
            'InvoiceNumber': header.get('InvoiceNumber'),
            'OrderNumber': header.get('OrderNumber'),
            'PaymentReference': header.get('PaymentReference'),
            'Document': header.get('Document'),
            'Account': header.get(kind.party) if kind.party else None,
            'DueDate': header.get('DueDate'),
            'ExternalLinkReference': header.get('ExternalLinkReference'),
        }
        result, vat_lines = [], {}
        for line in lines:
            sign = kind.sign * flip
            net = exact(line['_net']) * sign
            net_dc = exact(line['_net_dc']) * sign
            vat = exact(line['_vat']) * sign
            code = (
                self.store.one('VATCodes', call.division, 'Code', line['VATCode'])
                if line['VATCode']
                else None
            )
            own = dict(shared)
            if kind.own_parties:
                own.update(
                    Account=line.get('Account'),
                    Date=line['Date'],
                    Document=line.get('Document') or header.get('Document'),
                    DueDate=line['Date'] if line.get('Account') else None,
                )
            result.append(
                {
                    **own,
                    'ID': line['ID'],
                    'LineNumber': line['LineNumber'],
                    'LineType': 0,
                    'GLAccount': line['GLAccount'],
                    'AmountFC': number(net),
                    'AmountDC': number(net_dc),
                    'AmountVATFC': number(vat),
                    'AmountVATBaseFC': number(net) if code else 0.0,
                    'VATCode': line['VATCode'],
                    'VATPercentage': line.get('VATPercentage') or 0.0,
                    'VATType': letters['basis'] if code and code['Type'] != 'N' else 'S',
                    'Description': line.get('Description') or header.get('Description'),
                    'CostCenter': line.get('CostCenter'),
                    'CostUnit': line.get('CostUnit'),
                    'Project': line.get('Project'),
                    'Quantity': line.get('Quantity') or 0.0,
                    'Notes': line.get('Notes'),
                    'Asset': line.get('Asset'),
                    'Subscription': line.get('Subscription'),
                }
            )
            if code is not None and vat:
                for letter, account, share in self.vat_shares(kind, code, line, letters, net):
                    slot = vat_lines.setdefault((code['Code'], account, letter), [ZERO, ZERO, ZERO])
                    slot[0] += vat * share
                    slot[1] += money(vat * rate) * share
                    slot[2] += net
        position = max((line['LineNumber'] for line in lines), default=0)
        for (code, account, letter), (amount, amount_dc, base) in vat_lines.items():
            if account is None:
                refuse('mandatory', 'GLAccount')
            position += 1
            result.append(
                {
                    **shared,
                    'ID': None,
                    'LineNumber': position,
                    'LineType': 0,
                    'GLAccount': account,
                    'AmountFC': number(amount),
                    'AmountDC': number(amount_dc),
                    'AmountVATFC': 0.0,
                    'AmountVATBaseFC': number(base),
                    'VATCode': code,
                    'VATType': letter,
                    'VATPercentage': 0.0,
                    'Description': header.get('Description'),
                    'Quantity': 0.0,
                }
            )
        if kind is GENERAL:
            open_dc = sum((exact(line['AmountDC']) for line in result), ZERO)
            open_fc = sum((exact(line['AmountFC']) for line in result), ZERO)
            if open_fc or abs(open_dc) > CENT * len(result):
                difference = f'{open_fc or open_dc:.2f}'
                refuse(
                    'unbalanced',
                    year=header[kind.year],
                    period=header[kind.period],
                    type_nl='Memoriaalboeking',
                    type_en='General journal entry',
                    currency=header['Currency'],
                    amount=difference,
                    amount_nl=difference.replace('.', ','),
                )
            if open_dc:
                # cents of the exchange rate go to the last line (assumption)
                result[-1]['AmountDC'] = number(exact(result[-1]['AmountDC']) - open_dc)
            return result
        journal = self.store.one('Journals', call.division, 'Code', header[kind.journal])
        party = {
            **shared,
            'ID': None,
            'LineNumber': 0,
            'LineType': kind.line_type,
            'GLAccount': journal['GLAccount'],
            'AmountFC': number(-sum((exact(line['AmountFC']) for line in result), ZERO)),
            'AmountDC': number(-sum((exact(line['AmountDC']) for line in result), ZERO)),
            'AmountVATFC': 0.0,
            'AmountVATBaseFC': 0.0,
            'VATCode': None,
            'VATType': 'S',
            'VATPercentage': 0.0,
            'Description': header.get('Description'),
            'Quantity': 0.0,
        }
        return [party, *result]

    @staticmethod
    def vat_shares(kind, code, line, letters, net):
        """[(VATType letter, G/L account, factor of the VAT amount in debit-positive terms)]."""
        if line['_charged']:
            return [
                (letters.get('claim', 'O'), code.get('GLToClaim'), 1),
                (letters.get('pay', 'P'), code.get('GLToPay'), -1),
            ]
        if kind is SALES:
            return [(letters['pay'], code.get('GLToPay'), 1)]
        if kind is PURCHASES:
            return [(letters['claim'], code.get('GLToClaim'), 1)]
        if code['VATTransactionType'] == 'S' or (code['VATTransactionType'] == 'B' and net < 0):
            return [(letters['pay'], code.get('GLToPay'), 1)]
        return [(letters['claim'], code.get('GLToClaim'), 1)]

    def replace_transactions(self, call, header, ledger_lines):
        """Store the ledger's lines; generated ones keep their IDs by role, vanished ones are
        deleted.
        """
        old = {
            (row['LineNumber'] == 0, row['GLAccount'], row.get('VATCode'), row.get('VATType')): row[
                'ID'
            ]
            for row in self.store.by(
                'TransactionLines', call.division, 'EntryID', header['EntryID']
            )
            if row.get('_generated')
        }
        gone = {
            row['ID']
            for row in self.store.by(
                'TransactionLines', call.division, 'EntryID', header['EntryID']
            )
        }
        now = self.clock.wall()
        for row in ledger_lines:
            if row['ID'] is None:
                role = (
                    row['LineNumber'] == 0,
                    row['GLAccount'],
                    row.get('VATCode'),
                    row.get('VATType'),
                )
                row['ID'] = old.get(role) or new_id()
                row['_generated'] = True
            gone.discard(row['ID'])
            before = self.store.get('TransactionLines', call.division, row['ID'])
            row.update(
                OffsetID=before.get('OffsetID') if before else None,
                Created=before['Created'] if before else now,
                Modified=now,
                Creator=header['Creator'],
                Modifier=call.user['ID'],
            )
            self.store.put('TransactionLines', call.division, row)
        for key in gone:
            self.store.drop('TransactionLines', call.division, key)
            deleted_row(self.store, call, key, ENTITY_TYPES['TransactionLines'])
