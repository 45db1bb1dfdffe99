"""Relations of the documents that are sent: the one that Exact has, or a new one.

`booking.party` decides who is who, for relations that are looked up in Exact and for mirrored ones.
Where it is not certain, the relations that were found are mirrored and the document is checked
anew: the check asks a person.
"""

from dataclasses import replace

from psycopg2.errors import UniqueViolation

from odoo import api, models

from ...booking import fit_text
from ...booking.party import choose, is_same_card, party
from ...booking.party_numbers import bank_account, compact, is_iban
from ...exact_api import Forbidden, OutcomeUnknown, Rejected, odata, wire
from ..base.exact_clock import naive
from ..base.exact_error_text import describe
from ..base.exact_note import note
from ..base.exact_problem import Problem
from ..document.exact_booking_built import stand_in
from ..mapping.exact_relation_match import known_party, own_text

RELATION_RESOURCE = 'crm/Accounts'
_BANK_ACCOUNTS = 'crm/BankAccounts'
# Verb and part of the operations on a relation.
RELATION, BANK_ACCOUNT = ('post', 'relation'), ('post', 'bank_account')
_SELECT = [
    'ID', 'Code', 'Name', 'Status', 'IsSupplier', 'VATNumber', 'ChamberOfCommerce', 'Country',
    'Email', 'Postcode', 'City', 'Blocked', 'Created', 'Creator',
]


class RelationQuestion(Exception):  # noqa: N818  the name says what happened
    """Exact has relations that a partner may be: a person has to say."""


class RelationRefused(Rejected):
    """Exact does not take `partner` as a relation."""

    def __init__(self, partner, error):
        super().__init__(
            error.args[0], kinds=error.kinds, status=error.status, messages=error.messages,
            resource=error.resource, method=error.method,
        )
        self.partner = partner


class ExactExportRelations(models.AbstractModel):
    _name = 'exact.export.relations'
    _inherit = 'exact.export.step.mixin'
    _description = "Exact: Relations of Documents"

    # === RELATIONS === #

    @api.private
    def ensure_relations(self, export, client, booking):
        """Make the relations that the booking still has stand-ins for.

        :return: the booking with real relations.
        """
        # The relation that the check found exists; only others can be stand-ins.
        known = export.relation_id
        if _relations_of(booking) - {'', known.exact_guid}:
            booking, known = self._make_relations(export, client, booking)
        elif known and booking.kind == 'purchase':
            # Of a relation that an earlier attempt has made, the bank account may be left.
            self._bring_bank_account(export, client, self.env['exact.partner.mapping'].search([
                ('division_id', '=', export.division_id.id), ('relation_id', '=', known.id),
                ('pending_account_id', '!=', False),
            ], limit=1))
        if known:
            self._fit_relation(export, client, known, booking.kind)
            if known != export.relation_id:
                export.relation_id = known
        return booking

    @api.private
    def stand_ins(self, export, booking):
        """The relations that a booking of this document names and that are yet to be made.

        :return: {GUID that stands in for the relation: partner}
        """
        move, named = export.move_id, _relations_of(booking)
        partners = (
            move.commercial_partner_id
            | move.line_ids.partner_id | move.line_ids.partner_id.commercial_partner_id
        )
        return {guid: one for one in partners if (guid := stand_in(one.id)) in named}

    def _make_relations(self, export, client, booking):
        """Put real relations in the place of stand-ins.

        :return: (booking, relation of the entry)
        """
        real = {}
        for guid, partner in self.stand_ins(export, booking).items():
            export.commit_half()
            real[guid] = self._create_relation(export, client, partner, booking.kind).exact_guid
        booking = replace(
            booking,
            relation=real.get(booking.relation, booking.relation),
            lines=tuple(
                replace(line, relation=real.get(line.relation, line.relation))
                for line in booking.lines
            ),
        )
        return booking, self.env['exact.relation'].search([
            ('division_id', '=', export.division_id.id), ('exact_guid', '=', booking.relation),
        ], limit=1) if booking.relation else self.env['exact.relation']

    def _create_relation(self, export, client, partner, kind):
        """The relation of a partner: one made meanwhile, one that Exact has, or a new one."""
        mapping_model = self.env['exact.partner.mapping']
        mapping = mapping_model.search([
            ('division_id', '=', export.division_id.id), ('partner_id', '=', partner.id),
        ], limit=1)
        if mapping.relation_id:
            self._bring_bank_account(export, client, mapping)
            return mapping.relation_id
        values, omissions = export.division_id.relation_body(partner, kind)
        wants_new = mapping.is_new or export.own_choices().create_relation
        row = self._made_before(client, mapping.operation(*RELATION), wants_new=wants_new)
        operation = mapping.operation(*RELATION).to_look_up()
        row = row or self._find_remote_relation(
            export, client, partner, values, operation, wants_new=wants_new,
        )
        if row:
            export.finding_ids.filtered(lambda finding: finding.code == 'relation_new').unlink()
            return self._keep_relation(export, partner, row)
        if operation and operation.may_still_come():
            raise OutcomeUnknown("the relation may be there without being seen yet")
        operation._go('not_shown')
        # Somebody may have made its row during the call.
        export.commit_half()
        mapping = mapping_model.remember(export.division_id, partner)
        if mapping.relation_id:
            return mapping.relation_id
        try:
            answer = mapping.ask(client, *RELATION, RELATION_RESOURCE, values)
        except Rejected as error:
            raise RelationRefused(partner, error) from error
        guid = wire.as_guid(answer['ID'])
        export.log_attempt('relation', 'done', partner.display_name)
        self._name_omissions(export, partner, omissions)
        if kind == 'purchase':
            mapping.pending_account_id = self._own_account(export, partner)
        relation = self._keep_relation(export, partner, {**values, 'ID': guid}, 'created')
        self._bring_bank_account(export, client, mapping)
        return relation

    def _made_before(self, client, operation, *, wants_new):
        """The relation that Exact made when it was asked, and that was not kept: its worker was
        gone, or a person has parted it from the partner since.

        :param bool wants_new: another one is to be made
        :return: its row, None if there is none
        """
        if operation.state != 'answered':
            return None
        rows = [] if wants_new else client.get(
            RELATION_RESOURCE, select=_SELECT,
            filter=odata.eq('ID', odata.guid(operation.exact_guid)),
        )
        if not rows:
            operation._go('not_shown')
        return next(iter(rows), None)

    def _keep_relation(self, export, partner, row, reason=False):
        """Keep a relation that Exact has, whatever happens with this document.

        :param row: what Exact was told of it, or told, in its property names.
        :param reason: why it is the partner, a key of REASONS
        """
        # Only a new transaction sees what the refresh has read since this one began.
        export.commit_half()
        try:
            return self._adopt_relation(export, partner, row, reason)
        except UniqueViolation:
            # The refresh read it in this very moment.
            self.env.cr.rollback()
            return self._adopt_relation(export, partner, row, reason)

    def _adopt_relation(self, export, partner, row, reason):
        relation = self.env['exact.relation'].adopt(
            export.division_id, wire.as_guid(row['ID']), row,
        )
        self.env['exact.partner.mapping'].remember(
            export.division_id, partner, relation, reason,
        )
        export.commit_half()
        return relation

    def _find_remote_relation(self, export, client, partner, values, operation, *, wants_new):
        """A relation that came into Exact after the last refresh, or in an attempt without answer.

        :param values: what Exact would be told of it.
        :param operation: by which Exact was asked for this relation before, by whichever document,
            if its books were not looked at since
        :param bool wants_new: a person saw the relations that there are, and wants none of them.
        :return: its row, None if there is none
        :raise RelationQuestion: some may be it
        """
        ours = known_party(partner, export.division_id.home_country(), _place_of(values))
        rows = {
            wire.as_guid(row['ID']): row
            for row in client.get(
                RELATION_RESOURCE, select=_SELECT, filter=' or '.join(_terms(ours, partner)),
            )
        }
        relation_model = self.env['exact.relation']
        known = relation_model.with_context(active_test=False).search([
            ('division_id', '=', export.division_id.id), ('exact_guid', 'in', list(rows)),
        ]) if rows else relation_model
        answers = self._made_when_asked(export, operation, rows, known)
        if wants_new:
            seen = {*known.mapped('exact_guid')} - answers
            rows = {guid: row for guid, row in rows.items() if guid not in seen}
        # sudo: who was parted from whom is decided for everybody
        parted = known.filtered(
            lambda relation: partner in relation.sudo().parted_partner_ids,
        ).mapped('exact_guid')
        theirs = {guid: _row_party(row) for guid, row in rows.items()}
        choice = choose(ours, theirs.items(), parted)
        if choice.key:
            return rows[choice.key]
        cards = [
            guid for guid in choice.candidates
            if guid not in parted
            and is_same_card(ours, theirs[guid], is_answer=guid in answers)
        ]
        if len(cards) == 1:
            return rows[cards[0]]
        # A name alone is no reason to ask: a namesake is somebody else more often than not.
        asked = [
            guid for guid, verdict in choice.candidates.items()
            if set(verdict.reasons) - {'same_name'}
        ]
        if asked and not wants_new:
            export.commit_half()
            for guid in asked:
                relation_model.adopt(export.division_id, guid, rows[guid])
            raise RelationQuestion
        return None

    def _made_when_asked(self, export, operation, rows, known):
        """GUIDs of what may have become of a request without answer: relations that our user of
        Exact made about then, and that are no other partner's.

        :param rows: {GUID: row of crm/Accounts}
        :param known: those of them that are mirrored
        """
        if not operation:
            return set()
        # sudo: who the user of the connection is in Exact, is no secret of its tokens
        user_guid = export.division_id.connection_id.sudo().exact_user_guid
        linked = self.env['exact.partner.mapping'].search([
            ('division_id', '=', export.division_id.id), ('relation_id', 'in', known.ids),
        ]).relation_id.mapped('exact_guid')
        return {
            guid for guid, row in rows.items()
            if guid not in linked
            and operation.is_about(naive(wire.as_utc(row.get('Created'))))
            and (not user_guid or wire.as_guid(row.get('Creator')) == user_guid)
        }

    @api.private
    def check_anew(self, export):
        """Have the document checked anew: the relations that Exact has are mirrored now, and the
        check asks about them.
        """
        export.log_attempt('relation', 'later', note('attempt/may_be_known'))
        export._go('check_anew', next_try=False)
        export.trigger_worker()

    def _fit_relation(self, export, client, relation, kind):
        """Let a linked relation be what the document needs: customer, supplier or both."""
        values = {}
        if kind == 'sale' and not relation.is_customer:
            values['Status'] = 'C'
        if kind == 'purchase' and not relation.is_supplier:
            values['IsSupplier'] = True
        if not values:
            return
        export.commit_half()
        export.ask(client, 'put', 'relation', RELATION_RESOURCE, values, key=relation.exact_guid)
        relation.write({
            'status': values.get('Status', relation.status),
            'is_supplier': values.get('IsSupplier', relation.is_supplier),
        })
        export.log_attempt('relation', 'done', relation.display_name)

    # === WHAT IS NICE TO HAVE === #

    def _name_omissions(self, export, partner, omissions):
        """Add findings on what Exact would not take of a new relation: once, on the document that
        made it.
        """
        export._add_findings({export: [
            Problem(
                'relation_shortened' if omission.limit else 'relation_left_out', 'informs',
                {
                    'partner': partner.display_name, 'field': omission.field,
                    'value': omission.text, 'limit': omission.limit,
                },
                ('res.partner', partner.id),
            )
            for omission in omissions
        ]})

    def _own_account(self, export, partner):
        """The bank account of a new supplier: that of the bill, else the first that is trusted,
        else the first.

        :return: `res.partner.bank`
        """
        own = partner.bank_ids
        chosen = export.move_id.partner_bank_id & own
        return chosen or own.filtered('allow_out_payment')[:1] or own[:1]

    def _bring_bank_account(self, export, client, mapping):
        """Give a relation that was made here the bank account of its partner, if Exact has it not.

        It is nice to have: what Exact says no to is named, and the document goes on.
        """
        bank = mapping.pending_account_id
        if not bank:
            return
        number = bank_account(bank.acc_number)
        relation = mapping.relation_id
        if not is_iban(number):
            self._leave_account_out(export, mapping, '')
            return
        rows = client.get(
            _BANK_ACCOUNTS, select=['ID', 'BankAccount', 'IBAN'],
            filter=odata.eq('Account', odata.guid(relation.exact_guid)),
        )
        there = {
            bank_account(wire.as_text(row[name]))
            for row in rows for name in ('BankAccount', 'IBAN')
        }
        operation = mapping.operation(*BANK_ACCOUNT)
        if number not in there:
            if operation.to_look_up() and operation.may_still_come():
                raise OutcomeUnknown("the bank account may be there without being seen yet")
            if operation.state != 'open':
                # Of an account that was brought before, it is over; this is another one.
                operation._go('ended')
            body = {'Account': relation.exact_guid, 'BankAccount': number, 'Main': True}
            if bank.bank_bic:
                body['BICCode'] = compact(bank.bank_bic)
            if bank.acc_holder_name:
                body['BankAccountHolderName'] = fit_text(bank.acc_holder_name, 50)
            try:
                mapping.ask(client, *BANK_ACCOUNT, _BANK_ACCOUNTS, body)
            except (Rejected, Forbidden) as error:
                self._leave_account_out(
                    export, mapping, " ".join(error.messages) or describe(error)
                )
                return
        mapping.operation(*BANK_ACCOUNT).end()
        mapping.pending_account_id = False
        export.commit_half()

    def _leave_account_out(self, export, mapping, words):
        partner, bank = mapping.partner_id, mapping.pending_account_id
        export._add_findings({export: [Problem(
            'relation_left_out', 'informs',
            {
                'partner': partner.display_name, 'field': 'iban', 'value': bank.acc_number,
                'words': words,
            },
            ('res.partner', partner.id),
        )]})
        mapping.pending_account_id = False
        export.commit_half()


def _relations_of(booking):
    """GUIDs of relations, and stand-ins, that a booking names."""
    return {booking.relation, *(line.relation for line in booking.lines)}


def _terms(ours, partner):
    """The terms of the filter by which a relation is looked up; numbers are written in many ways.
    """
    numbers = {
        'VATNumber': (ours.vat, own_text(partner, 'vat')),
        'ChamberOfCommerce': (ours.chamber, own_text(partner, 'company_registry')),
    }
    for name, (number, written) in numbers.items():
        if not number:
            continue
        forms = {number} if isinstance(number, str) else {*number.keys, number.text}
        yield from (
            odata.eq(name, form) for form in sorted({*forms, compact(written), fit_text(written)})
            if form
        )
    if ours.name:
        yield odata.eq('Name', ours.name)


def _row_party(row):
    """Who a relation is by a row of crm/Accounts."""
    return party(
        country=wire.as_text(row.get('Country')), vat=wire.as_text(row.get('VATNumber')),
        chamber=wire.as_text(row.get('ChamberOfCommerce')), name=wire.as_text(row.get('Name')),
        place=_place_of(row),
    )


def _place_of(values):
    return tuple(
        wire.as_text(values.get(name)) or '' for name in ('Email', 'Postcode', 'City')
    )
