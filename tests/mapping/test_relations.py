"""Who is it: no document lands on somebody else's card, and no card is made in vain."""

import re
from contextlib import contextmanager
from datetime import timedelta
from importlib import util
from itertools import count
from pathlib import Path
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from odoo.addons.account_exact.booking.party_numbers import PREFIXES, vat_number
from odoo.addons.account_exact.exact_api import ExactClient, Rejected, odata, wire

from ..export_common import ExactExportCase

UNITY = 'NL844514321B01'
# Well formed, and yet one that Exact does not take.
REFUSED_VAT = 'NL805734958B44'


class RelationCase(ExactExportCase):

    numbers = count(70000)

    def setUp(self):
        super().setUp()
        self.simulator.limits.reset()

    # === SET-UP === #

    def contact(self, name, country='nl', **values):
        """A contact with whatever somebody wrote: numbers of others come in unchecked."""
        return self.env['res.partner'].with_context(no_vat_validation=True).create({
            'name': name, 'is_company': True, 'country_id': self.env.ref(f'base.{country}').id,
            **values,
        })

    def card(self, name, *, iban='', sync=True, **values):
        """Somebody makes a relation in Exact, which the last refresh has read or not; returns its
        GUID."""
        values = {'Name': name, **values}
        bank = False
        with self.division.client() as client:
            guid = wire.as_guid(client.post('crm/Accounts', values)['ID'])
            if iban:
                bank = client.post('crm/BankAccounts', {'Account': guid, 'BankAccount': iban})
        if sync:
            relation = self.env['exact.relation'].sudo().adopt(
                self.division, guid, {'Country': 'NL', **values},
            )
            if bank:
                self.env['exact.relation.bank'].sudo().create({
                    'division_id': self.division.id, 'exact_guid': wire.as_guid(bank['ID']),
                    'relation_id': relation.id, 'relation_guid': guid, 'iban': iban,
                    'iban_key': iban,
                })
        return guid

    def sync(self):
        self.division._start_sync()
        self.run_cron('ir_cron_sync')

    def cards(self, name):
        """What Exact has of this name."""
        with self.division.client() as client:
            return client.get(
                'crm/Accounts', filter=odata.eq('Name', name),
                select=['ID', 'VATNumber', 'ChamberOfCommerce', 'Email', 'Phone', 'Country'],
            )

    def invoice(self, partner, price=100, **values):
        return self.document(
            'out_invoice', [(price, self.tax_21)], partner=partner,
            name=f'INV/2026/{next(self.numbers)}', **values,
        )

    def bill(self, partner, **values):
        return self.document(
            'in_invoice', [(100, self.tax_in_21)], partner=partner,
            ref=f'R{next(self.numbers)}', **values,
        )

    def row(self, partner):
        return self.env['exact.partner.mapping'].search([
            ('division_id', '=', self.division.id), ('partner_id', '=', partner.id),
        ])

    def work(self):
        self.run_cron('ir_cron_exact_export')

    @contextmanager
    def posts(self):
        """What Exact is asked to make meanwhile: [(resource, body)]."""
        asked, post = [], ExactClient.post

        def note(client, resource, body, **kwargs):
            asked.append((resource, body))
            return post(client, resource, body, **kwargs)

        with patch.object(ExactClient, 'post', note):
            yield asked

    def iban(self):
        """A bank account that nobody has."""
        number = f'INGB{next(self.numbers):010}'
        digits = ''.join(str(int(char, 36)) for char in f'{number}NL00')
        return f'NL{98 - int(digits) % 97:02}{number}'

    def again(self, export):
        """The export is due again."""
        self.env['exact.export.queue'].sudo().search([]).retry_at = False
        export.sudo().next_try = False
        self.work()

    # === ASSERT === #

    def assertAsked(self, move, code):
        """The document waits for a person, who is led to the partner."""
        export = move.exact_export_id
        findings = export.finding_ids.filtered(lambda finding: finding.severity == 'blocks')
        self.assertEqual(
            (export.state, set(findings.mapped('code'))), ('blocked', {code}),
            findings.mapped('message'),
        )
        self.assertEqual(
            (findings[0].res_model, findings[0].res_id), ('res.partner', move.partner_id.id),
        )
        self.assertFalse(self.row(move.partner_id).relation_id)
        return findings

    def assertOn(self, move, guid):
        self.assertBooked(move)
        self.assertEqual(move.exact_export_id.relation_id.exact_guid, guid)

    def left_out(self, moves):
        """[(field, value)] of what was named as not sent."""
        findings = moves.exact_export_ids.finding_ids.filtered(
            lambda finding: finding.code == 'relation_left_out',
        )
        self.assertEqual(set(findings.mapped('severity')) - {'informs'}, set())
        return sorted((finding.params['field'], finding.params['value']) for finding in findings)


@tagged('post_install', '-at_install')
class TestWhoIsIt(RelationCase):

    def test_rules_of_all_countries_work_inside_odoo(self):
        """Odoo patches the package that knows them."""
        for prefix in set(PREFIXES.values()):
            vat_number(f'{prefix}123456789', prefix)

    def test_an_upgrade_writes_what_relations_are_found_by_anew(self):
        relation_model = self.env['exact.relation'].sudo()
        relations = relation_model.create([
            {'division_id': self.division.id, 'exact_guid': guid, 'code': guid, **values}
            for guid, values in {
                'k1': {'country_code': 'BE', 'vat_number': '0403170701', 'vat_key': '0403170701'},
                'k2': {'country_code': 'NL', 'vat_number': 'PARTICULIER', 'vat_key': 'PARTICULIER'},
                'k3': {'chamber_of_commerce': '00000000', 'chamber_key': '00000000'},
            }.items()
        ])
        self.env.flush_all()
        script = Path(__file__).parents[2] / 'migrations/19.0.1.1.0/post-relation-keys.py'
        spec = util.spec_from_file_location('relation_keys', script)
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.migrate(self.env.cr, '19.0.1.0.0')
        self.env.invalidate_all()
        self.assertEqual(relations.mapped('vat_key'), ['BE0403170701', False, False])
        self.assertEqual(relations.mapped('chamber_key'), ['0403170701', False, False])

    # === 1: NUMBERS THAT CONTRADICT === #

    def test_fiscal_unity_shares_no_card(self):
        first = self.card("Unity A", VATNumber=UNITY, ChamberOfCommerce='14451001', Status='C')
        partner = self.contact("Unity B", vat=UNITY, company_registry='14451002')
        move = self.invoice(partner)
        self.export(move)
        [finding] = self.assertAsked(move, 'relation_contradicts')
        for text in ("Unity A", '14451002', '14451001', "chamber of commerce number"):
            self.assertIn(text, finding.message)
        self.assertNotIn('relation_new', move.exact_export_id.finding_ids.mapped('code'))
        row = self.row(partner)
        self.division._refresh_mappings()
        row = self.row(partner)
        self.assertEqual(row.suggested_relation_id.exact_guid, first)
        self.assertIn('14451001', row.contradiction)
        self.assertIn('14451002', row.contradiction)
        self.division.action_accept_suggestions()
        self.assertEqual(row.state, 'suggested')
        # A person decides for a card of its own.
        self.adjust(move, create_relation=True)
        self.assertBooked(move)
        self.assertNotEqual(move.exact_export_id.relation_id.exact_guid, first)
        [card] = self.cards("Unity B")
        self.assertEqual(wire.as_text(card['ChamberOfCommerce']), '14451002')

    def test_fiscal_unity_that_exact_has_since_the_last_refresh(self):
        """The same rule for what Exact is asked, before a relation is made."""
        vat = 'NL844514322B01'
        self.card(
            "Unity C", VATNumber=vat, ChamberOfCommerce='14451003', Status='C', sync=False,
        )
        move = self.invoice(self.contact("Unity D", vat=vat, company_registry='14451004'))
        with self.posts() as asked:
            self.export(move)
        self.assertEqual(asked, [])
        [finding] = self.assertAsked(move, 'relation_contradicts')
        self.assertIn('14451003', finding.message)
        self.assertFalse(self.cards("Unity D"))
        self.adjust(move, create_relation=True)
        self.assertBooked(move)
        self.assertEqual(len(self.cards("Unity D")), 1)

    def test_of_a_fiscal_unity_the_own_card_is_found(self):
        vat = 'NL844514323B01'
        self.card("Unity E", VATNumber=vat, ChamberOfCommerce='14451005', sync=False)
        own = self.card("Unity F (B.V.)", VATNumber=vat, ChamberOfCommerce='14451006', sync=False)
        move = self.invoice(self.contact("Unity F", vat=vat, company_registry='14451006'))
        self.export(move)
        self.assertOn(move, own)
        # What was found is no new relation.
        self.assertNotIn('relation_new', move.exact_export_id.finding_ids.mapped('code'))
        self.sync()
        again = self.invoice(self.contact("Unity F2", vat=vat, company_registry='14451006'))
        self.export(again)
        self.assertOn(again, own)

    # === 2: PLACEHOLDERS === #

    def test_placeholders_identify_nobody(self):
        partners = [
            self.contact("Zero One", company_registry='00000000', vat='PARTICULIER'),
            self.contact("Zero Two", company_registry='00000000', vat='PARTICULIER'),
        ]
        moves = self.env['account.move']
        for partner in partners:
            for _time in range(2):
                move = self.invoice(partner)
                self.export(move)
                self.assertBooked(move)
                moves |= move
        first, second = (self.row(partner).relation_id for partner in partners)
        self.assertTrue(first and second and first != second)
        for partner in partners:
            [card] = self.cards(partner.name)
            self.assertFalse(card['VATNumber'] or card['ChamberOfCommerce'])
            # Named once, not with each document.
            own = moves.filtered(lambda move, partner=partner: move.partner_id == partner)
            self.assertEqual(self.left_out(own), [
                ('chamber_of_commerce', '00000000'), ('vat', partner.vat),
            ])
            self.assertIn('PARTICULIER', partner.vat)
        finding = moves[0].exact_export_id.finding_ids.filtered(
            lambda finding: finding.code == 'relation_left_out',
        )[0]
        self.assertIn("Zero One", finding.message)
        self.assertIn("VAT number", "".join(
            moves[0].exact_export_id.finding_ids.mapped('message'),
        ))

    def test_placeholder_of_a_card_is_nobodys(self):
        self.card("Cash Customer", ChamberOfCommerce='00000000', Status='C')
        move = self.invoice(self.contact("Zero Three", company_registry='00000000'))
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(len(self.cards("Zero Three")), 1)

    # === 3: BANK ACCOUNT, NAME === #

    def test_bank_account_alone_is_a_suggestion(self):
        """A supplier that is paid through a factor, whom Exact knows as a creditor itself."""
        factor = self.card(
            "Factor", iban='NL57INGB0000002001', IsSupplier=True, VATNumber='NL805734958B01',
        )
        partner = self.contact(
            "Through a Factor", bank_ids=[Command.create({'acc_number': 'NL57 INGB 0000 0020 01'})],
        )
        move = self.bill(partner)
        self.export(move)
        [finding] = self.assertAsked(move, 'relation_same_iban')
        self.assertIn("Factor", finding.message)
        self.division._refresh_mappings()
        self.division.action_accept_suggestions()
        row = self.row(partner)
        self.assertEqual(
            (row.state, row.suggested_relation_id.exact_guid, row.suggestion_reason),
            ('suggested', factor, 'iban'),
        )
        # A person who looked at it may take it.
        row.action_accept()
        self.work()
        self.assertOn(move, factor)

    def test_name_alone_is_never_accepted_in_bulk(self):
        self.card(
            "Acme Trading", VATNumber='US12345679', Country='US', City="Pleasant Hill", Status='C',
        )
        plain = self.card("Plain Name", Status='C')
        acme = self.contact("Acme Trading", vat='NL002065538B01', city="Rotterdam")
        namesake = self.contact("Plain Name")
        moves = self.invoice(acme) | self.invoice(namesake)
        self.export(moves)
        finding = self.assertAsked(moves[0], 'relation_contradicts')
        self.assertIn('NL002065538B01', finding.message)
        self.assertIn('US12345679', finding.message)
        self.assertAsked(moves[1], 'relation_same_name')
        self.division._refresh_mappings()
        rows = self.row(acme) | self.row(namesake)
        self.assertIn('NL002065538B01', rows[0].contradiction)
        self.assertIn('US12345679', rows[0].contradiction)
        self.assertFalse(rows[1].contradiction)
        self.division.action_accept_suggestions()
        self.env['exact.partner.mapping'].action_accept_all()
        rows.action_accept()
        self.assertEqual(rows.mapped('state'), ['suggested', 'suggested'])
        rows[1].action_accept()
        self.work()
        self.assertOn(moves[1], plain)

    def test_what_a_number_proves_is_accepted_in_bulk(self):
        guid = self.card("By Number", VATNumber='NL002065538B02', Status='C')
        partner = self.contact("By Number B.V.", vat='NL002065538B02')
        row = self.env['exact.partner.mapping'].create({
            'division_id': self.division.id, 'partner_id': partner.id,
        })
        self.division.action_accept_suggestions()
        self.assertEqual(row.relation_id.exact_guid, guid)

    def test_link_that_was_taken_away_does_not_come_back(self):
        # Exact knows a DE123456789 with this bank account.
        partner = self.contact(
            "Miller", 'de', vat='DE136695976',
            bank_ids=[Command.create({'acc_number': 'DE89370400440532013000'})],
        )
        row = self.env['exact.partner.mapping'].create({
            'division_id': self.division.id, 'partner_id': partner.id,
        })
        row.action_accept()
        self.assertTrue(row.relation_id)
        row.unlink()
        move = self.bill(partner)
        self.export(move)
        finding = self.assertAsked(move, 'relation_contradicts')[0]
        self.assertIn('DE136695976', finding.message)
        self.division._refresh_mappings()
        self.division.action_accept_suggestions()
        self.assertFalse(self.row(partner).relation_id)

    def test_certain_link_that_was_taken_away_is_asked_about(self):
        guid = self.card("Parted", VATNumber='NL002065538B03', Status='C')
        partner = self.contact("Parted B.V.", vat='NL002065538B03')
        first = self.invoice(partner)
        self.export(first)
        self.assertOn(first, guid)
        for take_away in (lambda row: row.write({'relation_id': False}), lambda row: row.unlink()):
            take_away(self.row(partner))
            move = self.invoice(partner)
            with self.posts() as asked:
                self.export(move)
            self.assertEqual(asked, [])
            self.assertAsked(move, 'relation_taken_away')
            self.division._refresh_mappings()
            self.division.action_accept_suggestions()
            self.assertFalse(self.row(partner).relation_id)
            # Linked by hand it is as it was before.
            self.row(partner).action_accept()
            self.work()
            self.assertOn(move, guid)
        self.assertFalse(self.row(partner).relation_id.sudo().parted_partner_ids)

    # === NEIGHBOURS === #

    def test_contact_of_a_company_is_the_company(self):
        """An invoice address has the numbers of its company, which is who is invoiced."""
        guid = self.card("Headquarters", VATNumber='NL002065538B04', Status='C')
        company = self.contact("Headquarters B.V.", vat='NL002065538B04')
        address = self.env['res.partner'].create({
            'name': "Accounts Payable", 'parent_id': company.id, 'type': 'invoice',
        })
        move = self.invoice(address)
        self.export(move)
        self.assertOn(move, guid)
        self.assertTrue(self.row(company))
        self.assertFalse(self.row(address))

    def test_two_cards_with_the_same_number_are_asked_about(self):
        for name in ("Double A", "Double B"):
            self.card(name, VATNumber='NL002065538B05', Status='C', sync=False)
        move = self.invoice(self.contact("Double", vat='NL002065538B05'))
        self.export(move)
        finding = self.assertAsked(move, 'relation_ambiguous')
        self.assertIn("Double A", finding.message)
        self.assertIn("Double B", finding.message)

    def test_card_that_is_gone_is_nobody(self):
        guid = self.card("Gone", VATNumber='NL002065538B06', Status='C')
        self.env['exact.relation'].search([('exact_guid', '=', guid)]).sudo().active = False
        with self.division.client() as client:
            client.delete('crm/Accounts', guid)
        move = self.invoice(self.contact("Gone B.V.", vat='NL002065538B06'))
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(len(self.cards("Gone B.V.")), 1)

    # === 4: AS COUNTRIES WRITE THEIR NUMBERS === #

    def test_numbers_as_odoo_takes_them(self):
        belgian = self.card(
            "Vlaamse Bouw NV", VATNumber='BE0477472701', Country='BE', Status='C',
        )
        partners = [
            self.contact("Vlaamse Bouw", 'be', vat='0477472701'),
            self.contact("Dutch Form", vat='123456782B90'),
            self.contact("American Form", 'us', vat='12-3456789'),
            self.contact("Swiss Form", 'ch', vat='CHE-123.456.788 MWST'),
            self.contact("British Form", 'uk', vat='980780684'),
            self.contact("Greek Form", 'gr', vat='GR094259216'),
        ]
        moves = self.env['account.move'].union(*(self.invoice(partner) for partner in partners))
        with self.posts() as asked:
            self.export(moves)
        self.assertOn(moves[0], belgian)
        for move in moves:
            self.assertBooked(move)
        self.assertEqual(
            {body['Name']: body.get('VATNumber') for path, body in asked if path == 'crm/Accounts'},
            {
                "Dutch Form": 'NL123456782B90', "American Form": None,
                "Swiss Form": 'CHE123456788', "British Form": 'GB980780684',
                "Greek Form": 'EL094259216',
            },
        )
        self.assertEqual(self.left_out(moves), [('vat', '12-3456789')])

    def test_what_is_nice_to_have_stops_no_invoice(self):
        partner = self.contact(
            "Nice to Have", email="no address", phone="1" * 60, website="http://" + "w" * 120,
            company_registry='123456789012',
        )
        move = self.invoice(partner)
        self.export(move)
        self.assertBooked(move)
        [card] = self.cards("Nice to Have")
        self.assertFalse(card['Email'] or card['Phone'] or card['ChamberOfCommerce'])
        self.assertEqual(
            [field for field, _value in self.left_out(move)],
            ['chamber_of_commerce', 'email', 'phone', 'website'],
        )

    def test_long_name_is_shortened_and_named(self):
        move = self.invoice(self.contact("Vereniging " + "x" * 60))
        self.export(move)
        self.assertBooked(move)
        [finding] = move.exact_export_id.finding_ids.filtered(
            lambda finding: finding.code == 'relation_shortened',
        )
        self.assertIn("50", finding.message)
        # By its shortened name it is asked about, rather than made a second time.
        self.row(move.partner_id).with_context(exact_keeps_together=True).unlink()
        again = self.invoice(move.partner_id)
        self.export(again)
        self.assertAsked(again, 'relation_same_name')

    # === 5: REFUSED === #

    def test_refused_relation_is_asked_for_once(self):
        self.switch(vat_refused=[REFUSED_VAT])
        supplier = self.contact("Refused Ltd", vat=REFUSED_VAT)
        others = [self.contact(f"Taken {number}") for number in range(3)]
        bills = [self.bill(supplier) for _number in range(7)]
        moves = self.env['account.move'].union(
            *bills[:4], *(self.bill(other) for other in others), *bills[4:],
        )
        with self.posts() as asked:
            self.export(moves)
        names = [body['Name'] for path, body in asked if path == 'crm/Accounts']
        self.assertEqual(names.count("Refused Ltd"), 1)
        for move in moves:
            if move.partner_id != supplier:
                self.assertBooked(move)
                continue
            self.assertEqual(move.exact_export_id.state, 'refused')
            [finding] = move.exact_export_id.finding_ids
            self.assertEqual(
                (finding.code, finding.res_model, finding.res_id),
                ('refused_partner', 'res.partner', supplier.id),
            )
            self.assertIn("Refused Ltd", finding.message)
        self.assertEqual(len(set(moves.exact_export_ids.finding_ids.filtered(
            lambda finding: finding.severity == 'blocks').mapped('cause'))), 1)
        # One more of the same partner does not ask.
        late = self.bill(supplier)
        with self.posts() as asked:
            self.export(late)
        self.assertFalse([body for path, body in asked if path == 'crm/Accounts'])
        self.assertEqual(late.exact_export_id.state, 'refused')
        # The partner is mended, one retry releases all.
        supplier.with_context(no_vat_validation=True).vat = False
        late.exact_export_id.finding_ids.action_retry()
        with self.posts() as asked:
            self.work()
        self.assertEqual(len([body for path, body in asked if path == 'crm/Accounts']), 1)
        for move in [*bills, late]:
            self.assertBooked(move)

    def test_partner_that_was_edited_is_asked_for_anew(self):
        self.switch(vat_refused=[REFUSED_VAT])
        supplier = self.contact("Edited Ltd", vat=REFUSED_VAT)
        first = self.bill(supplier)
        self.export(first)
        self.assertEqual(first.exact_export_id.state, 'refused')
        supplier.with_context(no_vat_validation=True).vat = False
        # Moments of one transaction are all the same.
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_partner SET write_date = %s WHERE id = %s",
            [first.exact_export_id.finding_ids[0].create_date + timedelta(seconds=1), supplier.id],
        )
        self.env.invalidate_all()
        second = self.bill(supplier)
        self.export(second)
        self.assertBooked(second)

    def test_a_refusal_that_is_not_exacts_makes_no_second_relation(self):
        """A partner without anything but its name; a proxy refuses what Exact has made."""
        for number, page in enumerate(({'status': 400}, {'status': 404, 'body': 'html'})):
            with self.subTest(**page):
                name = f"Relation Behind a Proxy {number}"
                move = self.invoice(self.contact(name))
                self.simulator.faults.add(
                    'status_after', method='POST', resource='crm/Accounts', **page,
                )
                self.export(move)
                row = self.row(move.partner_id)
                self.assertEqual(self.operation(row, part='relation').state, 'unknown')
                self.again(move.exact_export_id)
                self.assertBooked(move)
                self.assertEqual(len(self.cards(name)), 1)

    def test_a_card_that_was_made_can_be_made_once_more(self):
        """A person parts the partner from it, and wants a new one."""
        partner = self.contact("Weer Nieuw")
        first = self.invoice(partner)
        self.export(first)
        self.assertBooked(first)
        self.row(partner).write({'relation_id': False, 'is_new': True})
        second = self.invoice(partner)
        self.export(second)
        self.assertBooked(second)
        self.assertEqual(len(self.cards("Weer Nieuw")), 2)

    def test_own_card_is_found_again_by_where_it_is(self):
        """What Exact made and did not tell, and what a restored backup has forgotten."""
        place = {'zip': "1234 AB", 'city': "Zwolle", 'email': "Post@Rond.example"}
        lost = self.invoice(self.contact("Relation Lost", **place))
        self.simulator.faults.add('cut_after', method='POST', resource='crm/Accounts')
        self.export(lost)
        self.assertEqual(lost.exact_export_id.state, 'ready')
        row = self.row(lost.partner_id)
        self.assertEqual(self.operation(row, part='relation').state, 'unknown')
        self.again(lost.exact_export_id)
        self.assertBooked(lost)
        self.assertEqual(len(self.cards("Relation Lost")), 1)
        # Exact has it, nobody here knows of it.
        forgotten = self.invoice(self.contact("Relation Forgotten", **place))
        guid = self.card(
            "Relation Forgotten", sync=False, Postcode=place['zip'], City=place['city'],
            Email=place['email'].lower(), Status='C',
        )
        self.export(forgotten)
        self.assertOn(forgotten, guid)

    def test_own_card_is_found_again_though_the_partner_was_edited(self):
        partner = self.contact("Moved Since", city="Zwolle", email="post@moved.example")
        move = self.invoice(partner)
        self.simulator.faults.add('cut_after', method='POST', resource='crm/Accounts')
        self.export(move)
        partner.write({'city': "Kampen", 'email': "new@moved.example"})
        self.again(move.exact_export_id)
        self.assertBooked(move)
        self.assertEqual(len(self.cards("Moved Since")), 1)

    def test_card_of_somebody_else_is_not_what_became_of_our_request(self):
        """A namesake that a person made in Exact in the same minute."""
        move = self.invoice(self.contact("Made at Once"))
        self.simulator.faults.add('cut_before', method='POST', resource='crm/Accounts')
        self.export(move)
        row = self.row(move.partner_id)
        self.assertEqual(self.operation(row, part='relation').state, 'unknown')
        self.card("Made at Once", sync=False)
        self.connection.sudo().exact_user_guid = '00000000-0000-4000-8000-00000000000e'
        self.again(move.exact_export_id)
        self.assertEqual(move.exact_export_id.state, 'ready')
        self.assertFalse(self.row(move.partner_id).relation_id)

    def test_card_of_a_namesake_is_not_what_became_of_our_request(self):
        """Two partners of one name, and Exact made the second one's alone."""
        first, second = (self.invoice(self.contact("Of One Name")) for _number in range(2))
        self.simulator.faults.add('cut_before', method='POST', resource='crm/Accounts')
        self.export(first | second)
        self.assertBooked(second)
        self.again(first.exact_export_id)
        self.assertEqual(first.exact_export_id.state, 'ready')
        self.assertFalse(self.row(first.partner_id).relation_id)

    def test_new_card_without_answer_is_made_once_though_it_was_read(self):
        """A person wants a card of its own; the refresh reads it before anybody knows of it."""
        namesake = self.card("Own Card", Status='C')
        self.control('edit_record', table='Accounts', key=namesake, values={
            'Created': '2026-01-05T09:00:00.000',
        })
        move = self.invoice(self.contact("Own Card"))
        self.export(move)
        self.assertAsked(move, 'relation_same_name')
        self.simulator.faults.add('cut_after', method='POST', resource='crm/Accounts')
        self.adjust(move, create_relation=True)
        self.sync()
        self.assertEqual(self.env['exact.relation'].search_count([('name', '=', "Own Card")]), 2)
        self.again(move.exact_export_id)
        self.assertBooked(move)
        self.assertNotEqual(move.exact_export_id.relation_id.exact_guid, namesake)
        self.assertEqual(len(self.cards("Own Card")), 2)

    # === 6: MERGED === #

    def test_merged_contacts_keep_one_link(self):
        partners = [self.contact(f"Merged {number}") for number in (1, 2)]
        moves = [self.invoice(partner) for partner in partners]
        self.export(moves[0] | moves[1])
        exports = [move.exact_export_id for move in moves]
        entries = [export.exact_guid for export in exports]
        relations = [export.relation_id for export in exports]
        self.assertNotEqual(*relations)
        self.merge(partners, into=partners[1])
        self.assertFalse(partners[0].exists())
        [row] = self.row(partners[1])
        self.assertEqual((row.relation_id, row.state), (relations[1], 'mapped'))
        self.work()
        for move, export, entry, relation in zip(moves, exports, entries, relations, strict=True):
            self.assertEqual(move.partner_id, partners[1])
            self.assertEqual(
                (export.state, export.exact_guid, export.relation_id),
                ('verified', entry, relation),
            )
            self.assertEqual(move.exact_state, 'verified')
        # What comes after it goes on the card that stayed, and nothing is asked.
        move = self.invoice(partners[1])
        self.export(move)
        self.assertOn(move, relations[1].exact_guid)

    def test_merge_keeps_the_only_link(self):
        """The contact that stays has an empty row, of the others one is linked."""
        partners = [self.contact(f"Kept {number}") for number in (1, 2, 3)]
        move = self.invoice(partners[0])
        self.export(move)
        relation = move.exact_export_id.relation_id
        for partner in partners[1:]:
            self.env['exact.partner.mapping'].create({
                'division_id': self.division.id, 'partner_id': partner.id,
            })
        self.merge(partners, into=partners[2])
        self.assertEqual(self.row(partners[2]).relation_id, relation)
        self.assertFalse(relation.sudo().parted_partner_ids)

    def test_merge_of_two_linked_ones_into_a_third(self):
        partners = [self.contact(f"Third {number}") for number in (1, 2, 3)]
        moves = self.invoice(partners[0]) | self.invoice(partners[1])
        self.export(moves)
        self.merge(partners, into=partners[2])
        [row] = self.row(partners[2])
        self.assertEqual(row.relation_id, moves[0].exact_export_id.relation_id)

    def merge(self, partners, into):
        self.env.flush_all()
        self.env['base.partner.merge.automatic.wizard'].create({})._merge(
            [partner.id for partner in partners], into,
        )
        self.env.invalidate_all()

    # === 7: BANK ACCOUNTS === #

    def bank_accounts(self, move):
        with self.division.client() as client:
            rows = client.get(
                'crm/BankAccounts', select=['BankAccount', 'IBAN', 'Main'],
                filter=odata.eq(
                    'Account', odata.guid(move.exact_export_id.relation_id.exact_guid),
                ),
            )
        return [wire.as_text(row['IBAN']) for row in rows]

    def payee(self, name, *accounts):
        return self.contact(name, bank_ids=[
            Command.create({'acc_number': number}) for number in accounts
        ])

    def test_new_supplier_brings_its_bank_account(self):
        number = self.iban()
        move = self.bill(self.payee("With Bank", ' '.join(re.findall('.{1,4}', number))))
        with self.posts() as asked:
            self.export(move)
        self.assertBooked(move)
        self.assertEqual(self.bank_accounts(move), [number])
        [body] = [body for path, body in asked if path == 'crm/BankAccounts']
        self.assertTrue(body['Main'])
        again = self.bill(move.partner_id)
        with self.posts() as asked:
            self.export(again)
        self.assertFalse([path for path, _body in asked if path.startswith('crm/')])

    def test_bank_account_of_the_bill_goes_before_others(self):
        supplier = self.payee("Two Banks", self.iban(), self.iban())
        move = self.bill(supplier, partner_bank_id=supplier.bank_ids[1].id)
        self.export(move)
        self.assertEqual(self.bank_accounts(move), [supplier.bank_ids[1].sanitized_acc_number])
        trusted = self.payee("Trusted Bank", self.iban(), self.iban())
        trusted.bank_ids[1].allow_out_payment = True
        move = self.bill(trusted)
        move.partner_bank_id = False
        self.export(move)
        self.assertEqual(self.bank_accounts(move), [trusted.bank_ids[1].sanitized_acc_number])

    def test_bank_account_without_answer_is_made_once(self):
        number = self.iban()
        move = self.bill(self.payee("Bank Lost", number))
        self.simulator.faults.add('cut_after', method='POST', resource='crm/BankAccounts')
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(export.state, 'ready')
        row = self.row(move.partner_id)
        self.assertEqual(self.operation(row, part='bank_account').state, 'unknown')
        self.again(export)
        self.assertBooked(move)
        self.assertEqual(self.bank_accounts(move), [number])
        row = self.row(move.partner_id)
        self.assertFalse(self.operation(row, part='bank_account'))
        self.assertFalse(row.pending_account_id)

    def test_bank_account_that_did_not_arrive_is_made_later(self):
        number = self.iban()
        move = self.bill(self.payee("Bank Late", number))
        self.simulator.faults.add('cut_before', method='POST', resource='crm/BankAccounts')
        self.export(move)
        row = self.row(move.partner_id)
        self.again(move.exact_export_id)
        self.assertEqual(move.exact_export_id.state, 'ready')
        self.asked_long_ago(row)
        self.again(move.exact_export_id)
        self.assertBooked(move)
        self.assertEqual(self.bank_accounts(move), [number])

    def test_bank_account_is_brought_though_the_bill_was_checked_anew(self):
        number = self.iban()
        move = self.bill(self.payee("Bank Checked Anew", number))
        self.simulator.faults.add('cut_before', method='POST', resource='crm/BankAccounts')
        self.export(move)
        export = move.exact_export_id
        self.assertEqual(export.state, 'ready')
        # What Odoo itself writes on a document at times.
        export.sudo().check_anew()
        self.asked_long_ago(self.row(move.partner_id))
        self.again(export)
        self.again(export)
        self.assertBooked(move)
        self.assertEqual(self.bank_accounts(move), [number])

    def test_bank_account_that_exact_refuses_stops_no_bill(self):
        move = self.bill(self.payee("Bank Refused", self.iban()))
        refusal = Rejected(messages=["Ongeldig: Bankrekening"], resource='crm/BankAccounts')
        post = ExactClient.post

        def refuse(client, resource, body, **kwargs):
            if resource == 'crm/BankAccounts':
                raise refusal
            return post(client, resource, body, **kwargs)

        with patch.object(ExactClient, 'post', refuse):
            self.export(move)
        self.assertBooked(move)
        self.assertEqual(
            self.left_out(move), [('iban', move.partner_id.bank_ids.acc_number)],
        )
        [message] = [
            finding.message for finding in move.exact_export_id.finding_ids
            if finding.code == 'relation_left_out'
        ]
        self.assertIn("Ongeldig: Bankrekening", message)

    def test_what_is_no_iban_is_named(self):
        move = self.bill(self.payee("No Iban", '123456789'))
        self.export(move)
        self.assertBooked(move)
        self.assertEqual(self.bank_accounts(move), [])
        self.assertEqual(self.left_out(move), [('iban', '123456789')])

    def test_customers_and_known_cards_get_no_bank_account(self):
        """A relation that was not made here is not changed but for what the entry needs."""
        customer = self.payee("Customer With Bank", self.iban())
        move = self.invoice(customer)
        self.export(move)
        self.assertEqual(self.bank_accounts(move), [])
        guid = self.card("Known Card", VATNumber='NL002065538B07', IsSupplier=True, sync=False)
        known = self.payee("Known Card B.V.", self.iban())
        known.with_context(no_vat_validation=True).vat = 'NL002065538B07'
        move = self.bill(known)
        self.export(move)
        self.assertOn(move, guid)
        self.assertEqual(self.bank_accounts(move), [])
