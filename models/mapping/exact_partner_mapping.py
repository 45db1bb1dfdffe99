from odoo import api, fields, models
from odoo.tools import SQL

from ...booking.party import meet
from ..master.exact_relation import number_label
from .exact_relation_match import RelationPool, known_party


class ExactPartnerMapping(models.Model):
    """Which relation of Exact a partner is.

    Rows come with the first export of a partner, for partners of waiting documents that Exact seems
    to know, or by hand. A partner without one stops nothing: its relation is looked up, or made,
    at the export; only a relation of the same name is a question to a person.
    """

    _name = 'exact.partner.mapping'
    _description = "Exact Relation Mapping"
    _inherit = ['exact.mapping.mixin', 'exact.operation.mixin']
    _order = 'partner_id, id'

    _source_fields = ('partner_id',)
    _target_fields = ('relation_id', 'is_new')

    partner_id = fields.Many2one(
        'res.partner', required=True, ondelete='cascade', index=True,
        check_company=True, domain="[('parent_id', '=', False)]",
    )
    vat = fields.Char(related='partner_id.vat', string="VAT Number")
    company_registry = fields.Char(
        related='partner_id.company_registry', string="Chamber of Commerce Number",
    )
    relation_id = fields.Many2one(
        'exact.relation', string="Relation in Exact", ondelete='restrict', index=True,
        tracking=True, domain="[('division_id', '=', division_id), ('is_blocked', '=', False)]",
    )
    is_new = fields.Boolean(
        string="New Relation", tracking=True,
        help="None of Exact's relations is this partner: its next export makes one.",
    )
    suggested_is_new = fields.Boolean(string="Better a New One", readonly=True)
    pending_account_id = fields.Many2one(
        'res.partner.bank', ondelete='set null', readonly=True,
        help="Bank account that the relation, which was made here, is yet to be given in Exact.",
    )
    suggested_relation_id = fields.Many2one(
        'exact.relation', string="Suggestion", ondelete='set null', readonly=True,
    )
    contradiction = fields.Text(
        compute='_compute_contradiction',
        help="Numbers of the partner and of the relation that differ: somebody has to say whether "
             "they are one party.",
    )

    # A constraint, not an index: Odoo's merge of contacts looks for constraints.
    _partner_unique = models.Constraint(
        'UNIQUE(division_id, partner_id)', "The partner has a row already.",
    )

    @api.model
    def _state_depends(self):
        return [*super()._state_depends(), 'relation_id.is_blocked']

    @api.depends('partner_id.vat', 'partner_id.company_registry', 'relation_id',
                 'suggested_relation_id')
    @api.depends_context('lang')
    def _compute_contradiction(self):
        for mapping in self:
            # sudo: numbers of master data are no secret to whoever may see the mapping.
            mapping_sudo = mapping.sudo()
            relation_sudo = mapping_sudo.relation_id or mapping_sudo.suggested_relation_id
            if not relation_sudo or not mapping_sudo.partner_id:
                mapping.contradiction = False
                continue
            ours = known_party(
                mapping_sudo.partner_id, mapping_sudo.division_id.home_country(),
            )
            mapping.contradiction = "; ".join(
                self.env._(
                    "%(field)s %(ours)s in Odoo, %(theirs)s in Exact",
                    field=number_label(self.env, name), ours=own, theirs=their,
                )
                for name, own, their in meet(ours, relation_sudo.party()).contradictions
            ) or False

    @api.onchange('relation_id')
    def _onchange_relation_id(self):
        if self.relation_id:
            self.is_new = False

    @api.onchange('is_new')
    def _onchange_is_new(self):
        if self.is_new:
            self.relation_id = False

    # === CRUD === #

    def write(self, vals):
        vals = self._one_choice(vals)
        before = {
            mapping: mapping.relation_id for mapping in self
        } if 'relation_id' in vals else {}
        result = super().write(vals)
        for mapping, relation in before.items():
            if relation and mapping.relation_id != relation:
                relation.part_from(mapping.partner_id)
            if mapping.relation_id:
                mapping.relation_id.join_with(mapping.partner_id)
        return result

    @api.model
    def _one_choice(self, vals):
        """A partner is one of Exact's relations or a new one, never both."""
        if vals.get('relation_id'):
            return {**vals, 'is_new': False}
        return {**vals, 'relation_id': False} if vals.get('is_new') else vals

    def unlink(self):
        links = [
            (mapping.partner_id, mapping.relation_id) for mapping in self if mapping.relation_id
        ] if not self.env.context.get('exact_keeps_together') else []
        result = super().unlink()
        for partner, relation in links:
            relation.part_from(partner)
        return result

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create([self._one_choice(vals) for vals in vals_list])
        for mapping in mappings.filtered('relation_id'):
            mapping.relation_id.join_with(mapping.partner_id)
        return mappings

    # === ACCEPT === #

    def _acceptable_in_bulk(self):
        """Only what a number proves: a name, a bank account, and what contradicts itself, or was
        taken away by hand, needs a person who looks at it."""
        accepted = self.browse()
        for division, mappings in self.grouped('division_id').items():
            known = self._find_relations(division, mappings.partner_id)
            accepted |= mappings.filtered(lambda mapping, known=known: (
                mapping.partner_id in known
                and known[mapping.partner_id].key == mapping.suggested_relation_id.id
            ))
        return accepted

    @api.model
    @api.private
    def remember(self, division, partner, relation=None, reason=False):
        """Keep which relation a partner is.

        :param relation: `exact.relation`, None while it is yet to be made
        :param reason: why it is that relation, a key of REASONS
        :return: the row of the partner
        """
        mapping = self.search([
            ('division_id', '=', division.id), ('partner_id', '=', partner.id),
        ], limit=1)
        values = {
            'relation_id': relation.id, 'suggestion_reason': reason,
        } if relation else {}
        if mapping:
            mapping.write(values)
            if relation:
                # sudo: what became of earlier calls is kept by the engine, whoever says who it is
                mapping.sudo().operation('post', 'relation').end()
            return mapping
        return self.with_context(tracking_disable=True).create({
            'division_id': division.id, 'partner_id': partner.id, **values,
        })

    def _rebuilt(self, *, new=False):
        # Who had no relation is a stand-in until the document is sent, whoever learns it meanwhile.
        known = self.browse() if new else self.filtered('relation_id')
        return known.division_id.unsent_exports([
            ('move_id.line_ids.partner_id', 'child_of', known.partner_id.ids),
        ])

    # === SUGGESTIONS === #

    def _find_suggestions(self, division):
        """The one relation that a partner can be; of several none is suggested."""
        known = self._find_relations(division, self.partner_id)
        found = {}
        for mapping in self:
            choice = known.get(mapping.partner_id)
            if not choice:
                continue
            relation_ids = [choice.key] if choice.key else list(choice.candidates)
            relation = self.env['exact.relation'].browse(relation_ids)
            if len(relation) == 1 and not relation.is_blocked:
                reason = choice.reason if choice.key else (
                    choice.candidates[relation.id].reasons[0]
                )
                found[mapping] = ({'relation_id': relation.id}, reason)
        return found

    @api.model
    def _find_relations(self, division, partners):
        """The relations that partners are, or can be; a blocked one still says who a partner is.

        :return: {partner: booking.party.Choice of ids of relations}; who is not known is not in it.
        """
        home = division.home_country()
        parties = {partner: known_party(partner, home) for partner in partners}
        pool = RelationPool(division)
        pool.add_by_number(parties.values())
        found = pool.choose(parties)
        # Who is certain by a number needs no hints.
        rest = {
            partner: known for partner, known in parties.items()
            if partner not in found or not found[partner].key
        }
        pool.add_by_hint(rest)
        return {**found, **pool.choose(rest)}

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
        return {
            'partner_id': self.env['res.partner'].union(*self._find_relations(division, partners)),
        }

    def _describe_reason(self, reason, target):
        if target is not None and reason == 'vat' and target.vat_number:
            return self.env._("Same VAT number %(number)s", number=target.vat_number)
        if target is not None and reason == 'chamber_of_commerce' and target.chamber_of_commerce:
            return self.env._(
                "Same chamber of commerce number %(number)s", number=target.chamber_of_commerce,
            )
        return super()._describe_reason(reason, target)

    @api.private
    def stopped_query(self):
        # A partner that Exact surely knows, or does not know at all, is settled at the export.
        stops = self.filtered(lambda mapping: mapping.state == 'broken')
        for division, mappings in (self - stops).grouped('division_id').items():
            known = self._find_relations(division, mappings.partner_id)
            stops |= mappings.filtered(lambda mapping, known=known: (
                mapping.partner_id in known and not known[mapping.partner_id].key
            ))
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
