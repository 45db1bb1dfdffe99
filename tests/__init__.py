from . import (
    test_master_data,
    test_sync,
)
