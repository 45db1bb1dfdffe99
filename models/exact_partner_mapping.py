from odoo import api, fields, models
from odoo.tools import SQL

from .exact_relation_match import own_number
from .exact_sync_resources import match_key


class ExactPartnerMapping(models.Model):
    """Which relation of Exact a partner is.

    Rows come with the first export of a partner, for partners of waiting documents that Exact seems
    to know, or by hand. A partner without one stops nothing: its relation is looked up, or made,
    at the export; only a relation of the same name is a question to a person.
    """

    _name = 'exact.partner.mapping'
    _description = "Exact Relation Mapping"
    _inherit = ['exact.mapping.mixin']
    _order = 'partner_id, id'

    _source_fields = ('partner_id',)
    _target_fields = ('relation_id',)

    partner_id = fields.Many2one(
        'res.partner', required=True, ondelete='cascade', index=True,
        check_company=True, domain="[('parent_id', '=', False)]",
    )
    vat = fields.Char(related='partner_id.vat', string="VAT Number")
    relation_id = fields.Many2one(
        'exact.relation', string="Relation in Exact", ondelete='restrict', index=True,
        tracking=True, domain="[('division_id', '=', division_id), ('is_blocked', '=', False)]",
    )
    asked_at = fields.Datetime(
        readonly=True, help="When Exact was asked for a relation that it may have made.",
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

    @api.model
    def _remember(self, division, partner, relation=None):
        """Keep which relation a partner is.

        :param relation: `exact.relation`, None while it is yet to be made
        :return: the row of the partner
        """
        mapping = self.search([
            ('division_id', '=', division.id), ('partner_id', '=', partner.id),
        ], limit=1)
        values = {'relation_id': relation.id, 'asked_at': False} if relation else {}
        if mapping:
            mapping.write(values)
            return mapping
        return self.with_context(tracking_disable=True).create({
            'division_id': division.id, 'partner_id': partner.id, **values,
        })

    def _rebuilt(self, *, new=False):
        # Who had no relation is a stand-in until the document is sent, whoever learns it meanwhile.
        known = self.browse() if new else self.filtered('relation_id')
        return known.division_id._unsent_exports([
            ('move_id.line_ids.partner_id', 'child_of', known.partner_id.ids),
        ])

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        """The one relation that a partner can be; of several none is suggested."""
        known = self._find_relations(division, self.partner_id)
        return {
            mapping: ({'relation_id': min(relation_ids)}, reason)
            for mapping in self
            for relation_ids, reason in [known.get(mapping.partner_id, ((), ''))]
            if len(relation_ids) == 1
        }

    @api.model
    def _find_relations(self, division, partners, *, with_blocked=False):
        """The relations that partners can be: by what identifies one, then by the whole name.

        :param bool with_blocked: a blocked relation still says who a partner is.
        :return: {partner: (ids of relations, reason)}; who is not known is not in it.
        """
        places = {
            'vat': ('exact.relation', 'vat_key', lambda partner: {own_number(partner, 'vat')}),
            'chamber_of_commerce': (
                'exact.relation', 'chamber_key',
                lambda partner: {own_number(partner, 'company_registry')},
            ),
            'iban': (
                'exact.relation.bank', 'iban_key',
                lambda partner: {match_key(bank.acc_number) for bank in partner.bank_ids},
            ),
            'same_name': (
                'exact.relation', 'name', lambda partner: {(partner.name or '').strip()},
            ),
        }
        found, left = {}, partners
        for reason, (model, field, keys_of) in places.items():
            keys = {partner: keys_of(partner) - {'', False} for partner in left}
            wanted = set().union(*keys.values())
            if not wanted:
                continue
            known = {}
            for record in self.env[model].search([
                ('division_id', '=', division.id), (field, 'in', list(wanted)),
            ]):
                relation = record.relation_id if model == 'exact.relation.bank' else record
                if with_blocked or not relation.is_blocked:
                    known.setdefault(record[field], set()).add(relation.id)
            for partner in left:
                relation_ids = set().union(*(known.get(key, set()) for key in keys[partner]))
                if relation_ids:
                    found[partner] = (relation_ids, reason)
            left -= self.env['res.partner'].union(*found)
        return found

    def _find_previous(self, division):
        """Nothing: relations are numbered by each administration for itself."""
        return {}

    @api.model
    def _wanted_sources(self, division):
        """Partners of documents that are waiting and that some relation of Exact resembles."""
        self.env['account.move'].flush_model()
        self.env['exact.export'].flush_model(['move_id', 'state'])
        self.flush_model()
        rows = self.env.execute_query(SQL(
            """
            SELECT DISTINCT move.commercial_partner_id
              FROM (%(waiting)s) move
             WHERE move.move_type <> 'entry'
               AND NOT EXISTS (
                   SELECT 1 FROM exact_partner_mapping mapping
                    WHERE mapping.partner_id = move.commercial_partner_id
                      AND mapping.division_id = %(division)s)
            """,
            waiting=self._waiting_moves(division), division=division.id,
        ))
        partners = self.env['res.partner'].browse(
            partner_id for (partner_id,) in rows if partner_id
        )
        known = self._find_relations(division, partners)
        return {'partner_id': self.env['res.partner'].union(*known)}

    def _describe_reason(self, reason, target):
        if target is not None and reason == 'vat' and target.vat_number:
            return self.env._("Same VAT number %(number)s", number=target.vat_number)
        if target is not None and reason == 'chamber_of_commerce' and target.chamber_of_commerce:
            return self.env._(
                "Same chamber of commerce number %(number)s", number=target.chamber_of_commerce,
            )
        return super()._describe_reason(reason, target)

    def _stopped_query(self):
        # A partner that Exact surely knows, or does not know at all, is settled at the export.
        stops = self.filtered(lambda mapping: mapping.state == 'broken')
        for division, mappings in (self - stops).grouped('division_id').items():
            known = self._find_relations(division, mappings.partner_id)
            for mapping in mappings:
                relation_ids, reason = known.get(mapping.partner_id, ((), ''))
                if reason == 'same_name' or len(relation_ids) > 1:
                    stops |= mapping
        if not stops:
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
            waiting=self._waiting_moves(), ids=tuple(stops.ids),
        )
