"""First and delta synchronisation of an administration with 50,000 relations."""

from bench_tools import Meter, figure, link, place, synchronise

RELATIONS = 50_000


def main():
    with place(relations=RELATIONS) as (env, simulator):
        division = link(env)
        simulator.calls()
        with Meter() as meter:
            synchronise(division)
        made = simulator.calls()
        count = env['exact.relation'].search_count([('division_id', '=', division.id)])
        how = f"{count:,} relations over HTTP, simulator on the same machine"
        figure("first synchronisation", f"{meter.seconds:.1f} s", "under 90 s", how)
        figure("own CPU of the first synchronisation", f"{meter.cpu:.1f} s", "", "without HTTP")
        accounts = made.count(('GET', 'sync/CRM/Accounts'))
        figure("calls for the relations", accounts, "at most 51", how)
        figure("calls of the first synchronisation", len(made), "", "all resources")

        division._start_sync()
        env.cr.commit()
        with Meter() as meter:
            synchronise(division)
        sync = [resource for _method, resource in simulator.calls() if resource.startswith('sync/')]
        how = "nothing changed in Exact"
        figure("own CPU of a delta synchronisation", f"{meter.cpu:.2f} s", "under 1 s", how)
        figure("calls per sync resource in a delta", f"{len(sync) / len(set(sync)):g}", "1", how)


if __name__ == '__main__':
    main()
