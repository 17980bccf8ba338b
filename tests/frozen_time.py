"""A frozen clock for rate limits and codes, so that no test crosses the end of a minute."""

from types import SimpleNamespace

NOON = 1_700_000_040  # Unix time in seconds, at the start of a minute


def clock_at(seconds):
    """Return a replacement for the module `time` in another module."""
    return SimpleNamespace(time=lambda: seconds)
