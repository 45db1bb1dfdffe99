{
    'name': "Exact Online",
    'version': '19.0.1.2.0',
    'category': 'Accounting/Accounting',
    'summary': "Invoices, bills and expenses become verified entries in Exact, exactly once",
    'author': "account_exact contributors",
    'license': 'LGPL-3',
    'depends': ['account'],
    'external_dependencies': {
        'python': ['authlib', 'cryptography', 'lxml', 'requests'],
    },
    'data': [
        # Security
        'security/ir.model.access.csv',
        'security/ir_rules.xml',
        # Record data
        'data/ir_cron_data.xml',
        'data/ir_config_parameter_data.xml',
        # Menus come first: views hang their entries below them
        'views/administration/menus.xml',
        # Views
        'views/connection/exact_connection_views.xml',
        'views/administration/exact_division_views.xml',
        'views/master/exact_master_views.xml',
        'views/master/exact_cursor_views.xml',
        'views/mapping/exact_account_mapping_views.xml',
        'views/mapping/exact_tax_mapping_views.xml',
        'views/mapping/exact_journal_mapping_views.xml',
        'views/mapping/exact_payment_term_mapping_views.xml',
        'views/mapping/exact_analytic_mapping_views.xml',
        'views/mapping/exact_partner_mapping_views.xml',
        'views/mapping/exact_division_mapping_views.xml',
        'views/export/exact_export_views.xml',
        'views/work/exact_finding_views.xml',
        # Wizards
        'wizards/export/exact_export_document_wizard_views.xml',
        'wizards/export/exact_export_wizard_views.xml',
        'wizards/export/exact_link_wizard_views.xml',
        'wizards/export/exact_undo_wizard_views.xml',
        'wizards/export/exact_period_wizard_views.xml',
        'wizards/export/exact_accept_wizard_views.xml',
        # Views of Odoo's own models, which use the wizards
        'views/document/account_move_views.xml',
        'views/document/report_invoice.xml',
    ],
    'assets': {
        'web.assets_backend': ['account_exact/static/src/**/*'],
    },
    'application': True,
}
