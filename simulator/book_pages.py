"""The pages of one division's books."""

from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from .ledger import BY_HEADER
from .term_views import TERM_STATES

PAGE = 50


class BookPages:
    """Needs ``app``, ``store``, ``render``, ``error`` and ``pager`` of :class:`~.pages.Pages`."""

    def book(self, request, division, parts):
        number = division['Code']
        section = parts[0] if parts else 'entries'
        if section == 'entries' and len(parts) == 2:
            return self.entry(division, parts[1].lower())
        if section == 'documents' and len(parts) == 4 and parts[2] == 'attachments':
            return self.attachment(number, parts[3].lower(), parts[1].lower())
        if len(parts) > 1:
            return self.error(404, 'There is no such page in the simulator.')
        sections = {
            'entries': self.entries,
            'documents': self.documents,
            'relations': self.relations,
            'accounts': self.accounts,
            'terms': self.terms,
            'calls': self.calls,
        }
        if section not in sections:
            return self.error(404, 'There is no such page in the simulator.')
        return sections[section](request, division)

    def entries(self, request, division):
        number = division['Code']
        wanted, text = request.args.get('kind', ''), request.args.get('q', '').strip().lower()
        rows = []
        for kind in BY_HEADER.values():
            if wanted and kind.name != wanted:
                continue
            for header in self.store.all(kind.header, number):
                row = {
                    'id': header['EntryID'],
                    'kind': kind.name,
                    'number': header['EntryNumber'],
                    'journal': header[kind.journal],
                    'date': header[kind.date],
                    'party': self.party_name(number, kind.party and header.get(kind.party)),
                    'your_ref': header.get('YourRef') or '',
                    'description': header.get('Description') or '',
                    'type': header['Type'],
                    'status': header['Status'],
                    'currency': header['Currency'],
                    'amount': header.get('AmountFC'),
                    'vat': header.get('VATAmountFC'),
                    'stamp': header['Timestamp'],
                    'document': header.get('Document'),
                }
                if not text or text in (
                    f"{row['number']} {row['party']} {row['your_ref']} {row['description']}".lower()
                ):
                    rows.append(row)
        rows.sort(key=lambda row: -row['stamp'])
        rows, pager = self.page_of(request, rows)
        return self.render(
            'entries.html',
            division=division,
            tab='entries',
            rows=rows,
            pager=pager,
            kind=wanted,
            q=request.args.get('q', ''),
        )

    def entry(self, division, identity):
        number = division['Code']
        for kind in BY_HEADER.values():
            header = self.store.get(kind.header, number, identity)
            if header is not None:
                break
        else:
            return self.error(
                404, f'There is no entry {identity} in division {number}. It may have been deleted.'
            )

        def account(row):
            found = self.store.get('GLAccounts', number, row['GLAccount']) or {}
            return f"{found.get('Code', '?')} {found.get('Description', '')}"

        lines = sorted(
            self.store.by(kind.lines, number, 'EntryID', identity),
            key=lambda row: row['LineNumber'],
        )
        ledger = sorted(
            self.store.by('TransactionLines', number, 'EntryID', identity),
            key=lambda row: row['LineNumber'],
        )
        terms = self.store.by('PaymentTerms', number, 'TransactionEntryID', identity)
        party = self.store.get('Accounts', number, header.get(kind.party)) if kind.party else None
        document = self.store.get('Documents', number, header.get('Document'))
        attachments = (
            self.store.by('DocumentAttachments', number, 'Document', document['ID'])
            if document
            else []
        )
        journal = self.store.one('Journals', number, 'Code', header[kind.journal]) or {}
        return self.render(
            'entry.html',
            division=division,
            tab='entries',
            kind=kind,
            header=header,
            lines=lines,
            ledger=ledger,
            terms=terms,
            party=party,
            document=document,
            attachments=attachments,
            account=account,
            journal=journal.get('Description', ''),
            year=header[kind.year],
            period=header[kind.period],
            date=header[kind.date],
            code=header[kind.journal],
            debit=sum(row['AmountDC'] for row in ledger if row['AmountDC'] > 0),
            credit=-sum(row['AmountDC'] for row in ledger if row['AmountDC'] < 0),
            **self.payments_of(number, kind, header, terms),
        )

    def documents(self, request, division):
        number = division['Code']
        rows = sorted(self.store.all('Documents', number), key=lambda row: -row['HID'])
        rows, pager = self.page_of(request, rows)
        page = [
            {
                **row,
                'attachments': self.store.by('DocumentAttachments', number, 'Document', row['ID']),
                'type': (self.store.get('DocumentTypes', number, str(row['Type'])) or {}).get(
                    'Description', ''
                ),
                'party': self.party_name(number, row.get('Account')),
            }
            for row in rows
        ]
        return self.render(
            'documents.html', division=division, tab='documents', rows=page, pager=pager
        )

    def relations(self, request, division):
        number, text = division['Code'], request.args.get('q', '').strip().lower()
        rows = [
            row
            for row in self.store.all('Accounts', number)
            if not text
            or text
            in ' '.join(
                str(row.get(name) or '') for name in ('Code', 'Name', 'VATNumber', 'City')
            ).lower()
        ]
        rows.sort(key=lambda row: int(row['Code']))
        rows, pager = self.page_of(request, rows)
        page = [
            {
                **row,
                'banks': self.store.by('BankAccounts', number, 'Account', row['ID']),
            }
            for row in rows
        ]
        return self.render(
            'relations.html',
            division=division,
            tab='relations',
            rows=page,
            pager=pager,
            q=request.args.get('q', ''),
        )

    def accounts(self, request, division):
        number = division['Code']
        totals = {}
        for row in self.store.all('TransactionLines', number):
            totals[row['GLAccount']] = totals.get(row['GLAccount'], 0.0) + row['AmountDC']
        rows = sorted(self.store.all('GLAccounts', number), key=lambda row: row['Code'])
        if not request.args.get('all'):
            rows = [row for row in rows if row['ID'] in totals]
        rows, pager = self.page_of(request, rows)
        return self.render(
            'accounts.html',
            division=division,
            tab='accounts',
            rows=rows,
            totals=totals,
            pager=pager,
            everything=bool(request.args.get('all')),
            result=round(sum(totals.values()), 2),
        )

    def terms(self, request, division):
        number = division['Code']
        rows = sorted(
            self.store.all('PaymentTerms', number),
            key=lambda row: (row['Status'] == 50, -row['Timestamp']),
        )
        rows, pager = self.page_of(request, rows)
        page = [
            {
                **row,
                'party': self.party_name(number, row.get('Account')),
            }
            for row in rows
        ]
        return self.render(
            'terms.html',
            division=division,
            tab='terms',
            rows=page,
            pager=pager,
            term_states=TERM_STATES,
        )

    def party_name(self, number, identity):
        return (self.store.get('Accounts', number, identity) or {}).get('Name', '')

    def page_of(self, request, rows):
        """(rows of the page that is asked for, dict for the template)."""
        offset, pager = self.pager(request, len(rows))
        return rows[offset : offset + PAGE], pager

    def attachment(self, number, identity, document=None):
        row = self.store.get('DocumentAttachments', number, identity)
        content = self.store.blob(identity) if row else None
        if content is None or (document and row['Document'] != document):
            return self.error(404, 'There is no such attachment.')
        name = secure_filename(row['FileName']) or 'attachment'
        # always as a download: a stored HTML file must not run in this site
        return Response(
            content,
            200,
            {
                'Content-Disposition': f'attachment; filename="{name}"',
                'X-Content-Type-Options': 'nosniff',
            },
            mimetype='application/pdf'
            if name.lower().endswith('.pdf')
            else 'application/octet-stream',
        )
