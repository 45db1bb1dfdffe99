"""Whether the ten thousandth document costs as much as the first."""

from statistics import median

from bench_tools import Meter, documents, export, figure, load, place, prepare

MANY = 10_000


def cpu(moves):
    with Meter() as meter:
        export(moves)
    return 1000 * meter.cpu / len(moves)


def main():
    with place() as (env, _simulator):
        division = prepare(env)
        moves = documents(division, 20 + 5 * 100 + MANY)
        export(moves[:20])
        few = median(cpu(moves[start:start + 100]) for start in range(20, 520, 100))
        many = cpu(moves[520:])
        how = f"scripts/bench export_many: without HTTP, one run; {load()}"
        figure(f"own CPU per document, {MANY:,} documents", f"{many:.1f} ms", "at most 25 ms", how)
        figure(
            "the same against 100 documents", f"{many / few:.2f} times", "flat",
            "scripts/bench export_many: 100 documents in the same run, median of 5",
        )


if __name__ == '__main__':
    main()
