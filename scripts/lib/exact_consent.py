"""The consent of a person at the simulated Exact Online, for scripts that have no browser."""

from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from lxml import html


def consent(url):
    """Do what a person does on the consent page; return the code."""
    session = requests.Session()
    page = html.fromstring(session.get(url, timeout=30).content)
    [button] = page.xpath('//*[@id="allow"]')
    form = next(button.iterancestors('form'))
    values = dict(form.form_values())
    if button.get('name'):
        values[button.get('name')] = button.get('value') or ''
    answer = session.request(
        form.method, urljoin(url, form.get('action') or url), allow_redirects=False, timeout=30,
        **({'data': values} if form.method == 'POST' else {'params': values}),
    )
    return parse_qs(urlsplit(answer.headers['Location']).query)['code'][0]
