"""The dry run over many documents."""

import resource
import time

from bench_tools import documents, figure, load, place, prepare

NUMBER = 10_000


def main():
    with place() as (env, _simulator):
        division = prepare(env)
        documents(division, NUMBER)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        wizard = env['exact.export.wizard'].with_user(env.ref('base.user_admin')).create({
            'division_id': division.id, 'scope': 'all',
        })
        started, cpu = time.monotonic(), time.process_time()
        wizard.action_check()
        env.cr.commit()
        seconds, cpu = time.monotonic() - started, time.process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        how = f"scripts/bench preflight: {wizard.checked_count:,} documents"
        figure(
            "pre-flight of 10,000 documents", f"{seconds:.1f} s", "under 60 s",
            f"{how}, {cpu:.1f} s of them own CPU; {load()}",
        )
        figure(
            "memory of the pre-flight", f"{after:.0f} MB", "under 600 MB",
            f"{how}, largest size of the process; {before:.0f} MB before",
        )


if __name__ == '__main__':
    main()
