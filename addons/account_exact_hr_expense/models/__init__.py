from . import account_move
from . import exact_division
from . import hr_expense
