"""What the scripts in scripts/bench.d share: a place to measure in, documents, meters."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import requests
from exact_consent import consent

import odoo
from odoo import SUPERUSER_ID, Command, api, sql_db
from odoo.fields import Domain
from odoo.modules.registry import Registry
from odoo.tools import SQL, sql

DIVISION = 1234567
PARAMETER = 'account_exact.exact_online_base_url'
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Documents that are made one by one; the others are copies of these.
ORIGINALS = 100


def figure(name, value, target, how):
    """Print a line of the table."""
    print(name, value, target, how, sep='\t', flush=True)


def load():
    """How busy the machine is, for figures that others on it can disturb."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


class Simulator:
    """A simulator of its own in a process of its own, without limits: 60 calls a minute would
    measure the clock.

    :param int relations: so many are in its books.
    """

    command = (sys.executable, '-m', 'simulator', '--switch', 'rate_limits=false')

    def __init__(self, relations=0):
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        self._log, port_file = folder / 'requests.jsonl', folder / 'port'
        self._process = subprocess.Popen(
            [*self.command, '--relations', str(relations), '--port-file', str(port_file)],
            cwd=ROOT, env={
                **os.environ, 'ACCOUNT_EXACT_REQUEST_LOG': str(self._log),
                'PYTHONPATH': os.pathsep.join(sys.path),
            },
            stdout=subprocess.DEVNULL,
        )
        self._seen = 0
        while not port_file.exists():
            if self._process.poll() is not None:
                raise SystemExit("the simulator did not start")
            time.sleep(0.1)
        self.url = f'http://127.0.0.1:{port_file.read_text().strip()}'

    def stop(self):
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()

    def calls(self):
        """The calls in the division since the last time: [(method, resource)]."""
        below, result = f'/{DIVISION}/', []
        with self._log.open() as file:
            file.seek(self._seen)
            for line in file:
                call = json.loads(line)
                if below in call['path']:
                    resource = call['path'].split(below, 1)[1].split('(')[0]
                    result.append((call['method'], resource))
            self._seen = file.tell()
        return result


@contextmanager
def place(relations=0, simulator=Simulator):
    """Give (environment, simulator); what is written stays: the database is this script's own.

    :param simulator: class of it
    """
    odoo.tools.config.parse_config([])
    simulator = simulator(relations)
    try:
        with Registry(os.environ['ACCOUNT_EXACT_DATABASE']).cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            env['ir.config_parameter'].set_param(PARAMETER, simulator.url)
            cr.commit()
            yield env, simulator
    finally:
        simulator.stop()


def link(env):
    """Connect the company of the demo and link it to the administration; return the division."""
    company = env.ref('base.main_company')
    connection = env['exact.connection'].create({
        'company_id': company.id, 'site': 'nl', 'client_id': 'demo-client-id',
        'client_secret': 'demo-client-secret',
    })
    env.cr.commit()
    oauth = connection.oauth()
    connection._consented(oauth.exchange(consent(oauth.consent_url('bench'))))
    env.cr.commit()
    connection.explore()
    division = connection.division_ids.filtered(lambda division: division.code == DIVISION)
    division.company_id = company
    env.cr.commit()
    return division


def synchronise(division):
    """Read master data as often as the scheduler would, until nothing is due."""
    while division.cursor_ids.filtered(lambda cursor: cursor._is_due()):
        division._cron_sync()
    unfinished = division.cursor_ids.filtered(lambda cursor: cursor.state != 'done')
    if unfinished:
        raise SystemExit('; '.join(f'{c.resource}: {c.state} {c.message}' for c in unfinished))


# === DOCUMENTS === #


def prepare(env):
    """Link, read master data and accept what is suggested; return the division."""
    division = link(env)
    synchronise(division)
    division._refresh_mappings()
    division.action_accept_suggestions()
    division.send_documents = False
    env.cr.commit()
    return division


def documents(division, number):
    """Posted invoices and bills that Exact has not got: two invoices for a bill, of one to five
    lines.
    """
    env = division.env(context={'tracking_disable': True, 'lang': 'en_US'})
    company = division.company_id.with_env(env)
    originals = _originals(env, company, min(number, ORIGINALS))
    ids = list(originals.ids)
    while len(ids) < number:
        ids += _copies(env, originals.ids[:number - len(ids)], len(ids) // ORIGINALS)
    env.invalidate_all()
    env.cr.commit()
    return division.env['account.move'].browse(ids)


def _originals(env, company, number):
    known = Domain('division_id.company_id', '=', company.id) & Domain('is_blocked', '=', False)
    partners = {
        use: _partners(env, env['exact.relation'].search(known & Domain(flag, '=', True)))
        for use, flag in (('sale', 'is_customer'), ('purchase', 'is_supplier'))
    }
    taxes = {
        (use, amount): env['account.tax'].search([
            ('company_id', '=', company.id), ('type_tax_use', '=', use), ('amount', '=', amount),
            ('amount_type', '=', 'percent'), ('price_include_override', '!=', 'tax_included'),
        ], limit=1, order='sequence, id')
        for use in ('sale', 'purchase') for amount in (21, 9)
    }
    moves = env['account.move'].create([
        _values(index, partners, taxes) for index in range(number)
    ])
    moves._post(soft=False)
    return moves


def _partners(env, relations):
    """A partner for each relation, mapped to it."""
    partners = env['res.partner'].create([
        {
            'name': relation.name, 'is_company': True, 'city': relation.city,
            'country_id': env.ref('base.nl').id,
        }
        for relation in relations
    ])
    env['exact.partner.mapping'].create([
        {
            'division_id': relation.division_id.id, 'partner_id': partner.id,
            'relation_id': relation.id,
        }
        for partner, relation in zip(partners, relations, strict=True)
    ])
    return partners


def _values(index, partners, taxes):
    use = 'purchase' if index % 3 == 2 else 'sale'
    return {
        'move_type': 'in_invoice' if use == 'purchase' else 'out_invoice',
        'partner_id': partners[use][index % len(partners[use])].id,
        # (The copies add a number to it: F5/9 would be taken for F59.)
        'ref': f"F{index}B" if use == 'purchase' else False,
        'invoice_date': '2026-01-15', 'date': '2026-01-15', 'invoice_date_due': '2026-02-14',
        'invoice_payment_term_id': False,
        'invoice_line_ids': [
            Command.create({
                'name': f"Line {position} of {index}", 'quantity': 1 + position,
                'price_unit': 10.05 + index + position,
                'tax_ids': [Command.set(taxes[use, 9 if position % 3 == 2 else 21].ids)],
            })
            for position in range(1 + index % 5)
        ],
    }


def attach(moves):
    """Give each document a small PDF of its own kind: the invoice that was sent, the bill that
    came.
    """
    moves.env['ir.attachment'].create([
        {
            'name': f"{move.id}.pdf", 'mimetype': 'application/pdf',
            'raw': f"%PDF-1.4 {move.id}".encode(),
            'res_model': 'account.move', 'res_id': move.id,
            'res_field': 'invoice_pdf_report_file' if move.is_sale_document() else False,
        }
        for move in moves
    ])


def _copies(env, ids, number):
    """Copy posted documents past the ORM, as the `number`-th copy: ten thousand in seconds.

    Some days later each time, or Odoo would take them for duplicates.

    :return: ids of the copies.
    """
    env.flush_all()

    def later(*names):
        return {name: SQL("%s + %s", SQL.identifier(name), number) for name in names}

    moves = _copy(env, 'account_move', SQL("id IN %s", tuple(ids)), {
        'name': SQL("sequence_prefix || sequence_number + %s", number * 1000),
        'sequence_number': SQL("sequence_number + %s", number * 1000),
        'ref': SQL("ref || '/' || %s", number),
        'payment_reference': SQL("payment_reference || '/' || %s", number),
        **later('date', 'invoice_date', 'invoice_date_due'),
    })
    lines = _copy(env, 'account_move_line', SQL("move_id IN %s", tuple(ids)), {
        'move_id': SQL("(%s::jsonb ->> move_id::text)::int", json.dumps(moves)),
        **later('date', 'invoice_date', 'date_maturity'),
    })
    for table, column in (
        ('account_move_line_account_tax_rel', 'account_move_line_id'),
        ('account_account_tag_account_move_line_rel', 'account_move_line_id'),
    ):
        _copy(env, table, SQL("%s IN %s", SQL.identifier(column), tuple(lines)), {
            column: SQL("(%s::jsonb ->> %s::text)::int", json.dumps(lines), SQL.identifier(column)),
        })
    return list(moves.values())


def _copy(env, table, where, changes):
    """Copy the rows of a table, with other values in some columns.

    :param dict changes: SQL per column.
    :return: {id: id of its copy}; {} for a table without ids.
    """
    columns = list(sql.table_columns(env.cr, table))
    ids = {}
    if 'id' in columns:
        ids = dict(env.execute_query(SQL(
            "SELECT id, nextval(pg_get_serial_sequence(%s, 'id')) FROM %s WHERE %s ORDER BY id",
            table, SQL.identifier(table), where,
        )))
        changes = {**changes, 'id': SQL("(%s::jsonb ->> id::text)::int", json.dumps(ids))}
    env.cr.execute(SQL(
        "INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s ORDER BY 1",
        SQL.identifier(table), SQL(", ").join(map(SQL.identifier, columns)),
        SQL(", ").join(changes.get(name, SQL.identifier(name)) for name in columns),
        SQL.identifier(table), where,
    ))
    return ids


# === METERS === #


class Meter:
    """What a piece of work costs: queries (of all cursors), calls, seconds, and processor time
    without that of the HTTP requests.
    """

    def __enter__(self):
        self._request = requests.Session.request
        self._http = 0.0

        def request(*args, **kwargs):
            started = time.process_time()
            try:
                return self._request(*args, **kwargs)
            finally:
                self._http += time.process_time() - started

        requests.Session.request = request
        self._start = sql_db.sql_counter, time.process_time(), time.monotonic()
        return self

    def __exit__(self, *_exception):
        queries, cpu, clock = self._start
        self.queries = sql_db.sql_counter - queries
        self.cpu = time.process_time() - cpu - self._http
        self.seconds = time.monotonic() - clock
        requests.Session.request = self._request


def export(moves):
    """Let the worker export these documents, as often as the scheduler would call it."""
    env = moves.env
    exports = env['exact.export'].propose(moves)
    env.cr.commit()
    cron = env.ref('account_exact.ir_cron_exact_export')
    left = len(exports)
    while left:
        before = left
        cron.method_direct_trigger()
        env.cr.commit()  # to see what the worker wrote
        left = env['exact.export'].search_count([
            ('id', 'in', exports.ids), ('state', '!=', 'verified'),
        ])
        if left == before:
            env.invalidate_all()
            [export, *_rest] = exports.filtered(lambda export: export.state != 'verified')
            raise SystemExit(
                f"{left} of {len(exports)} documents are not exported; the first is"
                f" {export.state}: {export.finding_ids.mapped('message')}",
            )
