"""The latest export of each document is marked; indexes that no search uses go."""


def migrate(cr, version):
    cr.execute("ALTER TABLE exact_export ADD COLUMN IF NOT EXISTS is_latest boolean")
    cr.execute(
        """
        UPDATE exact_export export SET is_latest = NOT EXISTS (
            SELECT FROM exact_export later
             WHERE later.move_id = export.move_id AND later.id > export.id
        )
        """,
    )
    cr.execute(
        """
        DROP INDEX IF EXISTS exact_export__company_id_index, exact_export__division_id_index,
            exact_export__entry_number_index, exact_export_line__company_id_index,
            exact_export_entry_line__company_id_index, exact_export_attempt__company_id_index,
            exact_export_term__company_id_index
        """,
    )
