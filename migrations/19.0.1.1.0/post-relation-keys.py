"""What relations are found by is written in one form, and says nothing where nobody is meant."""

from odoo.tools import SQL

from odoo.addons.account_exact.models.master.exact_relation import identity_keys
from odoo.addons.account_exact.models.master.exact_sync_relations import match_key

BATCH = 10_000


def migrate(cr, version):
    cr.execute(
        "SELECT id, country_code, vat_number, chamber_of_commerce, vat_key, chamber_key"
        "  FROM exact_relation WHERE vat_number IS NOT NULL OR chamber_of_commerce IS NOT NULL",
    )
    changed = []
    for relation_id, country, vat_number, chamber, *old in cr.fetchall():
        keys = identity_keys(country, vat_number, chamber)
        new = [keys['vat_key'] or None, keys['chamber_key'] or None]
        if new != old:
            changed.append((relation_id, *new))
    update(cr, 'exact_relation', ('vat_key', 'chamber_key'), changed)
    cr.execute("SELECT id, iban, iban_key FROM exact_relation_bank WHERE iban IS NOT NULL")
    update(cr, 'exact_relation_bank', ('iban_key',), [
        (bank_id, match_key(iban) or None) for bank_id, iban, old in cr.fetchall()
        if (match_key(iban) or None) != old
    ])


def update(cr, table, columns, rows):
    """Write columns of rows, (id, *values), in batches."""
    for start in range(0, len(rows), BATCH):
        cr.execute(SQL(
            "UPDATE %s row SET %s FROM (VALUES %s) AS new (id, %s) WHERE row.id = new.id",
            SQL.identifier(table),
            SQL(", ").join(SQL("%s = new.%s", *[SQL.identifier(name)] * 2) for name in columns),
            SQL(", ").join(SQL("%s", row) for row in rows[start:start + BATCH]),
            SQL(", ").join(map(SQL.identifier, columns)),
        ))
