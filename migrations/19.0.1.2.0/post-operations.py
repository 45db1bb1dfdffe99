"""What exports and mappings remembered of their calls, each in a field of its own, becomes rows of
`exact.operation`.
"""

# Columns are read through JSON, since not every release had every one.
# When nobody knows any more, Exact's books are looked at: all waits are long over.
_EXPORTS = """
    INSERT INTO exact_operation (
        division_id, res_model, res_id, verb, part, state, request, answer, exact_guid, asked_at,
        shown_by
    )
    SELECT division_id, 'exact.export', id, 'post', 'entry',
           CASE WHEN state IN ('sending', 'uncertain') AND old ->> 'asked_at' IS NOT NULL
                THEN 'unknown'
                WHEN state IN ('sending', 'uncertain', 'proposed', 'blocked', 'refused')
                THEN 'refused'
                WHEN state = 'ready' THEN 'open'
                WHEN state = 'sent' THEN 'answered'
                WHEN state IN ('verified', 'changed') THEN 'done'
                ELSE 'over' END,
           old ->> 'payload', old ->> 'answer', exact_guid, asked, asked
      FROM exact_export AS one, LATERAL (SELECT to_jsonb(one) AS old) AS kept, LATERAL (
           SELECT COALESCE(
               (old ->> 'asked_at')::timestamp, sent_at, (old ->> 'write_date')::timestamp,
               create_date
           ) AS asked
      ) AS moment
     WHERE old ->> 'payload' IS NOT NULL
"""
_BESIDE = """
    INSERT INTO exact_operation (
        division_id, res_model, res_id, verb, part, state, exact_guid, asked_at, shown_by
    )
    SELECT division_id, 'exact.export', id, verb, part, 'unknown', guid, asked, asked
      FROM exact_export AS one, LATERAL (SELECT to_jsonb(one) AS old) AS kept, LATERAL (VALUES
           ('reverse', 'entry', NULL, (old ->> 'reversal_asked_at')::timestamp),
           -- Which line it was, shows the entry.
           ('post', 'line/1000000', NULL, (old ->> 'line_asked_at')::timestamp),
           ('delete', 'entry', exact_guid, (old ->> 'replacing_since')::timestamp)
      ) AS memory (verb, part, guid, asked)
     WHERE asked IS NOT NULL AND exact_guid IS NOT NULL
       AND state IN ('sent', 'verified', 'changed')
"""
_DOCUMENTS = """
    INSERT INTO exact_operation (
        division_id, res_model, res_id, verb, part, state, exact_guid, asked_at, shown_by
    )
    SELECT division_id, 'exact.export', one.id, 'post', 'document',
           CASE WHEN document_guid IS NULL THEN 'unknown' ELSE 'done' END, document_guid,
           create_date, create_date
      FROM exact_export AS one, LATERAL (SELECT to_jsonb(one) AS old) AS kept
     WHERE (document_guid IS NOT NULL OR jsonb_typeof(old -> 'document_step') = 'object')
       -- Of what is withdrawn, the document is yet to be looked for.
       AND (state NOT IN ('undone', 'superseded', 'deleted') OR pending_action = 'undo')
"""
# Which files there are was kept before Exact was asked for the document, which came first.
_FILES = """
    WITH file AS (
        SELECT division_id, id, create_date, step.key AS name, step.value
          FROM exact_export AS one, LATERAL (SELECT to_jsonb(one) AS old) AS kept,
               jsonb_each(CASE WHEN jsonb_typeof(old -> 'document_step') = 'object'
                               THEN old -> 'document_step' ELSE '{}' END) AS step
         WHERE state NOT IN ('undone', 'superseded', 'deleted') AND document_guid IS NOT NULL
    )
    INSERT INTO exact_operation (
        division_id, res_model, res_id, verb, part, state, resource, answer, exact_guid, title,
        version, asked_at, shown_by
    )
    SELECT division_id, 'exact.export', id, 'upload', 'file/' || name,
           CASE WHEN value ? 'refused' THEN 'refused' WHEN value ? 'id' THEN 'done'
                ELSE 'unknown' END,
           'documents/DocumentAttachments', value ->> 'refused', value ->> 'id',
           COALESCE(value ->> 'of', name), value ->> 'version', create_date, create_date
      FROM file
 UNION ALL
    SELECT division_id, 'exact.export', id, 'delete', 'file/' || name, 'refused',
           'documents/DocumentAttachments',
           COALESCE(value -> 'kept' -> 'params' ->> 'words', value ->> 'kept'), value ->> 'id',
           NULL, NULL, create_date, create_date
      FROM file WHERE value ? 'kept'
"""
_MAPPINGS = """
    INSERT INTO exact_operation (
        division_id, res_model, res_id, verb, part, state, asked_at, shown_by
    )
    SELECT division_id, 'exact.partner.mapping', id, 'post', part, 'unknown', asked, asked
      FROM exact_partner_mapping AS one, LATERAL (SELECT to_jsonb(one) AS old) AS kept,
           LATERAL (VALUES
           ('relation', (old ->> 'asked_at')::timestamp),
           ('bank_account', (old ->> 'account_asked_at')::timestamp)
      ) AS memory (part, asked)
     WHERE asked IS NOT NULL
"""
# Whether entries of which lines were deleted are gone, shows the next reading.
_DELETED = """
    UPDATE exact_export AS one SET state = 'sent', has_difference = FALSE, next_try = NULL
     WHERE exact_guid IS NOT NULL AND state IN ('sent', 'verified', 'changed')
       AND (to_jsonb(one) ->> 'lines_deleted')::boolean
"""
# (Those of fields that are gone, Odoo drops by itself.)
_COLUMNS = """
    ALTER TABLE exact_export DROP COLUMN IF EXISTS payload, DROP COLUMN IF EXISTS answer
"""


def migrate(cr, version):
    for query in (_EXPORTS, _BESIDE, _DOCUMENTS, _FILES, _MAPPINGS, _DELETED, _COLUMNS):
        cr.execute(query)
