# Run by "odoo shell" after Odoo's accounting is installed, before the apps that bring demo
# documents of their own (expenses, purchases, sales).
#
# Odoo's demo data gives the main company a chart of accounts that fits no country, and documents
# on it, most of them without VAT. They are made again on the Dutch chart, with Dutch VAT.
from odoo import Command

from odoo.addons.base.models.ir_model import MODULE_UNINSTALL_FLAG

company = env.ref('base.main_company')
template = env['account.chart.template']
moves = env['account.move'].search([('company_id', '=', company.id)])
moves.with_context(**{MODULE_UNINSTALL_FLAG: True}).unlink()
template.try_loading('nl', company)
env['product.template'].with_context(active_test=False).search([]).write({
    'taxes_id': [Command.link(company.account_sale_tax_id.id)],
    'supplier_taxes_id': [Command.link(company.account_purchase_tax_id.id)],
})
template.with_company(company).with_context(allowed_company_ids=company.ids)._install_demo(company)
env.cr.commit()
