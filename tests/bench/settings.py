"""Settings of the benchmarks: those of the tests, with the peers installed."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "rest_framework.authtoken",
    "rest_framework_api_key",
    "knox",
]
# Counting is measured; refusing is not.
API_REQUESTS_PER_MINUTE = API_MAX_REQUESTS_PER_MINUTE = 10**9
API_KEY_COUNT_SECONDS = 5
LOG_REQUESTS = False
