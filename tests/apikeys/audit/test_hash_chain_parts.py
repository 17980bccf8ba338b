"""A chain that is checked in parts has the findings of a single walk."""

from functools import reduce
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apikeys.audit.hash_chain import (
    FIELDS,
    GENESIS,
    PRUNED,
    Position,
    Walk,
    event_hash,
)
from tests.apikeys.audit.event_data import chain, event_data

LENGTH = 8
BASES = (0, 2)


def rehashed(event, **values):
    """Return the event with other values, and the hash of these if its version has one."""
    changed = event | values
    if changed["version"] not in FIELDS:
        return changed
    return changed | {"hash": event_hash(changed)}


def change(events, at):
    events[at]["actor_label"] = "mallory"


def change_with_hash(events, at):
    events[at] = rehashed(events[at], actor_label="mallory")


def change_hash(events, at):
    events[at]["hash"] = "f" * 64


def relink(events, at):
    events[at] = rehashed(events[at], prev_hash="f" * 64)


def delete(events, at):
    del events[at]


def delete_three(events, at):
    del events[at : at + 3]


def insert(events, at):
    events.insert(at, rehashed(events[at], actor_label="mallory"))


def swap(events, at):
    one, other = events[at], events[at - 1]
    one["sequence"], other["sequence"] = other["sequence"], one["sequence"]


def lower_version(events, at):
    events[at] = rehashed(events[at], version=1)


def raise_version(events, at):
    events[at]["version"] = 3


def rename(events, at):
    """Write an event of another chain, or one that seals another base."""
    events[at] = rehashed(events[at], action=PRUNED)


TAMPERING = [
    change, change_with_hash, change_hash, relink, delete, delete_three, insert, swap,
    lower_version, raise_version, rename,
]  # fmt: skip


@st.composite
def chains(draw):
    """Draw events as a database returns them, and the base of their chain."""
    old = draw(st.integers(0, LENGTH))
    events = chain(*[1] * old, *[2] * (LENGTH - old))
    base = draw(st.sampled_from(BASES))
    base_hash = events[base - 1]["hash"] if base else GENESIS
    events = events[base:]
    seal = draw(st.none() | st.integers(0, len(events) - 1))
    if seal is not None:
        events = sealed(events, seal, base, base_hash)
    for tamper in draw(st.lists(st.sampled_from(TAMPERING), max_size=2)):
        if events:
            tamper(events, draw(st.integers(0, len(events) - 1)))
    return sorted(events, key=lambda e: e["sequence"]), base, base_hash


def sealed(events, at, base, base_hash):
    """Return the chain with an event that seals the base."""
    details = {"via": "", "through": base, "last_hash": base_hash}
    values = {at: {"action": PRUNED, "details": details}}
    head, result = base_hash, []
    for n, event in enumerate(events):
        sequence, version = event["sequence"], event["version"]
        result.append(event_data(sequence, head, version, **values.get(n, {})))
        head = result[-1]["hash"]
    return result


def walked(events, **options):
    walk = Walk(**options)
    for event in events:
        walk.add(event)
        if walk.broken:
            break
    return walk


def position(events, sequence):
    """Return the position of an event, as it is stored."""
    found = [e for e in events if e["sequence"] == sequence]
    last = found[-1] if found else {"version": 1, "hash": ""}
    return Position(sequence, last["version"], last["hash"])


def walked_in_parts(events, base, cuts, **options):
    ends = [base, *cuts, max([LENGTH, *(e["sequence"] for e in events)])]
    parts = [
        walked(
            [e for e in events if after < e["sequence"] <= through],
            start=position(events, after) if after > base else None,
            base=base,
            **options,
        )
        for after, through in pairwise(ends)
    ]
    return reduce(joined, parts)


def joined(walk, part):
    if not walk.broken:
        walk.join(part)
    return walk


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(chains(), st.sets(st.integers(1, LENGTH - 1)), st.data())
def test_a_chain_in_parts_has_the_findings_of_a_single_walk(drawn, cuts, data):
    events, base, base_hash = drawn
    heads = ["", GENESIS, base_hash, "f" * 64, *(event["hash"] for event in events)]
    options = {
        "base_hash": base_hash,
        "expected_head": data.draw(st.sampled_from(heads)),
    }
    cuts = sorted(cut for cut in cuts if cut > base)

    parts = walked_in_parts(events, base, cuts, **options)

    assert vars(parts) == vars(walked(events, base=base, **options))


def test_a_part_that_started_at_another_hash_does_not_follow():
    """The event between the parts was changed after the first part was read."""
    events = chain(2, 2, 2)
    forged = rehashed(events[1], actor_label="mallory")
    next_one = rehashed(events[2], prev_hash=forged["hash"])

    walk = walked(events[:2])
    walk.join(walked([next_one], start=Position(2, 2, forged["hash"])))

    assert walk.broken == (3, "does not follow the event before it")
    assert (walk.events, walk.head) == (2, events[1]["hash"])
