"""Rotation: from one key to its successor, without an outage."""

from datetime import UTC, datetime, timedelta

import pytest

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.exceptions import InvalidKeyRequest, KeyConflict, KeyRejected, ScopeDenied
from apikeys.models import ApiKey, AuditEvent, KeyPlace
from apikeys.places import CLIENT, Place
from echopoint.core.client_metadata import Client
from echopoint.organizations import roles

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
INSTANT = timedelta(microseconds=1)
SYSTEM = Actor.command("test")


@pytest.fixture
def old(issue):
    """Return a key of 60 days with three scopes, and its secret."""
    scopes = ["flows:execute", "flows:read", "runner:complete"]
    return issue(*scopes, name="Deploy", expires_in_days=60, at=NOW)


def rotate(key, at=NOW + DAY, **options):
    return key.rotate(by=SYSTEM, at=at, **options)


def opens(secret, organization, at):
    try:
        ApiKey.objects.authenticate(
            secret, organization_id=organization.pk, ip=None, at=at
        )
    except KeyRejected as rejected:
        return rejected.code
    return True


def actions(key):
    events = AuditEvent.objects.filter(target_id=key.rest_id).order_by("sequence")
    return [event.action.removeprefix("api_key.") for event in events]


def test_the_successor_is_the_old_key_again(old, acme):
    key, _ = old

    successor, secret = rotate(key)

    assert opens(secret, acme, NOW + DAY) is True
    assert (successor.name, successor.scopes) == (key.name, key.scopes)
    assert (successor.rotated_from, successor.family_id) == (key, key.family_id)
    assert successor.expires_at == NOW + 61 * DAY
    assert key.successor == successor


def test_both_work_until_the_overlap_ends_and_then_one(old, acme):
    (key, first), end = old, NOW + 2 * DAY

    _, second = rotate(key, overlap=DAY)

    for at, expected in [(end - INSTANT, True), (end, "API_KEY_RETIRED")]:
        assert opens(first, acme, at) == expected
        assert opens(second, acme, at) is True


@pytest.mark.parametrize(
    ("overlap", "end"),
    [(None, 8 * DAY), (timedelta(0), DAY), (HOUR, DAY + HOUR), (7 * DAY, 8 * DAY)],
)
def test_the_overlap_is_seven_days_or_what_is_wished(old, overlap, end):
    key, _ = old

    rotate(key, overlap=overlap)

    assert key.retire_at == NOW + end


def test_the_overlap_never_prolongs_the_old_key(old):
    key, _ = old

    rotate(key, at=NOW + 58 * DAY, overlap=7 * DAY)

    assert key.retire_at == key.expires_at == NOW + 60 * DAY


@pytest.mark.parametrize("overlap", [7 * DAY + INSTANT, -INSTANT])
def test_an_overlap_beyond_the_policy_is_refused_and_changes_nothing(old, overlap):
    key, _ = old

    with pytest.raises(InvalidKeyRequest, match="0 to 7 days") as refused:
        rotate(key, overlap=overlap)

    assert refused.value.field == "overlap_seconds"
    key.refresh_from_db()
    assert (key.retire_at, ApiKey.objects.count()) == (None, 1)


def test_a_policy_of_less_bounds_the_usual_overlap(old, acme):
    key, _ = old
    acme.max_overlap_days = 1
    acme.save()

    rotate(key)

    assert key.retire_at == NOW + 2 * DAY


def test_scopes_can_be_taken_away_but_not_added(old):
    key, _ = old

    with pytest.raises(InvalidKeyRequest, match="webhooks:read") as refused:
        rotate(key, scopes=["flows:read", "webhooks:read"])
    successor, _ = rotate(key, scopes=["flows:read"])

    assert refused.value.field == "scopes"
    assert successor.scopes == ["flows:read"]


def test_the_successors_lifetime_is_clamped_to_the_policy(issue, acme):
    key, _ = issue(expires_in_days=300, at=NOW)
    acme.max_lifetime_days = 100
    acme.save()

    successor, _ = rotate(key)

    assert successor.expires_at == NOW + 101 * DAY


def test_a_key_without_expiry_gets_one_when_the_policy_changed(issue, acme):
    acme.allow_non_expiring = True
    acme.save()
    keys = [issue(expires_in_days=None, at=NOW)[0] for _ in range(2)]
    assert rotate(keys[0])[0].expires_at is None
    acme.allow_non_expiring = False
    acme.save()

    successor, _ = rotate(keys[1])

    assert successor.expires_at == NOW + 366 * DAY


def test_a_role_that_lacks_the_scopes_cannot_rotate(old, alice, monkeypatch):
    key, _ = old
    by = Actor.person(alice, via="page", is_fresh=True)
    lesser = roles.ADMIN - {"flows:execute"}
    with monkeypatch.context() as patch:
        patch.setitem(roles.PERMISSIONS, "admin", lesser)
        with pytest.raises(ScopeDenied, match="flows:execute"):
            key.rotate(by=by, at=NOW)
    key.refresh_from_db()
    assert key.retire_at is None

    assert key.rotate(by=by, at=NOW)


def test_rotating_twice_is_a_conflict_and_one_successor(old):
    key, _ = old
    rotate(key)

    with pytest.raises(KeyConflict) as refused:
        rotate(key)

    assert refused.value.code == "ROTATION_IN_PROGRESS"
    assert key.successors.count() == 1


def end_by(state, key):
    if state == "revoked":
        key.revoke(by=SYSTEM, at=NOW)
    elif state == "suspended":
        key.suspend(by=SYSTEM, at=NOW)
    elif state == "retired":
        rotate(key, overlap=timedelta(0), at=NOW)


@pytest.mark.parametrize("state", ["expired", "revoked", "suspended", "retired"])
def test_only_an_active_key_can_be_rotated(old, state):
    key, _ = old
    end_by(state, key)
    at = NOW + 60 * DAY if state == "expired" else NOW + HOUR

    with pytest.raises(KeyConflict, match=state):
        rotate(key, at=at)


def test_a_successor_can_be_rotated_in_turn(old):
    key, _ = old
    successor, _ = rotate(key)

    third, _ = rotate(successor, at=NOW + 2 * DAY)

    assert third.family_id == key.family_id
    assert third.name == key.name


def test_retiring_ends_the_overlap_at_once_and_once(old, acme):
    key, secret = old
    rotate(key)
    at = NOW + 2 * DAY

    assert key.retire(by=SYSTEM, at=at) is True
    assert key.retire(by=SYSTEM, at=at + HOUR) is False

    assert opens(secret, acme, at - INSTANT) is True
    assert opens(secret, acme, at) == "API_KEY_RETIRED"
    assert actions(key).count("retired") == 1


def test_a_key_without_a_rotation_cannot_be_retired(old):
    key, _ = old

    with pytest.raises(KeyConflict, match="not being rotated"):
        key.retire(by=SYSTEM, at=NOW)


def test_cancelling_revokes_the_successor_and_goes_on_with_the_key(old, acme):
    key, first = old
    successor, second = rotate(key)

    key.cancel_rotation(by=SYSTEM, at=NOW + 2 * DAY)

    assert opens(first, acme, NOW + 30 * DAY) is True
    assert opens(second, acme, NOW + 2 * DAY) == "API_KEY_REVOKED"
    assert actions(key)[-1] == "rotation_cancelled"
    assert actions(successor)[-1] == "revoked"
    assert rotate(key, at=NOW + 3 * DAY)


def test_a_successor_in_use_keeps_the_rotation_from_being_cancelled(old):
    key, _ = old
    successor, _ = rotate(key)
    successor.record_use(Client(), NOW + DAY)

    with pytest.raises(KeyConflict, match="already in use"):
        key.cancel_rotation(by=SYSTEM, at=NOW + 2 * DAY)

    successor.refresh_from_db()
    assert successor.revoked_at is None


def test_a_use_that_only_a_place_has_keeps_the_rotation_from_being_cancelled(old):
    key, _ = old
    successor, _ = rotate(key)
    KeyPlace.objects.record(successor, Place(CLIENT, "curl"), NOW + DAY)
    write_buffers.flush()

    with pytest.raises(KeyConflict, match="already in use"):
        key.cancel_rotation(by=SYSTEM, at=NOW + 2 * DAY)


@pytest.mark.parametrize("at", [NOW, NOW + 9 * DAY])
def test_there_is_nothing_to_cancel_before_or_after(old, at):
    key, _ = old
    if at > NOW:
        rotate(key)

    with pytest.raises(KeyConflict, match="no rotation"):
        key.cancel_rotation(by=SYSTEM, at=at)


def test_a_name_that_was_taken_meanwhile_is_not_taken_back(old, issue):
    key, _ = old
    successor, _ = rotate(key)
    successor.revoke(by=SYSTEM, at=NOW + DAY)
    issue(name="deploy", at=NOW + DAY)

    with pytest.raises(InvalidKeyRequest, match="already has this name"):
        key.cancel_rotation(by=SYSTEM, at=NOW + 2 * DAY)


def test_a_rotation_is_recorded_on_both_keys(old, alice):
    key, _ = old

    successor, _ = key.rotate(
        by=Actor.person(alice, via="page", is_fresh=True), at=NOW + DAY
    )

    rotated = AuditEvent.objects.get(action="api_key.rotated")
    assert (rotated.target_id, rotated.actor_id) == (key.rest_id, alice.pk)
    assert rotated.details["successor"] == successor.rest_id
    assert actions(successor) == ["created", "secret_displayed"]
    assert AuditEvent.objects.verify(key.organization) is None


@pytest.mark.postgresql
def test_of_eight_rotations_at_once_one_wins(committing, old, at_once):
    key, _ = old

    results = at_once(8, lambda n: rotate(ApiKey.objects.get(pk=key.pk)))

    lost = [r for r in results if isinstance(r, KeyConflict)]
    assert len(lost) == 7
    assert {r.code for r in lost} == {"ROTATION_IN_PROGRESS"}
    assert ApiKey.objects.count() == 2


@pytest.mark.postgresql
def test_a_rotation_and_a_revoke_at_once_leave_one_story(committing, old, at_once):
    key, _ = old

    def act(n):
        mine = ApiKey.objects.get(pk=key.pk)
        return mine.revoke(by=SYSTEM) if n % 2 else rotate(mine)

    results = at_once(2, act)

    key.refresh_from_db()
    assert key.revoked_at
    assert isinstance(results[0], (tuple, KeyConflict))
    assert AuditEvent.objects.verify(key.organization) is None


def retired(key, at=NOW + 2 * DAY):
    """Return the key, rotated a day before and then retired early."""
    rotate(key, overlap=7 * DAY)
    key.retire(by=SYSTEM, at=at)
    return key


def test_retiring_is_undone_until_the_end_of_the_overlap_that_was_chosen(old, acme):
    key, secret = old
    end = NOW + 8 * DAY
    retired(key)
    assert opens(secret, acme, NOW + 3 * DAY) == "API_KEY_RETIRED"

    assert key.unretire(by=SYSTEM, at=NOW + 3 * DAY) is True

    assert key.retire_at == end
    assert opens(secret, acme, end - INSTANT) is True
    assert opens(secret, acme, end) == "API_KEY_RETIRED"
    assert actions(key)[-4:] == [
        "retired",
        "retired_used",
        "unretired",
        "retired_used",
    ]
    event = AuditEvent.objects.get(action="api_key.unretired")
    assert event.details["successor"] == key.successor.rest_id
    assert event.details["retire_at"] == end.isoformat()


def test_retiring_is_undone_once_and_can_be_done_again(old):
    key, _ = old
    retired(key)

    undone = [key.unretire(by=SYSTEM, at=NOW + 3 * DAY) for _ in range(2)]
    again = key.retire(by=SYSTEM, at=NOW + 4 * DAY)
    key.unretire(by=SYSTEM, at=NOW + 5 * DAY)

    assert (undone, again) == ([True, False], True)
    assert key.retire_at == NOW + 8 * DAY


def test_after_the_overlap_retiring_is_final(old):
    key, _ = old
    retired(key)

    with pytest.raises(KeyConflict, match="overlap of this rotation is over"):
        key.unretire(by=SYSTEM, at=NOW + 8 * DAY)

    key.refresh_from_db()
    assert key.status(NOW + 8 * DAY) == "retired"
    assert "unretired" not in actions(key)


def test_an_overlap_that_ended_by_itself_is_not_undone(old):
    key, _ = old
    rotate(key, overlap=DAY)

    with pytest.raises(KeyConflict, match="is over"):
        key.unretire(by=SYSTEM, at=NOW + 2 * DAY)


def test_a_rotation_from_before_overlaps_were_kept_is_undone_too(old):
    key, _ = old
    rotate(key, overlap=7 * DAY)
    ApiKey.objects.filter(pk=key.pk).update(overlap_ends_at=None)

    key.retire(by=SYSTEM, at=NOW + 2 * DAY)

    assert key.unretire(by=SYSTEM, at=NOW + 3 * DAY)
    assert key.retire_at == NOW + 8 * DAY


@pytest.mark.parametrize("verb", ["revoke", "suspend"])
def test_a_key_that_was_stopped_otherwise_is_not_unretired(old, verb):
    key, _ = old
    rotate(key, overlap=7 * DAY)
    getattr(key, verb)(by=SYSTEM, at=NOW + 2 * DAY)

    with pytest.raises(KeyConflict, match="nothing to undo"):
        key.unretire(by=SYSTEM, at=NOW + 3 * DAY)


def test_a_cancelled_rotation_leaves_no_overlap(old):
    key, _ = old
    rotate(key)

    key.cancel_rotation(by=SYSTEM, at=NOW + DAY)

    assert (key.retire_at, key.overlap_ends_at) == (None, None)


def lapse(key, *names):
    """Let the key hold these scopes too, which the catalog had once."""
    ApiKey.objects.filter(pk=key.pk).update(scopes=sorted([*key.scopes, *names]))
    key.refresh_from_db()
    return key


def test_by_default_scopes_that_left_the_catalog_are_dropped(old):
    key = lapse(old[0], "flows:fly", "webhooks:fly")

    successor, _ = rotate(key)

    assert key.lapsed_scopes == ["flows:fly", "webhooks:fly"]
    assert successor.scopes == ["flows:execute", "flows:read", "runner:complete"]
    assert successor.preset == "ci"
    event = AuditEvent.objects.get(action="api_key.rotated")
    assert event.details["scopes"] == successor.scopes


def test_a_key_without_a_scope_of_the_catalog_is_not_rotated(old):
    key, _ = old
    ApiKey.objects.filter(pk=key.pk).update(scopes=["flows:fly"])
    key.refresh_from_db()

    with pytest.raises(
        InvalidKeyRequest, match="were removed from the scope catalog. Create"
    ):
        rotate(key)

    key.refresh_from_db()
    assert key.retire_at is None


def test_a_scope_that_left_the_catalog_is_refused_when_it_is_asked_for(old):
    key = lapse(old[0], "flows:fly")

    with pytest.raises(InvalidKeyRequest, match="Not in the scope catalog"):
        rotate(key, scopes=["flows:read", "flows:fly"])

    key.refresh_from_db()
    assert key.retire_at is None
