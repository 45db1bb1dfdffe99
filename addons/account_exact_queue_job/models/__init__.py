from . import exact_division
from . import exact_export
