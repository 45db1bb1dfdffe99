"""Files that a checker has passed before: python lint_seen.py FOLDER KEY (new|passed) FILE...

KEY: all that the verdict depends on but the file. "new" prints the files that were not seen in this
wording; "passed" notes them.
"""
import hashlib
import sys
import time
from pathlib import Path

KEPT_SECONDS = 14 * 86400


def marker(folder, key, name):
    content = Path(name).read_bytes()
    return folder / hashlib.sha256(f'{key}\0{name}\0'.encode() + content).hexdigest()[:32]


def new(folder, key, names):
    return [name for name in names if not marker(folder, key, name).exists()]


def passed(folder, key, names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        marker(folder, key, name).touch()
    for path in folder.iterdir():
        if path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink(missing_ok=True)


def main(folder, key, verb, *names):
    if verb == 'passed':
        passed(Path(folder), key, names)
    else:
        print(*new(Path(folder), key, names), sep='\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
