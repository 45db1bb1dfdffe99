"""What people mend in Odoo or in Exact lets the documents go on that waited for it."""

from odoo import api, models
from odoo.fields import Domain

from .exact_finding_text import BOOKED_BY


class ExactDivision(models.Model):
    _inherit = 'exact.division'

    def write(self, vals):
        outdated = self.filtered(lambda division: any(
            division._fields[name].convert_to_write(division[name], division)
            != (vals[name] or False)
            for name in BOOKED_BY if name in vals
        )).unsent_exports()
        result = super().write(vals)
        outdated.build_anew()
        return result

    @api.private
    def unsent_exports(self, domain=()):
        """What is checked and not sent yet, as superuser: who maps may see no exports."""
        if not self:
            return self.env['exact.export'].sudo()
        return self.env['exact.export'].sudo().search([
            ('division_id', 'in', self.ids), ('state', 'in', ['ready', 'uncertain']), *domain,
        ])

    @api.private
    def open_mapping(self, model, res_id):
        """The mapping of one record of Odoo, as a list to choose the target in.

        :param str model: one that is mapped; `res_id` a record of it.
        """
        self.ensure_one()
        kind = self.mapping_kind_of(model)
        domain = [('division_id', '=', self.id), (kind.source, '=', res_id)]
        mappings = self.env[kind.model]
        if mappings.has_access('create') and not mappings.search_count(domain, limit=1):
            mappings.create({'division_id': self.id, kind.source: res_id})
        action = self.env['ir.actions.act_window']._for_xml_id(kind.action)
        return {
            **action,
            'domain': domain,
            'context': {'default_division_id': self.id, f'default_{kind.source}': res_id},
        }


class ExactMappingMixin(models.AbstractModel):
    _inherit = 'exact.mapping.mixin'

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        mappings._release_waiting()
        mapped = mappings.filtered(lambda mapping: mapping.state == 'mapped')
        mapped._rebuilt(new=True).build_anew()
        return mappings

    def write(self, vals):
        decisive = [name for name in (*self._target_fields, *self._policy_fields) if name in vals]
        outdated = self.filtered(lambda mapping: any(
            mapping.id_or_value(name) != (vals[name] or False) for name in decisive
        ))._rebuilt()
        result = super().write(vals)
        if any(name in self._target_fields for name in decisive):
            self._release_waiting()
        outdated.build_anew()
        return result

    def unlink(self):
        outdated = self.filtered(lambda mapping: mapping.is_decided())._rebuilt()
        result = super().unlink()
        outdated.build_anew()
        return result

    def _rebuilt(self, *, new=False):
        """What waits to be sent and was perhaps built with these rows, or would be now: which of
        several rows decides is for the check to say.

        :param new: these rows were not there before
        :return: `exact.export`, as superuser
        """
        return self.division_id.unsent_exports()

    def _release_waiting(self):
        """What waited for these mappings goes on, without anybody pressing a button."""
        mapped = self.filtered(lambda mapping: mapping.state == 'mapped')
        if mapped:
            self.env['exact.finding'].release(
                mapped._waited_for() & Domain('division_id', 'in', mapped.division_id.ids),
            )

    def _waited_for(self):
        """Domain of the findings that these mappings, or what they map, are to mend."""
        return Domain.OR([
            Domain('res_model', '=', self._name) & Domain('res_id', 'in', self.ids),
            *(
                Domain('res_model', '=', self[field]._name)
                & Domain('res_id', 'in', self[field].ids)
                for field in self._source_fields if self[field]
            ),
        ])


class ExactMasterMixin(models.AbstractModel):
    _inherit = 'exact.master.mixin'

    def write(self, vals):
        result = super().write(vals)
        if any(name in vals for name in self._rule_fields):
            self._release_waiting()
        return result

    def _release_waiting(self):
        """Something changed in Exact that decides what it takes: what waited for it is checked
        anew, be it for the record itself or for what is mapped to it."""
        finding_model = self.env['exact.finding']
        if not finding_model._is_awaited(self.division_id):
            return
        domains = [Domain('res_model', '=', self._name) & Domain('res_id', 'in', self.ids)]
        for mapping_model in self.env['exact.division'].sudo().mapping_models():
            for name in mapping_model.record_fields:
                if mapping_model._fields[name].comodel_name != self._name:
                    continue
                mappings = mapping_model.search([(name, 'in', self.ids)])
                if mappings:
                    domains.append(mappings._waited_for())
        finding_model.release(
            Domain.OR(domains) & Domain('division_id', 'in', self.division_id.ids),
        )


class ExactPeriod(models.Model):
    _inherit = 'exact.period'

    @api.model_create_multi
    def create(self, vals_list):
        periods = super().create(vals_list)
        if self.env['exact.finding']._is_awaited(periods.division_id):
            self.env['exact.finding'].release([
                ('division_id', 'in', periods.division_id.ids), ('code', '=', 'period_unknown'),
            ])
        return periods


class ExactJournalPeriod(models.Model):
    _inherit = 'exact.journal.period'

    def _release_waiting(self):
        result = super()._release_waiting()
        opened = self.filtered(lambda period: not period.is_closed)
        if opened:
            # A later period serves a document whose own stays closed.
            self.env['exact.finding'].release([
                ('division_id', 'in', opened.division_id.ids), ('code', '=', 'no_open_period'),
            ])
        return result


class ExactConnection(models.Model):
    _inherit = 'exact.connection'

    def write(self, vals):
        result = super().write(vals)
        if vals.get('state') == 'connected':
            self._release_waiting()
        return result

    def _release_waiting(self):
        """The connection is back: what was refused for its sake goes on."""
        self.env['exact.finding'].release([
            ('res_model', '=', self._name), ('res_id', 'in', self.ids),
        ])
