"""Payments of Exact: what is open there, and its mirror in Odoo."""
