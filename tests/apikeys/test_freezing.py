"""A freeze stops every key of an organization, and its end gives each its own state back."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys import freezing
from apikeys.actors import Actor
from apikeys.audit.timeline import timeline
from apikeys.exceptions import (
    InvalidKeyRequest,
    KeyConflict,
    KeyRejected,
    ScopeDenied,
)
from apikeys.models import ApiKey, AuditEvent
from echopoint.organizations.models import Organization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SYSTEM = Actor.command("test")


@pytest.fixture
def key(issue):
    return issue(name="CI", at=NOW)


def refusal(secret, at=LATER):
    """Return the code with which the key is refused, or None."""
    try:
        ApiKey.objects.authenticate(secret, organization_id=None, ip=None, at=at)
    except KeyRejected as error:
        return error
    return None


def states(organization, at=LATER):
    keys = ApiKey.objects.for_org(organization).order_by("pk")
    return [key.status(at) for key in keys]


def test_no_key_of_the_organization_works_until_the_freeze_ends(
    issue, acme, globex, key
):
    _, secret = key
    _, foreign = issue(organization=globex, at=NOW)

    assert freezing.freeze(acme, by=SYSTEM, reason="stolen laptop", at=LATER)

    error = refusal(secret)
    assert error.code == "API_KEY_SUSPENDED"
    assert "All keys of its organization are frozen." in error.message
    assert error.metadata == {"suspended_at": "2026-06-01T13:00:00Z"}
    assert states(acme) == ["suspended"]
    assert refusal(foreign) is None
    assert freezing.unfreeze(acme, by=SYSTEM)
    assert refusal(secret) is None
    assert states(acme) == ["active"]


def test_the_decision_stays_one_query(acme, key, django_assert_num_queries):
    freezing.freeze(acme, by=SYSTEM)
    refusal(key[1])

    with django_assert_num_queries(1):
        assert refusal(key[1]).code == "API_KEY_SUSPENDED"


def test_the_end_resumes_only_what_the_freeze_stopped(issue, acme):
    before, during, freed, revoked, untouched = (issue(at=NOW) for _ in range(5))
    before[0].suspend(by=SYSTEM, at=NOW)
    freed[0].suspend(by=SYSTEM, at=NOW)
    freezing.freeze(acme, by=SYSTEM)

    ApiKey.objects.get(pk=during[0].pk).suspend(by=SYSTEM, at=NOW)
    ApiKey.objects.get(pk=freed[0].pk).resume(by=SYSTEM, at=NOW)
    ApiKey.objects.get(pk=revoked[0].pk).revoke(by=SYSTEM)
    frozen = {refusal(secret).code for _, secret in (before, during, freed, untouched)}
    freezing.unfreeze(acme, by=SYSTEM)

    assert frozen == {"API_KEY_SUSPENDED"}
    assert states(acme) == ["suspended", "suspended", "active", "revoked", "active"]
    assert refusal(freed[1]) is None
    assert refusal(revoked[1]).code == "API_KEY_REVOKED"


def test_a_key_that_has_ended_says_so_in_a_freeze_too(issue, acme):
    expired, secret = issue(expires_in_days=1, at=NOW)
    freezing.freeze(acme, by=SYSTEM)

    assert refusal(secret, NOW + timedelta(days=2)).code == "API_KEY_EXPIRED"


def test_a_key_of_a_rotation_goes_on_where_it_was(key, acme):
    old, secret = key
    _, new_secret = old.rotate(by=SYSTEM, at=NOW)

    freezing.freeze(acme, by=SYSTEM)
    assert states(acme) == ["suspended", "suspended"]
    freezing.unfreeze(acme, by=SYSTEM)

    assert states(acme) == ["retiring", "active"]
    assert refusal(secret) is None
    assert refusal(new_secret) is None


CHANGES = {
    "issue": lambda key: ApiKey.objects.issue(
        organization=key.organization, name="n", scopes=["flows:read"], by=SYSTEM
    ),
    "rotate": lambda key: key.rotate(by=SYSTEM),
}
ROTATING = {
    "retire": lambda key: key.retire(by=SYSTEM),
    "cancel_rotation": lambda key: key.cancel_rotation(by=SYSTEM),
}


@pytest.mark.parametrize("name", CHANGES | ROTATING)
def test_no_key_is_issued_or_rotated_in_a_freeze(issue, acme, name):
    key, _ = issue()
    if name in ROTATING:
        key.rotate(by=SYSTEM)
    freezing.freeze(acme, by=SYSTEM)
    key = ApiKey.objects.get(pk=key.pk)
    count = ApiKey.objects.count()

    with pytest.raises(KeyConflict, match="All keys of Acme have been frozen") as error:
        (CHANGES | ROTATING)[name](key)

    assert error.value.code == "ORGANIZATION_FROZEN"
    assert ApiKey.objects.count() == count
    freezing.unfreeze(acme, by=SYSTEM)
    (CHANGES | ROTATING)[name](ApiKey.objects.get(pk=key.pk))


def test_retiring_is_not_undone_in_a_freeze(issue, acme):
    old, _ = issue()
    old.rotate(by=SYSTEM)
    old.retire(by=SYSTEM)
    freezing.freeze(acme, by=SYSTEM)
    old = ApiKey.objects.get(pk=old.pk)

    with pytest.raises(KeyConflict, match="frozen"):
        old.unretire(by=SYSTEM)


def test_a_freeze_has_one_event_that_each_keys_history_shows(issue, acme):
    first, _ = issue()
    revoked, _ = issue()
    revoked.revoke(by=SYSTEM)
    count = AuditEvent.objects.count()

    freezing.freeze(acme, by=SYSTEM, reason="stolen laptop")
    freezing.freeze(acme, by=SYSTEM, reason="again")
    freezing.unfreeze(acme, by=SYSTEM, reason="found")
    freezing.unfreeze(acme, by=SYSTEM)
    second, _ = issue()

    assert AuditEvent.objects.count() == count + 2 + 2
    shown = [(e.event.action, e.text) for e in timeline(first)][:2]
    (end, end_text), begin = shown
    assert begin == ("organization.frozen", "1 key stopped. stolen laptop")
    assert end == "organization.unfrozen"
    assert end_text.startswith("1 key works again. Frozen since ")
    assert end_text.endswith(" found")
    for other in (revoked, second):
        assert "organization.frozen" not in [e.event.action for e in timeline(other)]


def test_another_organizations_freeze_is_not_in_a_keys_history(key, globex):
    freezing.freeze(globex, by=SYSTEM)

    assert "organization.frozen" not in [e.event.action for e in timeline(key[0])]


def test_counting_the_keys_of_the_event_has_a_bound(issue, acme, monkeypatch):
    monkeypatch.setattr(freezing, "MAX_COUNTED", 1)
    issue(), issue()

    freezing.freeze(acme, by=SYSTEM)

    event = AuditEvent.objects.get(action="organization.frozen")
    assert (event.details["keys"], event.details["has_more"]) == (1, True)


def test_a_freeze_says_by_whom_and_why(acme, alice):
    by = Actor.person(alice, via="page", is_fresh=True)
    freezing.freeze(acme, by=by, reason="stolen laptop", at=NOW)

    for row in (acme, Organization.objects.get(pk=acme.pk)):
        assert (row.frozen_at, row.frozen_by_label) == (NOW, "alice@acme.example")
        assert row.freeze_reason == "stolen laptop"
    assert not freezing.freeze(acme, by=SYSTEM, reason="again", at=LATER)
    assert acme.frozen_at == NOW
    freezing.unfreeze(acme, by=by)
    assert (acme.frozen_at, acme.frozen_by_label, acme.freeze_reason) == (None, "", "")


@pytest.mark.parametrize("act", [freezing.freeze, freezing.unfreeze])
def test_only_those_who_may_stop_keys_freeze_them(acme, globex, bob, mallory, act):
    for user in (bob, mallory):
        by = Actor.person(user, via="page", is_fresh=True)

        with pytest.raises(ScopeDenied, match="cannot freeze keys"):
            act(acme, by=by)

    assert not AuditEvent.objects.filter(action__startswith="organization.").exists()


def test_a_reason_that_holds_a_key_is_refused(acme, key):
    with pytest.raises(InvalidKeyRequest) as error:
        freezing.freeze(acme, by=SYSTEM, reason=key[1])

    assert error.value.field == "reason"
    acme.refresh_from_db()
    assert acme.frozen_at is None


def test_there_is_no_freeze_without_its_event(acme, monkeypatch):
    def fail(*args, **details):
        raise RuntimeError

    monkeypatch.setattr(AuditEvent.objects, "record", fail)

    with pytest.raises(RuntimeError):
        freezing.freeze(acme, by=SYSTEM)

    assert not Organization.objects.filter(frozen_at__isnull=False).exists()


@pytest.mark.parametrize(
    ("statuses", "found"),
    [
        (["active"], set()),
        (["active", "retiring"], set()),
        (["suspended"], {"active", "retiring", "suspended"}),
        (["revoked"], {"revoked"}),
        (["retired", "active"], {"retired"}),
    ],
)
def test_the_list_finds_frozen_keys_by_the_status_that_they_show(
    issue, acme, statuses, found
):
    keys = {name: issue(name=name, at=NOW)[0] for name in "abcde"}
    keys["b"].suspend(by=SYSTEM, at=NOW)
    keys["c"].revoke(by=SYSTEM, at=NOW)
    keys["d"].rotate(by=SYSTEM, at=NOW)
    keys["e"].rotate(by=SYSTEM, at=NOW)
    keys["e"].retire(by=SYSTEM, at=NOW)
    freezing.freeze(acme, by=SYSTEM)

    rows = ApiKey.objects.for_org(acme).in_status(*statuses, at=LATER)

    assert {key.own_status(LATER) for key in rows} == found
    assert {key.status(LATER) for key in rows} <= set(statuses)
