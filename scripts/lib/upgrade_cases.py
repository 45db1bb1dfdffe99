"""Documents for scripts/upgrade_test, and what happens to each before the upgrade."""

from collections.abc import Callable
from typing import NamedTuple

from odoo import Command

ENTRIES, LINES = '(Sales|Purchase|GeneralJournal)Entries$', 'EntryLines$'
FILES, DOCUMENTS = 'documents/DocumentAttachments', 'documents/Documents$'
# (It is read in two ways.)
LEDGER = 'Financial/TransactionLines$'
# Kind of what sync/Deleted tells of.
TRANSACTION_LINES = 1
# Kinds of moves, and where they are in each four that make_documents makes.
SALE, BILL, REFUND, ENTRY = range(4)
PLACES = {SALE: (0, 2), BILL: (1,), REFUND: (3,)}


def nothing(_before, _move):
    """Nothing happens."""


class Case(NamedTuple):
    """A document, and what happens to it before the upgrade."""

    name: str
    kind: int
    #: what its export is then: its state, and what a person asked for; ' or ' another, where
    #: releases differ
    state: str
    #: what Exact has of it in the end: 'entry', 'nothing', or 'opposite' (the entry and its
    #: reversal)
    ends: str
    #: called with the `Before` and the move
    do: Callable = nothing
    #: kind of fault, method and resource that it meets, and options of the fault
    fault: tuple = ()
    #: whether a worker does it who is killed while Exact takes its time
    is_killed: bool = False
    #: called before anything is exported: Odoo writes to the neighbours of what becomes a draft
    ahead: Callable = nothing


def export(_before, move):
    move.action_exact_export()


def undo(_before, move):
    move.action_exact_undo()


def reverse(_before, move):
    move.action_exact_reverse()


def edit(_before, move):
    """Another amount."""
    move.button_draft()
    if move.move_type == 'entry':
        move.line_ids = [
            Command.update(line.id, {'debit': line.debit and 70, 'credit': line.credit and 70})
            for line in move.line_ids
        ]
    else:
        move.invoice_line_ids[:1].price_unit += 7
    move.action_post()


def update(before, move):
    edit(before, move)
    move.action_exact_update()


def update_with_a_line(_before, move):
    line = move.invoice_line_ids[:1]
    move.button_draft()
    move.invoice_line_ids = [Command.create({
        'name': "Een regel meer", 'quantity': 1, 'price_unit': 5, 'account_id': line.account_id.id,
        'tax_ids': [Command.set(line.tax_ids.ids)],
    })]
    move.action_post()
    move.action_exact_update()


def update_with_a_file(before, move):
    before.file(move, 'later.pdf')
    move.action_exact_update()


def new_partner(before, move):
    move.button_draft()
    move.partner_id = before.partner(f"Relatie van {move.id}")
    move.action_post()


def new_supplier_with_account(before, move):
    new_partner(before, move)
    before.env['res.partner.bank'].create({
        'partner_id': move.partner_id.id, 'acc_number': iban(move.id),
    })


def iban(number):
    """The number of a Dutch bank account, of nobody else's."""
    account = f'{number:010}'
    # RABO and NL in figures
    check = 98 - int(f'27101124{account}232100') % 97
    return f'NL{check:02}RABO{account}'


def unknown_ledger(before, move):
    account = before.env['account.account'].create({
        'name': "Onbekend in Exact", 'code': '899999', 'account_type': 'income',
    })
    move.button_draft()
    move.invoice_line_ids.account_id = account
    move.action_post()


def delete_in_exact(before, move):
    """Somebody deletes the entry there, and the reading of what was deleted comes upon it."""
    latest = move.sudo().exact_export_id
    before.control('delete_entry', entry=latest.exact_guid)
    division = before.division.sudo()
    # (Not all of that reading: it would tell what became of the others, too.)
    told = division.on_deleted if hasattr(division, 'on_deleted') else division._on_deleted
    told(TRANSACTION_LINES, latest.entry_line_ids.mapped('exact_guid'))


def delete_and_undo(before, move):
    delete_in_exact(before, move)
    move.action_exact_undo()


# These are verified, then something happens to them.
BOOKED = (
    Case("verified sale", SALE, 'verified', 'entry'),
    Case("verified bill", BILL, 'verified', 'entry'),
    Case("verified credit note", REFUND, 'verified', 'entry'),
    Case("edited", SALE, 'changed', 'entry', edit),
    Case("undone", SALE, 'undone', 'nothing', undo),
    *(
        # (A look through the journals shows that an entry was changed, whoever changed it.)
        Case(f"{name}: no answer, {what}", kind, (
            state if fault == 'cut_before' or call[1] != LINES else 'sent, update'
        ), ends, do, (fault, *call))
        for name, kind, state, ends, do, call in (
            ("undo", SALE, 'verified, undo', 'nothing', undo, ('DELETE', ENTRIES)),
            ("undo of a bill", BILL, 'verified, undo', 'nothing', undo, ('DELETE', ENTRIES)),
            ("reversal", SALE, 'verified, reverse', 'opposite', reverse, ('POST', ENTRIES)),
            ("reversal of a bill", BILL, 'verified, reverse', 'opposite', reverse,
             ('POST', ENTRIES)),
            ("change of a line", SALE, 'verified, update', 'entry', update, ('PUT', LINES)),
            ("one line more", BILL, 'verified, update', 'entry', update_with_a_line,
             ('POST', LINES)),
            ("taken out to come anew", ENTRY, 'verified, update', 'entry', update,
             ('DELETE', ENTRIES)),
            ("one file more", BILL, 'verified, update', 'entry', update_with_a_file,
             ('POST', FILES)),
        )
        for fault, what in (('cut_after', "done"), ('cut_before', "not done"))
    ),
    Case("undo: worker killed", BILL, 'verified, undo', 'nothing', undo,
         ('delay_after', 'DELETE', ENTRIES), is_killed=True),
)
# And these before they are booked.
SENT = (
    Case("withdrawn", SALE, 'undone', 'nothing', lambda before, move: before.withdrawn(move)),
    Case("withdrawn: document without answer", BILL, 'undone, undo', 'nothing',
         lambda before, move: before.withdrawn_with_document(move)),
    Case("blocked", SALE, 'blocked', 'nothing', export, ahead=unknown_ledger),
    Case("refused", SALE, 'refused', 'entry', export,
         ('refuse', 'POST', ENTRIES, {'text': 'mandatory', 'label': 'CostCenter'})),
    *(
        Case(f"{name}: no answer, {what}", kind, state, 'entry', export, (fault, 'POST', resource),
             ahead=ahead)
        for name, kind, state, resource, ahead in (
            ("entry", SALE, 'uncertain', ENTRIES, nothing),
            ("entry of a bill", BILL, 'uncertain', ENTRIES, nothing),
            ("document", BILL, 'ready', DOCUMENTS, nothing),
            ("file", BILL, 'ready', FILES, nothing),
            ("customer", SALE, 'ready', 'crm/Accounts', new_partner),
            ("supplier", BILL, 'ready', 'crm/Accounts', new_partner),
            ("bank account", BILL, 'ready', 'crm/BankAccounts', new_supplier_with_account),
        )
        for fault, what in (('cut_after', "done"), ('cut_before', "not done"))
    ),
    Case("ready", BILL, 'ready', 'entry', lambda before, move: before.on_hold(move)),
    Case("sent: worker killed", SALE, 'sent', 'entry', export, ('delay', 'GET', LEDGER), True),
    # The last workers: those that come after them would recover what they claimed.
    Case("file: worker killed", BILL, 'sending', 'entry', export, ('delay_after', 'POST', FILES),
         True),
    Case("entry: worker killed, done", SALE, 'sending', 'entry', export,
         ('delay_after', 'POST', ENTRIES), True),
    Case("entry: worker killed, not done", BILL, 'sending', 'entry', export,
         ('cut_before', 'POST', ENTRIES), True),
)
# Nobody works any more.
LEFT_BOOKED = (
    Case("edited, not compared yet", SALE, 'verified, recheck', 'entry', edit),
    Case("deleted in Exact", BILL, 'verified or sent', 'nothing', delete_in_exact),
    Case("deleted in Exact, undo", SALE, 'verified, undo or sent, undo', 'nothing',
         delete_and_undo),
)
LEFT = (
    *LEFT_BOOKED,
    Case("proposed", SALE, 'proposed', 'entry', export),
    Case("proposed bill", BILL, 'proposed', 'entry', export),
)
ALL = (*BOOKED, *SENT, *LEFT)
