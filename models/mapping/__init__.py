"""Which record of Exact stands for which of Odoo."""
