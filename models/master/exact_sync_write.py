"""A page of Exact becomes records here, in the same transaction as the cursor that counts it."""

import logging

from psycopg2 import IntegrityError, OperationalError

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, float_compare

from ...exact_api import MalformedAnswer, wire
from ..base.exact_clock import floor
from .exact_sync_resource import TIMESTAMP, choice
from .exact_sync_rows import BROKEN, highest_timestamp, last_key, sound_rows, why

_logger = logging.getLogger(__name__)

ATTEMPTS = 3


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def on_deleted(self, entity_type, guids):
        """Hook: records were deleted in Exact.

        :param int entity_type: of `sync/Deleted` (1 transaction lines, 2 accounts, 9 items ...).
        :param list guids: of what was deleted, lower case.
        """
        self.ensure_one()
        for resource in self._sync_resources():
            if resource.entity_type and resource.entity_type == entity_type:
                self._sync_archive(resource, [('exact_guid', 'in', guids)])

    def _sync_page(self, resource, cursor, page, extra):
        """Write one page and where it ends.

        Someone may have written the same row meanwhile (a relation that an export created); then
        the page is written once more over what is there now.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._sync_write(resource, cursor, page, extra)
                self.env.flush_all()
            except (OperationalError, IntegrityError):
                if attempt == ATTEMPTS:
                    raise
                self.env.cr.rollback()
                _logger.info("Exact division %s: writing %s once more", self.code, resource.key)
                if not cursor._lock():
                    return
            else:
                return

    def _sync_write(self, resource, cursor, page, extra):
        if resource.key == 'division':
            try:
                changed = self._sync_division(page[0])
            except KeyError as error:
                raise MalformedAnswer(
                    why(error), resource=resource.endpoint, method='GET',
                ) from error
        elif resource.key == 'deleted':
            changed = self._sync_deleted(cursor, page)
        else:
            changed = self.upsert(resource, cursor, page, extra)
        if changed:
            cursor.write({'has_changes': True, 'changed_at': fields.Datetime.now()})
        cursor.write({
            **self._sync_place(resource, cursor, page),
            'last_page_at': fields.Datetime.now(),
            'row_count': cursor.row_count + (len(page) if cursor.is_full else 0),
            'failure_count': 0,
        })

    def _sync_place(self, resource, cursor, page):
        """Up to where Exact has been read after this page, as values of the cursor."""
        if resource.how == TIMESTAMP:
            # The counter is larger than a float holds exactly: always whole numbers
            highest = highest_timestamp(resource, page)
            return {'position': str(max(highest, int(cursor.position or 1)))}
        if resource.key_property == 'ID':
            return {'page_key': last_key(resource, page)}
        return {}

    def _sync_division(self, row):
        vals = {
            'name': wire.as_text(row['Description']) or self.name,
            'exact_status': choice(row['Status'], ('0', '1', '2')),
            'move_date': floor(wire.as_utc(row['DivisionMoveDate'])),
            'hr_link_date': floor(wire.as_utc(row['DivisionHRLinkUnlinkDate'])),
        }
        vals = {name: value for name, value in vals.items() if self[name] != value}
        if vals:
            self.write(vals)
        return bool(vals)

    def _sync_deleted(self, cursor, page):
        by_type = {}
        for row in page:
            try:
                entity_type, guid = wire.as_int(row['EntityType']), wire.as_guid(row['EntityKey'])
            except BROKEN as error:
                cursor._note_rows([], [{'key': '', 'why': why(error)}])
            else:
                by_type.setdefault(entity_type, []).append(guid)
        for entity_type, guids in by_type.items():
            self.on_deleted(entity_type, guids)
        known = {resource.entity_type for resource in self._sync_resources()} - {None}
        return not known.isdisjoint(by_type)

    @api.private
    def upsert(self, resource, cursor, page, extra):
        """Create and change the rows of a page, in as many queries for a thousand as for ten.

        A row that is not what the reference says is left out and named.

        :return: whether anything changed.
        :raise MalformedAnswer: where no row is what the reference says.
        """
        vals_by_key, broken = sound_rows(resource, page, extra)
        cursor._note_rows(vals_by_key, broken)
        resource.link(self, vals_by_key)
        model = self.env[resource.model].with_context(active_test=False)
        names = list(next(iter(vals_by_key.values())))
        known = model.search_fetch(
            [('division_id', '=', self.id), ('exact_guid', 'in', list(vals_by_key))],
            ['exact_guid', 'active', *names],
        )
        # What was archived and is in a page again has come back
        restored = known.filtered(lambda record: not record.active)
        changed = False
        for record in known:
            vals = vals_by_key[record.exact_guid]
            difference = {
                name: value for name, value in {**vals, 'active': True}.items()
                if not same_value(record, name, value)
            }
            if difference:
                record.write(difference)
                changed = True
        seen = [*vals_by_key, *(entry['key'] for entry in broken)]
        if cursor.is_full and (known or broken):
            # A mark of the reading, not a change of the record: past the ORM, in one query
            self.env.cr.execute(SQL(
                "UPDATE %s SET sync_run = %s WHERE division_id = %s AND exact_guid IN %s",
                SQL.identifier(model._table), cursor.run, self.id, tuple(seen),
            ))
        missing = vals_by_key.keys() - set(known.mapped('exact_guid'))
        if missing:
            model.create([
                {
                    **vals_by_key[key], 'exact_guid': key, 'division_id': self.id,
                    'sync_run': cursor.run,
                }
                for key in vals_by_key if key in missing
            ])
            changed = True
        resource.after_page(self, vals_by_key)
        if restored:
            resource.after_restore(restored)
        return changed

    def _sync_archive(self, resource, domain):
        """Archive what Exact does not have any more; what is computed from `active` follows."""
        records = self.env[resource.model].search(
            Domain.AND([[('division_id', '=', self.id)], domain]),
        )
        if records:
            records.write({'active': False})
            resource.after_archive(records)
        return records


def same_value(record, name, value):
    """Whether a record already says so; numbers are compared to the digits that are stored."""
    field = record._fields[name]
    current = record[name]
    if field.type == 'many2one':
        return current.id == value
    if field.type == 'float':
        return float_compare(current, value, precision_digits=4) == 0
    return current == value
