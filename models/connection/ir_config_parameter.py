from odoo import api, models

from .exact_connection_address import BASE_URL_PARAMETER


class IrConfigParameter(models.Model):
    _inherit = 'ir.config_parameter'

    @api.model_create_multi
    def create(self, vals_list):
        parameters = super().create(vals_list)
        parameters._account_exact_address_changed(parameters)
        return parameters

    def write(self, vals):
        before = self.filtered(lambda parameter: parameter.key == BASE_URL_PARAMETER)
        result = super().write(vals)
        self._account_exact_address_changed(self | before)
        return result

    def unlink(self):
        is_address = BASE_URL_PARAMETER in self.mapped('key')
        result = super().unlink()
        if is_address:
            self._account_exact_recover()
        return result

    def _account_exact_address_changed(self, parameters):
        if BASE_URL_PARAMETER in parameters.mapped('key'):
            self._account_exact_recover()

    def _account_exact_recover(self):
        """Let connections go on whose secrets are for the address that Exact has now."""
        # sudo: whoever may write parameters needs no rights on connections for that
        for connection in self.env['exact.connection'].sudo().search(
            [('state', '=', 'reconnect'), ('reason', '=', 'origin')],
        ):
            connection._recover()
