"""``python -m simulator``: serve until interrupted."""

import argparse
import os
import pathlib
import signal
import sys

from . import seed
from .server import SimulatorServer
from .store import BooksInUseError
from .switches import SWITCHES


def switch(text):
    """``name=value`` of the command line -> (name, value)."""
    name, _, value = text.partition('=')
    if name not in SWITCHES:
        raise argparse.ArgumentTypeError(f'unknown switch {name}; known: {", ".join(SWITCHES)}')
    default = SWITCHES[name][0]
    if isinstance(default, bool):
        return name, value.lower() in ('1', 'true', 'yes', 'on')
    if isinstance(default, (int, float)):
        return name, type(default)(value)
    if isinstance(default, list) or name == 'scopes':
        return name, [part.strip() for part in value.split(',') if part.strip()]
    return name, value


def main(argv=None):
    parser = argparse.ArgumentParser(prog='simulator', description='A stand-in for Exact Online.')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=0, help='0 = a free one')
    parser.add_argument(
        '--database', default=':memory:', help='SQLite file; the books survive restarts'
    )
    parser.add_argument('--port-file', help='write the port number here once it listens')
    parser.add_argument(
        '--seed-division',
        type=int,
        action='append',
        choices=sorted(seed.DIVISIONS),
        help='only these demo divisions (may be repeated)',
    )
    parser.add_argument(
        '--relations', type=int, default=0, help='seed so many generated relations as well'
    )
    parser.add_argument('--switch', type=switch, action='append', default=[], metavar='NAME=VALUE')
    args = parser.parse_args(argv)
    if args.database != ':memory:':
        pathlib.Path(args.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        server = SimulatorServer(
            database=args.database,
            switches=dict(args.switch),
            host=args.host,
            port=args.port,
            divisions=args.seed_division,
        )
    except (OSError, BooksInUseError) as error:
        sys.exit(f'The simulator cannot start on {args.host}:{args.port}: {error}')
    missing = args.relations - len(server.store.all('Accounts', seed.MAIN))
    if missing > 0:
        seed.generate_relations(server.store, missing)
    if args.port_file:
        # whole or not at all: a reader may poll for the file
        temporary = f'{args.port_file}.new'
        pathlib.Path(temporary).write_text(f"{server.url.rsplit(':', 1)[1]}\n", encoding='utf-8')
        os.replace(temporary, args.port_file)
    print(f'Exact Online simulator: {server.url}', flush=True)
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(0))
    try:
        server.serve_forever()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        server.stop()


if __name__ == '__main__':
    main()
