from . import test_company_expense
from . import test_hr_expense
from . import test_hr_expense_rights
