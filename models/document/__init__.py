"""Odoo's own documents, and the entries that are built of them."""
