"""Payments in any order: whatever clerks do, the open terms are the balance of the
relations' account, and taking everything back leaves what was there before.
"""

import random

import pytest
from simulator_client import MAIN, created, running
from test_simulator_bank import terms

from simulator.control import ControlError


def balance(server, code):
    accounts = {row['ID'] for row in server.store.all('GLAccounts', MAIN) if row['Code'] == code}
    rows = server.store.all('TransactionLines', MAIN)
    return round(sum(row['AmountDC'] for row in rows if row['GLAccount'] in accounts), 2)


def opened(server, side):
    rows = server.store.all('PaymentTerms', MAIN)
    return round(
        sum(row['_open'] for row in rows if row['LineType'] == side and row['Status'] != 50), 2
    )


class Clerk:
    """Somebody who does things to a few entries at random."""

    def __init__(self, server, client, seed):
        self.server, self.random = server, random.Random(seed)
        usd = {'Currency': 'USD', 'Rate': 0.9137}
        self.sales = [
            created(client.sale(self.amount(), EntryDate='2026-11-01'))['EntryID'] for _ in range(3)
        ]
        self.foreign = [created(client.sale(self.amount(), **usd))['EntryID'] for _ in range(2)]
        self.credits = [created(client.sale(-self.amount()))['EntryID'] for _ in range(2)]
        self.bills = [
            created(client.purchase(self.amount(), YourRef=f'{seed}-{i}'))['EntryID']
            for i in range(3)
        ]
        self.payments = []

    def amount(self):
        return self.random.randint(1000, 99999) / 100

    def run(self, action, **values):
        return self.server.control.run(action, values)

    def pay(self):
        entry = self.random.choice([*self.sales, *self.credits, *self.bills])
        self.payments.append(self.run('bank_payment', lines=[
            {'entry': entry, 'amount': self.amount() / 4}
        ])['EntryID'])

    def pay_foreign(self):
        entry = self.random.choice(self.foreign)
        amount = self.amount() / 4
        line = {'entry': entry, 'amount': amount, 'amount_dc': round(amount * 0.93, 2)}
        self.payments.append(self.run('bank_payment', lines=[line])['EntryID'])

    def pay_with_differences(self):
        entry = self.random.choice([*self.sales, *self.bills, *self.foreign])
        line = {'entry': entry, 'discount': 1.11, 'write_off': 0.07}
        self.payments.append(self.run('bank_payment', lines=[line])['EntryID'])

    def pay_several(self):
        entries = self.random.sample(self.sales, 2)
        lines = [{'matched': [{'entry': entry} for entry in entries]}]
        self.payments.append(self.run('bank_payment', lines=lines)['EntryID'])

    def prepay(self):
        lines = [{'relation': self.random.choice(['10', '20']), 'amount': self.amount() / 3}]
        if self.random.random() < 0.4:
            amount_dc = round(lines[0]['amount'] * 0.9, 2)
            lines = [{**lines[0], 'relation': '10', 'currency': 'USD', 'amount_dc': amount_dc}]
        self.payments.append(self.run('bank_payment', lines=lines)['EntryID'])

    def match(self):
        entry = self.random.choice([*self.sales, *self.bills, *self.foreign])
        others = [*self.payments, *self.credits]
        self.random.shuffle(others)
        for other in others:
            try:
                return self.run('match', entry=entry, with_entry=other)
            except (ValueError, ControlError):
                continue
        raise ControlError('nothing to match')

    def unmatch(self):
        self.run('unmatch', payment=self.random.choice(self.payments))

    def edit(self):
        payment = self.random.choice(self.payments)
        self.run('edit_payment', payment=payment, amount=self.amount(), date='2026-11-09')

    def undo(self):
        payment = self.random.choice(self.payments)
        self.run('undo_payment', payment=payment)
        self.payments.remove(payment)

    def payment_run(self):
        self.run('select_payment', entries=[self.random.choice(self.bills)])
        self.run('send_payment_run')
        if self.random.random() < 0.5:
            self.run('cancel_payment_run')
        else:
            self.payments.append(self.run('execute_payment_run')['EntryID'])

    def register(self):
        self.payments.append(
            self.run('register_payment', entry=self.random.choice(self.sales), amount=3)['EntryID']
        )

    ACTIONS = (
        pay, pay_foreign, pay_with_differences, pay_several, prepay, match, match, unmatch, edit,
        undo, payment_run, register,
    )

    def play(self, moves):
        done = 0
        for _ in range(moves):
            try:
                self.random.choice(self.ACTIONS)(self)
            except (ValueError, ControlError, IndexError):
                # clerks ask for what does not fit, too; then nothing happens
                continue
            finally:
                self.check()
            done += 1
        return done

    def check(self):
        store = self.server.store
        assert (opened(self.server, 20), opened(self.server, 22)) == (
            balance(self.server, '1300'),
            balance(self.server, '1600'),
        )
        for payment in self.payments:
            lines = store.by('TransactionLines', MAIN, 'EntryID', payment)
            assert round(sum(row['AmountDC'] for row in lines), 2) == 0
        for row in store.all('PaymentTerms', MAIN):
            assert row['_open_fc'] != 0 or row['TransactionAmountFC'] == 0
            assert row['IsFullyPaid'] == (row['Status'] == 50)

    def take_all_back(self):
        for payment in self.payments:
            self.run('undo_payment', payment=payment)
        for entry in [*self.sales, *self.foreign]:
            for credit in self.credits:
                try:
                    self.run('unmatch', entry=entry, with_entry=credit)
                except ControlError:
                    continue


@pytest.mark.parametrize('mode', ['split', 'reduce'])
@pytest.mark.parametrize('seed', range(4))
def test_any_order(mode, seed):
    with running(divisions=[MAIN], switches={'partial_payment': mode}) as (server, client):
        clerk = Clerk(server, client, seed)
        entries = [*clerk.sales, *clerk.foreign, *clerk.credits, *clerk.bills]
        before = {entry: terms(client, entry)[0] for entry in entries}
        assert clerk.play(120) > 40
        clerk.take_all_back()
        clerk.check()
        for entry, was in before.items():
            rows = terms(client, entry)
            assert round(sum(row['AmountFC'] for row in rows), 2) == was['AmountFC']
            assert round(sum(row['AmountDC'] for row in rows), 2) == was['AmountDC']
            [row] = rows
            assert (row['Status'], row['LastPaymentDate'], row['EndDate']) == (20, None, None)
            assert row['EntryID'] == entry
        assert not server.store.all('BankEntryLines', MAIN)
        assert len(server.store.all('PaymentTerms', MAIN)) == len(entries)
