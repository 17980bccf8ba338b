from tests.fresh import (  # noqa: F401
    fresh_database,
    migrated_database,
    migrated_template,
)
from tests.races import committing, guarded_again, meanwhile  # noqa: F401
