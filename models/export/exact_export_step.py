"""What the steps of the engine share: one document's trouble is no other's.

Each step is a service: a model without a table, whose public methods are what the other steps and
the documents ask of it. An addon extends one by `_inherit`, as any model.
"""

import logging

from psycopg2 import OperationalError

from odoo import fields, models

from ...exact_api import ExactError
from ..base.exact_problem import Problem

_logger = logging.getLogger(__name__)

# Documents that are built and checked together: what they share is read once.
CHECK_BATCH = 200
# After so many tries without an answer a person has to look.
MAX_ATTEMPTS = 5


class ExactExportStepMixin(models.AbstractModel):
    _name = 'exact.export.step.mixin'
    _description = "Exact: What All Steps Share"

    def _due(self, division, work, **kwargs):
        """The exports of a division in which work of this kind can be done now."""
        return self.env['exact.export'].search([
            ('division_id', '=', division.id), ('work', '=', work),
            '|', ('next_try', '=', False), ('next_try', '<=', fields.Datetime.now()),
        ], **kwargs)

    def _commit(self):
        """Commit the step.

        :return: seconds that are left for this run.
        """
        # A step that counts: Odoo gives up on actions that are killed again and again without any.
        return self.env['ir.cron']._commit_progress(1)

    def _each_by_itself(self, exports, work, failed):
        """Do the work on all of them; where that fails, on each alone: one document's trouble is no
        other's.

        :param work: callable that is given exports.
        :param failed: callable that is given the export and the exception that it alone raised.
        """
        try:
            work(exports)
            self.env.flush_all()
        except (OperationalError, ExactError):
            raise
        except Exception:
            _logger.info("Exact: %s exports are done one by one", len(exports), exc_info=True)
            self.env.cr.rollback()
        else:
            return
        for export in exports:
            try:
                work(export)
                self.env.flush_all()
            except (OperationalError, ExactError):
                raise
            except Exception as error:
                self.env.cr.rollback()
                _logger.exception("Exact: export %s failed", export.id)
                failed(export, error)
            self._commit()

    def _unexpected(self, error):
        """The finding of an error that nobody foresaw."""
        return Problem('unexpected', params={'reason': f"{type(error).__name__}: {error}"[:200]})
