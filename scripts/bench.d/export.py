"""What an exported document costs: calls to Exact, queries, processor time."""

from statistics import median

from bench_tools import Meter, attach, documents, export, figure, load, place, prepare

RUNS = 5
HOW = "invoices and bills of 1 to 5 lines"


def calls(simulator, moves, name, target, how):
    simulator.calls()
    export(moves)
    made = len(simulator.calls())
    figure(name, f"{made / len(moves):.3f}", target, f"scripts/bench export: {how}")


def queries(moves):
    with Meter() as meter:
        export(moves)
    return f"{meter.queries / len(moves):.1f}"


def cpu(moves):
    with Meter() as meter:
        export(moves)
    return 1000 * meter.cpu / len(moves)


def main():
    with place() as (env, simulator):
        division = prepare(env)
        moves = iter(documents(division, 20 + RUNS * 100 + 200 + 2000 + 1000 + 1000))

        def some(number):
            return env['account.move'].union(*(next(moves) for _index in range(number)))

        export(some(20))  # what is read once, is read
        figure(
            "own CPU per document, 100 documents",
            f"{median(cpu(some(100)) for _run in range(RUNS)):.1f} ms", "at most 25 ms",
            f"scripts/bench export: without HTTP, median of {RUNS} runs, {HOW}; {load()}",
        )
        for number in (200, 2000):
            figure(
                f"SQL queries per document, {number:,} documents", queries(some(number)),
                "at most 25", "scripts/bench export: all cursors, from proposed to verified",
            )
        calls(
            simulator, some(1000), "calls per exported document without PDF", "at most 1.02",
            "1,000 documents, read-back included",
        )
        division.send_documents = True
        last = some(1000)
        attach(last)
        env.cr.commit()
        calls(
            simulator, last, "calls per exported document with PDF", "at most 3.02",
            "1,000 documents with a small PDF attached (wkhtmltopdf makes none)",
        )


if __name__ == '__main__':
    main()
