"""A key that calls too often: what is waited for, and what is not."""

import json

import pytest

REFUSED = {"errors": [{"code": "TOO_MANY_REQUESTS", "message": "Too many."}]}


def refused(seconds="0"):
    return 429, REFUSED, {"Retry-After": seconds} if seconds else {}


def test_a_request_is_sent_again_when_its_time_has_come(echopoint, api):
    api.fail("/api-keys/self", refused(), times=2)

    ended = echopoint("whoami", "-o", "json")

    assert ended.code == 0
    assert ended.json["api_key_id"] == "key_1"
    assert len(api.requests_to("/api-keys/self")) == 3
    assert ended.err.count("Trying again in 0 s: Too many.") == 2


def test_after_three_refusals_it_gives_up(echopoint, api):
    api.fail("/api-keys/self", refused(), times=3)

    ended = echopoint("whoami")

    assert ended.code == 3
    assert "HTTP 429 TOO_MANY_REQUESTS" in ended.err
    assert len(api.requests_to("/api-keys/self")) == 3


@pytest.mark.parametrize("seconds", ["", "61", "600", "-1", "soon", "1.5", "9" * 30])
def test_an_unknown_or_long_time_is_not_waited_for(echopoint, api, seconds):
    api.fail("/api-keys/self", refused(seconds))

    ended = echopoint("whoami")

    assert ended.code == 3
    assert len(api.requests_to("/api-keys/self")) == 1


def test_another_refusal_is_not_waited_for(echopoint, api):
    refusal = {"errors": [{"code": "FORBIDDEN", "message": "No."}]}
    api.fail("/api-keys/self", (403, refusal, {"Retry-After": "0"}))

    assert echopoint("whoami").code == 3
    assert len(api.requests_to("/api-keys/self")) == 1


def test_a_launch_and_a_publication_wait_too(echopoint, api):
    flow = api.add_flow()
    api.fail("/launch$", refused())
    api.fail("/complete$", refused())

    ended = echopoint("flows", "run", flow, "-o", "json")

    assert ended.code == 0
    assert json.loads(ended.out)["status"] == "completed"
    assert len(api.executions) == 1
    assert len(api.requests_to("/launch$")) == len(api.requests_to("/complete$")) == 2


def test_whoami_shows_the_limit(echopoint, api):
    limit = {"requests_per_minute": 600, "remaining": 598, "reset_seconds": 3}
    key = {"api_key_id": "key_1", "organization_id": "org_acme", "permissions": ["x"]}
    api.fail("/api-keys/self", (200, key | {"rate_limit": limit}))

    ended = echopoint("whoami")

    assert "600 requests per minute, 598 left now" in ended.out


def test_an_answer_without_a_limit_shows_none(echopoint, api):
    assert "per minute" not in echopoint("whoami").out
