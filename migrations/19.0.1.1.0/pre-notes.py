"""What attempts, readings and dry runs told was a sentence in one language. It is kept as a note
now; an old sentence is a note, too.
"""

from odoo.tools import SQL


def migrate(cr, version):
    tables = ('exact_export_attempt', 'exact_cursor', 'exact_export_wizard_line')
    for table in map(SQL.identifier, tables):
        cr.execute(SQL("ALTER TABLE %s ADD COLUMN IF NOT EXISTS note jsonb", table))
        cr.execute(SQL(
            "UPDATE %s SET note = to_jsonb(message) WHERE message <> ''", table,
        ))
        cr.execute(SQL("ALTER TABLE %s DROP COLUMN message", table))
