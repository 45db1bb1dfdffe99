"""First and delta synchronisation of an administration with 50,000 relations.

A simulator of its own, in a process of its own, without limits (60 calls a minute would measure the
clock). What it leaves in the database is taken away again.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from lxml import html

import odoo
from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

RELATIONS = 50_000
DIVISION = 1234567
COMPANY = f"Benchmark {time.time():.0f}"
PARAMETER = 'account_exact.exact_online_base_url'
ROOT = pathlib.Path(__file__).resolve().parents[2]


def figure(name, value, target, how):
    print(name, value, target, how, sep='\t')


def start_simulator(folder):
    """A simulator with the relations; (process, address, request log)."""
    log, port_file = folder / 'requests.jsonl', folder / 'port'
    process = subprocess.Popen(
        [
            sys.executable, '-m', 'simulator', '--relations', str(RELATIONS),
            '--switch', 'rate_limits=false', '--port-file', str(port_file),
        ],
        cwd=ROOT, env={**os.environ, 'ACCOUNT_EXACT_REQUEST_LOG': str(log)},
        stdout=subprocess.DEVNULL,
    )
    for _try in range(600):
        if port_file.exists() and port_file.read_text().strip():
            return process, f'http://127.0.0.1:{port_file.read_text().strip()}', log
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    raise SystemExit("the simulator did not start")


def consent(url):
    """What a person does on the consent page; the code."""
    session = requests.Session()
    page = html.fromstring(session.get(url, timeout=30).content)
    [button] = page.xpath('//*[@id="allow"]')
    form = next(button.iterancestors('form'))
    values = dict(form.form_values())
    if button.get('name'):
        values[button.get('name')] = button.get('value') or ''
    answer = session.request(
        form.method, urljoin(url, form.get('action') or url), allow_redirects=False, timeout=30,
        **({'data': values} if form.method == 'POST' else {'params': values}),
    )
    return parse_qs(urlsplit(answer.headers['Location']).query)['code'][0]


def calls(log, skip=0):
    """Paths below the division, of the calls after the first `skip`; and the number of calls."""
    lines, below = log.read_text().splitlines(), f'/{DIVISION}/'
    paths = [json.loads(line)['path'] for line in lines[skip:]]
    return [path.split(below, 1)[1] for path in paths if below in path], len(lines)


def synchronise(division):
    """Run as often as the scheduler would, until nothing is due; seconds."""
    started = time.monotonic()
    while division.cursor_ids.filtered(lambda cursor: cursor._is_due()):
        division._cron_sync()
    return time.monotonic() - started


def measure(env, log):
    company = env['res.company'].create({
        'name': COMPANY, 'currency_id': env.ref('base.EUR').id,
    })
    connection = env['exact.connection'].create({
        'company_id': company.id, 'site': 'nl', 'client_id': 'demo-client-id',
        'client_secret': 'demo-client-secret',
    })
    env.cr.commit()
    oauth = connection._oauth()
    connection._consented(oauth.exchange(consent(oauth.consent_url('bench'))))
    env.cr.commit()
    connection._explore()
    division = connection.division_ids.filtered(lambda d: d.code == DIVISION)
    division.company_id = company
    env.cr.commit()

    seen = calls(log)[1]
    seconds = synchronise(division)
    made, seen = calls(log, seen)
    unfinished = division.cursor_ids.filtered(lambda cursor: cursor.state != 'done')
    if unfinished:
        raise SystemExit('; '.join(f'{c.resource}: {c.state} {c.message}' for c in unfinished))
    count = env['exact.relation'].search_count([('division_id', '=', division.id)])
    how = f"{count:,} relations over HTTP, simulator on the same machine"
    figure("first synchronisation", f"{seconds:.1f} s", "under 90 s", how)
    figure("calls for the relations", made.count('sync/CRM/Accounts'), "at most 51", how)
    figure("calls of the first synchronisation", len(made), "", "all resources")

    division._start_sync()
    env.cr.commit()
    seconds = synchronise(division)
    made, seen = calls(log, seen)
    sync = [path for path in made if path.startswith('sync/')]
    how = "nothing changed in Exact"
    figure("delta synchronisation", f"{seconds:.1f} s", "", how)
    figure("calls per sync resource in a delta", f"{len(sync) / len(set(sync)):g}", "1", how)
    return division, connection, company


def clean(env):
    """Take away what was made: the guards of the models are for people."""
    env.cr.rollback()
    company = env['res.company'].search([('name', '=', COMPANY)])
    if company:
        env.cr.execute(
            'DELETE FROM exact_connection WHERE company_id IN %s', [tuple(company.ids)],
        )
        env.invalidate_all()
        company.action_archive()
    env.cr.commit()


def main():
    odoo.tools.config.parse_config([])
    with tempfile.TemporaryDirectory() as folder:
        process, url, log = start_simulator(pathlib.Path(folder))
        try:
            with Registry(os.environ['ACCOUNT_EXACT_DATABASE']).cursor() as cr:
                env = api.Environment(cr, SUPERUSER_ID, {})
                parameters = env['ir.config_parameter']
                before = parameters.get_param(PARAMETER)
                parameters.set_param(PARAMETER, url)
                cr.commit()
                try:
                    measure(env, log)
                finally:
                    clean(env)
                    parameters.set_param(PARAMETER, before)
                    cr.commit()
        finally:
            process.terminate()
            process.wait(10)


if __name__ == '__main__':
    main()
