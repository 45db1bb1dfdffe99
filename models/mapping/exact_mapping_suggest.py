"""What is likely meant by the rows of a mapping, and a person who takes that over."""

from odoo import api, models


class ExactMappingMixin(models.AbstractModel):
    _inherit = 'exact.mapping.mixin'

    # === ROWS AND SUGGESTIONS === #

    def _suggest(self):
        """Look anew what is likely meant by the rows without a working choice."""
        quiet = self.with_context(mail_notrack=True)
        for division, mappings in quiet.grouped('division_id').items():
            waiting = mappings.filtered(lambda mapping: mapping.state != 'mapped')
            if not waiting:
                continue
            found = waiting._find_suggestions(division)
            missing = waiting - self.browse(mapping.id for mapping in found)
            found.update(missing._find_previous(division))
            for mapping in waiting:
                values, reason = found.get(mapping, ({}, False))
                mapping._write_suggestion(values, reason)
        self.filtered(lambda mapping: mapping.state == 'mapped')._forget_suggestions()

    def _write_suggestion(self, values, reason):
        """Store a suggestion, only what differs; a broken choice keeps the reason it had."""
        self.ensure_one()
        new = {
            f'suggested_{name}': values.get(name) or False for name in self._target_fields
        }
        if reason or not self.is_decided():
            new['suggestion_reason'] = reason
        changed = {
            name: value for name, value in new.items()
            if self.id_or_value(name) != value
        }
        if changed:
            self.write(changed)

    def _forget_suggestions(self):
        """A row with a working choice needs no suggestion; its reason stays as provenance."""
        for mapping in self.with_context(mail_notrack=True):
            if mapping._is_suggested():
                mapping.write({f'suggested_{name}': False for name in self._target_fields})

    def _find_previous(self, division):
        """What the same records are mapped to in other administrations, where a target of the same
        code and name is: a code alone may mean something else there.
        """
        found = {}
        for source in self._source_fields:
            rows = {mapping[source].id: mapping for mapping in self if mapping[source]}
            if not rows:
                continue
            others = self.search([
                (source, 'in', list(rows)), ('state', '=', 'mapped'),
                ('division_id', '!=', division.id),
            ], order='mapped_on DESC, id DESC')
            for name in self.record_fields:
                targets = others[name]
                if not targets:
                    continue
                by_code = {
                    record.code: record for record in targets.search([
                        ('division_id', '=', division.id), ('code', 'in', targets.mapped('code')),
                    ])
                }
                for other in others:
                    mapping = rows[other[source].id]
                    target = by_code.get(other[name].code)
                    if (
                        target and mapping not in found
                        and (target.name or '').casefold() == (other[name].name or '').casefold()
                        and not mapping._problem_with(name, target)
                    ):
                        found[mapping] = ({name: target.id}, 'previous')
        return found

    @api.model
    def _create_missing(self, division):
        """Rows for what is used and has none; nobody's choice is touched.

        :return: the new rows.
        """
        vals_list = []
        for source, records in self._wanted_sources(division).items():
            known = {
                record.id for (record,) in self._read_group(
                    [('division_id', '=', division.id), (source, 'in', records.ids)], [source],
                )
            }
            vals_list += [
                {'division_id': division.id, source: record.id}
                for record in records if record.id not in known
            ]
        return self.create(vals_list)

    # === ACTIONS === #

    def _acceptable_in_bulk(self):
        """The rows whose suggestions may be taken over without a look at each."""
        return self

    def _accept(self, *, in_bulk=False):
        """Take over the suggestions that still fit.

        :param in_bulk: nobody looked at each of them.
        :return: the rows that were mapped by it.
        """
        accepted = self.browse()
        for mapping in self._acceptable_in_bulk() if in_bulk else self:
            if mapping.state not in ('suggested', 'broken') or not mapping._is_suggested():
                continue
            if any(
                mapping[f'suggested_{name}']
                and mapping._problem_with(name, mapping[f'suggested_{name}'])
                for name in self.record_fields
            ):
                continue
            mapping.write({
                name: mapping.id_or_value(f'suggested_{name}') for name in self._target_fields
            })
            accepted |= mapping
        return accepted

    def action_accept(self):
        """Accept the suggestions of the selected rows; of several at once those that need no look
        at each."""
        return self._accept_and_tell(in_bulk=len(self) > 1)

    def _accept_and_tell(self, *, in_bulk):
        self.check_access('write')
        done = len(self._accept(in_bulk=in_bulk))
        return self._accepted_notification(
            done, len(self.filtered(lambda mapping: mapping.state != 'mapped')),
        )

    @api.model
    def _accepted_notification(self, done, left, looks=0):
        """Tell how many were accepted and how many are left, and reload what is shown.

        :param looks: how many relations were suggested by what proves nothing.
        """
        message = self.env._("%(count)s mappings accepted.", count=done)
        if done == 1:
            message = self.env._("1 mapping accepted.")
        elif not done:
            message = self.env._("There was no suggestion to accept.")
        if left == 1:
            message += " " + self.env._("1 still needs a choice of yours.")
        elif left:
            message += " " + self.env._("%(count)s still need a choice of yours.", count=left)
        if looks == 1:
            message += " " + self.env._(
                "1 relation waits for a look of yours: no number proves that it is the partner.",
            )
        elif looks:
            message += " " + self.env._(
                "%(count)s relations wait for a look of yours each: no number proves that they are"
                " the partners.", count=looks,
            )
        return self._notification(message, done)

    def action_accept_all(self):
        """Accept all suggestions of this kind, of the open companies, selected or not."""
        self.browse().check_access('write')
        waiting = self.search([
            ('state', '!=', 'mapped'), ('company_id', 'in', self.env.companies.ids),
        ])
        return waiting._accept_and_tell(in_bulk=True)

    def action_look_for_new(self):
        """Add rows for what is used in Odoo since, and suggest anew; of the open companies."""
        self.browse().check_access('write')
        divisions = self.env['exact.division'].search([
            ('company_id', 'in', self.env.companies.ids),
        ])
        before = self.search_count([])
        divisions._refresh_mappings()
        return self._new_rows_notification(self.search_count([]) - before)

    @api.model
    def _new_rows_notification(self, new):
        """Tell how many rows came, and reload what is shown."""
        message = self.env._("%(count)s new rows.", count=new)
        if new == 1:
            message = self.env._("1 new row.")
        elif not new:
            message = self.env._("Nothing new; the suggestions are up to date.")
        return self._notification(message, new)

    @api.model
    def _notification(self, message, changed):
        """A notification that closes the window and reloads what is shown."""
        return {
            'type': 'ir.actions.client',
            'tag': 'display_notification',
            'params': {
                'type': 'success' if changed else 'info',
                'message': message,
                'next': {'type': 'ir.actions.act_window_close'},
            },
        }
