"""What a payment condition does to an entry beside its due date: VAT after discount, surcharge.

Facts: type B is a settlement discount, K a credit surcharge; whether Exact computes VAT anew after
it, and whether the surcharge is part of the entry's total, is told nowhere (SW 6, 7). Assumptions:
the surcharge is a ledger line of its own with the VAT code of the entry's first line, its base is
the net (DiscountCalculation E) or the total (I).
"""

from .kinds import ZERO, exact, money, multiple, number

#: G/L accounts of the demo charts, and the types to fall back on
SURCHARGE = {'S': (('806500',), (140, 110)), 'P': (('706500',), (111, 121))}


class Conditions:
    """Needs ``store``, ``switches`` and what :class:`~.lines.LineChecks` has."""

    def condition_of(self, call, header):
        """The payment condition of an entry, {} if it has none."""
        code = header.get('PaymentCondition') or ''
        return self.store.one('PaymentConditions', call.division, 'Code', code) or {}

    def is_after_discount(self, condition):
        """Whether VAT is computed over the net after discount."""
        meaning = self.switches.vat_calculation[0]
        return condition.get('VATCalculation') == meaning

    def vat_factor(self, call, kind, header):
        """Which part of the net VAT is computed over, None where the condition has no say."""
        if kind.own_parties or self.switches.condition_vat == 'keeps_ours':
            return None
        condition = self.condition_of(call, header)
        share = condition.get('DiscountPercentage')
        if not share or condition.get('PaymentDiscountType') != 'B':
            return None
        return 1 - exact(share) if self.is_after_discount(condition) else exact(1)

    def surcharge_lines(self, call, kind, header, lines):
        """[the line that Exact adds for a credit surcharge], [] without one; sets
        ``_surcharge`` of the header, the surcharge without its VAT.
        """
        header['_surcharge'] = None
        if kind.own_parties or self.switches.credit_surcharge == 'open_item':
            return []
        condition = self.condition_of(call, header)
        share = condition.get('DiscountPercentage')
        if not share or condition.get('PaymentDiscountType') != 'K':
            return []
        base = sum((exact(line['_net']) for line in lines), ZERO)
        if condition.get('DiscountCalculation') == 'I':
            base += sum((exact(line['_vat']) for line in lines if not line['_charged']), ZERO)
        first = lines[0]
        rate, unit = exact(header.get(kind.rate) or 1), self.unit(call, header)
        amount = money(base * exact(share))
        vat = ZERO
        if not self.is_after_discount(condition):
            vat = multiple(amount * exact(first.get('VATPercentage')), unit)
        header['_surcharge'] = number(amount)
        return [
            {
                'ID': None,
                'LineNumber': max(line['LineNumber'] for line in lines) + 1,
                'GLAccount': self.account_among(call, *SURCHARGE[kind.transaction_type]),
                'VATCode': first['VATCode'],
                'VATPercentage': first.get('VATPercentage'),
                'Description': condition.get('Description'),
                '_net': number(amount),
                '_vat': number(vat),
                '_charged': first['_charged'],
                '_net_dc': number(money(amount * rate)),
                '_vat_dc': number(money(vat * rate)),
            }
        ]

    def account_among(self, call, codes, types):
        """ID of the first G/L account with one of the codes or types, None if there is none."""
        rows = [
            row for row in self.store.all('GLAccounts', call.division) if not row.get('IsBlocked')
        ]
        rows.sort(key=lambda row: row['Code'])
        for name, wanted in (('Code', codes), ('Type', types)):
            for value in wanted:
                for row in rows:
                    if row[name] == value:
                        return row['ID']
        return None
