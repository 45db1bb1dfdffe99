"""An administration in which others change many ledger lines: what it costs to see them, and how
soon documents go out beside that. `LINES` in the environment: how many were changed in 31 days.
"""

import os
import resource
import sys
import uuid
from datetime import timedelta

from bench_tools import DIVISION, Meter, Simulator, documents, figure, load, place, prepare

LINES = int(os.environ.get('LINES', '66000'))
DAYS = 31
# Entries of which the stretch consists: of ten lines six are of bills, two general, two of a bank.
KINDS = (('bill', 3), ('bill', 3), ('general', 2), ('bank', 2))
HOW = f"scripts/bench busy: {LINES:,} ledger lines changed in {DAYS} days"


def lines_of(server, number):
    """Give so many ledger lines, in the order of their changes."""
    store = server.store
    journals = {row['Type']: row['Code'] for row in store.all('Journals', DIVISION)}
    ledgers = {row['Type']: row['ID'] for row in store.all('GLAccounts', DIVISION)}
    [account, *_others] = store.all('Accounts', DIVISION)
    made, index = 0, 0
    while made < number:
        kind, count = KINDS[index % len(KINDS)]
        guid, index = str(uuid.uuid4()), index + 1
        ago = timedelta(days=DAYS) * (1 - made / number)
        moment = (server.clock() - ago).replace(tzinfo=None).isoformat(timespec='milliseconds')
        amounts = {3: (-121.0, 100.0, 21.0), 2: (40.0, -40.0)}[count]
        types = {'bill': (22, 110, 24), 'general': (110, 110), 'bank': (12, 22)}[kind]
        for position, (amount, gl_type) in enumerate(zip(amounts, types, strict=True)):
            made += 1
            yield {
                'ID': str(uuid.uuid4()), 'EntryID': guid, 'EntryNumber': index,
                'LineNumber': position, 'LineType': 0, 'AmountFC': amount, 'AmountDC': amount,
                'AmountVATFC': 0.0, 'VATCode': None, 'VATType': 'S', 'ExchangeRate': 1.0,
                'JournalCode': journals[{'bill': 22, 'general': 90, 'bank': 12}[kind]],
                'Type': {'bill': 30, 'general': 90, 'bank': 40}[kind],
                'GLAccount': ledgers.get(gl_type) or next(iter(ledgers.values())),
                'Account': account['ID'] if kind == 'bill' else None, 'Currency': 'EUR',
                'Date': moment[:10], 'DueDate': None, 'FinancialYear': int(moment[:4]),
                'FinancialPeriod': int(moment[5:7]), 'Status': 20, 'Quantity': 0.0,
                'YourRef': f'V{index}' if kind == 'bill' else None,
                'Description': f'V{index}: others', 'Created': moment, 'Modified': moment,
                'Creator': account['ID'], 'Modifier': account['ID'],
            }


def serve(port_file):
    """The simulator of this script, in a process of its own: memory is Odoo's alone then."""
    from simulator.server import SimulatorServer

    server = SimulatorServer(switches={'rate_limits': False})
    with server.store.transaction():
        for line in lines_of(server, LINES):
            server.store.put('TransactionLines', DIVISION, line)
    with open(port_file, 'w', encoding='utf-8') as file:
        file.write(server.url.rsplit(':', 1)[1])
    server.serve_forever()


def memory():
    """The most that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class BusySimulator(Simulator):
    command = (sys.executable, __file__, 'serve')


def main():
    with place(simulator=BusySimulator) as (env, simulator):
        division = prepare(env)
        [move] = documents(division, 1)
        cron = env.ref('account_exact.ir_cron_exact_export')
        simulator.calls()
        before = memory()
        export = env['exact.export'].propose(move)
        env.cr.commit()
        with Meter() as meter:
            cron.method_direct_trigger()
            env.cr.commit()
            env.invalidate_all()
        calls = simulator.calls()
        looks = sum('TransactionLines' in name for _method, name in calls)
        pages = max(LINES / 1000, 1)
        figure("busy: state of the one document", export.state, "verified", HOW)
        figure("busy: calls to see all that was changed", looks, f"about {pages:.0f}", HOW)
        figure("busy: queries per 1,000 lines", f"{meter.queries / pages:.0f}", "", HOW)
        figure(
            "busy: own CPU per 1,000 lines", f"{1000 * meter.cpu / pages:.0f} ms", "",
            f"{HOW}; {load()}",
        )
        figure("busy: memory that it took", f"{memory() - before:.0f} MB", "flat", HOW)


if __name__ == '__main__':
    if sys.argv[1:2] == ['serve']:
        serve(sys.argv[-1])
    else:
        main()
