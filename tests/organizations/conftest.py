"""What the tests of accounts share: a database of before."""

from tests.migrating import migrate  # noqa: F401
from tests.races import committing, guarded_again  # noqa: F401
