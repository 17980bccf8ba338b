"""How often a key may call: whose limit counts, what a refusal says, who changes it."""

import pytest
from django.conf import settings as site

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import AuditEvent, Refusal
from echopoint.core import rate_limits
from tests.apikeys.forged_keys import forged
from tests.frozen_time import NOON, clock_at

SYSTEM = Actor.command("test")


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch):
    """No test may run over the end of a minute."""
    monkeypatch.setattr(rate_limits, "time", clock_at(NOON + 43))


def test_the_nearest_limit_counts(issue, acme, settings):
    settings.API_REQUESTS_PER_MINUTE = 10
    key, _ = issue()
    assert key.requests_allowed == 10

    key.organization.requests_per_minute = 20
    assert key.requests_allowed == 20

    key.requests_per_minute = 5
    assert key.requests_allowed == 5


def test_no_limit_is_above_that_of_the_site(issue, settings):
    settings.API_MAX_REQUESTS_PER_MINUTE = 50
    key, _ = issue()
    key.requests_per_minute = 51

    assert key.requests_allowed == 50


def test_requests_beyond_the_limit_are_refused_until_the_next_minute(
    api, settings, monkeypatch
):
    settings.API_REQUESTS_PER_MINUTE = 2
    call = api("flows:read")

    answers = [call.get("/flows") for _ in range(3)]
    monkeypatch.setattr(rate_limits, "time", clock_at(NOON + 60))
    later = call.get("/flows")

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one["RateLimit"] for one in answers] == [
        '"key";r=1;t=17',
        '"key";r=0;t=17',
        '"key";r=0;t=17',
    ]
    refused = answers[2]
    assert refused["RateLimit-Policy"] == '"key";q=2;w=60'
    assert refused["Retry-After"] == "17"
    assert refused["Cache-Control"] == "no-store"
    (error,) = refused.json()["errors"]
    assert error["code"] == "TOO_MANY_REQUESTS"
    assert "2 requests per minute" in error["message"]
    assert later.status_code == 200


def test_each_key_has_a_limit_of_its_own(api, settings):
    settings.API_REQUESTS_PER_MINUTE = 1
    first, second = api("flows:read"), api("flows:read")

    assert first.get("/flows").status_code == 200
    assert second.get("/flows").status_code == 200
    assert first.get("/flows").status_code == 429


def test_refused_scopes_count_and_wrong_secrets_do_not(issue, api, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    key, secret = issue("flows:read")
    call = api(secret=secret, organization=key.organization)

    # A secret that is not the key's must not use up what the key may do.
    for _ in range(5):
        answer = call.get("/flows", X_Api_Key=forged(secret))
        assert answer.json()["errors"][0]["code"] == "INVALID_API_KEY"
        assert "RateLimit" not in answer

    assert call.get("/webhooks").status_code == 403
    assert call.get("/flows").status_code == 200
    assert call.get("/flows").status_code == 429


def test_a_refusal_is_counted_for_the_key_and_is_no_use(issue, api, settings):
    settings.API_REQUESTS_PER_MINUTE = 1
    key, secret = issue("flows:read")
    call = api(secret=secret, organization=key.organization)
    for _ in range(3):
        call.get("/flows")
    for manager in write_buffers.managers:
        manager.flush()

    assert Refusal.objects.get(key=key).count == 2
    assert Refusal.objects.get(key=key).reason == "TOO_MANY_REQUESTS"


def test_people_in_a_browser_have_no_such_limit(api, alice, settings):
    settings.API_REQUESTS_PER_MINUTE = 1
    call = api(user=alice)

    answers = [call.get("/flows") for _ in range(3)]

    assert [one.status_code for one in answers] == [200] * 3
    assert "RateLimit" not in answers[0]


def test_counting_costs_no_query(api, django_assert_num_queries):
    call = api("flows:read")
    call.get("/api-keys/self")

    # The lookup of the key, alone.
    with django_assert_num_queries(1):
        call.get("/api-keys/self")


def test_a_key_reads_its_own_limit(issue, api, acme):
    key, secret = issue("flows:read")
    key.limit_requests(40, by=SYSTEM)

    answer = api(secret=secret, organization=acme).get("/api-keys/self").json()

    assert answer["rate_limit"] == {
        "requests_per_minute": 40,
        "remaining": 39,
        "reset_seconds": 17,
    }


def test_people_read_the_limit_of_a_key(issue, api, alice):
    key, _ = issue()
    key.limit_requests(40, by=SYSTEM)

    answer = api(user=alice).get(f"/api-keys/{key.rest_id}").json()

    assert answer["requests_per_minute"] == 40


# Changing it


def test_a_change_is_recorded_once(issue):
    key, _ = issue()

    assert key.limit_requests(40, by=SYSTEM)
    assert not key.limit_requests(40, by=SYSTEM)
    assert key.limit_requests(None, by=SYSTEM)

    key.refresh_from_db()
    assert key.requests_per_minute is None
    events = AuditEvent.objects.filter(action="api_key.rate_limit_changed")
    changes = [(e.details["before"], e.details["after"]) for e in events.order_by("pk")]
    assert changes == [(None, 40), (40, None)]


@pytest.mark.parametrize("limit", [-1, 0, site.API_MAX_REQUESTS_PER_MINUTE + 1])
def test_a_limit_that_cannot_be_is_refused(issue, limit):
    key, _ = issue()

    with pytest.raises(InvalidKeyRequest, match="Enter 1 to 6000") as caught:
        key.limit_requests(limit, by=SYSTEM)

    assert caught.value.field == "requests_per_minute"
    key.refresh_from_db()
    assert key.requests_per_minute is None


def test_a_revoked_key_stays_as_it_is(issue):
    key, _ = issue()
    key.revoke(by=SYSTEM)

    with pytest.raises(KeyConflict):
        key.limit_requests(40, by=SYSTEM)


def test_a_successor_has_the_limit_too(issue):
    key, _ = issue()
    key.limit_requests(40, by=SYSTEM)

    successor, _ = key.rotate(by=SYSTEM)

    assert successor.requests_per_minute == 40
