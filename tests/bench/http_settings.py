"""Settings of the server that is measured: the site's, with a view for each contender."""

from tests.bench.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.contenders"
