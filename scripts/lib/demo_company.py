# Run by "odoo shell": makes Odoo's main demo company a Dutch one, before the apps that bring demo
# documents of their own (expenses, purchases, sales) are installed.
#
# Odoo's demo data gives the main company an American chart of accounts. Loading the Dutch chart with
# demo data replaces both: the demo invoices, bills and refunds are made again with Dutch accounts and taxes.
netherlands = env.ref('base.nl')
company = env.ref('base.main_company')
company.partner_id.write({
    'street': "Keizersgracht 123",
    'street2': False,
    'zip': "1015 CJ",
    'city': "Amsterdam",
    'state_id': False,
    'country_id': netherlands.id,
    'vat': "NL123456782B90",
    'phone': "+31 20 123 4567",
    'email': "info@demobv.example.com",
    'website': "https://www.demobv.example.com",
})
company.name = "Demo B.V."
env['account.chart.template'].try_loading('nl', company, install_demo=True)
env.cr.commit()
