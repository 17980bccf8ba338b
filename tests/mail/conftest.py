from tests.races import at_once, committing, guarded_again  # noqa: F401, fixtures
