"""What a test or a rehearsal does to the simulator from outside."""

from .control import Control
from .error import ControlError

__all__ = ['Control', 'ControlError']
