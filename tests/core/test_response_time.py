"""A response whose time is rounded up."""

import time

import pytest

from echopoint.core.response_time import rounded_up_to


@pytest.mark.parametrize(("work", "expected"), [(0, 0.1), (0.13, 0.2)])
def test_it_ends_at_a_multiple(work, expected):
    started = time.monotonic()

    with rounded_up_to(0.1):
        time.sleep(work)

    # Later is possible on a slow machine, but never earlier.
    assert time.monotonic() - started >= expected


def test_zero_adds_nothing(monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("slept"))

    with rounded_up_to(0):
        pass
