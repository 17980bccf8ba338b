"""Which places of use moved from the old key of a rotation to the new one."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from apikeys.durations import span
from apikeys.models.place import Group, clients_with_many_addresses, group_by_place
from apikeys.places import CLIENT, OTHER, PIPELINE, THING, Place, Sighting, client_name

SHORTEST_WAIT = timedelta(hours=1)
# A single occasion shows no interval, so assume a daily job.
WAIT_AFTER_ONE = timedelta(hours=24)
ONE_OCCASION = timedelta(hours=1)  # the requests of one pipeline, for example
MINUTE = timedelta(minutes=1)
# `last_used_at` and the places are written separately, so they may differ by this much.
ONE_USE = timedelta(minutes=1)
EARLIER, EARLIER_USES = "earlier", "uses from before places were recorded"
KINDS = (PIPELINE, THING, CLIENT, OTHER, EARLIER)


class State(StrEnum):
    """The progress of a place of the old key."""

    MOVED = "moved"  # seen with the new key after its last use of the old one
    BOTH = "both"  # the old key was used there after the new one's first use there
    WAITING = "waiting"  # not seen with the new key
    SILENT = "silent"  # for so long that the old key seems to be out of use there


class Move(NamedTuple):
    """A place of the old key, with its uses of either key."""

    label: str
    kind: str  # of the place, or `EARLIER`
    state: State
    old: Sighting
    new: Sighting | None
    # The end of the wait, if the place does not use the old key. None: no wait settles it.
    silent_until: datetime | None

    @property
    def is_settled(self):
        return self.state in {State.MOVED, State.SILENT}

    @property
    def can_move(self):
        """Whether a use of the new key can be attributed to this place."""
        return self.kind not in {OTHER, EARLIER}

    @property
    def expected_at(self):
        """Return when the next use is expected, or None after a single occasion."""
        return None if is_one_occasion(self.old) else self.old.last + self.old.gap

    @property
    def rhythm(self):
        """Return how often the old key was used, in words."""
        if is_one_occasion(self.old):
            return "on one occasion"
        if self.old.gap < MINUTE:
            return "at least once a minute so far"
        return f"at least every {span(self.old.gap)} so far"


class RotationFacts(NamedTuple):
    """The input of a verdict; `old_rows` and `new_rows` are `KeyPlace` rows."""

    key: object
    successor: object
    old_rows: list = []
    new_rows: list = []
    refused_scopes: frozenset = frozenset()  # that requests of the successor lacked
    usage_gap: timedelta = timedelta(0)  # longest between days of the old key's use
    execution: object = None  # the last `PublishedExecution` of the successor

    @property
    def new_since(self):
        """Return when the successor was first used, or None.

        A use of a locked row is in the places before it is in the row.
        """
        seen = [row.first_seen_at for row in self.new_rows]
        return min(filter(None, [self.successor.first_used_at, *seen]), default=None)

    @property
    def new_last(self):
        """Return when the successor was last used, or None."""
        seen = [row.last_seen_at for row in self.new_rows]
        return max(filter(None, [self.successor.last_used_at, *seen]), default=None)


def moves_of(facts, at):
    """Return a `Move` for each place of the old key, unsettled ones first."""
    # Count addresses over the rows of both keys. With few addresses under one key and many
    # under the other, the same client would be two places, and never move.
    many_addressed = clients_with_many_addresses(facts.old_rows + facts.new_rows)
    old = group_by_place(facts.old_rows, many_addressed)
    new = group_by_place(facts.new_rows, many_addressed)
    add_last_use(old, facts.key, many_addressed)
    if earlier := earlier_uses(facts):
        old[EARLIER] = earlier
    moves = [move_of(group, new.get(place), at) for place, group in old.items()]
    order = [State.BOTH, State.WAITING, State.SILENT, State.MOVED]
    return sorted(moves, key=lambda m: (order.index(m.state), -m.old.last.timestamp()))


def move_of(group, new_group, at):
    """Return the `Move` of one place."""
    kind, label, old = group.place.kind, group.label, group.sighting.clamp(at)
    # "Other places" of two keys need not be the same places, so a use of the new key
    # proves nothing about them.
    new = new_group.sighting if new_group and kind != OTHER else None
    if new and new.first > at:
        # Written by a process whose clock is ahead: the order of the uses is unknown.
        new = None
    if new and new.first > old.last:
        return Move(label, kind, State.MOVED, old, new, None)
    if new:
        # Silence does not settle this place. Part of it uses the new key already, so the
        # intervals of the past do not tell when the rest will use the old key again.
        return Move(label, kind, State.BOTH, old, new, None)
    until = old.last + required_silence(old)
    state = State.SILENT if at >= until else State.WAITING
    return Move(label, kind, state, old, new, until)


def required_silence(old):
    """Return how long a place must not use the old key, a timedelta.

    Twice the longest interval: a job that runs once a week must have skipped a week.
    """
    return WAIT_AFTER_ONE if is_one_occasion(old) else max(2 * old.gap, SHORTEST_WAIT)


def is_one_occasion(sighting):
    """Whether all uses may belong to one job, so that the next is not predictable."""
    return sighting.last - sighting.first < ONE_OCCASION


def add_last_use(old, key, many_addressed):
    """Add the key's last use to {place: Group}, unless a place accounts for it.

    Places are written seconds after the key's row. Without this, a use in the last
    seconds would be missing and the old key could look safe to retire.
    """
    last = key.last_used_at
    if last is None or any(group.sighting.last >= last for group in old.values()):
        return
    name = client_name(key.last_used_user_agent)
    place = Place(CLIENT, name, key.last_used_ip or "")
    identity = (CLIENT, name) if name in many_addressed else place.digest
    use, known = Sighting.once(last), old.get(identity)
    old[identity] = (
        known._replace(sighting=known.sighting.merge(use))
        if known
        else Group(place, place.label, use)
    )


def earlier_uses(facts):
    """Return the `Group` of uses from before places were recorded, or None.

    Only their days are known, hence a gap of at least a day.
    """
    if (uses := unplaced_span(facts.key, facts.old_rows)) is None:
        return None
    first, until = uses
    gap = max(facts.usage_gap, timedelta(days=1))
    seen = Sighting(first, until, None, gap)
    return Group(Place(EARLIER, EARLIER_USES), EARLIER_USES, seen)


def unplaced_span(key, rows):
    """Return (first, last) of a key's use before its first place, or None."""
    first = key.first_used_at
    until = min((row.first_seen_at for row in rows), default=key.last_used_at)
    return None if first is None or until - first < ONE_USE else (first, until)
