"""What is done to a key after it is issued."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey, AuditEvent
from echopoint.organizations.models import Organization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MOMENT = timedelta(microseconds=1)


@pytest.fixture
def key(issue):
    return issue(name="CI", at=NOW)[0]


@pytest.fixture
def by(alice):
    return Actor.person(alice, via="api", is_fresh=True)


def events(action):
    return AuditEvent.objects.filter(action=f"api_key.{action}")


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


@pytest.mark.parametrize(
    ("dates", "status"),
    [
        ({}, "active"),
        ({"retire_at": NOW + MOMENT}, "retiring"),
        ({"retire_at": NOW}, "retired"),
        ({"expires_at": NOW + MOMENT}, "active"),
        ({"expires_at": NOW}, "expired"),
        ({"retire_at": NOW, "expires_at": NOW}, "retired"),
        ({"suspended_at": NOW, "retire_at": NOW, "expires_at": NOW}, "suspended"),
        ({"suspended_at": NOW, "revoked_at": NOW, "expires_at": NOW}, "revoked"),
    ],
)
def test_the_gravest_state_is_the_one_shown(dates, status):
    assert ApiKey(organization=Organization(), **dates).status(NOW) == status


@pytest.mark.parametrize(
    ("dates", "usable"),
    [
        ({}, True),
        ({"expires_at": None}, True),
        ({"expires_at": LATER}, False),
        ({"expires_at": LATER + MOMENT}, True),
        ({"retire_at": LATER}, False),
        ({"retire_at": LATER + MOMENT}, True),
        ({"suspended_at": NOW}, False),
        ({"revoked_at": NOW}, False),
    ],
)
def test_the_query_for_usable_keys_agrees_with_the_state(key, dates, usable):
    ApiKey.objects.filter(pk=key.pk).update(**dates)

    assert ApiKey.objects.usable(LATER).exists() is usable
    assert (stored(key).status(LATER) in {"active", "retiring"}) is usable


def test_a_revoked_key_says_when_by_whom_and_why(key, by):
    assert key.revoke(by=by, reason="leaked", at=LATER)

    for row in (key, stored(key)):
        assert row.revoked_at == LATER
        assert row.revoked_by_label == "alice@acme.example"
        assert row.revoke_reason == "leaked"
        assert row.status(LATER) == "revoked"
    event = events("revoked").get()
    assert (event.at, event.details) == (LATER, {"via": "api", "reason": "leaked"})


def test_revoking_twice_changes_nothing(key, by):
    key.revoke(by=by, reason="leaked", at=NOW)

    assert not key.revoke(by=Actor.command("other"), reason="again", at=LATER)

    assert (stored(key).revoked_at, stored(key).revoke_reason) == (NOW, "leaked")
    assert events("revoked").count() == 1


def test_a_stale_copy_cannot_revoke_again_and_learns_the_truth(key, by):
    stale = stored(key)
    key.revoke(by=by, reason="leaked", at=NOW)

    assert not stale.revoke(by=by, reason="again", at=LATER)

    assert (stale.revoked_at, stale.revoke_reason) == (NOW, "leaked")
    assert events("revoked").count() == 1


@pytest.mark.parametrize(
    "dates", [{"expires_at": LATER}, {"retire_at": LATER}, {"suspended_at": LATER}]
)
def test_a_key_that_stopped_otherwise_can_still_be_revoked(key, by, dates):
    ApiKey.objects.filter(pk=key.pk).update(**dates)

    assert stored(key).revoke(by=by, at=LATER)

    assert stored(key).status(LATER) == "revoked"


@pytest.mark.parametrize("verb", ["suspend", "resume"])
def test_revocation_is_final(key, by, verb):
    key.revoke(by=by, at=NOW)

    with pytest.raises(
        KeyConflict, match="This key is revoked; that is final"
    ) as caught:
        getattr(key, verb)(by=by, at=LATER)

    assert caught.value.status == 409
    assert (stored(key).revoked_at, stored(key).suspended_at) == (NOW, None)
    assert not events("suspended").exists()
    assert not events("resumed").exists()


def test_a_suspended_key_works_again_once_it_is_resumed(key, by):
    assert key.suspend(by=by, reason="odd traffic", at=NOW)
    assert stored(key).status(NOW) == "suspended"

    assert key.resume(by=by, reason="was a test", at=LATER)

    assert stored(key).status(LATER) == "active"
    assert events("suspended").get().details["reason"] == "odd traffic"
    assert events("resumed").get().details["reason"] == "was a test"


def test_suspending_twice_changes_nothing(key, by):
    key.suspend(by=by, at=NOW)

    assert not key.suspend(by=by, at=LATER)

    assert stored(key).suspended_at == NOW
    assert events("suspended").count() == 1


def test_resuming_a_key_that_works_changes_nothing(key, by):
    assert not key.resume(by=by, at=NOW)

    assert not events("resumed").exists()


def test_a_stale_copy_cannot_resume_a_revoked_key(key, by):
    key.suspend(by=by, at=NOW)
    stale = stored(key)
    key.revoke(by=by, at=NOW)

    with pytest.raises(KeyConflict, match="revoked"):
        stale.resume(by=by, at=LATER)

    assert stored(key).status(LATER) == "revoked"


@pytest.mark.parametrize(
    ("dates", "why"),
    [
        ({"expires_at": LATER}, "This key is expired; that is final"),
        ({"retire_at": LATER}, "This key is retired; it cannot be suspended"),
    ],
)
def test_a_key_that_has_ended_cannot_be_suspended(key, by, dates, why):
    ApiKey.objects.filter(pk=key.pk).update(**dates)

    with pytest.raises(KeyConflict, match=why):
        stored(key).suspend(by=by, at=LATER)

    assert not events("suspended").exists()


def test_a_key_can_be_suspended_up_to_its_last_moment(key, by):
    ApiKey.objects.filter(pk=key.pk).update(expires_at=LATER)

    assert stored(key).suspend(by=by, at=LATER - MOMENT)


def test_a_retiring_key_is_retiring_again_once_it_is_resumed(key, by):
    ApiKey.objects.filter(pk=key.pk).update(retire_at=LATER)
    key.suspend(by=by, at=NOW)

    key.resume(by=by, at=NOW)

    assert stored(key).status(NOW) == "retiring"


@pytest.mark.parametrize("verb", ["revoke", "suspend", "resume"])
@pytest.mark.parametrize(
    ("reason", "said"),
    [("r" * 256, "at most 255"), ("a\nb", "without control characters")],
)
def test_a_reason_that_cannot_be_kept_changes_nothing(key, by, verb, reason, said):
    before = AuditEvent.objects.count()

    with pytest.raises(InvalidKeyRequest, match=said):
        getattr(key, verb)(by=by, reason=reason, at=NOW)

    assert stored(key).status(NOW) == "active"
    assert AuditEvent.objects.count() == before


def test_a_reason_of_255_characters_is_kept(key, by):
    assert key.revoke(by=by, reason="é" * 255)

    assert stored(key).revoke_reason == "é" * 255


@pytest.mark.parametrize("verb", ["revoke", "suspend"])
def test_without_its_audit_there_is_no_change(key, by, verb, monkeypatch):
    def fail(*args, **details):
        raise RuntimeError("no audit today")

    monkeypatch.setattr(type(AuditEvent.objects), "record", fail)

    with pytest.raises(RuntimeError, match="no audit today"):
        getattr(key, verb)(by=by, at=NOW)

    assert stored(key).status(NOW) == "active"


def test_a_template_cannot_call_a_verb():
    verbs = ["revoke", "suspend", "resume", "record", "record_use", "delete"]

    assert all(getattr(ApiKey, verb).alters_data for verb in verbs)
