from odoo import models

from ...exact_api import SecretClosedError


class ExactConnection(models.Model):
    """A database that finds secrets which were stored in another one: it is a copy, or it was
    moved. Two databases with one chain of tokens end it for both, and what a copy books is in the
    real books; so nothing is sent until a person has said which of the two this is.
    """

    _inherit = 'exact.connection'

    def action_is_original(self):
        """Say that this database is the original, which was moved or renamed: all goes on."""
        connections = self._asked_about()
        # sudo: nobody reads secrets; that the person keeps the connections was checked
        tokens_sudo = self.env['exact.token'].sudo().search(
            [('connection_id', 'in', connections.ids)],
        )
        tokens_sudo._bind_here()
        for connection in connections:
            if connection.state in ('connected', 'reconnect'):
                connection._go_on_here()
        connections.invalidate_recordset(['has_wrong_key', 'is_copied'], flush=False)
        return True

    def action_is_copy(self):
        """Say that this database is a copy: it forgets its secrets, as a neutralised one does."""
        connections = self._asked_about()
        # sudo: as above
        self.env['exact.token'].sudo().search([('connection_id', 'in', connections.ids)]).unlink()
        self.env['exact.token.refresh'].sudo().search(
            [('connection_id', 'in', connections.ids)],
        ).unlink()
        for connection in connections:
            connection._activity_done()
            # sudo: state and hold are the engine's; the administrations may be other companies'
            connection_sudo = connection.sudo()
            if connection.state != 'draft':
                connection_sudo.note_failure('neutralized')
                connection_sudo.state = 'disconnected'
            connection_sudo.with_context(active_test=False).division_ids.filtered(
                'company_id',
            ).write({'hold': True, 'hold_reason': 'neutralized', 'hold_params': False})
        connections.invalidate_recordset()
        return True

    def _asked_about(self):
        """Return the connections that the question is about: all of this database that the person
        keeps, so that it is asked once.

        :raise AccessError: for people who may not connect
        """
        self.check_may_connect()
        companies = self.env.user.company_ids
        mine = self.with_context(allowed_company_ids=companies.ids).search(
            [('company_id', 'in', companies.ids)],
        )
        return (self | mine.with_env(self.env)._filtered_access('write')).filtered('is_copied')

    def _go_on_here(self):
        """Be connected again, or say what else is in the way."""
        # Not with a fresh cursor: what this one wrote counts
        problem = self.env['exact.token']._present_problem(self, self.env.cr)
        if not problem:
            self._works_again()
        elif problem != self.reason:
            self.note_failure(problem)

    def _works_again(self):
        """What was held for the question alone goes on: it is answered, or the database is back
        where it was.
        """
        # sudo: the administrations may be other companies'
        held_sudo = self.sudo().with_context(active_test=False).division_ids.filtered(
            lambda division: division.hold_reason == 'copied',
        )
        if held_sudo:
            held_sudo.action_release()
        return super()._works_again()

    def _check_not_copied(self):
        """Refuse a new consent as long as the question is open.

        :raise SecretClosedError: with the reason 'copied'
        """
        if any(connection.is_copied for connection in self):
            raise SecretClosedError('copied')

    def _summary_reconnect(self):
        if self.reason == 'copied':
            return self.env._("Exact: is this database the original, or a copy?")
        if self.reason == 'origin':
            return self.env._("Exact: the address was changed")
        return super()._summary_reconnect()
