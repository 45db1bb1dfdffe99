"""What a consent shows: the Exact user, the administrations, and what may be read."""

import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from ...exact_api import (
    ExactError,
    Forbidden,
    MalformedAnswer,
    NeedsReconnect,
    RateLimited,
    Unreachable,
    wire,
)
from ..base.exact_error_text import explain_to_asker

_logger = logging.getLogger(__name__)

DIVISION_FIELDS = [
    'Code', 'Description', 'CustomerName', 'Country', 'Currency', 'Status', 'VATNumber',
]
# One cheap GET per scope of the app registration: (scope as Exact names it, resource, key property,
# filter). Only reading can be tried without leaving something behind in the books; "manage" shows
# at the first write.
RIGHTS_PROBES = [
    ('financial accounting', 'vat/VATCodes', 'ID', None),
    ('financial generalledgers', 'financial/GLAccounts', 'ID', None),
    ('crm accounts', 'crm/BankAccounts', 'ID', None),
    ('financial cashflow', 'cashflow/PaymentConditions', 'ID', None),
    ('financial receivables', 'read/financial/ReceivablesList', 'HID', None),
    ('financial payables', 'read/financial/PayablesList', 'HID', None),
    ('financial costcenters', 'hrm/Costcenters', 'ID', None),
    ('financial currencies', 'general/Currencies', 'Code', None),
    ('organization documents', 'documents/DocumentTypes', 'ID', None),
    ('organization administration', 'system/Divisions', 'Code', None),
    ('projects projects', 'project/Projects', 'ID', None),
    ('logistics items', 'logistics/ItemGroups', 'ID', None),
]


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

    # === ACTIONS === #

    def action_refresh_divisions(self):
        """Read the list of administrations again."""
        self.ensure_one()
        self.check_may_connect()
        try:
            self.explore()
        except ExactError as error:
            raise UserError(explain_to_asker(self.env, error)) from error
        reason = self.explored_reason()
        if self.state == 'connected' and self.reason != reason:
            # sudo: the state is the engine's; that the person may was checked
            self.sudo().write({'reason': reason, 'reason_date': reason and fields.Datetime.now()})
        return True

    def action_probe_rights(self):
        """Try what the app and the user may read in Exact, one call per scope."""
        self.ensure_one()
        self.check_may_connect()
        try:
            self.explore_rights()
        except ExactError as error:
            raise UserError(explain_to_asker(self.env, error)) from error
        return True

    # === BUSINESS METHODS === #

    @api.private
    def explore(self):
        """Read who we are and which administrations there are; 2 calls for up to 60 of them.

        :raise ExactError: if that cannot be read
        """
        self.ensure_one()
        with self.client() as client:
            me = self._read_me(client)
        rows = self._read_divisions(me)
        self._write_me(me)
        self._write_divisions(rows)

    @api.private
    def explored_reason(self):
        """Return 'gone' if a company is linked to an administration that the Exact user does not
        see, False if all is well.
        """
        # sudo: the administrations may be other companies'
        return any(
            division.company_id and division.unreachable_reason == 'gone'
            for division in self.sudo().division_ids
        ) and 'gone'

    @api.private
    def explore_rights(self):
        """Try what the app and the user may read; 13 calls.

        :raise ExactError: if it cannot be tried now; what is known stays
        """
        self.ensure_one()
        with self.client() as client:
            me = self._read_me(client)
        self._write_rights(self._probe_rights(self._probe_division(me)))

    def _read_me(self, client):
        """Return the row of the user who consented."""
        rows = client.get(
            'current/Me', select=['UserID', 'FullName', 'UserName', 'CurrentDivision'],
        )
        if not rows:
            raise Forbidden("Exact does not say who we are")
        if not wire.as_int(rows[0]['CurrentDivision']):
            raise MalformedAnswer("no CurrentDivision", resource='current/Me', method='GET')
        return rows[0]

    def _write_me(self, me):
        values = {
            'exact_user_name': (
                wire.as_text(me.get('FullName')) or wire.as_text(me.get('UserName'))
            ),
            'exact_user_guid': wire.as_guid(me.get('UserID')),
        }
        if any(self[name] != value for name, value in values.items()):
            self.sudo().write(values)

    # === ADMINISTRATIONS === #

    def _read_divisions(self, me):
        """Return the rows of all administrations that the user sees.

        Needs the scope of organization administration; without it, the smaller list of
        hrm/Divisions, which needs no scope, has to do.
        """
        with self._division_client(wire.as_int(me['CurrentDivision'])) as client:
            try:
                return client.get('system/Divisions', select=[*DIVISION_FIELDS, 'DivisionMoveDate'])
            except Forbidden as error:
                if not error.scope:
                    raise
                return client.get('hrm/Divisions', select=DIVISION_FIELDS)

    def _write_divisions(self, rows):
        """Bring the list of administrations up to date. One that is gone stays, with a reason, if
        it is in use.
        """
        self.ensure_one()
        # sudo: the mirror of what Exact says; the caller's right to connect was checked
        divisions_sudo = self.env['exact.division'].sudo().with_context(active_test=False)
        currencies = self.env['res.currency'].with_context(active_test=False)
        known = {
            division.code: division
            for division in divisions_sudo.search([('connection_id', '=', self.id)])
        }
        seen, broken = set(), 0
        for row in rows:
            try:
                code, values = self._division_values(row, currencies)
            except MalformedAnswer as error:
                broken += 1
                _logger.warning(
                    "Exact connection %s: an administration cannot be read: %s", self.id, error,
                )
                continue
            seen.add(code)
            division = known.get(code)
            if not division:
                divisions_sudo.create({'connection_id': self.id, 'code': code, **values})
                continue
            if division.company_id:
                values['active'] = True
            changed = {
                name: value for name, value in values.items()
                if division._fields[name].convert_to_write(division[name], division) != value
            }
            if changed:
                division.write(changed)
            if 'unreachable_reason' in changed:
                division.go_on()
        if broken:
            return  # which one it was, nobody knows: none is gone
        gone = divisions_sudo.union(
            *(division for code, division in known.items() if code not in seen),
        )
        gone.filtered('company_id').write({'unreachable_reason': 'gone'})
        gone.filtered(lambda division: not division.company_id).write(
            {'active': False, 'unreachable_reason': 'gone'},
        )

    def _division_values(self, row, currencies):
        """Return (number, values) of an administration.

        :raise MalformedAnswer: if the row cannot be read
        """
        code, status = wire.as_int(row.get('Code')), wire.as_int(row.get('Status'))
        if not code:
            raise MalformedAnswer("no Code")
        values = {
            'name': wire.as_text(row.get('Description')) or str(code),
            'owner_name': wire.as_text(row.get('CustomerName')) or False,
            'country_code': wire.as_text(row.get('Country')) or False,
            'vat_number': wire.as_text(row.get('VATNumber')) or False,
            'currency_id': currencies.search(
                [('name', '=', wire.as_text(row.get('Currency')))], limit=1,
            ).id,
            'exact_status': str(status) if status in (0, 1, 2) else False,
            'unreachable_reason': False,
            'active': status != 2,
        }
        if row.get('DivisionMoveDate'):
            values['move_date'] = wire.as_utc(row['DivisionMoveDate']).replace(tzinfo=None)
        return code, values

    # === RIGHTS === #

    def _probe_division(self, me):
        """Return the number of the administration whose rights matter most."""
        linked = self.division_ids.filtered('company_id')[:1]
        return linked.code or wire.as_int(me['CurrentDivision'])

    def _probe_rights(self, division):
        """Return what Exact refuses to show, as a list of dicts.

        :param int division: the number of the administration to try it in
        """
        missing = []
        with self._division_client(division) as client:
            for scope, resource, key, condition in RIGHTS_PROBES:
                try:
                    client.get(resource, select=[key], filter=condition, top=1)
                except Forbidden as error:
                    missing.append({
                        'scope': scope, 'resource': resource,
                        'lacks': error.scope, 'reason': error.reason,
                    })
                except (NeedsReconnect, RateLimited, Unreachable):
                    raise
                except ExactError as error:
                    # Whatever else is wrong with one resource, it is not a right
                    _logger.info("Probe of %s: %s", resource, type(error).__name__)
        return missing

    def _write_rights(self, missing):
        self.sudo().write(
            {'missing_rights': missing or False, 'rights_checked_at': fields.Datetime.now()},
        )
