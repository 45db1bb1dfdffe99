# Run by "odoo shell" when only Odoo's base is there: makes its main demo company a Dutch one, so
# that no American chart of accounts is chosen for it, and gives the demo partners addresses that
# make the documents of a Dutch company worth looking at: at home, elsewhere in the EU, overseas.
company = env.ref('base.main_company')
company.currency_id = env.ref('base.EUR')
company.partner_id.write({
    'street': "Keizersgracht 123",
    'street2': False,
    'zip': "1015 CJ",
    'city': "Amsterdam",
    'state_id': False,
    'country_id': env.ref('base.nl').id,
    'vat': "NL123456782B90",
    'company_registry': "33014286",
    'phone': "+31 20 123 4567",
    'email': "info@demobv.example.com",
    'website': "https://www.demobv.example.com",
})
PARTNERS = [
    # name, country, zip, city, street, VAT number, chamber of commerce, IBAN
    ('base.res_partner_2', 'nl', "3011 AA", "Rotterdam", "Coolsingel 40",
     "NL002065538B01", "24295332", "NL39RABO0300065264"),
    ('base.res_partner_3', 'nl', "3511 ED", "Utrecht", "Oudegracht 112",
     "NL805734958B01", "30129530", "NL20INGB0001234567"),
    ('base.res_partner_4', 'de', "50667", "Köln", "Domkloster 4",
     "DE136695976", False, "DE89370400440532013000"),
    ('base.res_partner_5', 'be', "9000", "Gent", "Korenlei 7",
     "BE0477472701", "0477472701", "BE68539007547034"),
    ('base.res_partner_12', 'nl', "2511 CV", "Den Haag", "Plein 23",
     "NL001234567B13", "27312152", "NL91ABNA0417164300"),
]
for name, country, zip_code, city, street, vat, registry, iban in PARTNERS:
    partner = env.ref(name)
    partner.write({
        'street': street,
        'zip': zip_code,
        'city': city,
        'state_id': False,
        'country_id': env.ref(f'base.{country}').id,
        'vat': vat,
        'company_registry': registry,
    })
    env['res.partner.bank'].create({'partner_id': partner.id, 'acc_number': iban})
env['res.partner.bank'].create({
    'partner_id': company.partner_id.id,
    'acc_number': "NL02ABNA0123456789",
})
env.cr.commit()
