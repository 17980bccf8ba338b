"""Whether the old key can be retired: the verdict on where both keys are used."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from apikeys.last_execution import PublishedExecution
from apikeys.models import ApiKey, KeyPlace
from apikeys.models.moves import RotationFacts, State
from apikeys.models.verdict import Kind, Verdict
from apikeys.places import CLIENT, Place, Sighting, pipeline
from echopoint.organizations.models import Organization

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
INSTANT = timedelta(microseconds=1)

CURL = Place(CLIENT, "curl", "192.0.2.7")
WGET = Place(CLIENT, "wget", "192.0.2.8")
NIGHTLY = pipeline("acme/web", "nightly.yml", "smoke")


def row(place, *ages):
    """Return the place's row of a key that was used there so long ago each time."""
    moments = sorted(NOW - age for age in ages)
    sighting = Sighting.once(moments[0])
    for moment in moments[1:]:
        sighting = sighting.merge(Sighting.once(moment))
    found = KeyPlace(kind=place.kind, name=place.name, address=place.address)
    found.digest, found.sighting = place.digest, sighting
    return found


def key(rows, **values):
    """Return a key that was used at these places; nothing is stored."""
    if rows:
        values["first_used_at"] = min(row.first_seen_at for row in rows)
        values["last_used_at"] = max(row.last_seen_at for row in rows)
    own = {"organization": Organization(), "scopes": ["flows:read"]}
    return ApiKey(**own | values)


def verdict(old, new, at=NOW, *, old_key=None, new_key=None, **facts):
    """Return the verdict where keys were used as {place: ages of the uses}."""
    old = [row(place, *ages) for place, ages in old.items()]
    new = [row(place, *ages) for place, ages in new.items()]
    facts = {
        "key": key(old, **old_key or {}),
        "successor": key(new, **new_key or {}),
        "old_rows": old,
        "new_rows": new,
    } | facts
    return Verdict.of(RotationFacts(**facts), at)


EVERY_MINUTE = [n * MINUTE for n in range(100, 200)]


def test_a_place_that_has_moved_is_safe():
    found = verdict({CURL: [3 * DAY, 2 * HOUR]}, {CURL: [HOUR, 2 * MINUTE]})

    assert (found.kind, found.until) == (Kind.SAFE, None)
    assert found.sentence == (
        "Safe to retire: curl from 192.0.2.7 has moved to the new key. The new key was"
        " last used 2 minutes ago."
    )
    assert [move.state for move in found.moves] == [State.MOVED]


def test_an_old_key_that_was_never_used_is_safe_once_the_new_one_is():
    found = verdict({}, {CURL: [2 * MINUTE]})

    assert found.sentence == (
        "Safe to retire: the old key was never used. The new key was last used 2"
        " minutes ago."
    )


def test_nothing_is_safe_before_a_request_with_the_new_key_was_allowed():
    found = verdict({CURL: [80 * DAY]}, {})

    assert found.kind == Kind.NOT_YET
    assert "no request with the new key has been allowed" in found.sentence


def test_one_use_of_the_new_key_says_nothing_of_other_places():
    found = verdict({CURL: [DAY, 3 * HOUR], WGET: [DAY, MINUTE]}, {CURL: [2 * HOUR]})

    assert found.kind == Kind.NOT_YET
    assert found.sentence.startswith(
        "Not yet: wget from 192.0.2.8 used the old key 1 minute ago, after the new one"
        " came into use. Put the new key there."
    )
    assert (found.moved, len(found.moves), found.all_moved) == (1, 2, False)


def test_a_nightly_job_is_waited_for_twice_its_longest_gap():
    nights = [n * DAY + 9 * HOUR for n in range(7)]

    found = verdict({NIGHTLY: nights}, {CURL: [HOUR, MINUTE]})

    due = NOW - 9 * HOUR + 2 * DAY
    assert (found.kind, found.until) == (Kind.WAIT, due)
    assert found.sentence.startswith(
        "Wait until 3 June 2026, 03:00 UTC. Not seen with the new key: acme/web (workflow"
        " nightly.yml, job smoke). It used the old one at least every 24 hours so far,"
        " last on 1 June 2026, 03:00 UTC."
    )
    assert found.moves[0].expected_at == NOW - 9 * HOUR + DAY
    silent = verdict({NIGHTLY: nights}, {CURL: [HOUR, MINUTE]}, at=due)
    assert silent.kind == Kind.SAFE
    assert silent.moves[0].state == State.SILENT
    assert "no use of the old key by acme/web" in silent.sentence


@pytest.mark.parametrize(
    ("ages", "wait"),
    [
        ([3 * HOUR], DAY),  # seen once
        ([3 * HOUR, 3 * HOUR + 50 * MINUTE], DAY),  # the requests of one run
        ([3 * HOUR, 4 * HOUR], 2 * HOUR),  # twice the gap
        ([3 * HOUR + age for age in EVERY_MINUTE], HOUR),  # at least an hour
        ([3 * HOUR, 30 * DAY + 3 * HOUR], 60 * DAY),  # a monthly job
    ],
)
def test_the_wait_for_a_silent_place(ages, wait):
    ages = [age + 10 * DAY for age in ages]
    last = NOW - min(ages)
    new = {WGET: [min(ages) - INSTANT]}

    before = verdict({CURL: ages}, new, at=last + wait - INSTANT)
    after = verdict({CURL: ages}, new, at=last + wait)

    assert (before.kind, before.until) == (Kind.WAIT, last + wait)
    assert after.kind == Kind.SAFE


def test_a_place_that_goes_back_to_the_old_key_is_never_green():
    old, new = {CURL: [DAY, 10 * MINUTE]}, {CURL: [20 * MINUTE]}

    found = verdict(old, new)

    assert (found.kind, found.moves[0].state) == (Kind.NOT_YET, State.BOTH)
    assert "although the new one was used there before" in found.sentence


@pytest.mark.parametrize("silence", [5 * MINUTE, 2 * HOUR, 30 * HOUR])
def test_uses_of_the_new_key_do_not_hide_another_user_of_the_old_at_one_place(silence):
    old = {CURL: [silence, DAY + silence]}
    new = {CURL: [silence + HOUR, MINUTE]}

    assert verdict(old, new).kind == Kind.NOT_YET


def test_waiting_does_not_settle_a_place_that_used_the_old_key_after_the_new_one():
    old, new = {CURL: [90 * DAY + HOUR, 90 * DAY]}, {CURL: [90 * DAY + MINUTE, MINUTE]}

    found = verdict(old, new, old_key={"overlap_ends_at": NOW + DAY})

    assert (found.kind, found.until) == (Kind.NOT_YET, None)
    assert found.moves[0].silent_until is None
    assert found.sentence == (
        "Not yet: curl from 192.0.2.7 used the old key 90 days ago, although the new one"
        " was used there before. Find out what still uses the old key. Waiting is not"
        " enough: once nothing uses it, retire it anyway. You can undo that until 2 June"
        " 2026, 12:00 UTC."
    )


def test_what_is_said_of_one_place_is_not_said_of_another():
    old = {CURL: [DAY, 10 * MINUTE], WGET: [DAY, 5 * MINUTE]}

    found = verdict(old, {CURL: [20 * MINUTE]})

    assert found.sentence.startswith(
        "Not yet: wget from 192.0.2.8 used the old key 5 minutes ago, after the new one"
        " came into use."
    )
    assert (
        "Also, curl from 192.0.2.7 used the old key 10 minutes ago, although the new one"
        " was used there before."
    ) in found.sentence


def test_a_use_of_both_keys_at_one_instant_is_no_move():
    found = verdict({CURL: [DAY, HOUR]}, {CURL: [HOUR, MINUTE]})

    assert (found.kind, found.until) == (Kind.NOT_YET, None)
    assert "although the new one was used there before" in found.sentence


@pytest.mark.parametrize("first_used_at", [None, NOW - MINUTE])
def test_a_first_use_that_only_the_places_have_counts(first_used_at):
    old, new = [row(CURL, DAY, 10 * MINUTE)], [row(CURL, 20 * MINUTE)]
    successor = ApiKey(
        organization=Organization(), scopes=[], first_used_at=first_used_at
    )

    facts = RotationFacts(key(old), successor, old_rows=old, new_rows=new)
    moved = RotationFacts(key([]), successor, new_rows=new)

    assert Verdict.of(facts, NOW).moves[0].state == State.BOTH
    assert Verdict.of(facts, NOW).kind == Kind.NOT_YET
    assert "20 minutes ago" in Verdict.of(moved, NOW).sentence


def test_a_use_of_the_new_key_that_is_yet_to_come_proves_no_move():
    old, new = {CURL: [DAY, 2 * MINUTE]}, {CURL: [-55 * MINUTE]}

    found = verdict(old, new)

    assert (found.kind, found.moves[0].state) == (Kind.WAIT, State.WAITING)
    assert verdict(old, new, at=NOW + 2 * HOUR).is_safe


def test_a_use_of_the_old_key_that_is_yet_to_come_was_just_now():
    found = verdict({CURL: [DAY, -30 * DAY]}, {WGET: [HOUR]})

    assert found.moves[0].old.last == NOW
    assert "used the old key just now" in found.sentence


def test_whatever_the_order_of_uses_green_means_that_no_place_holds_on():
    """Try every order of six uses of two keys at two places, at every later moment."""
    uses = [("old", CURL), ("old", WGET), ("new", CURL), ("new", WGET), ("old", CURL)]
    for order in set(permutations(uses)):
        ages = {"old": {}, "new": {}}
        for n, (name, place) in enumerate(order):
            ages[name].setdefault(place, []).append((6 - n) * MINUTE)
        found = verdict(ages["old"], ages["new"])
        goes_on = any(
            min(ages["old"][place]) <= max(ages["new"].get(place, [timedelta(0)]))
            for place in ages["old"]
        )
        assert found.is_safe == (not goes_on), order


def test_clients_with_many_addresses_are_one_place_over_both_keys():
    fleet = [Place(CLIENT, "curl", f"192.0.2.{n}") for n in range(4)]
    moved = [Place(CLIENT, "curl", f"198.51.100.{n}") for n in range(2)]

    found = verdict(
        {place: [DAY, 3 * HOUR] for place in fleet},
        {place: [2 * HOUR, MINUTE] for place in moved},
    )

    assert found.kind == Kind.SAFE
    assert [move.label for move in found.moves] == ["curl from 4 addresses"]


def test_other_places_are_never_the_same_of_both_keys():
    others = Place("other", "other places")

    old, new = row(others, 22 * HOUR, 21 * HOUR), row(others, 2 * HOUR, MINUTE)
    old.merged, old.longest_gap = 150, 24 * HOUR

    found = Verdict.of(
        RotationFacts(key([old]), key([new]), old_rows=[old], new_rows=[new]), NOW
    )

    assert [move.state for move in found.moves] == [State.WAITING]
    assert found.sentence == (
        "Wait until 2 June 2026, 15:00 UTC. Uses of the new key cannot be matched"
        " to 150 other places. Only time without uses of the old key settles them."
    )


def test_a_busy_place_is_said_to_be_busy():
    ages = [3 * HOUR + n * timedelta(seconds=30) for n in range(200)]

    found = verdict({CURL: ages}, {WGET: [2 * HOUR]}, at=NOW - 2 * HOUR - MINUTE)

    assert found.moves[0].rhythm == "at least once a minute so far"
    assert (
        "It used the old one at least once a minute so far, last on" in found.sentence
    )


def test_a_use_that_is_in_no_place_yet_is_waited_for_by_its_client():
    old_key = {
        "last_used_at": NOW - 2 * MINUTE,
        "last_used_user_agent": "wget/1.2",
        "last_used_ip": "192.0.2.8",
    }
    rows = {CURL: [2 * DAY, 3 * HOUR]}, {CURL: [HOUR]}

    facts = verdict(*rows)
    assert facts.kind == Kind.SAFE
    old = [row(CURL, *rows[0][CURL])]
    new = [row(CURL, HOUR)]
    late = RotationFacts(key(old), key(new), old_rows=old, new_rows=new)
    for name, value in old_key.items():
        setattr(late.key, name, value)

    found = Verdict.of(late, NOW)

    assert found.kind == Kind.NOT_YET
    assert "wget from 192.0.2.8 used the old key 2 minutes ago" in found.sentence


def test_a_key_from_before_places_were_recorded_is_judged_by_its_days_of_use():
    old = ApiKey(
        organization=Organization(),
        scopes=[],
        first_used_at=NOW - 90 * DAY,
        last_used_at=NOW - 2 * DAY,
    )
    new = [row(CURL, DAY)]

    found = Verdict.of(
        RotationFacts(old, key(new), new_rows=new, usage_gap=timedelta(days=7)), NOW
    )

    assert (found.kind, found.until) == (Kind.WAIT, NOW + 12 * DAY)
    assert "matched to uses from before places were recorded" in found.sentence


def test_uses_from_before_the_first_place_are_waited_for_too():
    old = [row(CURL, 2 * DAY, 3 * HOUR)]
    new = [row(CURL, HOUR)]
    old_key = key(old)
    old_key.first_used_at = NOW - 90 * DAY

    def at(moment):
        facts = RotationFacts(
            old_key, key(new), old_rows=old, new_rows=new, usage_gap=7 * DAY
        )
        return Verdict.of(facts, moment)

    found = at(NOW)
    assert (found.kind, found.until) == (Kind.WAIT, NOW + 12 * DAY)
    assert found.sentence == (
        "Wait until 13 June 2026, 12:00 UTC. Uses of the new key cannot be matched"
        " to uses from before places were recorded. Only time without uses of the old"
        " key settles them."
    )
    assert (found.moved, len(found.places), found.all_moved) == (1, 1, True)
    assert at(NOW + 12 * DAY).sentence.startswith(
        "Safe to retire: curl from 192.0.2.7 has moved to the new key. The"
    )


def test_earlier_uses_are_not_said_to_be_since_the_new_key():
    old_key = ApiKey(
        organization=Organization(), scopes=[], first_used_at=NOW - 90 * DAY
    )
    old, new = [row(CURL, 2 * HOUR)], [row(CURL, HOUR), row(WGET, 5 * DAY)]

    found = Verdict.of(
        RotationFacts(old_key, key(new), old_rows=old, new_rows=new, usage_gap=DAY), NOW
    )

    assert found.kind == Kind.WAIT
    assert "matched to uses from before places were recorded" in found.sentence


def test_a_last_use_that_is_in_no_place_yet_belongs_to_its_client():
    old, new = [row(CURL, DAY, 3 * HOUR)], [row(CURL, HOUR)]
    old_key = key(old)
    old_key.last_used_at = NOW - MINUTE
    old_key.last_used_user_agent, old_key.last_used_ip = "curl/8", "192.0.2.7"

    found = Verdict.of(
        RotationFacts(old_key, key(new), old_rows=old, new_rows=new), NOW
    )

    assert [(m.label, m.state) for m in found.moves] == [
        ("curl from 192.0.2.7", State.BOTH)
    ]


def test_a_scope_that_the_new_key_was_refused_and_the_old_one_has_holds_it_back():
    old, new = {CURL: [DAY, 3 * HOUR]}, {CURL: [2 * HOUR, MINUTE]}
    wide = {"scopes": ["flows:read", "webhooks:read"]}

    held = verdict(old, new, old_key=wide, refused_scopes=frozenset({"webhooks:read"}))
    kept = verdict(old, new, old_key=wide, refused_scopes=frozenset({"flows:read"}))
    foreign = verdict(old, new, refused_scopes=frozenset({"webhooks:read"}))

    assert held.kind == Kind.NOT_YET
    assert "refused webhooks:read, which the old one has" in held.sentence
    assert (kept.kind, foreign.kind) == (Kind.SAFE, Kind.SAFE)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"suspended_at": NOW - MINUTE}, "suspended"),
        ({"expires_at": NOW}, "expired"),
        ({"retire_at": NOW}, "retired"),
        ({"revoked_at": NOW - MINUTE}, "revoked"),
    ],
)
def test_a_new_key_that_does_not_work_is_no_reason_to_retire_the_old(change, word):
    old, new = {CURL: [3 * HOUR]}, {CURL: [HOUR, MINUTE]}

    stopped = verdict(old, new, new_key=change)

    assert stopped.kind == Kind.NOT_YET
    assert stopped.sentence == f"Not yet: the new key does not work. It is {word}."
    assert verdict(old, new).is_safe


def test_a_new_key_that_is_being_rotated_itself_still_works():
    new_key = {"retire_at": NOW + DAY}

    assert verdict({CURL: [3 * HOUR]}, {CURL: [HOUR]}, new_key=new_key).is_safe


def test_without_a_new_key_nothing_is_safe():
    found = Verdict.of(RotationFacts(key([]), None), NOW)

    assert found.sentence == "Not yet: there is no new key. It was revoked."


def test_an_execution_published_with_the_new_key_is_in_the_sentence():
    execution = PublishedExecution("Checkout", "completed", NOW - MINUTE)

    found = verdict({CURL: [3 * HOUR]}, {CURL: [HOUR, 2 * MINUTE]}, execution=execution)

    assert found.sentence.endswith(
        "The new key was last used 2 minutes ago. It also published a completed"
        " execution of Checkout 1 minute ago."
    )


def test_many_places_are_named_up_to_three():
    places = [Place(CLIENT, name, "192.0.2.1") for name in ("a", "b", "c", "d", "e")]

    found = verdict({place: [DAY, MINUTE] for place in places}, {CURL: [HOUR]})

    assert "a from 192.0.2.1, b from 192.0.2.1, c from 192.0.2.1 and 2 more" in (
        found.sentence
    )
