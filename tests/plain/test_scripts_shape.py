"""What makes scripts/test install the addons anew before it runs a single file."""

import pytest
from addon_shape import shape

MODEL = """
class Export(models.Model):
    _name = 'exact.export'
    state = fields.Char(compute='_compute_state', store=True)

    @api.depends('sent_at')
    def _compute_state(self):
        self.state = 'sent'

    def action_send(self):
        return self._send()

    def init(self):
        self.env.cr.execute('CREATE VIEW x AS SELECT 1')
"""


@pytest.mark.parametrize('edit', [
    ("return self._send()", "return self._send(again=True)"),
    ("def action_send(self):", "def action_send(self):\n        # a comment"),
    ("return self._send()", "pass"),
])
def test_the_body_of_a_function_needs_no_new_installation(edit):
    assert shape(MODEL.replace(*edit)) == shape(MODEL)


@pytest.mark.parametrize('edit', [
    ("store=True", "store=True, index=True"),
    ("'sent_at'", "'sent_at', 'read_at'"),
    ("'sent'", "'read'"),
    ("SELECT 1", "SELECT 2"),
    ("class Export", "_LIMIT = 3\nclass Export"),
])
def test_what_shapes_the_database_does(edit):
    assert shape(MODEL.replace(*edit)) != shape(MODEL)
