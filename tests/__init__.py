from .connection import (
    test_clock_ahead,
    test_connection,
    test_neutralize,
    test_oauth,
    test_secret_places,
    test_security_secrets,
    test_token,
    test_token_reconnect,
    test_token_workers,
    test_webhook,
)
from .administration import test_call_budget, test_month_end, test_scale
from .master import test_master_data, test_sync, test_sync_rubbish, test_synced
from .mapping import test_mapping, test_next_step, test_relations
from .work import test_hooks, test_refusals, test_security, test_security_text, test_work
from .export import (
    test_export,
    test_export_ahead,
    test_export_busy,
    test_export_change,
    test_export_edges,
    test_export_edits,
    test_export_faults,
    test_operations,
    test_operations_upgrade,
    test_export_files,
    test_files_proof,
    test_export_lines,
    test_export_list,
    test_export_look,
    test_export_once,
    test_export_overtaken,
    test_export_proof,
    test_export_rules,
    test_export_same,
    test_export_security,
    test_export_switches,
    test_export_typed,
    test_export_wizards,
    test_export_workers,
    test_known_before,
)
from .document import test_cents, test_closed_periods, test_einvoice, test_vat_dates
from .payment import test_payment_cases, test_payments
