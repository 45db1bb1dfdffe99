"""Makes the start once, then runs seeds on copies of it, each in a process of its own.

See scripts/rehearse --help. A process of its own: a run must not depend on those before it.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from .copies import copy_database, drop_database

INVARIANTS = range(1, 11)
NOT_YET = {8: "payments agree: not in this release"}
# In real time; no run needs so long.
RUN_SECONDS = 3600


def arguments():
    parser = argparse.ArgumentParser(prog='scripts/rehearse')
    parser.add_argument('--database', required=True)
    parser.add_argument('--folder', required=True, type=pathlib.Path)
    parser.add_argument('--seed', type=int)
    parser.add_argument('--seeds', type=int, help="this many, from 1 on")
    parser.add_argument('--documents', type=int, default=200)
    parser.add_argument('--faults', choices=['heavy', 'light', 'none'], default='heavy')
    parser.add_argument('--minutes', type=float, default=60)
    parser.add_argument('--jobs', type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument('--twice', action='store_true')
    parser.add_argument('--verbose', action='store_true')
    parser.add_argument('--keep', type=pathlib.Path, help="folder for requests and books")
    parser.add_argument('--compare', type=pathlib.Path, help="folder of an earlier --keep")
    parser.add_argument('--line', type=pathlib.Path, help="file for the last line")
    return parser.parse_args()


class Rehearsal:
    def __init__(self, options):
        self.options = options
        self.start = options.folder / 'start.sqlite'
        self.start_database = f'{options.database}_start'
        self.moment = None

    def prepare(self):
        """Two companies, connected, synchronised and mapped."""
        copy_database(self.options.database, self.start_database)
        process = subprocess.run(
            [sys.executable, '-m', 'rehearse.prepare', self.start_database, str(self.start)],
            capture_output=True, text=True,
        )
        if process.returncode:
            sys.exit(f'The start cannot be made:\n{process.stderr[-4000:]}')
        self.moment = process.stdout.split()[-1]

    def run(self, seed, number=1):
        """One run; what it counted, as a dict."""
        options = self.options
        name = f'{seed}_{number}'
        database = f'{options.database}_{name}'
        books, result = options.folder / f'{name}.sqlite', options.folder / f'{name}.json'
        shutil.copy(self.start, books)
        copy_database(self.start_database, database)
        try:
            output = None if options.verbose else subprocess.PIPE
            process = subprocess.run(
                [
                    sys.executable, '-m', 'rehearse.play', database, str(books), str(result),
                    self.moment, str(seed), str(options.documents), options.faults,
                    *(['verbose'] if options.verbose else []),
                ],
                stdout=output, stderr=subprocess.STDOUT, text=True, timeout=RUN_SECONDS,
                env={**os.environ, 'ACCOUNT_EXACT_KEEP': str(options.keep or '')},
            )
            if not result.exists():
                return {'seed': seed, 'failure': (process.stdout or '')[-3000:] or 'no result'}
            return json.loads(result.read_text())
        except subprocess.TimeoutExpired:
            return {'seed': seed, 'failure': f'not at its end after {RUN_SECONDS} s'}
        finally:
            for copy in (database, f'{database}_backup'):
                drop_database(copy)
            for path in options.folder.glob(f'{name}.sqlite*'):
                path.unlink()
            result.unlink(missing_ok=True)

    def run_checked(self, seed):
        result = self.run(seed)
        if self.options.twice and 'digest' in result:
            again = self.run(seed, 2)
            if again.get('digest') != result['digest']:
                result['failure'] = (
                    f"does not repeat: {result['digest']}, then {again.get('digest')}"
                )
        if self.options.compare and 'digest' in result:
            result['compared'] = self.compared(seed)
            if 'books differ' in result['compared']:
                result['failure'] = result['failure'] or result['compared']
        return result

    def compared(self, seed):
        """What is not as in an earlier run: one text."""
        texts = []
        for what in ('requests', 'books'):
            before = self.options.compare / f'{seed}.{what}'
            if not before.exists():
                return 'not kept before'
            now = self.options.keep / f'{seed}.{what}'
            verb = 'equal' if now.read_bytes() == before.read_bytes() else 'differ'
            texts.append(f'{what} {verb}')
        return ', '.join(texts)

    def command(self, seed):
        options = self.options
        return (
            f'scripts/rehearse --seed {seed} --documents {options.documents}'
            f' --faults {options.faults}'
        )


def failed(result):
    return bool(result.get('failure') or any(result.get('violations', {}).values()))


def tell(result):
    """One line per run."""
    if 'violations' not in result:
        print(f"seed {result['seed']}: FAILED: {result['failure']}", flush=True)
        return
    violations = sum(map(len, result['violations'].values()))
    states = ', '.join(f'{count} {state}' for state, count in sorted(result['states'].items()))
    print(
        f"seed {result['seed']}: {'FAILED' if failed(result) else 'passed'},"
        f" {violations} violations; {result['documents']} documents ({states});"
        f" {result['calls']} calls, {result['statuses'].get('429', 0)} answered 429,"
        f" {sum(result['faults'].values())} faults, {result['kills']} kills,"
        f" {result['guests']} overtaken, {result['conflicts']} conflicts,"
        f" {result['restores']} backups restored;"
        f" {result['virtual']} of virtual time in {result['seconds']:.0f} s;"
        f" digest {result['digest']}"
        f"{'; ' + result['compared'] if result.get('compared') else ''}", flush=True,
    )
    if result['failure']:
        print(f"  The run broke off: {result['failure']}", flush=True)
    for number, broken in result['violations'].items():
        for text in broken[:5]:
            print(f'  {number}. {text}', flush=True)


def table(result, titles):
    """All invariants of a run, and what broke them."""
    if 'violations' not in result:
        return
    print('\ninvariant                                                        violations')
    for number in INVARIANTS:
        if number in NOT_YET:
            print(f'{number:2}. {NOT_YET[number]}')
            continue
        broken = result['violations'][str(number)]
        print(f'{number:2}. {titles[str(number)]:60} {len(broken):10}')
        for text in broken[:20]:
            print(f'      {text}')
        if len(broken) > 20:
            print(f'      … and {len(broken) - 20} more')
    for line in result['history'][:20]:
        print(f'    {line}')
    print()
    for name, text in (
        ('states', 'documents per final state'), ('findings', 'what keeps documents back'),
        ('statuses', 'calls per status (0: no answer)'), ('faults', 'faults'),
    ):
        values = ', '.join(f'{count} {key}' for key, count in sorted(result[name].items()))
        print(f'{text}: {values or "none"}')
    questions = ', '.join(f'{name} {value}' for name, value in result['exact'].items())
    print(f'the Exact of this run: {questions}')
    print(f"calls above Exact's limits: {result['limited']}")
    print(f"most errors of one endpoint in one hour: {result['worst_errors']}")
    print(f"clicks that Odoo refused: {result['refused']}")
    if result['failure']:
        print(f"FAILED: {result['failure']}")


def seeds(options):
    if options.seed is not None:
        yield options.seed
    elif options.seeds:
        yield from range(1, options.seeds + 1)
    else:
        # Ever new ones, told apart by the clock
        first = int(time.time())
        until = time.monotonic() + options.minutes * 60
        while time.monotonic() < until:
            yield first
            first += 1


def main():
    options = arguments()
    if options.compare and not options.keep:
        options.keep = options.folder / 'kept'
    if options.keep:
        options.keep = options.keep.resolve()
        options.keep.mkdir(parents=True, exist_ok=True)
    rehearsal = Rehearsal(options)
    started = time.monotonic()
    rehearsal.prepare()
    print(f'The start is made in {time.monotonic() - started:.0f} s.', flush=True)
    results, bad = [], None
    with ThreadPoolExecutor(options.jobs) as pool:
        waiting, todo = [], seeds(options)
        while True:
            while len(waiting) < options.jobs and not (bad and not options.seeds):
                seed = next(todo, None)
                if seed is None:
                    break
                waiting.append(pool.submit(rehearsal.run_checked, seed))
            if not waiting:
                break
            result = waiting.pop(0).result()
            results.append(result)
            tell(result)
            if failed(result):
                bad = bad or result
                print(f'  To see it again: {rehearsal.command(result["seed"])}', flush=True)
    shown = bad or (results[-1] if results else None)
    if shown:
        table(shown, shown.get('titles', {}))
    good = sum(not failed(result) for result in results)
    line = (
        f'{"rehearse":8} {good} passed, {len(results) - good} failed, 0 errors, 0 skipped'
        f' in {time.monotonic() - started:.0f} s'
    )
    print(line)
    if options.line:
        options.line.write_text(f'{line}\n')
    sys.exit(bool(bad) or not results)


if __name__ == '__main__':
    main()
