"""How long a key may live."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.exceptions import InvalidKeyRequest
from apikeys.policy import DEFAULT, expiry
from echopoint.organizations.models import Organization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def lenient():
    return Organization(
        default_lifetime_days=30, max_lifetime_days=60, allow_non_expiring=True
    )


@pytest.fixture
def strict():
    return Organization(
        default_lifetime_days=30, max_lifetime_days=60, allow_non_expiring=False
    )


def test_no_choice_is_the_default_lifetime(strict):
    assert expiry(strict, DEFAULT, at=NOW) == NOW + timedelta(days=30)


def test_no_choice_is_the_default_lifetime_even_where_keys_may_live_for_good(lenient):
    assert expiry(lenient, DEFAULT, at=NOW) == NOW + timedelta(days=30)


@pytest.mark.parametrize("days", [1, 59, 60])
def test_a_lifetime_within_the_limit_is_taken(strict, days):
    assert expiry(strict, days, at=NOW) == NOW + timedelta(days=days)


@pytest.mark.parametrize("days", [-1, 0, 61, 10**12])
def test_a_lifetime_outside_the_limit_is_refused_with_the_limit(lenient, days):
    with pytest.raises(InvalidKeyRequest, match="allows 1 to 60 days") as caught:
        expiry(lenient, days, at=NOW)

    assert caught.value.code == "VALIDATION_ERROR"
    assert caught.value.field == "expires_in_days"
    assert caught.value.metadata == {"minimum": 1, "maximum": 60}


def test_no_expiry_is_granted_where_the_policy_allows_it(lenient):
    assert expiry(lenient, None, at=NOW) is None


def test_no_expiry_is_refused_where_the_policy_does_not_allow_it(strict):
    with pytest.raises(InvalidKeyRequest, match="without an expiry") as caught:
        expiry(strict, None, at=NOW)

    assert caught.value.field == "expires_in_days"
    assert caught.value.metadata == {"maximum": 60}
