"""Which relation of Exact is a partner of Odoo.

A relation is found by what identifies it: the link made before, the VAT number, the chamber of
commerce number, a bank account. A name is a suggestion for a person, never a link.
"""

from dataclasses import dataclass

from odoo import models

from ..booking import fit_text, is_ledger_only
from ..exact_api.links import document_url, entry_url
from .exact_sync_resources import match_key


def party(partner, company):
    """Who a partner is in the books: the company that it belongs to. The people of our own company
    are parties of their own, never the company itself."""
    whole = partner.commercial_partner_id
    return partner if whole == company.partner_id else whole


def own_number(partner, name):
    """VAT or chamber of commerce number of a partner, as a key. A contact has those of the company
    that it belongs to, which say nothing of the contact."""
    return match_key(partner[name]) if partner.commercial_partner_id == partner else ''


@dataclass
class RelationMatch:
    """What was found for one partner.

    :param relation: the one relation, or an empty recordset.
    :param candidates: relations that a person has to choose from; empty where it is certain.
    :param reason: 'mapped', 'vat', 'chamber_of_commerce', 'iban', or with candidates
        'relation_ambiguous', 'relation_same_name'.
    """

    relation: models.BaseModel
    candidates: models.BaseModel
    reason: str


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def _match_relations(self, moves, index, *, link=False):
        """Find the relations of all partners of a batch, in a handful of queries.

        With `link` a certain match is kept as a mapping, so that it is a fact from then on and a
        person can see and change it.

        :param moves: `account.move` of this division's company.
        :param index: of `_mapping_index`.
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
            else:
                open_partners |= partner
        if not open_partners:
            return result
        known = self.env['exact.partner.mapping']._find_relations(
            self, open_partners, with_blocked=True,
        )
        links = []
        for partner, (relation_ids, reason) in known.items():
            found = relation_model.browse(sorted(relation_ids))
            if reason == 'same_name':
                result[partner.id] = RelationMatch(relation_model, found, 'relation_same_name')
            elif len(found) > 1:
                result[partner.id] = RelationMatch(relation_model, found, 'relation_ambiguous')
            else:
                result[partner.id] = RelationMatch(found, relation_model, reason)
                links.append((partner, found, reason))
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

    def _relation_body(self, partner, kind):
        """What Exact is told of a partner that it does not know yet.

        Only properties that a POST of crm/Accounts accepts; empty ones are left out. A supplier
        needs no status, a customer has status C.

        :rtype: dict
        """
        values = {
            'Name': fit_text(partner.name, 50),
            'Status': 'C' if kind == 'sale' else 'A',
            'IsSupplier': kind == 'purchase',
            'AddressLine1': fit_text(partner.street),
            'AddressLine2': fit_text(partner.street2),
            'Postcode': fit_text(partner.zip),
            'City': fit_text(partner.city),
            'Country': partner.country_id.code,
            'Email': partner.email_normalized,
            'Phone': fit_text(partner.phone),
            'Website': partner.website,
            'VATNumber': own_number(partner, 'vat'),
            'ChamberOfCommerce': own_number(partner, 'company_registry'),
        }
        return {
            name: value for name, value in values.items() if value or name == 'IsSupplier'
        }

    def _entry_url(self, export):
        """Address in Exact's own screens: the page of the document, which shows its entry; without
        a document the start page of the administration, where the number finds it.
        """
        self.ensure_one()
        if export.document_guid:
            return document_url(self.connection_id._base_url(), self.code, export.document_guid)
        return self._page_of_entry(export.kind, export.exact_guid, export.entry_number)

    def _page_of_entry(self, kind, guid, number):
        self.ensure_one()
        # One page shows all entries that are lines on ledgers.
        kind = 'general' if is_ledger_only(kind) else kind
        return entry_url(self.connection_id._base_url(), self.code, kind, guid, number)


class ExactRelation(models.Model):
    _inherit = 'exact.relation'

    def _adopt(self, division, guid, values):
        """The mirror of a relation that was just made or found in Exact, before the next refresh.

        :param dict values: what Exact was told, in its property names.
        """
        relation = self.with_context(active_test=False).search([
            ('division_id', '=', division.id), ('exact_guid', '=', guid),
        ], limit=1)
        return relation or self.create({
            'division_id': division.id,
            'exact_guid': guid,
            'name': values.get('Name'),
            'status': values.get('Status') or 'A',
            'is_supplier': values.get('IsSupplier', False),
            'vat_number': values.get('VATNumber'),
            'vat_key': match_key(values.get('VATNumber')),
            'chamber_of_commerce': values.get('ChamberOfCommerce'),
            'chamber_key': match_key(values.get('ChamberOfCommerce')),
            'country_code': values.get('Country'),
            'email': values.get('Email'),
            'city': values.get('City'),
        })
