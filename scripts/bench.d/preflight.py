"""The dry run over many documents."""

import resource
import time
from statistics import median

from bench_tools import documents, figure, load, place, prepare

NUMBER, RUNS = 10_000, 5


def dry_run(wizard):
    """Do what the button and then the scheduled action do; return how many steps a person can see.
    """
    wizard.action_check()
    wizard.env.cr.commit()
    steps = 0
    while wizard.is_checking:
        wizard._check_step()
        wizard.env.cr.commit()
        steps += 1
    return steps


def size():
    """Largest size of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    with place() as (env, _simulator):
        division = prepare(env)
        documents(division, NUMBER)
        before = size()
        wizard = env['exact.export.wizard'].with_user(env.ref('base.user_admin')).create({
            'division_id': division.id, 'scope': 'all',
        })
        clock, cpu = [], []
        for _run in range(RUNS):
            started, used = time.monotonic(), time.process_time()
            steps = dry_run(wizard)
            clock.append(time.monotonic() - started)
            cpu.append(time.process_time() - used)
        how = f"scripts/bench preflight: {wizard.checked_count:,} documents"
        figure(
            "pre-flight of 10,000 documents", f"{median(clock):.1f} s", "under 60 s",
            f"{how}, median of {RUNS}, {median(cpu):.1f} s of them own CPU; {load()}",
        )
        figure(
            "memory of the pre-flight", f"{size():.0f} MB", "under 600 MB",
            f"{how}, largest size of the process; {before:.0f} MB before",
        )
        figure(
            "progress of the pre-flight", f"{steps} steps", "shown",
            "scripts/bench preflight: how often the bar in the window moves",
        )


if __name__ == '__main__':
    main()
