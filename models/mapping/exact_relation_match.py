"""Which relation of Exact is a partner of Odoo.

A relation is found by what identifies it: the link made before, the VAT number, the chamber of
commerce number, where nothing known on both sides contradicts it. A bank account or a name is a
suggestion for a person, never a link. The rule itself is `booking.party`.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from odoo import api, models
from odoo.fields import Domain

from ...booking import is_ledger_only, party as booking_party
from ...booking.relation import Contact, relation_body
from ...exact_api import wire
from ...exact_api.links import document_url, entry_url
from ..master.exact_relation import identity_keys


def party(partner, company):
    """Who a partner is in the books: the company that it belongs to. The people of our own company
    are parties of their own, never the company itself."""
    whole = partner.commercial_partner_id
    return partner if whole == company.partner_id else whole


def own_text(partner, name):
    """What is written of a partner: its VAT or chamber of commerce number. A contact has those of
    the company that it belongs to, which say nothing of the contact."""
    return partner[name] or '' if partner.commercial_partner_id == partner else ''


def known_party(partner, home, place=()):
    """Who a partner is, in the terms of the one rule for that.

    :param home: country of the books, where a partner without country is taken to be.
    :param place: e-mail, postcode and city, as Exact would be told them.
    :rtype: booking.party.Party
    """
    return booking_party.party(
        country=partner.country_id.code or home,
        vat=own_text(partner, 'vat'), chamber=own_text(partner, 'company_registry'),
        accounts=partner.bank_ids.mapped('acc_number'), name=partner.name, place=place,
    )


class RelationPool:
    """The relations of one administration that some parties can be, found by what they share with
    them: a query for each kind of it, whatever the number of parties.
    """

    def __init__(self, division):
        self.division = division
        self.parties = {}
        self._by_key = defaultdict(set)
        self._parted = {}

    def _find(self, model, domain):
        return self.division.env[model].search(
            Domain('division_id', '=', self.division.id) & domain,
        )

    def add_by_number(self, parties):
        """Relations that share a number with one of the parties."""
        vat_keys = set().union(*(known.vat.keys for known in parties if known.vat))
        chambers = {known.chamber for known in parties} - {''}
        if vat_keys or chambers:
            self._add(self._find('exact.relation', Domain.OR([
                Domain('vat_key', 'in', list(vat_keys)),
                Domain('chamber_key', 'in', list(chambers)),
            ])), {})

    def add_by_hint(self, parties):
        """Relations that share a bank account or the name with one of the parties.

        :param parties: {partner: Party}
        """
        accounts = set().union(*(known.accounts for known in parties.values()))
        # As Exact would have it from here, and as somebody may have typed it there.
        names = {known.name for known in parties.values()}
        names |= {(partner.name or '').strip() for partner in parties}
        names.discard('')
        relations = self.division.env['exact.relation']
        banks = relations.bank_ids
        if accounts:
            banks = self._find('exact.relation.bank', Domain('iban_key', 'in', list(accounts)))
        if names:
            relations = self._find('exact.relation', Domain('name', 'in', list(names)))
        by_relation = banks.filtered('relation_id.active').grouped('relation_id')
        self._add(relations.union(*by_relation), {
            relation: own.mapped('iban_key') for relation, own in by_relation.items()
        })

    def _add(self, relations, accounts):
        # sudo: who was parted from whom is decided for everybody
        parted_sudo = relations.sudo().with_context(active_test=False)
        for relation, relation_sudo in zip(relations, parted_sudo, strict=True):
            known = relation.party(accounts.get(relation, ()))
            self.parties[relation.id] = known
            self._parted[relation.id] = set(relation_sudo.parted_partner_ids.ids)
            for key in _keys(known):
                self._by_key[key].add(relation.id)

    def choose(self, parties):
        """Which relation each is.

        :param parties: {partner: Party}
        :return: {partner: booking.party.Choice}; who is not known is not in it
        """
        result = {}
        for partner, known in parties.items():
            ids = set().union(*(self._by_key.get(key, ()) for key in _keys(known)))
            choice = booking_party.choose(
                known, [(relation_id, self.parties[relation_id]) for relation_id in sorted(ids)],
                {relation_id for relation_id in ids if partner.id in self._parted[relation_id]},
            )
            if choice.key or choice.candidates:
                result[partner] = choice
        return result


def _keys(known):
    """What a party is found by."""
    if known.vat:
        yield from (('vat', key) for key in known.vat.keys)
    if known.chamber:
        yield 'chamber', known.chamber
    if known.name:
        yield 'name', known.name
    yield from (('iban', account) for account in known.accounts)


# Why a person has to choose -> code of the finding that says so.
_QUESTIONS = {
    booking_party.AMBIGUOUS: 'relation_ambiguous',
    booking_party.TAKEN_AWAY: 'relation_taken_away',
    'chamber_of_commerce': 'relation_same_chamber',
    'iban': 'relation_same_iban',
    'same_name': 'relation_same_name',
}
# Codes of all findings that ask who a partner is.
RELATION_QUESTIONS = {'relation_contradicts', *_QUESTIONS.values()}
# How many relations a question names.
_NAMED = 5


@dataclass
class RelationMatch:
    """What was found for one partner.

    :param relation: the one relation, or an empty recordset.
    :param candidates: relations that a person has to choose from; empty where it is certain.
    :param reason: 'mapped', 'vat', 'chamber_of_commerce', or with candidates why it is not certain.
    :param verdicts: {id of a candidate: booking.party.Verdict}
    """

    relation: models.BaseModel
    candidates: models.BaseModel
    reason: str
    verdicts: dict = field(default_factory=dict)

    def questions(self, partner):
        """What a person is asked: (code, parameters) of findings."""
        if self.reason != booking_party.CONTRADICTION:
            yield _QUESTIONS[self.reason], {
                'partner': partner.display_name,
                'relations': ", ".join(self.candidates[:_NAMED].mapped('display_name')),
            }
            return
        for relation in self.candidates[:_NAMED]:
            for name, ours, theirs in self.verdicts[relation.id].contradictions:
                yield 'relation_contradicts', {
                    'partner': partner.display_name, 'relation': relation.display_name,
                    'field': name, 'ours': ours, 'theirs': theirs,
                }


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    @api.private
    def match_relations(self, moves, index, *, link=False):
        """Find the relations of all partners of a batch, in a handful of queries.

        With `link` a certain match is kept as a mapping, so that it is a fact from then on and a
        person can see and change it.

        :param moves: `account.move` of this division's company.
        :param index: of `mapping_index`.
        :return: {partner id: RelationMatch}; a partner that Exact does not know is not in it.
        """
        self.ensure_one()
        relation_model = self.env['exact.relation']
        partners = moves.commercial_partner_id.union(*(
            party(partner, self.company_id) for partner in moves.line_ids.partner_id
        ))
        result, open_partners = {}, partners.browse()
        for partner in partners:
            mapped = index['partner'].get(partner.id)
            if mapped:
                relation = relation_model.browse(mapped[1])
                result[partner.id] = RelationMatch(relation, relation_model, 'mapped')
            elif partner.id not in index['new']['partner']:
                open_partners |= partner
        if not open_partners:
            return result
        links = []
        found = self.env['exact.partner.mapping']._find_relations(self, open_partners)
        for partner, choice in found.items():
            relation = relation_model.browse(choice.key or ())
            candidates = relation_model.browse(sorted(choice.candidates))
            result[partner.id] = RelationMatch(
                relation, candidates, choice.reason, choice.candidates,
            )
            if relation:
                links.append((partner, relation, choice.reason))
        if link:
            self._link_relations(links)
        return result

    def _link_relations(self, links):
        """Keep certain matches as mappings.

        :param links: [(partner, relation, reason)]
        """
        mapping_model = self.env['exact.partner.mapping']
        existing = {
            mapping.partner_id.id: mapping
            for mapping in mapping_model.search([
                ('division_id', '=', self.id),
                ('partner_id', 'in', [partner.id for partner, _relation, _reason in links]),
            ])
        } if links else {}
        new = []
        for partner, relation, reason in links:
            if partner.id in existing:
                if not existing[partner.id].relation_id:
                    existing[partner.id].write({'relation_id': relation.id})
            else:
                new.append({
                    'division_id': self.id,
                    'partner_id': partner.id,
                    'relation_id': relation.id,
                    'suggestion_reason': reason,
                })
        if new:
            mapping_model.with_context(tracking_disable=True).create(new)

    @api.private
    def relation_body(self, partner, kind):
        """What Exact is told of a partner that it does not know yet.

        :return: (values, what of the partner is left out: `booking.relation.Omission`)
        """
        return relation_body(Contact(
            name=partner.name or '',
            country=partner.country_id.code or '',
            home=self.home_country(),
            street=partner.street or '',
            street2=partner.street2 or '',
            postcode=partner.zip or '',
            city=partner.city or '',
            email=partner.email or '',
            phone=partner.phone or '',
            website=partner.website or '',
            vat=own_text(partner, 'vat'),
            chamber=own_text(partner, 'company_registry'),
        ), kind)

    @api.private
    def home_country(self):
        """Code of the country of the books: whoever has none is taken to be there."""
        return self.company_id.account_fiscal_country_id.code or ''

    @api.private
    def entry_url(self, export):
        """Address in Exact's own screens: the page of the document, which shows its entry; without
        a document the start page of the administration, where the number finds it.
        """
        self.ensure_one()
        if export.document_guid:
            return document_url(self.connection_id.api_url(), self.code, export.document_guid)
        return self.page_of_entry(export.kind, export.exact_guid, export.entry_number)

    @api.private
    def page_of_entry(self, kind, guid, number):
        self.ensure_one()
        # One page shows all entries that are lines on ledgers.
        kind = 'general' if is_ledger_only(kind) else kind
        return entry_url(self.connection_id.api_url(), self.code, kind, guid, number)


class ExactRelation(models.Model):
    _inherit = 'exact.relation'

    @api.private
    def adopt(self, division, guid, values):
        """The mirror of a relation that was just made or found in Exact, before the next refresh.

        :param dict values: what Exact was told, or tells, in its property names.
        """
        relation = self.with_context(active_test=False).search([
            ('division_id', '=', division.id), ('exact_guid', '=', guid),
        ], limit=1)
        vat_number, chamber, country = (
            wire.as_text(values.get(name)) or False
            for name in ('VATNumber', 'ChamberOfCommerce', 'Country')
        )
        return relation or self.create({
            'division_id': division.id,
            'exact_guid': guid,
            'code': wire.as_text(values.get('Code')) or False,
            'name': wire.as_text(values.get('Name')),
            'status': values.get('Status') or 'A',
            'is_supplier': values.get('IsSupplier', False),
            'vat_number': vat_number,
            'chamber_of_commerce': chamber,
            'country_code': country,
            **identity_keys(country, vat_number, chamber),
            'email': values.get('Email'),
            'city': values.get('City'),
        })
