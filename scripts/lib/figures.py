"""Figures of the structure: how large the files are, and which of them hang together.

python figures.py CHECKOUT: prints them.
python figures.py CHECKOUT --check: prints what is larger than it may be, and what a room asks of
another past its public methods; exit status 1 if there is anything.
"""
import ast
import sys
from collections import defaultdict
from pathlib import Path

# A file says one thing, and can be read in one go.
LONGEST_FILE = 450
# Files whose private methods call each other in a circle can only be understood together.
LARGEST_CIRCLE = 3
EXPORT = 'exact.export'
# What other rooms and addons extend or call by its private name: hooks, the scheduled action, the
# only writer of a state, and what is ours on Odoo's own models.
HOOKS = (
    '_after_sync', '_cron_process', '_exact_', '_go', '_mapping_kinds', '_start_sync',
    '_sync_resources', '_texts', '_wanted_sources', '_work_kinds',
)
# Names of methods that Odoo's own classes have, too.
OF_ODOO = {'_search', '_translate'}


def sources(checkout, *folders):
    """{path below the checkout: syntax tree} of the program, without tests."""
    return {
        path.relative_to(checkout).as_posix(): ast.parse(path.read_text(encoding='utf-8'))
        for folder in folders for path in sorted((checkout / folder).rglob('*.py'))
    }


def is_private(name):
    return name.startswith('_') and not name.startswith('__')


def extends(node):
    """Whether a method only extends what another file declares: it calls its like of `super()`."""
    return any(
        isinstance(call.func, ast.Attribute) and call.func.attr == node.name
        and isinstance(call.func.value, ast.Call)
        and getattr(call.func.value.func, 'id', None) == 'super'
        for call in ast.walk(node) if isinstance(call, ast.Call)
    )


def parents_of(node):
    """(`_name` or the model that is extended, the models that it inherits from) of a class."""
    values = {}
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.value, (ast.Constant, ast.List)):
            for target in line.targets:
                values[getattr(target, 'id', None)] = ast.literal_eval(line.value)
    inherit = values.get('_inherit') or []
    inherit = [inherit] if isinstance(inherit, str) else inherit
    return values.get('_name') or (inherit[0] if inherit else None), set(inherit)


def owners_of(trees):
    """{private method: files that declare it}. What extends or overrides a method of a parent is
    called through what the parent declares.
    """
    parents, declared = defaultdict(set), defaultdict(set)
    classes = [
        (path, node) for path, tree in trees.items() for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    ]
    for _path, node in classes:
        model, inherited = parents_of(node)
        parents[model] |= inherited - {model}
        declared[model].update(
            line.name for line in node.body if isinstance(line, ast.FunctionDef)
        )

    def is_inherited(model, name, seen=()):
        return any(
            name in declared[parent] or is_inherited(parent, name, (*seen, model))
            for parent in parents[model] if parent not in seen
        )

    owners = defaultdict(set)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and is_private(node.name) and not extends(node):
                owners[node.name].add(path)
    for path, node in classes:
        model, _inherited = parents_of(node)
        for line in node.body:
            if isinstance(line, ast.FunctionDef) and is_inherited(model, line.name):
                owners[line.name].discard(path)
    return owners


def calls(trees):
    """{file: files whose private methods it calls}. A method that the file declares itself is its
    own.
    """
    owners = owners_of(trees)
    result = defaultdict(set)
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and path not in owners.get(node.attr, {path}):
                result[path] |= owners[node.attr]
    return result


def room_of(path):
    return '/'.join(path.split('/')[:2]) if path.startswith('models/') else path.split('/')[0]


def intrusions(trees):
    """Lines that call a private method which only files of another room declare."""
    owners = owners_of({path: tree for path, tree in trees.items() if room_of(path) != path})
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name = node.func.attr
            rooms = {room_of(owner) for owner in owners.get(name, ())}
            if (
                rooms and room_of(path) not in rooms and name not in OF_ODOO
                and not name.startswith(HOOKS)
                and not (isinstance(node.func.value, ast.Call)
                         and ast.unparse(node.func.value) == 'super()')
            ):
                yield f"{path}:{node.lineno}: {name} is private to {', '.join(sorted(rooms))}"


def circles(edges, nodes):
    """Sets of nodes that reach each other, the largest first."""
    def reached(start):
        found, waiting = set(), [start]
        while waiting:
            for follows in edges.get(waiting.pop(), ()):
                if follows not in found:
                    found.add(follows)
                    waiting.append(follows)
        return found

    reach, seen, result = {node: reached(node) for node in nodes}, set(), []
    for node in nodes:
        circle = {other for other in reach[node] if node in reach[other]} | {node}
        if node not in seen and len(circle) > 1:
            result.append(circle)
        seen |= circle
    return sorted(result, key=len, reverse=True)


def model_of(node):
    """`_name`, or the single `_inherit`, of a class of the ORM."""
    values = {}
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
            for target in line.targets:
                values[getattr(target, 'id', None)] = line.value.value
    return values.get('_name') or values.get('_inherit')


def members(trees, model):
    """(fields, methods, files) of a model."""
    fields, methods, files = set(), set(), set()
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or model_of(node) != model:
                continue
            files.add(path)
            for line in node.body:
                if isinstance(line, ast.FunctionDef):
                    methods.add(line.name)
                elif isinstance(line, ast.Assign) and ast.unparse(line.value).startswith('fields.'):
                    fields.update(target.id for target in line.targets)
    return fields, methods, files


def lines(checkout, path):
    return len((checkout / path).read_text(encoding='utf-8').splitlines())


def check(checkout):
    """What is not as it has to be, a line each."""
    program = sources(checkout, 'models', 'wizards', 'controllers')
    models = {path: tree for path, tree in program.items() if path.startswith('models/')}
    for path in sources(checkout, 'models', 'wizards', 'controllers', 'booking', 'exact_api'):
        if lines(checkout, path) > LONGEST_FILE:
            yield f'{path}: over {LONGEST_FILE} lines'
    for circle in circles(calls(models), list(models)):
        if len(circle) > LARGEST_CIRCLE:
            yield f"call each other's private methods in a circle: {', '.join(sorted(circle))}"
    yield from intrusions(program)


def main(checkout):
    program = sources(checkout, 'models', 'wizards', 'controllers', 'booking', 'exact_api')
    models = {path: tree for path, tree in program.items() if path.startswith('models/')}
    sizes = {path: lines(checkout, path) for path in program}
    fields, methods, files = members(models, EXPORT)
    print(f'{sum(sizes.values())} lines in {len(sizes)} files; of models '
          f'{sum(sizes[path] for path in models)} in {len(models)}')
    long = {path: size for path, size in sizes.items() if size > LONGEST_FILE}
    print(f'{len(long)} files over {LONGEST_FILE} lines: ' + ', '.join(
        f'{path} {size}' for path, size in sorted(long.items(), key=lambda row: -row[1])))
    print(f'{EXPORT}: {len(fields)} fields, {len(methods)} methods in {len(files)} files')
    for circle in circles(calls(models), list(models)):
        print(f'{len(circle)} files with {sum(sizes[path] for path in circle)} lines call each'
              f" other's private methods in a circle: {', '.join(sorted(circle))}")


if __name__ == '__main__':
    here = Path(sys.argv[1]).resolve()
    if '--check' not in sys.argv:
        main(here)
    elif wrong := list(check(here)):
        sys.exit('\n'.join(wrong))
