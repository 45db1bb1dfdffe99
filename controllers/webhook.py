import logging

from odoo import http
from odoo.http import request

from ..exact_api import SecretClosedError
from ..exact_api.clock import utcnow
from ..exact_api.webhooks import MAX_SIZE, NotificationRefusedError, read_notification
from ..models.connection.exact_connection_address import WEBHOOK_PATH

_logger = logging.getLogger(__name__)


class ExactWebhookController(http.Controller):
    """Where Exact tells that something changed.

    Anybody can come here, so the door is closed to whoever does not prove to be Exact. A true
    notification is a hint and no more: it makes the next reading come sooner. The answer is the
    same whatever the hint leads to.
    """

    # What is larger than a notification is not even read.
    @http.route(
        f'{WEBHOOK_PATH}/<string:token>', type='http', auth='public', methods=['POST'],
        csrf=False, save_session=False, max_content_length=MAX_SIZE,
    )
    def account_exact_webhook(self, token, **_kwargs):
        """Take a notification.

        :param str token: of `exact.connection._webhook_address`
        :return: 200 for a true notification and for the empty POST that tries the address; 404
            where there is no such address or no webhook secret; else 403, or 413 for what is
            too large
        """
        # sudo: who comes is nobody; the token says which connection is meant
        connection_sudo = request.env['exact.connection'].of_webhook_token(token)
        try:
            secret = connection_sudo and connection_sudo.env['exact.token'].secret_of_webhook(
                connection_sudo,
            )
        except SecretClosedError:
            secret = ''
        if not secret:
            return self._answer(404)
        if request.httprequest.content_length == 0:
            return self._answer(200)
        try:
            notification = read_notification(
                request.httprequest.get_data(), secret, connection_sudo.client_id or '', utcnow(),
            )
        except NotificationRefusedError as refusal:
            _logger.info("Exact connection %s: notification %s", connection_sudo.id, refusal)
            return self._answer(403)
        connection_sudo.on_notified(notification)
        return self._answer(200)

    def _answer(self, status):
        return request.make_response('', status=status)
