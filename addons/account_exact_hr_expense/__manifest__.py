{
    'name': "Exact Online: Expenses",
    'version': '19.0.1.0.0',
    'category': 'Accounting/Accounting',
    'summary': "Approved expenses become entries in Exact by themselves, with their receipts",
    'author': "account_exact contributors",
    'license': 'LGPL-3',
    'depends': ['account_exact', 'hr_expense'],
    'data': [
        'data/mail_activity_type_data.xml',
        'data/ir_cron_data.xml',
        'views/exact_division_views.xml',
        'views/hr_expense_views.xml',
    ],
    'auto_install': True,
}
