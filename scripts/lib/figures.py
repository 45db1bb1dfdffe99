"""Figures of the structure: how large the files are, and which of them hang together.

python figures.py CHECKOUT: prints them.
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


def sources(checkout, *folders):
    """{path below the checkout: syntax tree} of the program, without tests."""
    return {
        path.relative_to(checkout).as_posix(): ast.parse(path.read_text(encoding='utf-8'))
        for folder in folders for path in sorted((checkout / folder).rglob('*.py'))
    }


def is_private(name):
    return name.startswith('_') and not name.startswith('__')


def extends(node):
    """Whether a method only extends, or is one of the forms of, what another file declares: it calls
    the method of its own name of `super()`.
    """
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
    main(Path(sys.argv[1]).resolve())
