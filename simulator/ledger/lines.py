"""The checks of an entry's line, its VAT and its amounts."""

from ..masters import new_id
from ..messages import BusinessError, Message, refuse
from .kinds import CENT, FORBIDDEN_TYPES, ZERO, exact, money, multiple, number


class LineChecks:
    """Needs ``store``, ``switches`` and ``clock``, and what :class:`~.heads.HeaderChecks` has."""

    def line(self, call, kind, header, journal, values, position, vat_given=None):
        """A checked line record with its amounts.

        :param position: line number of a new line, None for a stored one
        :param vat_given: VATAmountFC of a PUT on a stored line
        """
        line = dict(values)
        self.check_lengths(line)
        self.drop_unknown(call, line)
        problems = []
        account = self.gl_account(call, kind, line, problems)
        day = (line.get('Date') or header[kind.date])[:10]
        if kind.own_parties:
            line['Date'] = day
            self.general_party(call, line, account, problems)
        for name in ('From', 'To'):
            if line.get(name):
                line[name] = line[name][:10]
        if bool(line.get('From')) != bool(line.get('To')):
            # both or none (Payhawk)
            problems.append(Message('mandatory', 'To' if line.get('From') else 'From'))
        self.dimension(
            call, line, account, 'CostCenter', 'Costcenters', 'UseCostcenter', day, problems
        )
        self.dimension(call, line, account, 'CostUnit', 'Costunits', 'UseCostunit', day, problems)
        code, percentage = self.vat(
            call, kind, header, journal, line, account, problems, position is not None
        )
        if problems:
            raise BusinessError(*problems)
        if position is not None:
            line.update(
                ID=new_id(),
                EntryID=header['EntryID'],
                LineNumber=position,
                Creator=call.user['ID'],
                Created=self.clock.wall(),
            )
            line['_entered'] = line.get('AmountFC') or 0.0
            given = line.get('AmountVATFC' if kind.own_parties else 'VATAmountFC')
        else:
            if 'AmountFC' in values and values['AmountFC'] != self.shown_amount(line):
                line['_entered'] = values['AmountFC']
            given = line.get('_vat_given') if vat_given is None else vat_given
        if given == 0 and self.switches.vat_amount_zero == 'omitted':
            given = None
        if given and code is not None and not percentage:
            refuse('vat_amount')
        line['_vat_given'] = given
        self.amounts(
            line, code, percentage, header.get(kind.rate) or 1, kind, self.unit(call, header),
            self.vat_factor(call, kind, header),
        )
        if kind.own_parties:
            line['EntryNumber'] = header['EntryNumber']
        line['Modified'] = self.clock.wall()
        return line

    @staticmethod
    def shown_amount(line):
        return line.get('_shown')

    def gl_account(self, call, kind, line, problems):
        account = self.store.get('GLAccounts', call.division, line.get('GLAccount'))
        if account is None:
            problems.append(Message('reference', 'GLAccount'))
            return None
        if account.get('IsBlocked'):
            problems.append(Message('blocked', 'GLAccount'))
        if not kind.own_parties and account['Type'] in FORBIDDEN_TYPES:
            problems.append(Message('invalid', 'GLAccountType'))
        return account

    def general_party(self, call, line, account, problems):
        """A relation is needed on AR and AP accounts, and must be a customer or supplier there
        (assumption).
        """
        relation = self.store.get('Accounts', call.division, line.get('Account'))
        if line.get('Account') and relation is None:
            problems.append(Message('reference', 'Account'))
            return
        kind = account['Type'] if account else None
        if kind in (20, 22) and relation is None:
            problems.append(Message('mandatory', 'Account'))
        elif kind == 20 and relation.get('Status') != 'C':
            problems.append(Message('invalid', 'CustomerType'))
        elif kind == 22 and not relation.get('IsSupplier'):
            problems.append(Message('invalid', 'SupplierType'))

    def dimension(self, call, line, account, name, table, use, day, problems):
        code = (line.get(name) or '').strip()
        line[name] = code or None
        usage = (account or {}).get(use) or 0
        if code:
            row = self.store.one(table, call.division, 'Code', code)
            if row is None:
                problems.append(Message('reference', name))
            elif row.get('Active') is False or (row.get('EndDate') and row['EndDate'][:10] < day):
                problems.append(Message('blocked', name))
            elif not self.linked(row, account):
                problems.append(Message('invalid', 'CostCenterLink'))
            if usage == 2:
                problems.append(Message('not_allowed', name))
        elif usage == 1:
            problems.append(Message('mandatory', name))

    @staticmethod
    def linked(row, account):
        """Whether a cost centre may be used with a G/L account; without links, with any."""
        links = row.get('_links')
        return links is None or account is None or account['Code'] in links

    def vat(self, call, kind, header, journal, line, account, problems, is_new):
        """The VAT code record of a line and its percentage (a Decimal fraction) on the entry's
        date.
        """
        code = line.get('VATCode')
        asked = line.get('VATPercentage')
        if code is not None:
            code = code.strip()
        if code is None and is_new:
            if asked and asked > 0:
                code = self.code_of_percentage(call, kind, asked, header[kind.date])
                if code is None:
                    problems.append(Message('invalid', 'VATPercentage'))
            elif account is not None and journal.get('AllowVAT'):
                # without a code the G/L account's default counts (fact sheet 4.4)
                code = account.get('VATCode')
        code = code or None
        line['VATCode'] = code
        if code is None:
            line['VATPercentage'] = 0.0
            return None, ZERO
        if not journal.get('AllowVAT'):
            problems.append(Message('not_allowed', 'VATCode'))
        row = self.store.one('VATCodes', call.division, 'Code', code)
        if row is None:
            problems.append(Message('reference', 'VATCode'))
            return None, ZERO
        if row.get('IsBlocked'):
            problems.append(Message('blocked', 'VATCode'))
        if not kind.own_parties and row['VATTransactionType'] not in ('B', kind.transaction_type):
            problems.append(Message('not_allowed', 'VATCode'))
        percentage = self.percentage(call, row, header[kind.date])
        if percentage is None:
            problems.append(Message('invalid', 'VATPercentage'))
            percentage = ZERO
        elif is_new and asked and exact(asked) != percentage:
            problems.append(Message('invalid', 'VATPercentage'))
        line['VATPercentage'] = float(percentage)
        return row, percentage

    def percentage(self, call, code, day):
        """Fraction valid on a date, or None."""
        if code['Type'] in ('B', 'N'):
            return ZERO
        for row in self.store.by('VatPercentages', call.division, 'VATCodeID', code['ID']):
            if row['StartDate'][:10] <= day and (
                not row.get('EndDate') or day <= row['EndDate'][:10]
            ):
                return exact(row['Percentage'])
        return None

    def code_of_percentage(self, call, kind, asked, day):
        for row in sorted(self.store.all('VATCodes', call.division), key=lambda row: row['Code']):
            fits = row['VATTransactionType'] in ('B', kind.transaction_type) and not row.get(
                'IsBlocked'
            )
            if fits and row['Type'] == 'E' and not row.get('Charged') and not row.get('OssCountry'):
                if self.percentage(call, row, day) == exact(asked):
                    return row['Code']
        return None

    def unit(self, call, header):
        """What computed amounts in the currency of an entry are whole multiples of."""
        if self.switches.vat_rounding == 'cent':
            return CENT
        currency = self.store.get('Currencies', call.division, header['Currency'])
        return exact(currency['AmountPrecision'])

    def amounts(self, line, code, percentage, rate, kind, unit, factor=None):
        """Net amount, VAT and base of a line in both currencies; per-line rounding, half away from
        zero.

        :param factor: VAT is computed over this part of the net whatever is given (payment
            condition), None: over all of it unless it is given
        """
        entered = exact(line['_entered'])
        given = line.get('_vat_given') if factor is None else None
        including = code is not None and code['Type'] == 'I'
        charged = bool(code and code.get('Charged'))
        if code is None or code['Type'] in ('B', 'N'):
            net, vat = money(entered), ZERO
        elif given is not None:
            vat = money(given)
            net = money(entered) - vat if including else money(entered)
        elif including:
            net = multiple(entered / (1 + percentage), unit)
            vat = money(entered) - net
        else:
            net = money(entered)
            vat = multiple(entered * (1 if factor is None else factor) * percentage, unit)
        rate = exact(rate)
        line['_net'], line['_vat'], line['_charged'] = number(net), number(vat), charged
        line['_net_dc'], line['_vat_dc'] = number(money(net * rate)), number(money(vat * rate))
        line['AmountFC'] = line['_shown'] = number(money(entered))
        if kind.own_parties:
            line['AmountDC'] = number(money(entered * rate))
            line['AmountVATFC'], line['AmountVATDC'] = number(vat), line['_vat_dc']
            line['VATBaseAmountFC'], line['VATBaseAmountDC'] = (
                number(net) if code else 0.0,
                (line['_net_dc'] if code else 0.0),
            )
        else:
            line['AmountDC'] = number(money(entered * rate))
            line['VATAmountFC'], line['VATAmountDC'] = number(vat), line['_vat_dc']
            line['VATBaseAmountFC'] = number(net) if code else 0.0
            line['VATBaseAmountDC'] = line['_net_dc'] if code else 0.0
