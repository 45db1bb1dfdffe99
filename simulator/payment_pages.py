"""The forms of an entry's page: pay it, undo a payment."""

from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from .control import ControlError
from .ledger import BANK, exact, money, number
from .messages import BusinessError
from .term_views import PAYMENT, TERM_STATES


class PaymentPages:
    """Needs ``app``, ``store``, ``error`` of :class:`~.pages.Pages`."""

    def act(self, request):
        """``POST /books/<division>/entries/<entry>/pay`` or ``/undo``; leads back to the page.

        Only forms of this site: a browser tells where a form comes from.
        """
        origin = request.headers.get('Origin') or request.headers.get('Referer')
        if origin and urlsplit(origin).netloc != request.host:
            return self.error(403, 'This form is not of this site.')
        parts = [part for part in request.path.split('/') if part]
        with self.store.lock:
            division = self.store.get('Divisions', 0, parts[1]) if len(parts) == 5 else None
            if division is None or parts[2] != 'entries' or parts[4] not in ('pay', 'undo'):
                return self.error(404, 'There is no such page in the simulator.')
            page = f'/books/{parts[1]}/entries/{parts[3]}'
            try:
                if parts[4] == 'pay':
                    self.pay(division['Code'], parts[3], request.form)
                else:
                    payment = request.form.get('payment') or parts[3]
                    self.app.control.run(
                        'undo_payment', {'payment': payment, 'division': division['Code']}
                    )
                    if payment == parts[3]:
                        page = f'/books/{parts[1]}/entries'
            except BusinessError as error:
                return self.error(400, error.text('en'))
            except (ControlError, ValueError, ArithmeticError) as error:
                return self.error(400, str(error) or 'That is no amount.')
        return Response('', 303, {'Location': page})

    def pay(self, division, entry, form):
        line = {'entry': entry}
        if form.get('amount'):
            line['amount'] = form['amount'].replace(',', '.')
            if money(line['amount']) <= 0:
                raise ControlError('The amount must be positive.')
        values = {'lines': [line], 'date': form.get('date') or None, 'division': division}
        self.app.control.run('bank_payment', values)

    def payments_of(self, division, kind, header, terms):
        """What the page of an entry says of payments: what is open, what paid it, and whether it
        is a payment itself.
        """
        open_fc = sum(exact(term['_open_fc']) for term in terms if term['Status'] != 50)
        paid = {}
        for term in terms:
            if term['TransactionType'] == PAYMENT:
                continue
            for part in self.app.ledger.parts(term):
                if not part.get('payment'):
                    continue
                row = paid.setdefault(part['payment'], {'id': part['payment'], 'amount': 0})
                row['amount'] += abs(exact(part['fc']))
                row['date'] = part['date']
                bank = self.store.get(BANK.header, division, part['payment'])
                row['number'] = bank['EntryNumber'] if bank else None
        return {
            'open_amount': number(abs(open_fc)) if not header.get('_payment') else 0.0,
            'payable': kind.party is not None and bool(open_fc),
            'paid': sorted(paid.values(), key=lambda row: row['date'] or ''),
            'is_payment': bool(header.get('_payment')),
            'term_states': TERM_STATES,
            'today': self.app.clock.today(),
        }
