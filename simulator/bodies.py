"""What a POST or PUT says, checked against the reference."""

from .convert import convert
from .errors import HttpError
from .messages import BusinessError, Message
from .reference import COLLECTIONS, PARENTS, load_endpoints


class Bodies:
    """Needs ``switches`` of :class:`~.engine.Engine`."""

    def validate(self, call, endpoint, body, operation, parent=None):
        """Check a body against the reference; returns values as records keep them.

        :raise HttpError: 400 for unknown, read-only or mistyped properties
        :raise BusinessError: mandatory properties missing
        """
        if not isinstance(body, dict):
            raise HttpError(
                400, 'Error processing request stream. The request should be a JSON object.'
            )
        values = {}
        for name, value in body.items():
            if name == '__metadata':
                continue
            if name not in endpoint.types:
                raise HttpError(
                    400,
                    f"The property '{name}' does not exist on type '{endpoint.type}'. Make sure to "
                    'only use property names that are defined by the type.',
                )
            if not endpoint.accepts(name, operation) and not self.is_explicit_type(
                endpoint, name, operation
            ):
                if self.switches.read_only == 'refuse':
                    raise HttpError(400, f"The property '{name}' is read-only.")
                continue
            if endpoint.is_collection(name):
                values[name] = self.validate_collection(call, endpoint, name, value, operation)
            else:
                values[name] = convert(endpoint.types[name], name, value)
        if operation == 'p':
            missing = [
                Message('mandatory', name)
                for name in endpoint.mandatory
                if name != parent and values.get(name) in (None, '', [])
            ]
            if missing:
                raise BusinessError(*missing)
        return values

    def is_explicit_type(self, endpoint, name, operation):
        return (
            name == 'Type'
            and operation == 'p'
            and self.switches.credit_note == 'explicit'
            and endpoint.table in ('SalesEntries', 'PurchaseEntries')
        )

    def validate_collection(self, call, endpoint, name, value, operation):
        target = endpoint.types[name]
        if operation == 'u':
            raise HttpError(
                400,
                "Binding to new entities is not supported for property "
                f"'{name}' in an update; use the endpoint of the lines.",
            )
        if target not in COLLECTIONS:
            raise HttpError(400, f"The collection '{name}' is not offered by the simulator.")
        if not isinstance(value, list):
            raise HttpError(400, f"The property '{name}' should be an array.")
        member = load_endpoints()[COLLECTIONS[target].lower()]
        return [self.validate(call, member, line, 'p', parent=PARENTS[target]) for line in value]
