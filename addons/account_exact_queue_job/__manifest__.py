{
    'name': "Exact Online: Job Queue",
    'version': '19.0.1.0.0',
    'category': 'Accounting/Accounting',
    'summary': "Documents go to Exact as jobs of OCA's queue_job, a channel per administration",
    'author': "account_exact contributors",
    'license': 'LGPL-3',
    'depends': ['account_exact', 'queue_job'],
    'data': [
        'data/queue_job_data.xml',
    ],
    'auto_install': True,
    'post_init_hook': '_make_channels',
}
