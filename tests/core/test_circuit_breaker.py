"""A server that failed is skipped for a while, and its return is logged once."""

import pytest

from echopoint.core.circuit_breaker import CircuitBreaker


@pytest.fixture
def breaker():
    return CircuitBreaker("It does not answer (%s).", "It answers again.")


def test_a_server_that_failed_is_skipped_until_the_pause_ends(breaker):
    assert breaker.allows_call()

    breaker.record_failure(OSError("refused"))

    assert not breaker.allows_call()
    breaker.retry_at = 0
    assert breaker.allows_call()
    assert not breaker.allows_call()  # one call for each pause


def test_only_changes_are_logged_and_no_address(breaker, caplog):
    breaker.record_success()
    for _ in range(3):
        breaker.record_failure(OSError("10.0.0.9 refused"))
    for _ in range(3):
        breaker.record_success()

    assert caplog.messages == ["It does not answer (OSError).", "It answers again."]
