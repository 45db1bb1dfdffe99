from .base import exact_log, exact_engine_fields
from .work import exact_work, exact_operation
from .master import exact_master_mixin
from .base import exact_visible_mixin
from .master import (
    exact_gl_account,
    exact_journal,
    exact_vat_code,
    exact_payment_condition,
    exact_currency,
    exact_cost_center,
    exact_cost_unit,
    exact_project,
    exact_item,
    exact_relation,
    exact_period,
)
from .connection import (
    exact_token,
    exact_token_refresh,
    exact_token_access,
    exact_connection,
    exact_connection_address,
    exact_connection_calls,
    exact_connection_reconnect,
    exact_connection_alive,
    exact_connection_consent,
    exact_connection_explore,
    exact_connection_copy,
    ir_config_parameter,
)
from .administration import exact_division, exact_call, exact_call_illness, exact_call_session
from .work import exact_work_steps
from .master import (
    exact_sync_resources,
    exact_cursor,
    exact_sync,
    exact_sync_engine,
    exact_sync_write,
)
from .mapping import (
    exact_mapping_mixin,
    exact_mapping_suggest,
    exact_mapping_kinds,
    exact_account_mapping,
    exact_journal_mapping,
    exact_tax_mapping,
    exact_payment_term_mapping,
    exact_analytic_mapping,
    exact_partner_mapping,
    exact_division_mapping,
    exact_relation_match,
)
from .export import (
    exact_export,
    exact_export_latest,
    exact_export_propose,
    exact_export_actions,
    exact_export_line,
    exact_export_attempt,
)
from .administration import exact_export_queue, exact_refresh
from .export import (
    exact_export_step,
    exact_entry,
    exact_export_alike,
    exact_export_journals,
    exact_export_turn,
    exact_export_check,
    exact_export_relation,
    exact_export_files,
    exact_export_send,
    exact_export_read_back,
    exact_export_files_proof,
    exact_export_deleted,
    exact_export_doubt,
    exact_export_proof,
    exact_export_change,
    exact_export_taken_out,
    exact_export_reverse,
    exact_export_recheck,
    exact_export_look,
    exact_export_feed,
    exact_export_double,
    exact_export_same,
    exact_export_refusal,
    exact_export_candidates,
    exact_export_period,
    exact_export_years,
)
from .document import exact_facts
from .work import (
    exact_finding,
    exact_finding_mended,
    exact_finding_group,
    exact_finding_text,
    exact_finding_release,
)
from .document import exact_einvoice
from .export import exact_export_holding, exact_export_processed
from .administration import exact_division_budget
from .document import (
    account_move,
    account_move_status,
    account_move_edits,
    account_move_actions,
    account_move_files,
    account_move_line,
)
from .payment import (
    exact_payment_reading,
    exact_payment,
    exact_settlement,
    exact_payment_text,
    account_move_payment,
)
from .administration import ir_cron, res_company
