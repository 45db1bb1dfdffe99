"""Numbers are compared without the zeros at their head: what was kept before has to be, too."""

from odoo.tools import SQL


def migrate(cr, version):
    for table in ('exact_export', 'exact_entry'):
        cr.execute(SQL(
            """
            UPDATE %(table)s
               SET reference_key = regexp_replace(
                       reference_key, '(?<![0-9])0+(?=[0-9])', '', 'g'
                   )
             WHERE reference_key ~ '(?<![0-9])0+[0-9]'
            """,
            table=SQL.identifier(table),
        ))
