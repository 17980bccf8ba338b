"""A chain that is checked in ranges, with the ends of ranges where it was changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.audit.hash_chain import GENESIS
from apikeys.models import AuditEvent, InstallationEvent, chain_ranges

SYSTEM = Actor.command("test")
Action = AuditEvent.Action
LENGTH = 12


def record(organization, days=0):
    return AuditEvent.objects.record(
        Action.REVOKED,
        organization=organization,
        actor=SYSTEM,
        target=("api_key", "key_1", "CI"),
        at=timezone.now() - timedelta(days=days),
        reason="tidied up",
    )


@pytest.fixture
def chain(acme, globex):
    """Return acme's events; globex has events with the same sequences."""
    events = []
    for _ in range(LENGTH):
        record(globex)
        events.append(record(acme))
    return events


@pytest.fixture
def walk_in(monkeypatch):
    """Return a function that checks a chain in ranges of some size."""

    def walk_in(size, organization, **options):
        monkeypatch.setattr(chain_ranges, "SIZE", size)
        return AuditEvent.objects.walk(organization, **options)

    return walk_in


@pytest.mark.parametrize("size", [1, 4, 5, LENGTH])
def test_an_intact_chain_is_intact_in_ranges(walk_in, chain, acme, size):
    walk = walk_in(size, acme, expected_head=chain[4].hash)

    assert (walk.broken, walk.events, walk.head) == (None, LENGTH, chain[-1].hash)
    assert (walk.since, walk.until) == (chain[0].at, chain[-1].at)
    assert (walk.expected_head_at, walk.events_after) == (5, LENGTH - 5)


@pytest.mark.parametrize("size", [1, 4, 5])
@pytest.mark.parametrize(
    ("sql", "broken"),
    [
        ("UPDATE apikeys_auditevent SET ip = 'x' WHERE sequence = 8", (8, "was changed")),
        ("UPDATE apikeys_auditevent SET hash = prev_hash WHERE sequence = 8", (8, "was changed")),
        ("UPDATE apikeys_auditevent SET version = 3 WHERE sequence = 8", (8, "has a version that this program does not know")),
        ("UPDATE apikeys_auditevent SET sequence = 0 WHERE sequence = 8", (0, "was inserted")),
        ("DELETE FROM apikeys_auditevent WHERE sequence = 8", (8, "was deleted")),
        ("DELETE FROM apikeys_auditevent WHERE sequence > 2 AND sequence < 12", (3, "was deleted")),
        ("DELETE FROM apikeys_auditevent WHERE sequence > 8", (9, "was deleted")),
        ("UPDATE apikeys_auditchain SET length = 8", (8, "was changed: it is not the recorded end of the chain")),
        ("UPDATE apikeys_auditchain SET length = 0", (0, "was changed: it is not the recorded end of the chain")),
    ],
)  # fmt: skip
def test_the_broken_link_is_that_of_a_single_walk(
    walk_in, tamper, chain, acme, size, sql, broken
):
    tamper(sql)

    walk = walk_in(size, acme, expected_head=chain[5].hash)

    assert vars(walk) == vars(walk_in(LENGTH, acme, expected_head=chain[5].hash))
    assert walk.broken == broken


@pytest.mark.parametrize("size", [1, 3, 20])
def test_events_that_are_pruned_and_not_yet_deleted_are_in_the_first_range(
    walk_in, acme, size
):
    for days in (300, 300, 300, 300, 300, 1, 1, 1):
        record(acme, days)
    before = timezone.now() - timedelta(days=100)
    end = AuditEvent.objects.prune(acme, before, by=SYSTEM)
    pruned = AuditEvent.objects.for_org(acme).pruned_events(end)

    assert (walk_in(size, acme).broken, walk_in(size, acme).events) == (None, 9)
    pruned.filter(sequence__lte=3).delete()
    assert (walk_in(size, acme).broken, walk_in(size, acme).events) == (None, 6)
    pruned.delete()
    walk = walk_in(size, acme, expected_head=end.base_hash)
    assert (walk.broken, walk.events, walk.is_sealed) == (None, 4, True)
    assert (walk.expected_head_at, walk.events_after) == (5, 4)


def test_a_walk_that_is_pruned_between_ranges_starts_again(walk_in, acme):
    for days in (300, 300, 300, 300, 300, 300, 1, 1):
        record(acme, days)
    seen = 0

    def map_and_prune(check, ranges):
        nonlocal seen
        for part in ranges:
            seen += 1
            if seen == 3:
                before = timezone.now() - timedelta(days=100)
                end = AuditEvent.objects.prune(acme, before, by=SYSTEM)
                AuditEvent.objects.for_org(acme).pruned_events(end).delete()
            yield check(part)

    walk = walk_in(2, acme, map=map_and_prune)

    assert (walk.broken, walk.base, walk.events) == (None, 6, 3)
    assert seen > 4


def test_ranges_after_a_broken_link_are_not_checked(walk_in, tamper, chain, acme):
    tamper("UPDATE apikeys_auditevent SET ip = 'x' WHERE sequence = 3")
    checked = []

    def counting(check, ranges):
        for part in ranges:
            checked.append(part.through)
            yield check(part)

    walk_in(2, acme, map=counting)

    assert checked == [2, 4]


def test_the_installation_s_chain_is_checked_in_ranges(db, monkeypatch):
    monkeypatch.setattr(chain_ranges, "SIZE", 2)
    for _ in range(5):
        InstallationEvent.objects.record(
            Action.CONSOLE_CHANGED, actor=SYSTEM, target=("user", "user_1", "x")
        )

    walk = InstallationEvent.objects.walk()

    assert (walk.broken, walk.events) == (None, 5)


def test_an_empty_chain_has_a_range(walk_in, acme):
    walk = walk_in(2, acme)

    assert (walk.broken, walk.events, walk.head) == (None, 0, GENESIS)
