"""Can a glue addon be installed? python glue.py ADDON FOLDER...

Exit status 0 if every addon it depends on lies in one of the folders.
"""
import ast
import sys
from pathlib import Path

addon, *folders = map(Path, sys.argv[1:])
manifest = ast.literal_eval((addon / '__manifest__.py').read_text(encoding='utf-8'))
missing = [
    name for name in manifest.get('depends', ())
    if not any((folder / name / '__manifest__.py').is_file() for folder in folders)
]
if missing or not manifest.get('installable', True):
    print(f"Left out: {addon.name} (needs {', '.join(missing) or 'a newer version'})")
    sys.exit(1)
