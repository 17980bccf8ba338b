"""Headers that say when a key stops working, and warn in the last two weeks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.models import ApiKey
from echopoint.api.expiry_headers import expiry_headers

AT, IN_DAYS = "X-Api-Key-Expires-At", "X-Api-Key-Expires-In-Days"
NOW = timezone.now()
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@pytest.mark.parametrize(
    ("left", "days"),
    [
        (14 * DAY, None),
        (14 * DAY - SECOND, "13"),
        (DAY, "1"),
        (DAY - SECOND, "0"),
        (-SECOND, "0"),
    ],
)
def test_the_warning_counts_whole_days_in_the_last_two_weeks(left, days):
    headers = expiry_headers(ApiKey(expires_at=NOW + left), at=NOW)

    assert headers.get(IN_DAYS) == days
    assert headers[AT] == f"{NOW + left:%Y-%m-%dT%H:%M:%SZ}"


def test_the_end_of_a_rotation_counts():
    key = ApiKey(expires_at=NOW + 90 * DAY, retire_at=NOW + 2 * DAY)

    assert expiry_headers(key, at=NOW)[IN_DAYS] == "2"


def test_a_key_without_an_end_has_no_headers():
    assert expiry_headers(ApiKey(), at=NOW) == {}


def test_requests_with_a_key_get_them_and_people_do_not(api, issue, acme, alice):
    _, secret = issue("flows:read", expires_in_days=3)

    by_key = api(secret=secret, organization=acme).get("/flows")
    by_person = api(user=alice).get("/flows")
    refused = api(secret=secret, organization=acme).get("/webhooks")

    assert by_key[IN_DAYS] == refused[IN_DAYS] == "2"
    assert refused.status_code == 403
    assert IN_DAYS not in by_person
