"""One row per partner is a constraint from now on, which Odoo's merge of contacts looks for."""


def migrate(cr, version):
    cr.execute("DROP INDEX IF EXISTS exact_partner_mapping_partner_uniq")
