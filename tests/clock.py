"""The clock of the limits, stopped so that no test runs over the end of a minute."""

from types import SimpleNamespace

NOON = 1_700_000_040  # a Unix time in seconds, the beginning of a minute


def clock_at(moment):
    """Return what stands for the module `time` in `rate_limits`."""
    return SimpleNamespace(time=lambda: moment)
