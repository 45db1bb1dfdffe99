"""The error of a control call."""


class ControlError(Exception):
    """A control call that makes no sense; its text is answered with 400."""
