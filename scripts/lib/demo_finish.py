# Run by "odoo shell" when all apps are there: users, and what makes copies of this database cheap.
from odoo import Command

company = env.ref('base.main_company')
env['ir.config_parameter'].set_param('ir_attachment.location', 'db')   # copies need no file store
env['ir.attachment'].force_storage()
# Debian's package of Odoo lacks this file; without it every page logs an error in the browser's console.
path = 'mail/static/lib/selfie_segmentation/selfie_segmentation.js'
env['ir.asset'].create({
    'name': "Not in Debian's package", 'bundle': 'web.assets_backend', 'directive': 'remove', 'path': path,
})
env['ir.qweb']._pregenerate_assets_bundles()
env.cr.commit()
