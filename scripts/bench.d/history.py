"""What a history of 100,000 booked documents costs: work that finds what is due, and lists."""

import json
import os
import pathlib
import time
from statistics import median

from bench_tools import (
    ORIGINALS,
    Meter,
    _copies,
    _copy,
    attach,
    documents,
    export,
    figure,
    load,
    place,
    prepare,
)

from odoo.tools import SQL

SHORT, LONG = 1_000, 100_000
RUNS, DIVISIONS = 5, 100
TICK = 1000 / os.sysconf('SC_CLK_TCK')


def server_ms(database):
    """Milliseconds that the servers of PostgreSQL have worked for the database so far."""
    total = 0
    for path in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            line = (path / 'cmdline').read_bytes()
            if line.startswith(b'postgres: ') and f' {database} '.encode() in line:
                values = (path / 'stat').read_text().rpartition(')')[2].split()
                total += (int(values[11]) + int(values[12])) * TICK
        except OSError:  # It has just ended
            continue
    return total


def lengthen(env, number):
    """Give the database a history of so many verified documents, past the ORM."""
    exports = env['exact.export'].search([('state', '=', 'verified')], limit=ORIGINALS)
    moves = {export.move_id.id: export for export in exports}
    present = env['exact.export'].search_count([('state', '=', 'verified')])
    turn = 10_000
    while present < number:
        turn += 1
        copied = _copies(env, list(moves), turn)
        pairs = dict(zip(moves, copied, strict=True))
        by_export = {moves[old].id: new for old, new in pairs.items()}
        ids = _copy(env, 'exact_export', SQL("id IN %s", tuple(by_export)), {
            'move_id': SQL("(%s::jsonb ->> id::text)::int", json.dumps(by_export)),
            'exact_guid': SQL("gen_random_uuid()::text"),
            'entry_number': SQL("entry_number + %s", turn * 1000),
            'reference': SQL("reference || '/' || %s", turn),
            'reference_key': SQL("reference_key || '/' || %s", turn),
        })
        _copy(env, 'exact_operation', SQL(
            "res_model = 'exact.export' AND res_id IN %s", tuple(ids),
        ), {'res_id': SQL("(%s::jsonb ->> res_id::text)::int", json.dumps(ids))})
        present += len(copied)
        env.cr.commit()
    env.cr.execute("ANALYZE account_move, exact_export, exact_operation")
    env.cr.commit()
    env.invalidate_all()


def timed(env, work):
    """(milliseconds of the clock, of PostgreSQL's processors), medians of some runs."""
    clock, server = [], []
    for _run in range(RUNS):
        env.invalidate_all()
        before, started = server_ms(env.cr.dbname), time.monotonic()
        work()
        clock.append(1000 * (time.monotonic() - started))
        server.append(server_ms(env.cr.dbname) - before)
    return median(clock), median(server)


def lists(env, company):
    """{what a person does: callable}"""
    moves = env['account.move'].with_user(env.ref('base.user_admin')).with_context(
        allowed_company_ids=company.ids,
    )
    posted = [('move_type', '=', 'out_invoice'), ('state', '=', 'posted')]
    number = env['exact.export'].search([('state', '=', 'verified')], limit=1).entry_number

    def filtered(*terms):
        return lambda: moves.web_search_read(
            [*posted, *terms], {'name': {}}, limit=80, count_limit=10_001,
        )

    def grouped(field):
        return lambda: moves.web_read_group(posted, [field], ['__count'])

    return {
        # What Odoo itself takes for the same
        "filtered by Odoo's own payment state": filtered(('payment_state', '=', 'not_paid')),
        "grouped by Odoo's own payment state": grouped('payment_state'),
        "filtered by Verified": filtered(('exact_state', '=', 'verified')),
        "filtered by Blocked": filtered(('exact_state', '=', 'blocked')),
        "filtered by Not Exported": filtered(('exact_state', '=', 'not_exported')),
        "grouped by the state in Exact": grouped('exact_state'),
        "searched by the number in Exact": lambda: moves.web_search_read(
            [('exact_entry_number', '=', str(number))], {'name': {}}, limit=80,
        ),
    }


def wake_up(moves):
    """An invoice is posted and exported."""
    return lambda: export(next(moves))


def main():
    with place() as (env, _simulator):
        division = prepare(env)
        moves = iter(documents(division, SHORT + 4 * RUNS + 400))
        some = env['account.move'].union(*(next(moves) for _index in range(SHORT)))
        export(some)
        measured = {}
        for number in (SHORT, LONG):
            lengthen(env, number)
            measured[number] = {
                name: timed(env, work)
                for name, work in {
                    **lists(env, division.company_id),
                    "one document, from proposed to verified": wake_up(moves),
                    "to see that nothing is due": lambda: env.ref(
                        'account_exact.ir_cron_exact_export',
                    ).method_direct_trigger(),
                }.items()
            }
        for name, (clock, server) in measured[LONG].items():
            short, short_server = measured[SHORT][name]
            figure(
                f"{name}: {LONG:,} in history", f"{clock:.0f} ms ({clock / short:.1f} times)",
                "under 1.5 times, or as Odoo's own",
                f"scripts/bench history: {short:.0f} ms with {SHORT:,}; PostgreSQL {server:.0f} ms,"
                f" {short_server:.0f} ms before; {load()}",
            )
        division.send_documents = True
        last = env['account.move'].union(*(next(moves) for _index in range(200)))
        attach(last)
        env.cr.commit()
        before = server_ms(env.cr.dbname)
        with Meter() as meter:
            export(last)
        server = (server_ms(env.cr.dbname) - before) / len(last)
        figure(
            "queries per document with PDF", f"{meter.queries / len(last):.1f}", "at most 15",
            f"scripts/bench history: {len(last)} documents, {LONG:,} in history",
        )
        figure(
            "own CPU per document with PDF", f"{1000 * meter.cpu / len(last):.1f} ms",
            "at most 10 ms", f"scripts/bench history: PostgreSQL {server:.1f} ms; {load()}",
        )


if __name__ == '__main__':
    main()
