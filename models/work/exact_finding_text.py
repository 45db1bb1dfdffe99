"""What findings say to people, who mends them, and which button goes there."""

import contextlib
from typing import NamedTuple

from odoo.tools.translate import LazyTranslate

from ..base.exact_note import fill, shown
from ..base.exact_sentences import NOTES
from ..document.exact_einvoice_text import einvoice_values
from ..master.exact_relation import number_label

_lt = LazyTranslate(__name__)

# Sentence per code: what is wrong, in words that name the thing; then what to do. The parameters
# are those of the check that found it.
SENTENCES = {
    # What the document lacks
    'line_without_account': _lt("The line “%(line)s” has no account. Choose one on the line."),
    'no_partner': _lt("There is no partner, and Exact needs a relation. Set the partner, or choose a relation for this export."),
    'nothing_to_book': _lt("The total is 0.00 and no line has an amount: there is nothing to book in Exact."),
    'no_lines': _lt("There are no lines to book."),
    'zero_total': _lt("The total is 0.00; the lines are booked."),
    'several_taxes': _lt("The line “%(line)s” has several taxes (%(taxes)s). Exact takes one VAT code per line: split the line."),
    'not_posted': _lt("Only posted documents are exported. Post it first."),
    'company_not_linked': _lt("The company %(company)s is not linked to an Exact administration. Choose one under Configuration, Exact, Administrations."),
    'before_start_date': _lt("The document is dated %(date)s; documents are exported from %(start)s on."),
    # What is not mapped
    'mapping_missing_account': _lt("The account %(account)s has no ledger in Exact yet."),
    'mapping_missing_tax': _lt("The tax %(tax)s has no VAT code in Exact yet."),
    'mapping_missing_journal': _lt("The journal %(journal)s has no journal in Exact yet."),
    'mapping_missing_payment_term': _lt("The payment term %(payment_term)s has no payment condition in Exact yet."),
    'mapping_missing_analytic': _lt("The analytic account %(analytic)s has no cost centre, cost unit or project in Exact yet."),
    # Relations
    'relation_ambiguous': _lt("Several relations of Exact could be %(partner)s: %(relations)s. Choose one."),
    'relation_same_name': _lt("Exact has a relation with the name of %(partner)s: %(relations)s. Link it, or create a new relation."),
    'relation_same_iban': _lt("Exact has a relation with the bank account of %(partner)s: %(relations)s. Link it, or create a new relation."),
    'relation_same_chamber': _lt("Exact has a relation with the chamber of commerce number of %(partner)s, of another register perhaps: %(relations)s. Link it, or create a new relation."),
    'relation_contradicts': _lt("%(partner)s may be %(relation)s of Exact, but the %(field)s differs: %(ours)s in Odoo, %(theirs)s in Exact. Link it all the same, or create a new relation."),
    'relation_taken_away': _lt("%(partner)s was unlinked from %(relations)s by hand, which has the same number. Link it again, or create a new relation."),
    'relation_left_out': _lt("%(partner)s has no %(field)s in Exact: it would not take “%(value)s”. Add it there if it is needed."),
    'relation_shortened': _lt("Of %(partner)s, the %(field)s has more than the %(limit)s characters that Exact takes: it is shortened there."),
    'relation_new': _lt("%(partner)s is new in Exact: a relation is created."),
    # Exact's own rules, by the codes of booking.rules
    'division_differs': _lt("The document was built for administration %(meant)s, not for %(division)s."),
    'journal_missing': _lt("No journal of Exact is chosen for this document."),
    'journal_unknown': _lt("Exact has no journal %(journal)s (any more). Map the journal anew."),
    'journal_blocked': _lt("The journal %(journal)s is blocked in Exact."),
    'journal_type': _lt("The journal %(journal)s is of another type in Exact than this document needs."),
    'journal_without_vat': _lt("The journal %(journal)s takes no VAT in Exact, but lines have VAT codes. Switch VAT on for the journal in Exact, or map another journal."),
    'journal_currency': _lt("The journal %(journal)s takes no %(currency)s in Exact, only %(journal_currency)s."),
    'journal_rate': _lt("The journal %(journal)s takes no exchange rate of your own in Exact."),
    'currency_unknown': _lt("Exact has no currency %(currency)s. Add it there, then press Refresh Now on the administration."),
    'currency_unread': _lt("Whether Exact has the currency %(currency)s is not known: the connection may not read its currencies (scope financial currencies)."),
    'rate_missing': _lt("There is no exchange rate for %(currency)s."),
    'rate_of_own_currency': _lt("%(currency)s is the administration's own currency and can have no rate of %(rate)s."),
    'rate_is_one': _lt("The exchange rate of %(currency)s is 1: Exact takes its own rate then."),
    'period_unknown': _lt("Exact has no financial period for %(date)s. Open the year in Exact, then refresh the master data; or change the accounting date."),
    'period_differs_from_date': _lt("The entry of %(date)s is booked in period %(year)s-%(period)s."),
    'period_closed': _lt("Period %(year)s-%(period)s of journal %(journal)s is closed in Exact. Open it there, or change the accounting date."),
    'period_ask': _lt("Period %(year)s-%(period)s of journal %(journal)s is closed in Exact. Choose the period to book in, or open this one in Exact."),
    'no_open_period': _lt("Period %(year)s-%(period)s of journal %(journal)s is closed in Exact, and so is every later one. Open one in Exact."),
    'period_moved': _lt("The period of %(date)s is closed in Exact: the entry is booked in %(year)s-%(period)s, dated %(entry_date)s."),
    'vat_in_other_period': _lt("Mind the VAT return: the VAT of %(date)s is in the return of period %(year)s-%(period)s."),
    'due_before_entry': _lt("The due date %(due_date)s is before the date %(date)s."),
    'relation_unknown': _lt("The relation of this document is not in this administration (any more). Choose another."),
    'payment_condition_unknown': _lt("Exact has no payment condition %(payment_condition)s (any more). Map the payment term anew."),
    'reference_missing': _lt("There is no reference. Exact needs one to find the entry again: fill in the bill reference."),
    'reference_too_long': _lt("The reference “%(text)s” has %(length)s characters; Exact takes %(limit)s. Shorten it."),
    'reference_cleaned': _lt("The reference is sent as “%(sent)s”."),
    'reference_duplicate': _lt("%(document)s carries the same number, %(reference)s (%(date)s, %(amount)s). Correct the reference of the one that has it by mistake; or keep both."),
    'same_document': _lt("%(document)s is the same: %(reference)s of %(date)s, %(amount)s. It is booked once. Cancel this one; or keep both, if they are two."),
    'perhaps_same': _lt("%(document)s may be the same: of the same partner, day and amount (%(date)s, %(amount)s), and no number tells them apart. Cancel the one that is too many; or keep both, if they are two."),
    'payment_reference_too_long': _lt("The payment reference “%(text)s” has %(length)s characters; Exact takes %(limit)s."),
    'description_shortened': _lt("A description is shortened to the %(limit)s characters that Exact takes."),
    'number_out_of_range': _lt("The number %(number)s is too large for Exact."),
    'entry_number_used': _lt("The entry number %(number)s is in use in journal %(journal)s."),
    'entry_not_balanced': _lt("The entry is not in balance: %(difference)s."),
    'refund_sign': _lt("The total of %(total)s has an unusual sign for this kind of document."),
    'vat_total_differs': _lt("Exact would compute VAT of %(computed)s where Odoo has %(meant)s. Check the VAT codes of the lines."),
    'total_differs': _lt("Exact would make the total %(computed)s where Odoo has %(meant)s. Check the VAT codes of the lines."),
    'account_missing': _lt("A line of %(amount)s has no ledger of Exact."),
    'account_unknown': _lt("Exact has no ledger for a line of this document (any more). Map the account anew."),
    'account_blocked': _lt("The ledger %(code)s %(name)s is blocked in Exact. Map the account to another."),
    'account_type': _lt("The ledger %(code)s %(name)s is a receivable, payable or VAT account in Exact and cannot be used on a line."),
    'line_without_relation': _lt("A line on the ledger %(code)s %(name)s has no relation."),
    'cost_center_mandatory': _lt("The ledger %(code)s %(name)s demands a cost centre in Exact. Add an analytic distribution to the line."),
    'cost_center_not_allowed': _lt("The ledger %(code)s %(name)s takes no cost centre in Exact. Take the analytic distribution off the line."),
    'cost_unit_mandatory': _lt("The ledger %(code)s %(name)s demands a cost unit in Exact. Add an analytic distribution to the line."),
    'cost_unit_not_allowed': _lt("The ledger %(code)s %(name)s takes no cost unit in Exact. Take the analytic distribution off the line."),
    'cost_center_unknown': _lt("Exact has no cost centre %(cost_center)s (any more). Map the analytic account anew."),
    'cost_center_inactive': _lt("The cost centre %(cost_center)s is not active in Exact."),
    'cost_unit_unknown': _lt("Exact has no cost unit %(cost_unit)s (any more). Map the analytic account anew."),
    'cost_unit_inactive': _lt("The cost unit %(cost_unit)s is not active in Exact."),
    'project_unknown': _lt("Exact has no project for a line of this document (any more). Map the analytic account anew."),
    'project_inactive': _lt("A project of this document is not active in Exact."),
    'vat_code_of_account': _lt("A line takes the VAT code of its ledger in Exact."),
    'vat_without_code': _lt("A line has VAT of %(vat_amount)s but no VAT code."),
    'vat_code_missing': _lt("A line has VAT in Odoo but no VAT code of Exact. Map the tax."),
    'vat_code_unknown': _lt("Exact has no VAT code %(vat_code)s (any more). Map the tax anew."),
    'vat_code_blocked': _lt("The VAT code %(vat_code)s is blocked in Exact. Map the tax to another."),
    'vat_code_direction': _lt("The VAT code %(vat_code)s cannot be used for this kind of document in Exact."),
    'vat_code_including': _lt("The VAT code %(vat_code)s is of the type “including”; Odoo's lines are without VAT. Map the tax to an excluding code."),
    'reverse_charge_differs': _lt("The VAT code %(vat_code)s and the tax in Odoo disagree on the reverse charge. Map the tax anew."),
    'vat_percentage_differs': _lt("On %(date)s the VAT code %(vat_code)s is %(code_percentage)s in Exact and the tax in Odoo %(percentage)s. Choose the tax of that time, or another VAT code for this document (Adjust)."),
    'vat_code_without_percentage': _lt("The VAT code %(vat_code)s has no percentage in Exact on %(date)s. Choose another VAT code for this document (Adjust), or map the tax anew."),
    'vat_amount_not_possible': _lt("The VAT code %(vat_code)s takes no VAT amount of %(vat_amount)s."),
    'vat_amount_zero': _lt("VAT of 0.00 is given where Exact computes %(computed)s."),
    'vat_amount_far_off': _lt("The VAT of a line, %(vat_amount)s, is far from the %(computed)s that Exact computes."),
    'amount_decimals': _lt("The amount %(amount)s has more than the %(decimals)s decimals that can be booked in Exact. Book it there by hand."),
    'deferral_not_possible': _lt("Journal entries in Exact take no deferral period; it is left out."),
    'deferral_incomplete': _lt("A line has only one end of its deferral period."),
    'deferral_reversed': _lt("The deferral period of a line ends (%(to_date)s) before it begins (%(from_date)s)."),
    'relation_not_customer': _lt("%(name)s is no customer in Exact yet and becomes one with this export."),
    'relation_not_supplier': _lt("%(name)s is no supplier in Exact yet and becomes one with this export."),
    'relation_blocked': _lt("The relation %(name)s is blocked in Exact. Release it there, or choose another."),
    'relation_account': _lt("%(name)s is bound to the ledger %(account)s in Exact, and the journal %(journal)s books on %(journal_account)s. Change the relation there, or book the document in a journal with that ledger."),
    'relation_missing': _lt("There is no relation in Exact for this document. Set the partner, or choose a relation for this export."),
    'total_mismatch': _lt("Exact would make the total %(found)s where Odoo has %(meant)s. Check the VAT codes of the lines."),
    'division_currency': _lt("The administration keeps its books in %(division_currency)s, the company in %(currency)s."),
    'conversion_cents': _lt("The total in %(document_currency)s is equal. Converted, it is %(currency)s %(found)s in Exact and %(meant)s in Odoo: each rounds for itself."),
    'vat_cents': _lt("The total is right; the VAT per code is not, by cents that no line is large enough to carry: %(codes)s."),
    'difference_line': _lt("A rounding difference of %(amount)s is booked on a line of its own."),
    'general_vat': _lt("The VAT lines are booked on their ledger without a VAT code; check the VAT return in Exact."),
    # Documents
    'attachment_too_large': _lt("The file %(name)s (%(size)s MB) is larger than the 25 MB that Exact takes; it is not sent."),
    'attachment_empty': _lt("The file %(name)s is empty; it is not sent."),
    'attachment_link': _lt("%(name)s is a link to a page on the web (%(url)s) and no file; it is not sent."),
    'attachment_inline': _lt("The picture %(name)s stands in the text of a message; it is not sent. Is it the receipt, then attach it to the document."),
    'attachment_refused': _lt("Exact does not take the file %(name)s; it is not sent."),
    'attachment_kept': _lt("Exact keeps the file %(name)s, which is out of date: %(message)s"),
    'files_behind': _lt("The files in Exact are not those of the document: %(message)s Update once more."),
    'pdf_failed': _lt("The PDF could not be made: %(reason)s"),
    # When the money is due
    'instalments': _lt("The document is due in parts: %(own)s. An entry in Exact has one due date: %(exact)s. Who sees to the open items in Exact has to know."),
    'discount_missing': _lt("Who pays by %(own)s pays %(own_percentage)s less, and in Exact the payment condition says nothing of it. Map the payment term to a condition with this discount."),
    'discount_only_in_exact': _lt("The payment condition %(condition)s gives %(exact_percentage)s discount until %(exact)s in Exact; the document gives none. Map the payment term to another condition."),
    'discount_differs': _lt("The document gives %(own_percentage)s discount until %(own)s, Exact gives %(exact_percentage)s until %(exact)s (payment condition %(condition)s). Map the payment term to another condition."),
    'surcharge_in_exact': _lt("The payment condition %(condition)s adds a credit surcharge of %(exact_percentage)s in Exact; the document has none. Map the payment term to another condition."),
    'payment_reference_left_out': _lt("The payment reference “%(text)s” has more than the %(limit)s characters that Exact takes; it is not sent."),
    # The e-invoice that a bill came with
    'einvoice_currency': _lt("The e-invoice %(file)s is in %(meant)s, the bill in %(found)s. Correct the bill, or accept the difference."),
    'einvoice_total': _lt("The e-invoice %(file)s comes to %(meant)s, the bill to %(found)s. Correct the bill, or accept the difference."),
    'einvoice_cents': _lt("The e-invoice %(file)s comes to %(meant)s, the bill to %(found)s: no more than rounding makes."),
    'einvoice_vat': _lt("The e-invoice %(file)s has VAT of %(meant)s, the bill %(found)s. Correct the bill, or accept the difference."),
    'einvoice_category': _lt("The e-invoice %(file)s says %(meant)s of %(amount)s%(lines)s; the bill has %(found)s. Correct the bill, or accept the difference."),
    'einvoice_accepted': _lt("%(user)s accepted on %(date)s that the bill differs from its e-invoice: %(reason)s"),
    'einvoice_unreadable': _lt("The file %(file)s cannot be read as an e-invoice: the bill was not compared with it."),
    # What Exact said
    'refused': _lt("Exact refused it: %(message)s"),
    'refused_part': _lt("Exact does not take %(target)s for this document. Put it right in Exact, or choose another for %(name)s."),
    'refused_vat_code': _lt("Exact does not know a VAT code of this document (any more). Check the tax %(name)s, which is mapped to %(target)s."),
    'refused_vat_percentage': _lt("The VAT percentage does not fit the VAT code in Exact. Check the tax %(name)s, which is mapped to %(target)s."),
    'refused_vat_of_journal': _lt("Exact takes no VAT code in the journal %(target)s. Switch VAT on for the journal in Exact, or map %(name)s to another journal."),
    'refused_gl_account': _lt("Exact does not know a ledger of this document (any more). Check the account %(name)s, which is mapped to %(target)s."),
    'refused_account_type': _lt("Exact does not take a ledger of this type on a line. Map the account %(name)s to another ledger than %(target)s."),
    'refused_journal': _lt("Exact does not know the journal %(target)s (any more). Map the journal %(name)s anew."),
    'refused_journal_type': _lt("The journal %(target)s is of another type in Exact than this document needs. Map the journal %(name)s to another."),
    'refused_payment_condition': _lt("Exact does not know the payment condition %(target)s (any more). Map the payment term %(name)s anew."),
    'refused_cost_center': _lt("Exact does not know a cost centre of this document (any more). Check the analytic account %(name)s, which is mapped to %(target)s."),
    'refused_cost_unit': _lt("Exact does not know a cost unit of this document (any more). Check the analytic account %(name)s, which is mapped to %(target)s."),
    'refused_project': _lt("Exact does not know a project of this document (any more). Check the analytic account %(name)s, which is mapped to %(target)s."),
    'refused_relation': _lt("Exact does not know the relation %(target)s (any more). Choose the relation of %(name)s anew."),
    'refused_customer': _lt("%(target)s is no customer in Exact (any more). Retry makes it one, or choose another relation for %(name)s."),
    'refused_supplier': _lt("%(target)s is no supplier in Exact (any more). Retry makes it one, or choose another relation for %(name)s."),
    'refused_partner': _lt("Exact does not take %(name)s as a relation. Mend the partner."),
    'refused_mandatory': _lt("Exact demands something that the document does not have. Fill it in, or map it."),
    'refused_reference': _lt("The document refers to something that this administration does not have (any more). Refresh the master data, then retry."),
    'refused_number': _lt("The entry number is in use in Exact. Look that entry up before you retry: it may be this document."),
    'refused_exists': _lt("Exact has this already. Look it up in Exact before you retry."),
    'refused_same': _lt("Exact takes no second bill of a supplier with the number, day and amount of another, and has %(document)s (%(reference)s). Are they two, then give one of them a bill reference of its own (%(reference)s-2, for instance), and retry; else cancel this one."),
    'refused_processed': _lt("Exact has processed the entry: it cannot be changed any more. Reverse it instead."),
    'refused_year': _lt("The financial year of an entry cannot change in Exact. Undo the export and export again."),
    'refused_balance': _lt("The opening balance and the lines do not add up to the closing balance."),
    'refused_file': _lt("Exact could not read a file of this document. Take the file off, then retry."),
    'refused_scope': _lt("The app may not do this in Exact: the scope %(scope)s is missing. Add it in the Exact App Center, then connect again."),
    'refused_right': _lt("The Exact user may not do this (%(resource)s). Give the user the right in Exact, or see whether the licence of the administration includes it."),
    'refused_licence': _lt("The licence of the administration does not include this. Ask Exact to add it."),
    'refused_blocked': _lt("%(target)s is blocked in Exact. Release it there, or choose another for %(name)s."),
    'refused_currency': _lt("Exact does not know the currency %(currency)s. Add it there, then press Refresh Now on the administration."),
    'refused_currency_of_journal': _lt("The journal %(target)s takes no %(currency)s in Exact. Allow other currencies there, or map %(name)s to another journal."),
    'refused_rate_of_journal': _lt("The journal %(target)s takes no exchange rate of your own in Exact. Allow it there, or map %(name)s to another journal."),
    'refused_rate_missing': _lt("Exact has no exchange rate for %(currency)s on %(date)s. Enter one there, then retry."),
    'refused_year_unknown': _lt("Exact has no financial year for %(date)s. Add it there (Master Data, Period-date Table), then press Refresh Now on the administration."),
    'refused_cost_center_link': _lt("Exact does not take the cost centre %(target)s with the ledger of its line. Link them there, or map the analytic account %(name)s to another."),
    'refused_vat_amount': _lt("Exact takes no VAT amount with the VAT code %(target)s. Map the tax %(name)s to a code of the type “excluding”."),
    'refused_relation_account': _lt("The relation %(target)s has a receivable or payable account of its own in Exact, another than that of the journal. Change it there, or book %(name)s in a journal with that account."),
    'refused_condition_missing': _lt("Neither the document nor the relation nor the administration has a payment condition in Exact. Map the payment term, give the relation one, or set a default in Exact (Settings, Financial)."),
    'refused_document_type': _lt("Exact does not take documents of this type from the connected user. Choose another type for the administration, or connect with a user who may add documents (not one of an accountant's portal)."),
    'refused_not_in_balance': _lt("The entry is not in balance in Exact (%(difference)s): it computes other VAT than the document has. Compare the VAT of the lines, or set a ledger for calculation differences in Exact (Settings, Financial)."),
    'refused_credit_note_style': _lt("Exact does not take credit notes as they are sent. Choose the other style of credit notes for the administration; they go out then."),
    'refused_again': _lt("Exact reported a problem of its own %(count)s times. Retry later; if it stays, ask Exact."),
    'read_back': _lt("Exact booked something else: %(field)s is %(found)s instead of %(meant)s."),
    'credit_note_type': _lt("Exact booked the credit note as an invoice with negative amounts. Choose the other style of credit notes for the administration, then undo this export and export again."),
    'missing_entry': _lt("The entry cannot be read back from Exact yet."),
    'several_entries': _lt("Exact has several entries that could be this document: %(entries)s. Compare them, and link the right one."),
    'entry_exists': _lt("Exact has this already, perhaps: %(entries)s. Compare, then link it or book beside it."),
    'number_taken': _lt("Exact has the number %(reference)s for another customer: %(entries)s. It was sent from here, and is not known here any more, as after a restored backup. Give this document another number, or book it beside that entry."),
    'booked_twice': _lt("Exact has this twice: as entry %(number)s of this document, and as %(entries)s, which somebody else booked. Delete one of them in Exact, then retry; or keep both."),
    'already_processed': _lt("Exact has processed the entry: it cannot be changed or deleted any more. Reverse it instead."),
    'kept_by_period': _lt("Period %(year)s-%(period)s of journal %(journal)s is closed in Exact, so the entry cannot be changed or deleted. Reverse it instead; or open the period there, refresh the master data and undo again."),
    'deleted_in_exact': _lt("Somebody deleted the entry in Exact."),
    'look_up_failed': _lt("Whether Exact has the entry cannot be looked up: %(message)s"),
    'no_answer': _lt("Exact was asked %(count)s times, gave no answer and has no entry. Retry when Exact works again."),
    'document_kept': _lt("The entry is deleted in Exact, its document is not: %(message)s"),
    'unexpected': _lt("Something went wrong that nobody foresaw: %(reason)s. Retry; if it stays, tell the administrator."),
    'change_unanswered': _lt("Exact was asked %(count)s times, and its books do not show that it was done. What it has is compared; ask for it once more when Exact works again."),
    'reversal_refused': _lt("Exact does not take the reversal: %(message)s Mend that and reverse again, or reverse it in Exact."),
    'reversal_differs': _lt("The entry was changed in Exact since it was booked, so its opposite would not offset it. Update it first, or reverse it in Exact."),
    'reversal_booked_otherwise': _lt("Exact booked the reversal, entry %(number)s, otherwise than it was sent. Compare both entries in Exact and correct them there."),
    'undo_refused': _lt("Exact keeps the entry: %(message)s Reverse it instead."),
}

# What names another document of Odoo and asks whether it is the same.
SAME_CODES = ('same_document', 'perhaps_same', 'reference_duplicate')

# Label of the button that leads to what is to be fixed; what is mapped has that of its mapping kind.
BUTTONS = {
    'exact.division': _lt("Open the Administration"),
    'account.move': _lt("Open the Document"),
    'exact.entry': _lt("Compare and Link"),
    'exact.account.mapping': _lt("Map the Ledger"),
    'exact.connection': _lt("Open the Connection"),
    'exact.journal.period': _lt("See the Period"),
}

# What of its e-invoice a bill says otherwise; a person may accept it.
EINVOICE_CODES = ('einvoice_currency', 'einvoice_total', 'einvoice_vat', 'einvoice_category')

# The same where the record alone does not say what is to be done with it.
CODE_BUTTONS = {
    'period_ask': _lt("Choose the Period"),
    'refused_partner': _lt("Open the Partner"),
    'refused_number': _lt("Compare and Link"),
    'refused_exists': _lt("Compare and Link"),
    'booked_twice': _lt("Open in Exact"),
    **dict.fromkeys(EINVOICE_CODES, _lt("Accept the Difference")),
    **dict.fromkeys((*SAME_CODES, 'refused_same'), _lt("Open the Other")),
}

# What may be an entry that Exact has already.
LINK_CODES = ('refused_number', 'refused_exists')

# What is mended on the record itself, not where it is mapped.
RECORD_CODES = ('refused_partner',)

# Who can mend it. Where the code does not tell, the record to fix does.
FIXERS = [
    ('user', "Whoever Books"),
    ('manager', "Accounting Administrator"),
    ('exact', "Somebody in Exact"),
]

# What of an administration decides how documents are booked, and whether.
BOOKED_BY = (
    'numbering', 'export_start_date', 'default_sale_journal_id', 'default_purchase_journal_id',
    'default_general_journal_id', 'default_sale_gl_account_id', 'default_purchase_gl_account_id',
    'difference_gl_account_id',
)

# Findings that end when a period is opened in Exact.
PERIOD_CODES = ('period_closed', 'period_ask', 'no_open_period')

_FIXED_IN_EXACT = {
    'period_closed', 'no_open_period', 'journal_blocked', 'relation_blocked', 'refused_right',
    'refused_licence', 'refused_again', 'booked_twice', 'currency_unknown', 'refused_blocked',
    'refused_currency', 'refused_rate_missing', 'refused_year_unknown', 'refused_cost_center_link',
    'refused_relation_account', 'relation_account', 'kept_by_period',
}

# Records that a manager mends, besides what is mapped.
FIXED_BY_MANAGERS = ('exact.account.mapping', 'exact.connection', 'exact.division')


class Text(NamedTuple):
    """What is said by a code, and who mends it."""

    #: a lazy text with the parameters of the check that found it
    sentence: object
    #: a key of FIXERS; '' where the record to fix decides
    owner: str = ''
    #: label of the button; None where the record to fix decides
    button: object = None


# Findings by their code, other notes by 'family/name', see `exact_note`.
TEXTS = {
    **{
        code: Text(
            sentence, 'exact' if code in _FIXED_IN_EXACT else '', CODE_BUTTONS.get(code),
        ) for code, sentence in SENTENCES.items()
    },
    **{
        f'{family}/{name}': Text(sentence)
        for family, sentences in NOTES.items() for name, sentence in sentences.items()
    },
}


def cause(code, params, res_model, res_id):
    """What findings have in common that one fix solves: the record to fix, else Exact's words, else
    what is wrong."""
    params = params or {}
    name, which, _source = params.get('shared') or ('', '', '')
    own = ''
    if res_model and (res_model != 'account.move' or code in SAME_CODES):
        if res_model == 'exact.division':
            # What is mended at an administration says which of its things it is.
            own = which or params.get('currency') or ''
        return f'{code} {res_model},{res_id} {own}'.strip()
    if name:
        return f'{code} {name} {which}'
    if code in ('refused', 'unexpected'):
        own = params.get('message') or params.get('reason') or ''
        if isinstance(own, dict):
            own = own['params'].get('words') or own['code']
    return f'{code} {own}'.strip()


def sentence(env, code, params):
    """What a finding says, in the language of the reader; never fails for a missing parameter.

    Exact's own words, the parameter `words`, follow: they are what an accountant searches for.
    """
    known = env['exact.finding']._texts().get(code)
    if known is None:
        return env._("Exact would not take it (%(code)s).", code=code)
    values = {key: shown(env, value) for key, value in (params or {}).items()}
    if 'field' in values:
        label = number_label if code.startswith('relation_') else field_label
        values['field'] = label(env, values['field'])
    if code.startswith('einvoice_'):
        values |= einvoice_values(env, params or {})
    text = known.sentence._translate(env.lang or 'en_US')
    with contextlib.suppress(KeyError, ValueError):
        text = text % values
    if values.get('words'):
        text = env._("%(sentence)s Exact says: %(words)s", sentence=text, words=values['words'])
    return text


def said(env, code, params):
    """What a note says, see `exact_note`; a finding is one of the family 'finding'."""
    family, _slash, name = code.partition('/')
    if family == 'finding':
        return sentence(env, name, params)
    known = env['exact.finding']._texts().get(code)
    if 'field' in params:
        params = {**params, 'field': field_label(env, params['field'])}
    return fill(env, known.sentence if known else '', params)


def field_label(env, name):
    """The name of a compared field as a person calls it."""
    labels = {
        'division': env._("the administration"),
        'journal': env._("the journal"),
        'relation': env._("the relation"),
        'entry_date': env._("the date"),
        'due_date': env._("the due date"),
        'currency': env._("the currency"),
        'rate': env._("the exchange rate"),
        'your_ref': env._("the reference"),
        'period': env._("the period"),
        'gl_account': env._("the ledger of a line"),
        'vat_code': env._("the VAT code of a line"),
        'cost_center': env._("the cost centre of a line"),
        'cost_unit': env._("the cost unit of a line"),
        'project': env._("the project of a line"),
        'amount': env._("the amount of a line"),
        'vat': env._("the VAT"),
        'line_count': env._("a line"),
        'total': env._("the total"),
        'own_total': env._("the total in the currency of the books"),
        'document': env._("the attached document"),
        'description': env._("the description"),
        'payment_condition': env._("the payment condition"),
        'payment_reference': env._("the payment reference"),
        'discount_date': env._("the last day of the discount"),
        'deferral': env._("the deferral of a line"),
        'quantity': env._("the quantity of a line"),
        'line_vat': env._("the VAT of each line"),
        'vat_of_code': env._("the VAT of a VAT code"),
    }
    return labels.get(name, name)
