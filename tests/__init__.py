from . import (
    test_call_budget,
    test_clock_ahead,
    test_cents,
    test_mapping,
    test_month_end,
    test_connection,
    test_export_list,
    test_export_wizards,
    test_export_security,
    test_export_workers,
    test_master_data,
    test_neutralize,
    test_oauth,
    test_scale,
    test_security,
    test_security_secrets,
    test_secret_places,
    test_security_text,
    test_sync,
    test_sync_rubbish,
    test_synced,
    test_token,
    test_token_reconnect,
    test_token_workers,
    test_webhook,
    test_work,
)
from . import test_export, test_export_faults, test_export_lines, test_export_switches
from . import test_export_change, test_export_edges, test_export_files, test_export_once
from . import test_einvoice, test_export_overtaken
from . import test_export_look, test_export_rules, test_export_same, test_export_typed
from . import test_closed_periods, test_known_before, test_refusals
from . import test_export_edits, test_export_proof, test_vat_dates
from . import test_next_step, test_relations
