"""A bill that differs from the e-invoice it came with is told before it goes out."""

import io

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfFileWriter

from ..export.test_export_files import FilesCase

UBL = 'urn:oasis:names:specification:ubl:schema:xsd'
PEPPOL = 'urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0'
CII = 'urn:un:unece:uncefact:data:standard'


def ubl(lines, *, net, vat, total, root='Invoice', number='F-1', currency='EUR'):
    """A UBL document as Peppol has it.

    :param lines: (amount, category, rate)
    """
    line_tag, quantity = {
        'Invoice': ('InvoiceLine', 'InvoicedQuantity'),
        'CreditNote': ('CreditNoteLine', 'CreditedQuantity'),
    }[root]
    rows = ''.join(f'''
      <cac:{line_tag}><cbc:ID>{position}</cbc:ID>
        <cbc:{quantity} unitCode="C62">1</cbc:{quantity}>
        <cbc:LineExtensionAmount currencyID="{currency}">{amount}</cbc:LineExtensionAmount>
        <cac:Item><cbc:Name>Work {position}</cbc:Name><cac:ClassifiedTaxCategory>
          <cbc:ID>{category}</cbc:ID><cbc:Percent>{rate}</cbc:Percent>
          <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>
        </cac:ClassifiedTaxCategory></cac:Item>
        <cac:Price><cbc:PriceAmount currencyID="{currency}">{amount}</cbc:PriceAmount></cac:Price>
      </cac:{line_tag}>''' for position, (amount, category, rate) in enumerate(lines, 1))
    return f'''<?xml version="1.0" encoding="UTF-8"?>
    <{root} xmlns="{UBL}:{root}-2" xmlns:cac="{UBL}:CommonAggregateComponents-2"
            xmlns:cbc="{UBL}:CommonBasicComponents-2">
      <cbc:CustomizationID>{PEPPOL}</cbc:CustomizationID>
      <cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-01-15</cbc:IssueDate>
      <cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>
      <cac:AccountingSupplierParty><cac:Party>
        <cac:PartyLegalEntity>
          <cbc:RegistrationName>Jansen Papier</cbc:RegistrationName></cac:PartyLegalEntity>
      </cac:Party></cac:AccountingSupplierParty>
      <cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">{vat}</cbc:TaxAmount></cac:TaxTotal>
      <cac:LegalMonetaryTotal>
        <cbc:LineExtensionAmount currencyID="{currency}">{net}</cbc:LineExtensionAmount>
        <cbc:TaxExclusiveAmount currencyID="{currency}">{net}</cbc:TaxExclusiveAmount>
        <cbc:TaxInclusiveAmount currencyID="{currency}">{total}</cbc:TaxInclusiveAmount>
        <cbc:PayableAmount currencyID="{currency}">{total}</cbc:PayableAmount>
      </cac:LegalMonetaryTotal>{rows}
    </{root}>'''.encode()


def factur_x(amount, category, rate, *, vat, total):
    """A PDF with a CII invoice in it."""
    xml = f'''<rsm:CrossIndustryInvoice xmlns:rsm="{CII}:CrossIndustryInvoice:100"
        xmlns:ram="{CII}:ReusableAggregateBusinessInformationEntity:100">
      <rsm:ExchangedDocument><ram:ID>F-1</ram:ID><ram:TypeCode>380</ram:TypeCode>
      </rsm:ExchangedDocument>
      <rsm:SupplyChainTradeTransaction>
        <ram:IncludedSupplyChainTradeLineItem>
          <ram:SpecifiedTradeProduct><ram:Name>Work</ram:Name></ram:SpecifiedTradeProduct>
          <ram:SpecifiedLineTradeSettlement>
            <ram:ApplicableTradeTax><ram:CategoryCode>{category}</ram:CategoryCode>
              <ram:RateApplicablePercent>{rate}</ram:RateApplicablePercent></ram:ApplicableTradeTax>
            <ram:SpecifiedTradeSettlementLineMonetarySummation>
              <ram:LineTotalAmount>{amount}</ram:LineTotalAmount>
            </ram:SpecifiedTradeSettlementLineMonetarySummation>
          </ram:SpecifiedLineTradeSettlement>
        </ram:IncludedSupplyChainTradeLineItem>
        <ram:ApplicableHeaderTradeSettlement>
          <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
          <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
            <ram:TaxBasisTotalAmount>{amount}</ram:TaxBasisTotalAmount>
            <ram:TaxTotalAmount currencyID="EUR">{vat}</ram:TaxTotalAmount>
            <ram:GrandTotalAmount>{total}</ram:GrandTotalAmount>
            <ram:DuePayableAmount>{total}</ram:DuePayableAmount>
          </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        </ram:ApplicableHeaderTradeSettlement>
      </rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>'''
    writer, buffer = PdfFileWriter(), io.BytesIO()
    writer.add_blank_page(72, 72)
    writer.add_attachment('factur-x.xml', xml.encode())
    writer.write(buffer)
    return buffer.getvalue()


@tagged('post_install', '-at_install')
class TestEInvoice(FilesCase):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.division.send_documents = False
        cls.reverse = cls.env['exact.tax.mapping'].search([
            ('division_id', '=', cls.division.id), ('vat_code_id.charged', '=', True),
            ('tax_id.type_tax_use', '=', 'purchase'), ('tax_id.amount', '=', 21),
        ], limit=1).tax_id

    def with_einvoice(self, lines, data, *, name='bill.xml', move_type='in_invoice', **values):
        """A bill, and the e-invoice that it is said to be."""
        bill = self.document(move_type, lines, **values)
        self.env['ir.attachment'].create({
            'name': name, 'raw': data, 'res_model': 'account.move', 'res_id': bill.id,
        })
        self.export(bill)
        return bill

    def codes(self, bill, severity='blocks'):
        return bill.exact_export_id.finding_ids.filtered(
            lambda one: one.severity == severity and one.code.startswith('einvoice'),
        ).mapped('code')

    def import_bill(self, data):
        """As Odoo imports it from the upload of a purchase journal."""
        attachment = self.env['ir.attachment'].create({
            'name': 'bill.xml', 'raw': data, 'mimetype': 'application/xml',
        })
        journal = self.company_data['default_journal_purchase']
        action = journal.with_company(self.company).create_document_from_attachment(attachment.ids)
        bill = self.env['account.move'].browse(action['res_id'])
        bill.write({'partner_id': self.supplier.id, 'date': '2026-01-15'})
        bill.invoice_line_ids.account_id = self.expense
        bill.action_post()
        return bill

    # === WHAT DIFFERS === #

    def test_reverse_charge_that_odoo_imported_without_vat(self):
        """The e-invoice comes to 1,656.25, the bill that Odoo made of it to 1,325.00."""
        bill = self.import_bill(ubl([('1325.00', 'AE', '25')], net='1325.00', vat='331.25',
                                    total='1656.25'))
        self.assertEqual(bill.amount_total, 1325)
        self.export(bill)
        self.assertEqual(bill.exact_state, 'blocked')
        self.assertEqual(set(self.codes(bill)), {'einvoice_total', 'einvoice_category'})
        self.assertFalse(bill.exact_export_id.operation_ids)
        for figure in ('1,656.25', '1,325.00'):
            self.assertIn(figure, bill.exact_message)
        [category] = bill.exact_export_id.finding_ids.filtered(
            lambda one: one.code == 'einvoice_category',
        )
        self.assertIn("AE (reverse charge)", category.message)
        self.assertIn("no VAT", category.message)

    def test_a_category_is_compared_even_if_the_totals_are_equal(self):
        data = ubl([('1325.00', 'AE', '0')], net='1325.00', vat='0.00', total='1325.00')
        bill = self.with_einvoice([(1325, self.tax_in_21.browse())], data)
        self.assertEqual(self.codes(bill), ['einvoice_category'])
        right = self.with_einvoice([(1325, self.reverse)], data)
        self.assertEqual(self.codes(right), [])
        self.assertBooked(right)

    def test_a_code_that_a_person_chose_for_the_export_counts(self):
        data = ubl([('100.00', 'AE', '0')], net='100.00', vat='0.00', total='100.00')
        bill = self.with_einvoice([(100, self.tax_in_21.browse())], data)
        self.assertEqual(self.codes(bill), ['einvoice_category'])
        code = self.env['exact.tax.mapping'].search([
            ('division_id', '=', self.division.id), ('tax_id', '=', self.reverse.id),
        ]).vat_code_id
        bill.exact_export_id.sudo().overrides = {
            'lines': {str(bill.invoice_line_ids.id): {'vat_code_id': code.id}},
        }
        bill.action_exact_retry()
        self.work()
        self.assertBooked(bill)

    def test_what_odoo_imports_right_is_no_difference(self):
        for lines, net, vat, total in (
            ([('100.00', 'S', '21'), ('50.00', 'S', '9')], '150.00', '25.50', '175.50'),
            ([('100.00', 'Z', '0')], '100.00', '0.00', '100.00'),
            ([('100.00', 'E', '0'), ('21.00', 'S', '21')], '121.00', '4.41', '125.41'),
            ([('100.00', 'O', '0')], '100.00', '0.00', '100.00'),
            ([('100.00', 'G', '0')], '100.00', '0.00', '100.00'),
        ):
            with self.subTest(lines=lines):
                bill = self.import_bill(ubl(
                    lines, net=net, vat=vat, total=total, number=f'F-{lines}',
                ))
                self.export(bill)
                self.assertEqual(
                    self.codes(bill), [], bill.exact_export_id.finding_ids.mapped('message'),
                )

    def test_a_credit_note(self):
        data = ubl([('100.00', 'S', '21')], net='100.00', vat='21.00', total='121.00',
                   root='CreditNote')
        right = self.with_einvoice([(100, self.tax_in_21)], data, move_type='in_refund')
        self.assertBooked(right)
        wrong = self.with_einvoice([(100, self.tax_in_21)], data)
        self.assertIn('einvoice_total', self.codes(wrong))

    def test_an_einvoice_within_a_pdf(self):
        data = factur_x('100.00', 'AE', '0', vat='0.00', total='100.00')
        bill = self.with_einvoice([(100, self.tax_in_21)], data, name='bill.pdf')
        self.assertEqual(set(self.codes(bill)), {'einvoice_total', 'einvoice_category'})
        right = self.with_einvoice([(100, self.reverse)], data, name='bill.pdf')
        self.assertBooked(right)

    def test_another_currency(self):
        data = ubl([('100.00', 'S', '21')], net='100.00', vat='21.00', total='121.00',
                   currency='USD')
        bill = self.with_einvoice([(100, self.tax_in_21)], data)
        self.assertEqual(self.codes(bill), ['einvoice_currency'])

    def test_one_cent_is_told_and_stops_nothing(self):
        data = ubl([('100.00', 'S', '21')], net='100.00', vat='21.01', total='121.01')
        bill = self.with_einvoice([(100, self.tax_in_21)], data)
        self.assertBooked(bill)
        self.assertEqual(self.codes(bill, 'informs'), ['einvoice_cents'])
        [finding] = bill.exact_export_id.finding_ids
        self.assertIn("no more than rounding", finding.message)
        # There is nothing to accept, and that is said.
        with self.assertRaisesRegex(UserError, "None of these bills waits"):
            bill.action_exact_accept_difference("It is right.")
        self.assertFalse(self.env['exact.accepted.difference'].search([('move_id', '=', bill.id)]))

    @mute_logger('pypdf._reader')
    def test_rubbish_is_one_sentence_at_most(self):
        for name, data in (
            ('bill.xml', b'<Invoice'),
            ('bill.xml', b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
            ('bill.pdf', b'%PDF-1.4 /EmbeddedFile rubbish'),
        ):
            with self.subTest(name=name, data=data):
                bill = self.with_einvoice([(100, self.tax_in_21)], data, name=name)
                self.assertBooked(bill)
                self.assertLessEqual(len(self.codes(bill, 'informs')), 1)

    # === ACCEPTED === #

    def differing(self):
        return self.with_einvoice(
            [(100, self.tax_in_21)],
            ubl([('90.00', 'S', '21')], net='90.00', vat='18.90', total='108.90'),
        )

    def test_a_person_accepts_it_with_a_reason_that_is_kept(self):
        bill = self.differing()
        clerk = new_test_user(
            self.env, login='clerk', name="Ko Klerk", groups='account.group_account_invoice',
            company_id=self.company.id, company_ids=[Command.set(self.company.ids)],
        )
        finding = bill.exact_export_id.finding_ids.filtered(
            lambda one: one.severity == 'blocks',
        )[:1]
        self.assertEqual(finding.button_label, "Accept the Difference")
        action = finding.with_user(clerk).action_fix()
        wizard = self.env[action['res_model']].with_user(clerk).with_context(
            **action['context'],
        ).create({'reason': "Delivered more than was invoiced"})
        self.assertIn("108.90", wizard.message)
        wizard.action_accept()
        self.work()
        self.assertBooked(bill)
        kept = self.env['exact.accepted.difference'].search([('move_id', '=', bill.id)])
        self.assertEqual(
            (kept.user_id, kept.reason), (clerk, "Delivered more than was invoiced"),
        )
        self.assertTrue(kept.accepted_at)
        told = bill.exact_export_id.finding_ids.filtered(
            lambda one: one.code == 'einvoice_accepted',
        ).message
        self.assertIn("Ko Klerk", told)
        self.assertIn("Delivered more than was invoiced", told)
        # What is accepted is not offered to be accepted.
        self.assertFalse(any(bill.exact_export_id.finding_ids.mapped('button_label')))
        self.assertIn(clerk.partner_id, bill.message_ids.author_id)
        # Undone and exported again, it is not asked for once more; another amount is.
        bill.action_exact_undo()
        self.work()
        self.export(bill)
        self.assertBooked(bill)
        bill.action_exact_undo()
        self.work()
        bill.button_draft()
        bill.invoice_line_ids.price_unit = 110
        bill.action_post()
        self.export(bill)
        self.assertEqual(bill.exact_state, 'blocked')

    def test_nobody_accepts_without_a_reason_or_a_right(self):
        bill = self.differing()
        with self.assertRaises(UserError):
            bill.action_exact_accept_difference(" ")
        reader = new_test_user(
            self.env, login='reader', groups='account.group_account_readonly',
            company_id=self.company.id, company_ids=[Command.set(self.company.ids)],
        )
        with self.assertRaises(AccessError):
            bill.with_user(reader).action_exact_accept_difference("because")
        self.work()
        self.assertEqual(bill.exact_state, 'blocked')

    def test_a_bill_that_is_corrected_goes_out(self):
        bill = self.differing()
        bill.button_draft()
        bill.invoice_line_ids.price_unit = 90
        bill.action_post()
        self.export(bill)
        self.assertBooked(bill)

    def test_an_update_is_told_as_well(self):
        bill = self.with_einvoice(
            [(100, self.tax_in_21)],
            ubl([('100.00', 'S', '21')], net='100.00', vat='21.00', total='121.00'),
        )
        self.assertBooked(bill)
        bill.button_draft()
        bill.invoice_line_ids.price_unit = 120
        bill.action_post()
        self.work()
        bill.action_exact_update()
        self.work()
        self.assertEqual(bill.exact_state, 'changed')
        self.assertEqual(self.codes(bill), ['einvoice_total'])
        bill.action_exact_accept_difference("Agreed by phone")
        bill.action_exact_update()
        self.work()
        self.assertBooked(bill)
