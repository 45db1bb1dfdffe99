# Run by "odoo shell" when all apps are there: names, users, languages, some documents that Odoo's
# demo data lacks, and what makes copies of this database cheap.
from datetime import timedelta

from odoo import Command, fields

company = env.ref('base.main_company')
company.name = "Demo B.V."
company.email = "info@demobv.example.com"
if 'iap_enrich_auto_done' in company:
    # No look-up of the company in Odoo's online services at the first login.
    env['res.company'].search([]).iap_enrich_auto_done = True
env['base.language.install'].create({
    'lang_ids': [Command.set(env.ref('base.lang_nl').ids)],
}).lang_install()

# Users: admin may do everything, demo only invoices.
admin, demo = env.ref('base.user_admin'), env.ref('base.user_demo')
companies = company | env.ref('base.demo_company_nl')
for user in admin | demo:
    user.write({
        'lang': 'en_US',
        'tz': 'Europe/Amsterdam',
        'company_id': company.id,
        'notification_type': 'inbox',    # there is no mail server
        'action_id': env.ref('account.open_account_journal_dashboard_kanban').id,
    })
admin.write({
    'password': 'admin',
    'company_ids': [Command.set(companies.ids)],
    'group_ids': [Command.link(env.ref('account.group_account_manager').id)],
})
demo.write({
    'password': 'demo',
    'company_ids': [Command.set(company.ids)],
    'group_ids': [Command.set((
        env.ref('base.group_user') | env.ref('account.group_account_invoice')
    ).ids)],
})

# Nothing here reports to the world, and nothing but accounting works in the background.
kept = [
    'base.autovacuum_job',
    'account.ir_cron_account_move_send',
    'account.ir_cron_auto_post_draft_entry',
]
env['ir.cron'].search([
    ('id', 'not in', [env.ref(name).id for name in kept]),
]).active = False

# Documents that Odoo's demo data has none of: receipts, foreign currency, low VAT, a discount,
# cost centres.
env = env(context={**env.context, 'allowed_company_ids': company.ids})
today = fields.Date.context_today(company)
usd = env.ref('base.USD')
usd.active = True
env['res.currency.rate'].search([
    ('currency_id', '=', usd.id),
    ('company_id', 'in', (False, company.id)),
]).unlink()
env['res.currency.rate'].create({
    'currency_id': usd.id,
    'company_id': company.id,
    'name': today - timedelta(days=60),
    'company_rate': 1.0875,
})
plan = env['account.analytic.plan'].search([], limit=1)
marketing, sales = env['account.analytic.account'].create([
    {'name': name, 'code': code, 'plan_id': plan.id, 'company_id': company.id}
    for name, code in [("Marketing", "MARK"), ("Sales", "SALES")]
])


def vat(direction, percentage):
    return env['account.tax'].search([
        *env['account.tax']._check_company_domain(company),
        ('type_tax_use', '=', direction),
        ('amount', '=', percentage),
        ('amount_type', '=', 'percent'),
        ('country_id.code', '=', 'NL'),
    ], order='sequence, id', limit=1)


def line(name, price, taxes=None, quantity=1, **values):
    return Command.create({
        'name': name,
        'quantity': quantity,
        'price_unit': price,
        'tax_ids': [Command.set(taxes.ids if taxes else [])],
        **values,
    })


def shares(**percentages):
    accounts = {'marketing': marketing, 'sales': sales}
    return {str(accounts[name].id): percentage for name, percentage in percentages.items()}


moves = env['account.move'].create([
    {
        'move_type': 'out_receipt',
        'partner_id': env.ref('base.res_partner_2').id,
        'invoice_date': today - timedelta(days=4),
        'invoice_line_ids': [
            line("Workshop material, sold over the counter", 24.79, vat('sale', 21), quantity=3),
        ],
    },
    {
        'move_type': 'in_receipt',
        'partner_id': env.ref('base.res_partner_3').id,
        'invoice_date': today - timedelta(days=4),
        'ref': "TILL-0815",
        'invoice_line_ids': [line("Lunch with a customer", 38.53, vat('purchase', 9))],
    },
    {
        'move_type': 'out_invoice',
        'partner_id': env.ref('base.res_partner_6').id,
        'invoice_date': today - timedelta(days=8),
        'currency_id': usd.id,
        'invoice_line_ids': [line("Consultancy, per hour", 137.5, quantity=8)],
    },
    {
        'move_type': 'out_invoice',
        'partner_id': env.ref('base.res_partner_12').id,
        'invoice_date': today - timedelta(days=6),
        'invoice_line_ids': [
            line("Consultancy, per hour", 95, vat('sale', 21), quantity=6.5, discount=10,
                 analytic_distribution=shares(sales=100)),
            line("Handbook", 19.95, vat('sale', 9), quantity=7,
                 analytic_distribution=shares(sales=60, marketing=40)),
        ],
    },
    {
        'move_type': 'in_invoice',
        'partner_id': env.ref('base.res_partner_3').id,
        'invoice_date': today - timedelta(days=9),
        'ref': "7781-B",
        'invoice_line_ids': [
            line("Brochures, 5,000 pieces", 812.4, vat('purchase', 21),
                 analytic_distribution=shares(marketing=100)),
            line("Reference books", 64.2, vat('purchase', 9)),
        ],
    },
])
moves.action_post()

env['ir.config_parameter'].set_param('ir_attachment.location', 'db')   # copies need no files
env['ir.attachment'].force_storage()
# Debian's package of Odoo lacks this file; asked for it, every page would log an error in the
# browser's console.
env['ir.asset'].create({
    'name': "Not in Debian's package",
    'bundle': 'web.assets_backend',
    'directive': 'remove',
    'path': 'mail/static/lib/selfie_segmentation/selfie_segmentation.js',
})
env['ir.qweb']._pregenerate_assets_bundles()
env.cr.commit()
