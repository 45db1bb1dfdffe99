import re

from odoo import api, fields, models
from odoo.tools import SQL


class ExactPartnerMapping(models.Model):
    """Which relation of Exact a partner is.

    Rows come with the first export of a partner, for partners of documents that Exact seems to know,
    or by hand. A partner without one stops nothing: its relation is looked up, or made, at the
    export; only a relation of the same name is a question to a person.
    """

    _name = 'exact.partner.mapping'
    _description = "Exact Relation Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'partner_id, id'

    _source_fields = ('partner_id',)
    _target_fields = ('relation_id',)

    partner_id = fields.Many2one(
        'res.partner', string="Partner", required=True, ondelete='cascade', index=True,
        check_company=True, domain="[('parent_id', '=', False)]",
    )
    vat = fields.Char(related='partner_id.vat', string="VAT Number")
    relation_id = fields.Many2one(
        'exact.relation', string="Relation in Exact", ondelete='restrict', index=True,
        tracking=True, domain="[('division_id', '=', division_id), ('is_blocked', '=', False)]",
    )
    suggested_relation_id = fields.Many2one(
        'exact.relation', string="Suggestion", ondelete='set null', readonly=True,
    )

    _partner_uniq = models.UniqueIndex(
        '(division_id, partner_id)', "The partner has a row already.",
    )

    @api.model
    def _state_depends(self):
        return [*super()._state_depends(), 'relation_id.is_blocked']

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        """By what identifies a relation, then by the whole name; what is not unique is no hint."""
        partners = self.partner_id
        keys = {
            'vat': {p: {_key(p.vat)} for p in partners},
            'chamber_of_commerce': {p: {_key(p.company_registry)} for p in partners},
            'iban': {p: {_key(bank.acc_number) for bank in p.bank_ids} for p in partners},
            'same_name': {p: {(p.name or '').strip()} for p in partners},
        }
        places = {
            'vat': ('exact.relation', 'vat_key'),
            'chamber_of_commerce': ('exact.relation', 'chamber_key'),
            'iban': ('exact.relation.bank', 'iban_key'),
            'same_name': ('exact.relation', 'name'),
        }
        found = {}
        for reason, (model, field) in places.items():
            left = self - self.browse(mapping.id for mapping in found)
            wanted = set().union(*(keys[reason][m.partner_id] for m in left)) - {''}
            if not wanted:
                continue
            known = {}
            for record in self.env[model].search([
                ('division_id', '=', division.id), (field, 'in', list(wanted)),
            ]):
                relation = record.relation_id if model == 'exact.relation.bank' else record
                if not relation.is_blocked:
                    known.setdefault(record[field], set()).add(relation.id)
            for mapping in left:
                relations = set().union(*(
                    known.get(key, set()) for key in keys[reason][mapping.partner_id]
                ))
                if len(relations) == 1:
                    found[mapping] = ({'relation_id': relations.pop()}, reason)
        return found

    def _wanted_sources(self, division):
        """Partners of documents that are waiting and that some relation of Exact resembles."""
        moves = self.env['account.move'].search([
            ('company_id', '=', division.company_id.id), ('state', '=', 'posted'),
            ('move_type', '!=', 'entry'), ('exact_state', 'in', ['not_exported', 'blocked']),
        ])
        index = {'partner': {}}
        return {'partner_id': self.env['res.partner'].browse(
            division._match_relations(moves, index),
        )}

    def _describe_reason(self, reason, target):
        if target is not None and reason == 'vat' and target.vat_number:
            return self.env._("Same VAT number %(number)s", number=target.vat_number)
        if target is not None and reason == 'chamber_of_commerce' and target.chamber_of_commerce:
            return self.env._(
                "Same chamber of commerce number %(number)s", number=target.chamber_of_commerce,
            )
        return super()._describe_reason(reason, target)

    def _stopped_query(self):
        broken = self.filtered(lambda mapping: mapping.state == 'broken')
        if not broken:
            return False
        return SQL(
            """
            SELECT mapping.id AS mapping_id, move.id AS move_id
              FROM exact_partner_mapping mapping
              JOIN (%(waiting)s) move
                   ON move.commercial_partner_id = mapping.partner_id
                  AND move.division_id = mapping.division_id
             WHERE mapping.id IN %(ids)s
               AND move.move_type <> 'entry'
            """,
            waiting=self._waiting_moves(), ids=tuple(broken.ids),
        )


def _key(value):
    """A number without what people add to it, as `exact.relation` keeps its keys."""
    return re.sub(r'[^A-Z0-9]', '', (value or '').upper())
