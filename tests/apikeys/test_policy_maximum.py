"""The maximum number of keys of an organization."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys import policy
from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest, KeyConflict
from apikeys.models import ApiKey

SYSTEM = Actor.command("test")
DAY = timedelta(days=1)


@pytest.fixture
def allow(acme):
    """Return a function that sets the maximum."""
    return lambda number: policy.change(acme, by=SYSTEM, max_keys=number)


def stored(key):
    return ApiKey.objects.get(pk=key.pk)


def test_no_key_is_issued_beyond_the_maximum(issue, allow, acme, globex):
    allow(2)
    issue(name="theirs", organization=globex)
    issue()
    issue()

    with pytest.raises(KeyConflict, match="maximum of its policy: 2 keys") as refused:
        issue()

    assert refused.value.code == "LIMIT_REACHED"
    assert acme.api_keys.count() == 2
    assert issue(name="more of theirs", organization=globex)


def test_the_policy_counts_as_it_is_stored(issue, allow, acme):
    allow(1)
    issue()
    acme.max_keys = None  # as a process read it before the change

    with pytest.raises(KeyConflict):
        issue()


@pytest.mark.parametrize(
    "ended",
    [
        {"revoked_at": timezone.now()},
        {"created_at": timezone.now() - 2 * DAY, "expires_at": timezone.now() - DAY},
    ],
    ids=["revoked", "expired"],
)
def test_a_key_that_can_no_longer_work_does_not_count(issue, allow, ended):
    allow(1)
    key, _ = issue()
    ApiKey.objects.filter(pk=key.pk).update(**ended)

    assert issue()


def test_a_suspended_key_counts_because_it_can_be_resumed(issue, allow):
    allow(1)
    key, _ = issue()
    key.suspend(by=SYSTEM)

    with pytest.raises(KeyConflict):
        issue()


def test_a_rotation_is_never_refused_and_changes_no_count(issue, allow, acme):
    key, _ = issue()
    issue()
    allow(1)  # fewer than there are

    successor, _ = key.rotate(by=SYSTEM)

    assert acme.api_keys.counted().count() == 2
    assert successor in acme.api_keys.counted()
    stored(key).retire(by=SYSTEM)
    again, _ = successor.rotate(by=SYSTEM, overlap=timedelta(0))
    assert acme.api_keys.counted().count() == 2
    assert again in acme.api_keys.counted()


def test_a_cancelled_rotation_changes_no_count(issue, allow, acme):
    key, _ = issue()
    allow(1)
    key.rotate(by=SYSTEM)

    stored(key).cancel_rotation(by=SYSTEM)

    assert list(acme.api_keys.counted()) == [key]


def test_a_rotation_without_its_successor_makes_no_room(issue, allow, acme):
    key, _ = issue()
    allow(1)
    successor, _ = key.rotate(by=SYSTEM)
    successor.revoke(by=SYSTEM)

    with pytest.raises(KeyConflict, match="maximum"):
        issue(name="other")

    assert list(acme.api_keys.counted()) == [key]
    stored(key).cancel_rotation(by=SYSTEM)
    assert list(acme.api_keys.counted()) == [key]


def test_retiring_is_not_undone_once_another_key_took_the_room(issue, allow, acme):
    key, _ = issue()
    allow(1)
    successor, _ = key.rotate(by=SYSTEM)
    stored(key).retire(by=SYSTEM)
    successor.revoke(by=SYSTEM)
    other, _ = issue(name="other")

    with pytest.raises(KeyConflict, match="maximum"):
        stored(key).unretire(by=SYSTEM)

    assert list(acme.api_keys.counted()) == [other]
    other.revoke(by=SYSTEM)
    stored(key).unretire(by=SYSTEM)
    assert list(acme.api_keys.counted()) == [key]


def test_counts_to_maximum_agrees_with_the_query(issue, acme):
    now = timezone.now()
    kinds = [
        {},
        {"suspended_at": now},
        {"revoked_at": now},
        {"retire_at": now + DAY},
        {"retire_at": now - DAY},
        {"created_at": now - 2 * DAY, "expires_at": now - DAY},
        {"expires_at": None},
    ]
    for values in kinds:
        ApiKey.objects.filter(pk=issue()[0].pk).update(**values)
    issue()[0].rotate(by=SYSTEM)
    expiring, _ = issue()[0].rotate(by=SYSTEM)
    long_ago = {"created_at": now - 2 * DAY, "expires_at": now - DAY}
    ApiKey.objects.filter(pk=expiring.pk).update(**long_ago)

    keys = set(acme.api_keys.all())
    counted = set(acme.api_keys.counted(now))

    assert len(counted) == 6
    assert counted == {key for key in keys if key.counts_to_maximum(now)}


@pytest.mark.parametrize("number", [0, -1, 100_001])
def test_an_invalid_maximum_is_refused(acme, allow, number):
    with pytest.raises(InvalidKeyRequest) as refused:
        allow(number)

    assert refused.value.field == "max_keys"
    acme.refresh_from_db()
    assert acme.max_keys is None


@pytest.mark.postgresql
class TestAtOnce:
    @pytest.fixture(autouse=True)
    def _committed(self, committing):
        """All that happens here is committed, so that other connections see it."""

    def test_three_of_eight_concurrent_keys_are_issued_for_three_places(
        self, issue, allow, acme, at_once
    ):
        allow(3)

        answers = at_once(8, lambda n: issue(name=f"key {n}"))

        refused = [answer for answer in answers if isinstance(answer, KeyConflict)]
        assert {refusal.code for refusal in refused} == {"LIMIT_REACHED"}
        assert (len(refused), acme.api_keys.count()) == (5, 3)

    def test_keys_are_rotated_and_issued_concurrently_within_the_maximum(
        self, issue, allow, acme, at_once
    ):
        keys = [issue(name=f"old {n}")[0] for n in range(3)]
        allow(4)

        def act(n):
            if n < 3:
                return stored(keys[n]).rotate(by=SYSTEM)
            return issue(name=f"new {n}")

        answers = at_once(6, act)

        assert all(isinstance(answer, tuple) for answer in answers[:3]), answers
        refused = [answer for answer in answers if isinstance(answer, KeyConflict)]
        assert (len(refused), acme.api_keys.counted().count()) == (2, 4)

    def test_a_cancelled_rotation_and_a_new_key_do_not_both_take_the_last_place(
        self, issue, allow, acme, at_once
    ):
        key, _ = issue()
        allow(1)
        successor, _ = key.rotate(by=SYSTEM)
        successor.revoke(by=SYSTEM)
        acts = [
            lambda: stored(key).cancel_rotation(by=SYSTEM),
            lambda: issue(name="other"),
        ]

        at_once(2, lambda n: acts[n]())

        assert acme.api_keys.counted().count() == 1

    def test_a_key_issued_while_the_maximum_is_lowered_is_refused(
        self, issue, allow, acme, meanwhile
    ):
        issue()

        with pytest.raises(KeyConflict):
            meanwhile(lambda: allow(1), lambda: issue(name="other"))

        assert acme.api_keys.count() == 1
