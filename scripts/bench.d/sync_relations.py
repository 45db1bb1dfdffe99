"""First and delta synchronisation of an administration with 50,000 relations."""

from statistics import median

from bench_tools import Meter, figure, link, load, place, synchronise

RELATIONS, RUNS = 50_000, 5
HOW = "scripts/bench sync_relations"


def forget(env):
    """Take away what was read: the guards of the models are for people."""
    env.cr.execute('DELETE FROM exact_connection')
    env.invalidate_all()


def measure(division):
    with Meter() as meter:
        synchronise(division)
    return meter


def main():
    with place(relations=RELATIONS) as (env, simulator):
        first = []
        for _run in range(RUNS):
            forget(env)
            division = link(env)
            simulator.calls()
            first.append(measure(division))
            made = simulator.calls()
        count = env['exact.relation'].search_count([('division_id', '=', division.id)])
        figure(
            f"first synchronisation of {count:,} relations",
            f"{median(meter.seconds for meter in first):.1f} s", "under 90 s",
            f"{HOW}: over HTTP, median of {RUNS},"
            f" {median(meter.cpu for meter in first):.1f} s of them own CPU; {load()}",
        )
        accounts = made.count(('GET', 'sync/CRM/Accounts'))
        figure(
            "calls for the relations", accounts, "at most 51",
            f"{HOW}: {len(made)} calls for all resources",
        )

        delta = []
        for _run in range(RUNS):
            division._start_sync()
            env.cr.commit()
            delta.append(measure(division))
            sync = [name for _method, name in simulator.calls() if name.startswith('sync/')]
        figure(
            "own time of a delta synchronisation",
            f"{median(meter.cpu for meter in delta):.2f} s", "under 1 s",
            f"{HOW}: CPU without HTTP, nothing changed in Exact, median of {RUNS}",
        )
        figure(
            "calls per sync resource in a delta synchronisation",
            f"{len(sync) / len(set(sync)):g}", "1", f"{HOW}: nothing changed in Exact",
        )


if __name__ == '__main__':
    main()
