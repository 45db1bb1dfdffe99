"""The list of invoices, with the columns of Exact and without."""

import time
from statistics import median

from bench_tools import documents, export, figure, load, place, prepare
from lxml import etree

NUMBER, EXPORTED, RUNS = 5_000, 80, 60
DOMAIN = [
    ('move_type', '=', 'out_invoice'), ('state', '=', 'posted'),
    ('invoice_date', '<', '2026-07-01'),
]


def specification(moves):
    """What the web client asks for the list of invoices."""
    view = moves.env.ref('account.view_out_invoice_tree')
    arch = etree.fromstring(moves.get_view(view.id, 'list')['arch'])
    names = {node.get('name') for node in arch.iterchildren('field')}
    relational = {
        name for name in names if moves._fields[name].type == 'many2one'
    }
    return {
        name: {'fields': {'display_name': {}}} if name in relational else {} for name in names
    }


def main():
    with place() as (env, _simulator):
        division = prepare(env)
        documents(division, NUMBER)
        moves = env['account.move'].search(DOMAIN, limit=EXPORTED)
        export(moves)
        # As a person sees it: with rules and groups
        moves = moves.with_user(env.ref('base.user_admin')).with_context(
            allowed_company_ids=division.company_id.ids, bin_size=True,
        )
        wanted = specification(moves)
        kinds = {
            'with': wanted,
            'without': {name: spec for name, spec in wanted.items() if name[:6] != 'exact_'},
        }
        if not {'exact_state', 'exact_entry_number'} <= wanted.keys():
            raise SystemExit("the list has no columns of Exact")
        seconds = {kind: [] for kind in kinds}
        for _run in range(RUNS):
            for kind, fields in kinds.items():
                env.invalidate_all()
                started = time.process_time()
                rows = moves.web_search_read(
                    DOMAIN, fields, limit=EXPORTED, count_limit=10_001,
                )['records']
                seconds[kind].append(time.process_time() - started)
                if kind == 'with' and {row['exact_state'] for row in rows} != {'verified'}:
                    raise SystemExit("the list shows other documents than those exported")
        ratio = median(seconds['with']) / median(seconds['without'])
        figure(
            f"list of {EXPORTED} invoices with the Exact column against without",
            f"{ratio:.2f} times", "under 1.1 times",
            f"scripts/bench list: {EXPORTED} exported of {NUMBER:,} documents, web_search_read,"
            f" {RUNS} runs of each in turn; {load()}",
        )


if __name__ == '__main__':
    main()
