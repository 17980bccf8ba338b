"""A key that calls too often, or an API that is away: what is waited for."""

import json

import pytest

from echopoint.cli.flow_runs import flow_run

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


AWAY = {"errors": [{"code": "UNAVAILABLE", "message": "Back soon."}]}


def away(seconds="0"):
    return 503, AWAY, {"Retry-After": seconds} if seconds else {}


def test_a_read_waits_for_an_api_that_is_away(echopoint, api):
    api.fail("/api-keys/self", away(), times=2)

    ended = echopoint("whoami")

    assert ended.code == 0
    assert ended.err.count("Trying again in 0 s: Back soon.") == 2


@pytest.mark.parametrize("seconds", ["", "61", "Wed, 21 Oct 2030 07:28:00 GMT"])
def test_an_unknown_or_long_time_is_the_usual_one(echopoint, api, monkeypatch, seconds):
    api.fail("/api-keys/self", away(seconds), times=2)

    ended = echopoint("whoami")

    assert ended.code == 0
    assert "Trying again in 0.01 s" in ended.err
    assert "Trying again in 0.02 s" in ended.err


def test_after_three_answers_that_it_is_away_a_read_gives_up(echopoint, api):
    api.fail("/api-keys/self", away(), times=3)

    ended = echopoint("whoami")

    assert ended.code == 3
    assert "HTTP 503 UNAVAILABLE" in ended.err
    assert len(api.requests_to("/api-keys/self")) == 3


@pytest.mark.parametrize("fault", [(500, AWAY), "close"])
def test_a_read_that_fails_otherwise_is_not_sent_again(echopoint, api, fault):
    api.fail("/api-keys/self", fault)

    assert echopoint("whoami").code == 3
    assert len(api.requests_to("/api-keys/self")) == 1


def test_a_search_only_reads(echopoint, api):
    flow = api.add_flow(tags=["smoke"])
    api.fail("/flows/search$", away())
    captured = {"total": 0, "count": 0, "items": []}
    api.fail("/requests/search$", away())
    api.fail("/requests/search$", (200, captured))

    run = echopoint("flows", "run", "--tag", "smoke", "-o", "json")
    requests = echopoint("webhooks", "requests", "wh_1")

    assert (run.code, requests.code) == (0, 0)
    assert run.json["flow_id"] == flow


def test_what_may_act_twice_is_not_sent_again(echopoint, api):
    api.fail("/cancel$", away())

    ended = echopoint("executions", "cancel", "e-1")

    assert ended.code == 3
    assert len(api.requests_to("/cancel$")) == 1


@pytest.mark.parametrize("seconds", ["", "0"])
def test_a_launch_and_a_publication_wait_for_an_api_that_is_away(
    echopoint, api, seconds
):
    flow = api.add_flow()
    api.fail("/launch$", away(seconds), times=2)
    api.fail("/complete$", away(seconds), times=2)

    ended = echopoint("flows", "run", flow, "-o", "json")

    assert ended.code == 0
    assert len(api.executions) == 1
    assert len(api.requests_to("/launch$")) == len(api.requests_to("/complete$")) == 3


@pytest.mark.parametrize("path", ["/launch$", "/complete$"])
def test_whatever_the_faults_nothing_is_sent_more_than_three_times(
    echopoint, api, path
):
    for fault in (refused(), away(), (500, AWAY), refused(), away()):
        api.fail(path, fault)

    ended = echopoint("flows", "run", api.add_flow())

    assert ended.code == 3
    assert len(api.requests_to(path)) == 3


def test_a_launch_waits_no_longer_than_the_flow_may_take(echopoint, api, monkeypatch):
    monkeypatch.setattr(flow_run, "GRACE", 0.3)
    api.fail("/launch$", away("60"))

    ended = echopoint("flows", "run", api.add_flow(), "--poll-timeout", "200ms")

    assert ended.code == 4
    assert "Trying again in 60 s" in ended.err
    assert len(api.requests_to("/launch$")) == 1
