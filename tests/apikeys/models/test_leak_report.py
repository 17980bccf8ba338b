"""A key that was reported as leaked: how it stops, and what can still be done with it."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys import freezing
from apikeys.actors import Actor
from apikeys.audit.timeline import timeline
from apikeys.exceptions import InvalidKeyRequest, KeyConflict, KeyRejected
from apikeys.models import ApiKey, AuditEvent
from echopoint.core.client_metadata import Client
from echopoint.organizations.models import Organization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SYSTEM = Actor.command("test")
REPORTER = Actor.reporter(Client(ip="203.0.113.9"), via="api")


@pytest.fixture
def key(issue):
    return issue(name="CI", at=NOW)[0]


def leak(key, at=LATER, **details):
    return key.report_leak(by=REPORTER, at=at, **{"source": "api"} | details)


def told(key):
    """Return (action, words) of the key's events since it was shown, oldest first."""
    newest_first = [(e.event.action, e.text) for e in timeline(key)]
    return newest_first[::-1][2:]


@pytest.mark.parametrize(
    ("action", "status"), [("suspend", "suspended"), ("revoke", "revoked")]
)
def test_a_live_key_is_stopped_as_the_organization_chose(key, acme, action, status):
    Organization.objects.update(leak_action=action)

    assert leak(key)

    assert key.status(LATER) == status
    assert key.leak_reported_at == LATER
    assert told(key) == [
        ("api_key.leak_reported", "By someone who sent the whole key to the API."),
        (f"api_key.{status}", "The secret was reported as leaked."),
    ]
    event = AuditEvent.objects.get(action="api_key.leak_reported")
    assert event.actor_label == "someone who reported a leak"
    assert (event.ip, event.details) == (
        ("203.0.113.9", {"via": "api", "source": "api"})
    )


def test_suspending_is_the_default(acme):
    assert Organization.objects.get(pk=acme.pk).leak_action == "suspend"


@pytest.mark.parametrize("state", ["suspend", "revoke", "retire", "expire"])
def test_a_stopped_key_is_not_changed_and_recorded_once(key, state):
    if state == "expire":
        ApiKey.objects.filter(pk=key.pk).update(expires_at=NOW + timedelta(minutes=1))
    elif state == "retire":
        key.rotate(by=SYSTEM, at=NOW)
        key.retire(by=SYSTEM, at=NOW)
    else:
        getattr(key, state)(by=SYSTEM, at=NOW)
    key.refresh_from_db()
    status, count = key.status(LATER), AuditEvent.objects.count()

    assert not leak(key)
    assert not leak(key, LATER + timedelta(days=1))

    assert key.status(LATER) == status
    assert key.leak_reported_at == LATER
    assert AuditEvent.objects.count() == count + 1


def test_a_resumed_key_is_stopped_by_the_next_report(key):
    leak(key)
    key.resume(by=SYSTEM, at=LATER)
    again = LATER + timedelta(days=1)

    assert leak(key, again)

    assert key.status(again) == "suspended"
    assert key.leak_reported_at == again


def test_a_retiring_key_and_a_frozen_key_are_stopped_too(issue, acme):
    retiring, _ = issue(at=NOW)
    retiring.rotate(by=SYSTEM, at=NOW)
    frozen, _ = issue(at=NOW)
    freezing.freeze(acme, by=SYSTEM)

    for key in (retiring, frozen):
        key = ApiKey.objects.get(pk=key.pk)
        assert leak(key)
        assert key.own_status(LATER) == "suspended"


def test_the_refusal_says_that_the_key_was_reported(issue):
    key, secret = issue(at=NOW)
    leak(key)

    with pytest.raises(KeyRejected, match="reported as leaked") as error:
        ApiKey.objects.authenticate(secret, organization_id=None, ip=None, at=LATER)

    assert error.value.code == "API_KEY_SUSPENDED"


def test_there_is_no_stop_without_its_event(key, monkeypatch):
    def fail(*args, **details):
        raise RuntimeError

    monkeypatch.setattr(AuditEvent.objects, "record", fail)

    with pytest.raises(RuntimeError):
        leak(key)

    row = ApiKey.objects.get(pk=key.pk)
    assert (row.leak_reported_at, row.suspended_at) == (None, None)


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"source": "page"}, "By someone who entered the whole key on the page for"),
        ({"source": "github"}, "By GitHub secret scanning"),
        (
            {"source": "github", "found_in": "issue_title", "url": "https://a.test/1"},
            "By GitHub secret scanning: issue title https://a.test/1",
        ),
        ({"source": "github", "found_in": "new_place"}, "scanning: new place"),
    ],
)
def test_the_audit_says_who_found_it_where(key, details, words):
    leak(key, **details)

    assert words in told(key)[0][1]


def test_a_rotation_replaces_a_leaked_key_at_once(key):
    leak(key)

    successor, secret = key.rotate(by=SYSTEM, at=LATER)

    assert key.status(LATER) == "revoked"
    assert (successor.name, successor.scopes) == (key.name, key.scopes)
    assert successor.family_id == key.family_id
    assert successor.leak_reported_at is None
    found = ApiKey.objects.authenticate(secret, organization_id=None, ip=None, at=LATER)
    assert found.pk == successor.pk
    assert [action for action, _ in told(key)][-2:] == [
        "api_key.rotated",
        "api_key.revoked",
    ]


def test_a_leaked_key_has_no_overlap(key):
    leak(key)

    with pytest.raises(InvalidKeyRequest, match="during an overlap") as error:
        key.rotate(by=SYSTEM, overlap=timedelta(hours=1), at=LATER)

    assert error.value.field == "overlap_seconds"
    assert key.rotate(by=SYSTEM, overlap=timedelta(0), at=LATER)


def test_a_key_that_was_suspended_without_a_leak_is_not_rotated(key):
    key.suspend(by=SYSTEM, at=NOW)

    with pytest.raises(KeyConflict, match="Resume it before you rotate it"):
        key.rotate(by=SYSTEM, at=LATER)


def test_a_leaked_key_with_a_successor_is_revoked_not_rotated(key):
    key.rotate(by=SYSTEM, at=NOW)
    leak(key)

    with pytest.raises(KeyConflict, match="has a successor already"):
        key.rotate(by=SYSTEM, at=LATER)


def test_a_leaked_key_that_has_expired_is_not_rotated(issue):
    key, _ = issue(expires_in_days=1, at=NOW)
    leak(key)

    with pytest.raises(KeyConflict, match="expired"):
        key.rotate(by=SYSTEM, at=NOW + timedelta(days=2))
