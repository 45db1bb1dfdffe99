"""Checks no tool makes: python lint_tree.py ROOT FILE... (paths relative to ROOT).

- what Odoo 19 accepts without a word and then ignores or breaks on in the browser;
- test files that their folder's __init__.py forgot (Odoo's own runner would skip them silently);
- XML that is not well-formed, data files the manifest does not name or names in vain;
- record rules that an upgrade would overwrite;
- plain Python packages that import Odoo or each other;
- XML that is parsed with entities, a DTD or the network.
"""
import ast
import re
import sys
from pathlib import Path

from lxml import etree

# pattern, kind of file, why
PATTERNS = [
    (r'<tree\b|</tree>', '.xml', "Odoo 19 writes <list>"),
    (r'view_mode">[^<]*\btree\b', '.xml', "the view mode is called list"),
    (r'kanban-box', '.xml', "kanban cards are <t t-name=\"card\">"),
    (r'oe_chatter', '.xml', "the chatter is <chatter/>"),
    (r'\s(attrs|states)=', '.xml', "modifiers are expressions: invisible=\"…\""),
    (r'numbercall|doall', '.xml', "scheduled actions no longer have it"),
    (r'\bt-raw\b', '.xml', "t-out: what comes from Exact is text and not markup"),
    (r'\bgroups_id\b', '.xml', "the fields are group_ids and all_group_ids"),
    (r'_sql_constraints\b', '.py', "ignored: write models.Constraint"),
    (r"""type=['"]json['"]""", '.py', "the route type is jsonrpc"),
    (r'\bcr\.commit\(', '.py', "commit through ir.cron's _commit_progress or in an own cursor"),
    (r'\bgroups_id\b', '.py', "the fields are group_ids and all_group_ids"),
    (r'\bself\._(cr|uid|context)\b', '.py', "self.env.cr, .uid, .context"),
    (r'from odoo\.osv', '.py', "odoo.fields.Domain"),
    (r'\bread_group\((?<!_read_group\()', '.py', "_read_group"),
]
PYTHON_FOLDERS = ('models', 'wizards', 'controllers', 'tests', 'report')
# Run without Odoo, or against a running one.
OTHER_TESTS = ('plain', 'browser')
DATA_FOLDERS = ('data', 'security', 'views', 'wizards', 'report')
XML_OWNERS = ('etree.', 'objectify.', 'lxml.')
XML_READERS = ('fromstring', 'fromstringlist', 'parse', 'iterparse', 'XML')
UNSAFE_XML = (
    'xml.etree', 'xml.dom.minidom', 'xml.dom.pulldom', 'xml.sax.parse', 'xml.sax.make_parser',
    'xml.sax.expatreader', 'xml.parsers.expat', 'lxml.etree.', 'lxml.objectify.',
)
# Files that write exports, and nothing else that has a state.
ABOUT_EXPORTS = (
    'account_move', 'exact_einvoice', 'exact_entry', 'exact_export', 'exact_finding',
    'exact_operation',
)
# Nobody else asks Exact to change anything: what is not remembered is done twice.
ASKS_FOR_CHANGES = 'exact_operation.py'
PLAIN_PACKAGES = ('exact_api', 'booking', 'simulator')


def patterns(path, text):
    if path.parts[0] == 'scripts':
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith(('#', '<!--')):
            continue
        for pattern, suffix, why in PATTERNS:
            if path.suffix == suffix and re.search(pattern, line):
                yield f'{path}:{number}: {line.strip()[:80]}: {why}'


def open_parsers(path, text):
    """XML of others that would be read with its entities: they can hold files of this machine."""
    if 'tests' in path.parts or path.parts[0] == 'scripts':
        return
    for node in ast.walk(ast.parse(text)):
        names, why = [], ''
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith(XML_OWNERS):
            called = ast.unparse(node.func).rpartition('.')[2]
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if called in XML_READERS and 'parser' not in given and len(node.args) < 2:
                why = "give it a parser with resolve_entities=False"
            elif called == 'XMLParser' and given.get('resolve_entities') != 'False':
                why = "resolve_entities=False"
        if any(name.startswith(UNSAFE_XML) for name in names):
            why = "reads entities: lxml's etree with resolve_entities=False"
        if why:
            yield f'{path}:{node.lineno}: {ast.unparse(node)[:60]}: {why}'


def imported_names(path):
    """Names of the modules that a file imports relatively: ``from . import a, b``, or
    ``room.a, room.b`` of ``from .room import a, b``.
    """
    if not path.is_file():
        return set()
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and node.level:
            if node.module:
                names.update(node.module.split('.'))
                names.update(f'{node.module}.{alias.name}' for alias in node.names)
            else:
                names.update(alias.name for alias in node.names)
    return names


def forgotten_modules(root, path):
    """A Python file of a package that Odoo loads, but which the package does not import."""
    parts = path.parts
    folder = path.parent
    inside = parts[2:] if parts[0] == 'addons' else parts
    if len(inside) not in (2, 3) or inside[0] not in PYTHON_FOLDERS or inside[1] in OTHER_TESTS:
        return
    if path.name == '__init__.py' or (inside[0] == 'tests' and not path.name.startswith('test_')):
        return
    # A room has no list of its own: the order is that of the whole folder.
    top = folder if len(inside) == 2 else folder.parent
    name = '.'.join(path.relative_to(top).with_suffix('').parts)
    if name not in imported_names(root / top / '__init__.py'):
        # Helpers are imported by the module that uses them.
        if inside[0] != 'tests' and any(
            path.stem in imported_names(other)
            for other in (root / top).rglob('*.py') if other != root / path
        ):
            return
        yield f'{path}: {top}/__init__.py does not import it'


def foreign_imports(path, text):
    if path.parts[0] not in PLAIN_PACKAGES:
        return
    others = {'odoo', *PLAIN_PACKAGES} - {path.parts[0]}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            depth = len(path.parts) - 1
            if node.level > depth:
                yield f'{path}:{node.lineno}: imports from outside its package'
            modules = [] if node.level else [node.module]
        else:
            continue
        for module in modules:
            if module.split('.')[0] in others:
                yield f'{path}:{node.lineno}: {path.parts[0]} imports {module}'


def state_writers(path, text):
    """Whoever writes the state of an export past the table of booking/life.py."""
    if path.parts[0] != 'models' or not path.name.startswith(ABOUT_EXPORTS):
        return
    tree = ast.parse(text)
    allowed = {
        node for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == '_go'
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        keys = targets = ()
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith('.write'):
            keys = [
                key.value for argument in node.args for part in ast.walk(argument)
                if isinstance(part, ast.Dict) for key in part.keys if isinstance(key, ast.Constant)
            ]
        elif isinstance(node, ast.Assign):
            targets = [
                target for target in node.targets
                if (isinstance(target, ast.Attribute) and target.attr == 'state')
                or (isinstance(target, ast.Subscript) and ast.unparse(target.slice) == "'state'")
            ]
        if ('state' in keys or targets) and node not in allowed:
            yield f'{path}:{node.lineno}: the state of an export is written by _go alone'


def unremembered_changes(path, text):
    """Calls of the client that change something in Exact, past the memory of `exact.operation`."""
    folders = {'models', 'wizards', 'controllers'}
    if not folders & set(path.parts) or path.name == ASKS_FOR_CHANGES:
        return
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr in ('post', 'put', 'delete')
            and ast.unparse(node.func.value).endswith('client')
        ):
            yield f'{path}:{node.lineno}: Exact is asked to change something by ask alone'


def manifest_data(root):
    for manifest_path in [root / '__manifest__.py', *root.glob('addons/*/__manifest__.py')]:
        if not manifest_path.is_file():
            continue
        addon = manifest_path.parent
        manifest = ast.literal_eval(manifest_path.read_text(encoding='utf-8'))
        named = {*manifest.get('data', ()), *manifest.get('demo', ())}
        for name in sorted(named):
            if not (addon / name).is_file():
                yield f'{manifest_path.relative_to(root)}: {name} does not exist'
        for folder in DATA_FOLDERS:
            for file in sorted((addon / folder).rglob('*.*')):
                name = file.relative_to(addon).as_posix()
                if file.suffix in {'.xml', '.csv'} and name not in named:
                    yield f'{manifest_path.relative_to(root)}: data does not list {name}'


def overwritten_rules(path, tree):
    """Record rules that an administrator may have narrowed, and that each upgrade would reset."""
    if 'security' not in path.parts:
        return
    for record in tree.iter('record'):
        if record.get('model') != 'ir.rule':
            continue
        if not any(parent.get('noupdate') == '1' for parent in record.iterancestors()):
            yield f'{path}:{record.sourceline}: {record.get("id")}: a record rule is noupdate="1"'


def main():
    root = Path(sys.argv[1])
    problems = list(manifest_data(root))
    for path in map(Path, sys.argv[2:]):
        text = (root / path).read_text(encoding='utf-8')
        problems += patterns(path, text)
        if path.suffix == '.xml':
            try:
                problems += overwritten_rules(path, etree.fromstring(text.encode()))
            except etree.XMLSyntaxError as error:
                problems.append(f'{path}: {error}')
        else:
            problems += forgotten_modules(root, path)
            problems += foreign_imports(path, text)
            problems += open_parsers(path, text)
            problems += state_writers(path, text)
            problems += unremembered_changes(path, text)
    print('\n'.join(problems))
    sys.exit(bool(problems))


main()
