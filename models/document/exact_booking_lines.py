"""The lines of an entry: net amounts with VAT codes, ledgers and dimensions, to the cent."""

from collections import defaultdict
from decimal import Decimal

from ...booking import (
    Line,
    difference_line,
    exact_totals,
    is_ledger_only,
    is_rounding,
    spread,
    vat_overrides,
)
from ...booking.choices import Choices
from ..base.exact_problem import Problem, decimal
from ..mapping.exact_relation_match import party
from .exact_booking_built import account_name, entry_kind

# Lines that say something to people but book nothing.
_TEXT_LINES = ('line_section', 'line_subsection', 'line_note')
# Names of the fields in which other addons keep the first and last day of a deferral.
_DEFERRAL_FIELDS = (('deferred_start_date', 'deferred_end_date'), ('start_date', 'end_date'))


class LinesOfDocument:
    """Part of the builder: the lines of each kind of entry."""

    def _invoice_lines(self, built, kind, choices):
        """Lines of a sales or purchase entry: net amounts with VAT codes.

        Odoo's VAT per code is the target: where Exact's rule per line would give other cents, the
        line says so.
        """
        move = built.move
        sign = -1 if kind == 'sale' else 1
        currency = move.currency_id
        digits = currency.decimal_places
        lines = []
        codes_of_tax = defaultdict(lambda: defaultdict(Decimal))
        for line in move.line_ids.sorted(lambda line: (line.sequence, line.id)):
            if line.display_type in _TEXT_LINES or line.display_type == 'payment_term':
                continue
            if self._is_vat(line):
                continue
            amount = decimal(sign * line.amount_currency, digits)
            code = self._vat_code(built, line, choices)
            for tax in self._vat_taxes(line):
                codes_of_tax[tax.id][code] += amount
            if not amount:
                continue
            lines += self._split(built, line, amount, code, choices, of_invoice=True)
        lines = self._with_vat(
            built, lines, codes_of_tax, choices, digits,
            {line: decimal(sign * line.amount_currency, digits)
             for line in move.line_ids.filtered(self._is_vat)},
        )
        # What the partner owes, or is owed: the receivable or payable lines say it.
        terms = move.line_ids.filtered(lambda line: line.display_type == 'payment_term')
        total = decimal(-sign * sum(terms.mapped('amount_currency')), digits)
        totals = self._totals(built, lines, total)
        return tuple(lines), total, totals.vat, currency.name, self._rate(move)

    def _with_vat(self, built, lines, codes_of_tax, choices, digits, amounts):
        """These lines with the VAT that Odoo has of each code, to the cent.

        :param lines: booked lines, net of VAT.
        :param codes_of_tax: {tax id: {VAT code: net amount that has it}}
        :param amounts: {move line of VAT: its amount in the sign of the lines}
        :return: the lines, and those of what no VAT amount could carry
        """
        targets, cash_rounding = defaultdict(Decimal), Decimal(0)
        for line, amount in amounts.items():
            if line.display_type == 'rounding':
                cash_rounding += amount
            if line.account_id.internal_group in ('income', 'expense') and amount:
                # VAT that cannot be claimed is a cost of its own.
                lines += self._split(built, line, amount, '', choices)
                continue
            bases = codes_of_tax.get(line.tax_line_id.id)
            if not bases:
                bases = {self._mapped_vat_code(built, line.tax_line_id): Decimal(1)}
            # A person may have given lines of one tax different codes.
            parts = spread(amount, [abs(base) for base in bases.values()], digits)
            for code, part in zip(bases, parts, strict=True):
                # A reverse charge comes to 0: what does not is cash rounding.
                targets[code] += part
        used = {line.vat_code for line in lines if line.vat_code}
        vat_codes = self.vat_codes_on(built.entry_date)
        settled = vat_overrides(
            lines, vat_codes,
            {code: targets.get(code, Decimal(0)) for code in used | set(targets)}, digits,
        )
        lines = list(settled.lines)
        if settled.left and lines:
            lines += self._difference(built, settled.left, lines, digits, cash_rounding)
        return lines

    def _totals(self, built, lines, total):
        """What Exact will make of these lines; a total that is not Odoo's is a problem."""
        totals = exact_totals(lines, self.vat_codes_on(built.entry_date))
        if lines and not built.blocks and totals.total != total:
            built.problems.append(Problem(
                'total_mismatch', params={'meant': str(total), 'found': str(totals.total)},
            ))
        return totals

    def _is_vat(self, line):
        """Whether a line is VAT: that of a tax, or a cash rounding that was added to one."""
        if line.display_type == 'rounding':
            return bool(line.tax_repartition_line_id)
        return line.display_type == 'tax' and not self._is_levy(line.tax_line_id)

    def _is_levy(self, tax):
        """Whether a tax is a fixed amount (packaging, recycling) that no VAT code stands for: its
        line is booked like any other, with the VAT that Odoo computes on it."""
        return tax.amount_type == 'fixed' and tax.id not in self.index['tax']

    def _vat_taxes(self, line):
        return line.tax_ids.flatten_taxes_hierarchy().filtered(lambda tax: not self._is_levy(tax))

    def _difference(self, built, left, lines, digits, cash_rounding):
        """The named line that carries cents which no VAT amount could."""
        if not is_rounding(left, len(lines), digits, cash_rounding):
            return []
        account = self.division.difference_gl_account_id
        values = {'gl_account': account.exact_guid}
        if not account:
            largest = max(lines, key=lambda line: abs(line.amount))
            # The account may demand its dimensions.
            values = {
                name: getattr(largest, name)
                for name in ('gl_account', 'cost_center', 'cost_unit', 'project')
            }
        line = difference_line(
            left, description=self.env._("Rounding difference"), decimals=digits, **values,
        )
        if not line:
            # The cents of two codes cancel out: the total is right, the VAT of each is not.
            built.problems.append(Problem('vat_cents', 'informs', {
                'codes': ", ".join(f"{code} ({amount:+f})" for code, amount in left.items()),
            }))
            return []
        built.sources.append((False, 'difference'))
        built.problems.append(Problem(
            'difference_line', 'informs', {'amount': str(line.amount)},
        ))
        return [line]

    def _general_lines(self, built, kind, choices):
        """Lines of a general journal entry, debit positive, in the company's currency.

        VAT lines go as they are, on their ledger and without a code: Exact adds no VAT of its own.
        """
        move = built.move
        currency = move.company_currency_id
        digits = currency.decimal_places
        lines = []
        for line in move.line_ids.sorted(lambda line: (line.sequence, line.id)):
            amount = decimal(line.balance, digits)
            if line.display_type in _TEXT_LINES or not amount:
                continue
            relation = ''
            if line.account_id.account_type in ('asset_receivable', 'liability_payable'):
                relation = self._relation(built, party(line.partner_id, move.company_id), Choices())
            lines += self._split(built, line, amount, '', choices, relation=relation)
        if any(line.tax_ids or line.tax_line_id for line in move.line_ids):
            built.problems.append(Problem('general_vat', 'informs'))
        return tuple(lines), Decimal(0), Decimal(0), currency.name, Decimal(1)

    def _bank_lines(self, built, kind, choices):
        """Lines of a bank or cash entry, money in positive, in the currency of the account.

        The line that stands for the bank itself is left out: Exact makes it. VAT as on invoices:
        its code stands on the line, or the VAT would be in no VAT return.
        """
        move = built.move
        currency, field, rate = self._bank_currency(move)
        digits = currency.decimal_places
        bank_lines = move._exact_liquidity_lines()
        lines, vat_amounts = [], {}
        codes_of_tax = defaultdict(lambda: defaultdict(Decimal))
        for line in (move.line_ids - bank_lines).sorted(lambda line: (line.sequence, line.id)):
            if line.display_type in _TEXT_LINES:
                continue
            amount = decimal(-line[field], digits)
            # (Odoo calls no line of a journal entry a tax by its display type.)
            if line.tax_line_id and not self._is_levy(line.tax_line_id):
                vat_amounts[line] = amount
                continue
            code = self._vat_code(built, line, choices)
            for tax in self._vat_taxes(line):
                codes_of_tax[tax.id][code] += amount
            if not amount:
                continue
            partner = party(line.partner_id, move.company_id)
            if line.account_id.account_type in ('asset_receivable', 'liability_payable'):
                relation = self._relation(built, partner, Choices())
            else:
                # Good to know, but no reason to make a relation of every restaurant.
                match = self.relations.get(partner.id)
                known = match.relation if match else self.env['exact.relation']
                relation = known.exact_guid if known and not known.is_blocked else ''
            lines += self._split(built, line, amount, code, choices, relation=relation)
        lines = self._with_vat(built, lines, codes_of_tax, choices, digits, vat_amounts)
        total = decimal(sum(bank_lines.mapped(field)), digits)
        totals = self._totals(built, lines, total)
        return tuple(lines), total, totals.vat, currency.name, rate

    def _bank_currency(self, move):
        """Currency of a bank account, the field of a line that has its amounts, and the rate."""
        own, currency = move.company_currency_id, move.journal_id.currency_id
        if not currency or currency == own or move.line_ids.currency_id != currency:
            return own, 'balance', Decimal(1)
        moved = move._exact_liquidity_lines()
        foreign = decimal(sum(moved.mapped('amount_currency')), currency.decimal_places)
        balance = decimal(sum(moved.mapped('balance')), own.decimal_places)
        return currency, 'amount_currency', balance / foreign if foreign else Decimal(1)

    def _split(self, built, line, amount, vat_code, choices, *, relation='', of_invoice=False):
        """One move line as one booked line, or several where its analytic distribution says so."""
        gl_account, source = self._ledger(built, line, choices)
        # Of the amount, not of the line: a ledger entry is in the company's currency.
        digits = max(0, -amount.as_tuple().exponent)
        start = end = None
        for first, last in _DEFERRAL_FIELDS if of_invoice else ():
            if first in line._fields and line[first] and line[last]:
                start, end = line[first], line[last]
        parts = self._dimensions(built, line)
        amounts = spread(amount, [weight for weight, _dims in parts], digits)
        quantity = None
        if of_invoice and line.display_type == 'product' and len(parts) == 1 and line.quantity:
            quantity = decimal(line.quantity, 6).normalize()
        description, notes = built.move._exact_line_texts(line)
        result = []
        for part, (_weight, (cost_center, cost_unit, project)) in zip(amounts, parts, strict=True):
            if not part:
                continue
            built.sources.append((line.id, source))
            result.append(Line(
                gl_account=gl_account, amount=part, vat_code=vat_code,
                description=description, notes=notes,
                cost_center=cost_center, cost_unit=cost_unit, project=project,
                quantity=quantity, from_date=start, to_date=end,
                relation=relation, sources=(line.id,),
            ))
        return result

    def _rate(self, move):
        """Value of one unit of the document's currency in the company's, at Odoo's rate; 0 where
        Odoo has none (it then computes with 1)."""
        currency, rate = move.currency_id, move.invoice_currency_rate
        if currency == move.company_currency_id:
            return Decimal(1)
        companies = (move.company_id.browse(), move.company_id.root_id)
        if not rate or (rate == 1 and not any(
            known.company_id in companies for known in currency.rate_ids
        )):
            return Decimal(0)
        return Decimal(1) / Decimal(repr(rate))

    # === WHAT A LINE IS BOOKED ON === #

    def _category_ledger(self, category):
        """The mapping of the nearest category that has one."""
        while category:
            if category.id in self.index['category']:
                return self.index['category'][category.id]
            category = category.parent_id
        return None

    def _ledger(self, built, line, choices):
        """GUID of the G/L account of a line, and what chose it."""
        chosen = choices.line(line.id).gl_account_id
        if chosen:
            return self.env['exact.gl.account'].browse(chosen).exact_guid, 'override'
        index, mapped = self.index, None
        if line.display_type == 'product' and line.product_id:
            mapped = (
                index['product'].get(line.product_id.product_tmpl_id.id)
                or self._category_ledger(line.product_id.categ_id)
            )
        if not mapped and line.account_id:
            mapped = index['account'].get(line.account_id.id)
        if mapped:
            gl_account = self.env['exact.gl.account'].browse(mapped[1])
            return gl_account.exact_guid, f'exact.account.mapping,{mapped[0]}'
        kind = entry_kind(built.move)
        default = not is_ledger_only(kind) and self.division[f'default_{kind}_gl_account_id']
        if default:
            return default.exact_guid, 'default'
        if not line.account_id:
            problem = Problem('line_without_account', params={'line': line.name or ''})
        else:
            problem = Problem(
                'mapping_missing_account', params={'account': account_name(line.account_id)},
                target=('account.account', line.account_id.id),
            )
        if problem not in built.problems:
            built.problems.append(problem)
        return '', ''

    def _vat_code(self, built, line, choices):
        """VAT code of a line; '' = explicitly without VAT."""
        chosen = choices.line(line.id).vat_code_id
        if chosen:
            return self.env['exact.vat.code'].browse(chosen).code
        taxes = self._vat_taxes(line)
        if not taxes:
            return ''
        if len(taxes) > 1:
            built.problems.append(Problem(
                'several_taxes',
                params={'line': line.name or '', 'taxes': ", ".join(taxes.mapped('name'))},
            ))
            return ''
        return self._mapped_vat_code(built, taxes)

    def _mapped_vat_code(self, built, tax):
        mapped = self.index['tax'].get(tax.id)
        if mapped:
            return self.env['exact.vat.code'].browse(mapped[1]).code
        problem = Problem(
            'mapping_missing_tax', params={'tax': tax.display_name or ''},
            target=('account.tax', tax.id) if tax else None,
        )
        if problem not in built.problems:
            built.problems.append(problem)
        return ''

    def _dimensions(self, built, line):
        """[(weight, (cost centre, cost unit, project GUID))]: weights are percentages.

        A key of the distribution names one account of each plan ("3,7"); plans kept in keys of
        their own are crossed. What is not distributed goes without dimensions.
        """
        none = ('', '', '')
        distribution = line.analytic_distribution or {}
        by_plan = defaultdict(list)
        for key, percentage in distribution.items():
            ids = [int(part) for part in key.split(',')]
            accounts = self.env['account.analytic.account'].browse(ids)
            plan = tuple(sorted(accounts.root_plan_id.ids))
            by_plan[plan].append((decimal(percentage, 6), self._dimension(built, accounts)))
        parts = [(Decimal(100), none)]
        for shares in by_plan.values():
            rest = Decimal(100) - sum(weight for weight, _dims in shares)
            if rest > 0:
                shares = [*shares, (rest, none)]
            parts = [
                (
                    weight * share / 100,
                    tuple(mine or theirs for mine, theirs in zip(dims, other, strict=True)),
                )
                for weight, dims in parts
                for share, other in shares
            ]
        merged = defaultdict(Decimal)
        for weight, dims in parts:
            merged[dims] += weight
        return [(weight, dims) for dims, weight in merged.items()]

    def _dimension(self, built, accounts):
        cost_center = cost_unit = project = ''
        for account in accounts:
            mapped = self.index['analytic'].get(account.id)
            if not mapped:
                problem = Problem(
                    'mapping_missing_analytic', params={'analytic': account.display_name},
                    target=('account.analytic.account', account.id),
                )
                if problem not in built.problems:
                    built.problems.append(problem)
                continue
            _mapping_id, center_id, unit_id, project_id = mapped
            if center_id:
                cost_center = self.env['exact.cost.center'].browse(center_id).code
            if unit_id:
                cost_unit = self.env['exact.cost.unit'].browse(unit_id).code
            if project_id:
                project = self.env['exact.project'].browse(project_id).exact_guid
        return cost_center, cost_unit, project
