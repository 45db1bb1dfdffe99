from . import account_move
from . import exact_division
from . import exact_journal_mapping
from . import hr_expense
