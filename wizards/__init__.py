from .export import (
    exact_accept_wizard,
    exact_export_document_wizard,
    exact_export_wizard,
    exact_link_wizard,
    exact_period_wizard,
    exact_undo_wizard,
)
from .mapping import exact_partner_merge
