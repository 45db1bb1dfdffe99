"""Makes the start of all runs: two companies that are connected, synchronised and mapped.

python -m rehearse.prepare DATABASE BOOKS

DATABASE has the addons installed; BOOKS becomes the file with the books of the simulator.
"""

import sys
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import odoo
from odoo import SUPERUSER_ID, Command, api
from odoo.modules.registry import Registry

# Far from the documents of the demo company, so that their numbers do not matter; a Sunday.
START = datetime(2030, 12, 22, 7, 0)
DIVISIONS = {'base.main_company': 1234567, 'base.demo_company_nl': 1234568}
CLIENT_ID, CLIENT_SECRET = 'demo-client-id', 'demo-client-secret'
PARTNERS = 6


def consent(connection, simulator):
    """What a person does on the consent page of Exact."""
    oauth = connection.oauth()
    address = simulator.authorize(connection._redirect_uri(), 'state')
    connection._consented(oauth.exchange(parse_qs(urlsplit(address).query)['code'][0]))


def move_in(env):
    """A run plays in a copy of the database, with an Exact at another address: what a person would
    answer and enter anew is closed for both here.
    """
    from odoo.addons.account_exact.exact_api.sealed import said_place

    tokens = env['exact.token'].search([])
    tokens._bind_here()
    for token in tokens:
        connection = token.connection_id
        box, origin = token._box(connection), connection._exact_origin()
        for name in ('client_secret', 'access_token', 'refresh_token'):
            if token[name]:
                place = said_place(token[name], connection.id, name)
                text = box.open(name, token[name], place.origin)
                token[name] = box.close(name, text, origin)


def connect(env, simulator):
    company = env.ref('base.main_company')
    connection = env['exact.connection'].create({
        'company_id': company.id, 'site': 'nl', 'client_id': CLIENT_ID,
        'client_secret': CLIENT_SECRET,
    })
    env.cr.commit()
    consent(connection, simulator)
    env.cr.commit()
    connection.explore()
    for name, code in DIVISIONS.items():
        division = connection.division_ids.filtered(lambda d, code=code: d.code == code)
        division.company_id = env.ref(name)
    env.cr.commit()
    return connection


def synchronise(env, clock):
    """Until nothing is due any more; limits of the minute take virtual minutes."""
    for _turn in range(60):
        cursors = env['exact.cursor'].search([])
        cursors.invalidate_recordset()
        if cursors and all(c.is_complete or c.state == 'skipped' for c in cursors):
            return
        env['exact.division']._cron_sync()
        env.cr.commit()
        clock.tick(61)
    states = {(c.resource, c.state, c.message) for c in cursors if not c.is_complete}
    raise SystemExit(f"the master data did not come in: {states}")


def target(env, division, model, domain):
    return env[model].search([('division_id', '=', division.id), *domain], limit=1, order='code')


def choose(env, division, model, source, record, field, wanted):
    """Map by hand, as a person does."""
    row = env[model].search([('division_id', '=', division.id), (source, '=', record.id)])
    if row:
        row[field] = wanted
    else:
        env[model].create({
            'division_id': division.id, source: record.id, field: wanted.id,
        })


def accounts(env, company, kind, count):
    return env['account.account'].with_company(company).search([
        ('company_ids', 'in', company.id), ('account_type', '=', kind),
    ], limit=count, order='code_store, id')


def taxes(env, company, use):
    """Taxes that documents use: the plain percentages of the country."""
    found = env['account.tax']
    for amount in (21, 9, 0):
        plain = env['account.tax'].search([
            ('company_id', '=', company.id), ('type_tax_use', '=', use), ('amount', '=', amount),
            ('amount_type', '=', 'percent'), ('price_include_override', '!=', 'tax_included'),
        ], order='sequence, id').filtered(lambda tax: not tax.has_negative_factor)
        found |= plain[:1]
    return found


def map_company(env, division):
    company = division.company_id
    ledgers = {'income': 110, 'expense': 121}
    for kind, gl_type in ledgers.items():
        found = env['exact.gl.account'].search([
            ('division_id', '=', division.id), ('gl_type', '=', gl_type),
            ('is_blocked', '=', False),
        ], order='code')
        for position, account in enumerate(accounts(env, company, kind, 3)):
            choose(
                env, division, 'exact.account.mapping', 'account_id', account, 'gl_account_id',
                found[position % len(found)],
            )
    for kind, journal_type in (('sale', '20'), ('purchase', '22'), ('general', '90')):
        # Journals of its own: numbers from 1 on, those of the two companies told apart
        journal = env['account.journal'].create({
            'name': f"Rehearsal {kind}", 'type': kind, 'company_id': company.id, 'sequence': 0,
            'code': f'{kind[0].upper()}{division.code % 1000}',
        })
        wanted = target(env, division, 'exact.journal', [
            ('journal_type', '=', journal_type), ('is_blocked', '=', False),
            ('allow_vat', '=', True),
        ])
        choose(
            env, division, 'exact.journal.mapping', 'journal_id', journal, 'exact_journal_id',
            wanted,
        )
    division.action_accept_suggestions()


def people(env, companies):
    """Who works here: an administrator of both companies, one of the second alone, one with no
    rights in accounting."""
    env.ref('base.user_admin').company_ids = [Command.link(c.id) for c in companies]
    env['res.users'].create([
        {
            'name': "Second Company", 'login': 'second', 'company_id': companies[1].id,
            'company_ids': [Command.set(companies[1].ids)],
            'group_ids': [Command.set(env.ref('account.group_account_manager').ids)],
        },
        {
            'name': "No Rights", 'login': 'nobody', 'company_id': companies[0].id,
            'company_ids': [Command.set(companies[0].ids)],
            'group_ids': [Command.set(env.ref('base.group_user').ids)],
        },
    ])


def partners(env, company):
    country = env.ref('base.nl')
    env['res.partner'].create([
        {
            'name': f"Rehearsal {company.id} Partner {number}", 'is_company': True,
            'company_id': company.id, 'country_id': country.id, 'zip': f"{1000 + number} AB",
            'city': "Oefendorp", 'street': f"Proefstraat {number}",
            'email': f"partner{number}@rehearsal{company.id}.example" if number % 2 else False,
        }
        for number in range(PARTNERS)
    ])


def prepare(env, simulator, clock):
    # No scheduled action of Odoo's own takes part
    env['ir.cron'].search([('cron_name', 'not like', 'Exact')]).active = False
    connect(env, simulator)
    synchronise(env, clock)
    companies = [env.ref(name) for name in DIVISIONS]
    people(env, companies)
    dollar = env.ref('base.USD')
    dollar.active = True
    for company in companies:
        env['res.currency.rate'].create({
            'currency_id': dollar.id, 'company_id': company.id, 'name': START.date().replace(day=1),
            'rate': 1.0837,
        })
        division = env['exact.division'].search([('company_id', '=', company.id)])
        division = division.with_company(company).with_context(allowed_company_ids=company.ids)
        map_company(division.env, division)
        partners(env, company)
    # From here on everything is due by its own interval
    env['ir.cron.trigger'].search([]).unlink()
    env['ir.cron'].search([('cron_name', 'like', 'Exact')]).nextcall = (
        clock.naive().replace(microsecond=0) + timedelta(minutes=10)
    )
    env.cr.commit()


def main(database, books):
    odoo.tools.config.parse_config([])
    registry = Registry(database)
    # Only now: what the machine replaces must be there
    from .machine import Machine, start_simulator

    machine = Machine(0, START)
    simulator = start_simulator(books, machine.clock, log='/dev/null')
    with registry.cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env['ir.config_parameter'].set_param(
            'account_exact.exact_online_base_url', simulator.url,
        )
        prepare(env, simulator, machine.clock)
        print(machine.clock.naive().isoformat())
    simulator.stop()


if __name__ == '__main__':
    main(*sys.argv[1:])
