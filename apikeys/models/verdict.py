"""Whether the old key of a rotation can be retired, derived from where both are used."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.utils import timezone

from apikeys import timestamps
from apikeys.durations import relative, span
from apikeys.models.place import Group, grouped, many
from apikeys.places import CLIENT, OTHER, PIPELINE, THING, Place, Sighting, client_name
from apikeys.scopes import missing

SHORTEST_WAIT = timedelta(hours=1)
# After a single occasion nobody knows how often the place uses the key.
WAIT_AFTER_ONE = timedelta(hours=24)
ONE_OCCASION = timedelta(hours=1)  # the requests of one run
MINUTE = timedelta(minutes=1)
ONE_USE = timedelta(minutes=1)  # a use is written to the key and to a place apart
NAMED = 3  # places in a sentence
EARLIER, EARLIER_USES = "earlier", "uses from before places were recorded"
KINDS = (PIPELINE, THING, CLIENT, OTHER, EARLIER)


class Kind(StrEnum):
    """What the verdict is; the values are those of the REST API."""

    NOT_YET = "not_yet"
    WAIT = "wait"
    SAFE = "safe"


class State(StrEnum):
    """How far a place of the old key has come."""

    MOVED = "moved"  # seen with the new key after its last use of the old one
    BOTH = "both"  # the old key was used there after the new one's first use there
    WAITING = "waiting"  # not seen with the new key
    SILENT = "silent"  # for so long that the old key seems to be out of use there


class Move(NamedTuple):
    """A place of the old key, and what was seen of it with each key."""

    label: str
    kind: str  # of the place, or `EARLIER`
    state: State
    old: Sighting
    new: Sighting | None
    holds_until: datetime | None  # when silence will be long enough, if it can be

    @property
    def is_settled(self):
        return self.state in {State.MOVED, State.SILENT}

    @property
    def can_move(self):
        """Whether it can be told that a use of the new key is of this place."""
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


class Facts(NamedTuple):
    """What is known of a rotation; `old_rows` and `new_rows` are `KeyPlace` rows."""

    key: object
    successor: object
    old_rows: list = []
    new_rows: list = []
    refused_scopes: frozenset = frozenset()  # that the successor was refused
    usage_gap: timedelta = timedelta(0)  # longest between days of the old key's use
    run: object = None  # the last `Run` of the successor

    @property
    def new_since(self):
        """Return when the successor was first used, or None.

        While its row is locked, only the places have it.
        """
        seen = [row.first_seen_at for row in self.new_rows]
        return min(filter(None, [self.successor.first_used_at, *seen]), default=None)

    @property
    def new_last(self):
        """Return when the successor was last used, or None."""
        seen = [row.last_seen_at for row in self.new_rows]
        return max(filter(None, [self.successor.last_used_at, *seen]), default=None)


class Verdict(NamedTuple):
    """The verdict, why, and until when to wait if that is all there is to do."""

    kind: Kind
    sentence: str
    until: datetime | None = None
    moves: list = []

    @property
    def is_safe(self):
        return self.kind == Kind.SAFE

    @property
    def places(self):
        """Return the moves of what is a place, or several."""
        return [move for move in self.moves if move.kind != EARLIER]

    @property
    def moved(self):
        """Return how many places have moved."""
        return sum(move.state == State.MOVED for move in self.moves)

    @property
    def all_moved(self):
        return self.moved == len(self.places)

    @classmethod
    def of(cls, facts: Facts, at=None):
        """Return the verdict on retiring the old key at this moment.

        It is true up to a few seconds: places are written in the background.
        """
        at = at or timezone.now()
        moves = moves_of(facts, at)
        if reason := unready(facts, at):
            return cls(Kind.NOT_YET, f"Not yet: {reason}", moves=moves)
        pending = [move for move in moves if not move.is_settled]
        if still := [move for move in pending if is_still_used(move, facts.new_since)]:
            reason = still_used(still, facts.key, at)
            return cls(Kind.NOT_YET, f"Not yet: {reason}", moves=moves)
        if lacking := refused(facts):
            return cls(Kind.NOT_YET, f"Not yet: {lacking}", moves=moves)
        if pending:
            until = max(move.holds_until for move in pending)
            return cls(Kind.WAIT, wait(pending, until), until, moves)
        return cls(Kind.SAFE, safe(facts, moves, at), moves=moves)


def moves_of(facts, at):
    """Return a `Move` for each place of the old key, those that hold it back first."""
    rows = facts.old_rows + facts.new_rows
    many_addressed = many(rows)
    old = grouped(facts.old_rows, many_addressed)
    new = grouped(facts.new_rows, many_addressed)
    add_last_use(old, facts.key, many_addressed)
    if earlier := earlier_uses(facts):
        old[EARLIER] = earlier
    moves = [move(group, new.get(identity), at) for identity, group in old.items()]
    order = [State.BOTH, State.WAITING, State.SILENT, State.MOVED]
    return sorted(moves, key=lambda m: (order.index(m.state), -m.old.last.timestamp()))


def move(group, new_group, at):
    """Return the `Move` of one place."""
    kind, label, old = group.place.kind, group.label, group.sighting.clamped(at)
    # Two keys' other places need not be the same ones.
    new = new_group.sighting if new_group and kind != OTHER else None
    if new and new.first > at:
        new = None  # a clock was ahead, so nothing tells which use came first
    if new and new.first > old.last:
        return Move(label, kind, State.MOVED, old, new, None)
    if new:
        # Uses before the new key came do not tell how often the old one still is used.
        return Move(label, kind, State.BOTH, old, new, None)
    until = old.last + hold(old)
    state = State.SILENT if at >= until else State.WAITING
    return Move(label, kind, state, old, new, until)


def hold(old):
    """Return how long a place must be silent with the old key, a timedelta."""
    return WAIT_AFTER_ONE if is_one_occasion(old) else max(2 * old.gap, SHORTEST_WAIT)


def is_one_occasion(sighting):
    """Whether all uses may be of one run: then nothing tells when the next is due."""
    return sighting.last - sighting.first < ONE_OCCASION


def add_last_use(old, key, many_addressed):
    """Add the key's last use to {identity: Group}, unless its place has it already.

    It is of a request in the last seconds, or of one before places were recorded.
    """
    last = key.last_used_at
    if last is None or any(group.sighting.last >= last for group in old.values()):
        return
    name = client_name(key.last_used_user_agent)
    place = Place(CLIENT, name, key.last_used_ip or "")
    identity = (CLIENT, name) if name in many_addressed else place.digest
    use, known = Sighting.once(last), old.get(identity)
    old[identity] = (
        known._replace(sighting=known.sighting.merged(use))
        if known
        else Group(place, place.label, use)
    )


def earlier_uses(facts):
    """Return the `Group` of uses that no place accounts for, or None.

    They are from before places were recorded, and counted by the day only.
    """
    if (uses := unplaced_span(facts.key, facts.old_rows)) is None:
        return None
    first, until = uses
    gap = max(facts.usage_gap, timedelta(days=1))
    seen = Sighting(first, until, None, gap)
    return Group(Place(EARLIER, EARLIER_USES), EARLIER_USES, seen)


def unplaced_span(key, rows):
    """Return from when until when a key was used before its first place, or None."""
    first = key.first_used_at
    until = min((row.first_seen_at for row in rows), default=key.last_used_at)
    return None if first is None or until - first < ONE_USE else (first, until)


def unready(facts, at):
    """Return why the new key cannot take over, or an empty string."""
    new = facts.successor
    if new is None:
        return "there is no new key. It was revoked."
    status = new.status(at)
    if status not in {new.Status.ACTIVE, new.Status.RETIRING}:
        return f"the new key does not work. It is {status}."
    if facts.new_since is None:
        return (
            "no request with the new key has been allowed. Put it where the old one is"
            " used."
        )
    return ""


def is_still_used(move, new_since):
    """Whether a place used the old key since the new one came into use."""
    if move.kind == EARLIER:
        return False  # when the last of them was is not known
    return move.state == State.BOTH or move.old.last > new_since


def still_used(moves, key, at):
    """Return which places used the old key since the new one came into use."""
    both = [move for move in moves if move.state == State.BOTH]
    others = [move for move in moves if move.state != State.BOTH]
    sentences = []
    if others:
        until = timestamps.in_words(max(move.holds_until for move in others))
        sentences.append(
            f"{used(others, at)}, after the new one came into use. Put the new key there."
            f" If the old one is no longer used there, wait until {until}."
        )
    if both:
        sentences.append(
            f"{used(both, at)}, although the new one was used there before. Find what"
            f" still has the old key. No wait settles this: once nothing has it, retire"
            f" it all the same.{undo(key, at)}"
        )
    return " Also, ".join(sentences)


def used(moves, at):
    """Return which places used the old key, and when last."""
    when = relative(max(move.old.last for move in moves), at)
    when = when if len(moves) == 1 else f"(last {when})"
    return f"{names(moves)} used the old key {when}"


def undo(key, at):
    """Return until when retiring can be undone, or an empty string."""
    ends_at = key.overlap_ends_at
    if not ends_at or ends_at <= at:
        return ""
    return f" You can undo that until {timestamps.in_words(ends_at)}."


def refused(facts):
    """Return which scopes the new key lacks and was asked for, or an empty string."""
    lost = missing(facts.successor.scopes or (), facts.key.scopes or ())
    if lacking := sorted(facts.refused_scopes.intersection(lost)):
        return (
            f"the new key was refused {', '.join(lacking)}, which the old one has. Create"
            " a key with that scope for what needs it, or retire the old one all the same"
            " if nothing does."
        )
    return ""


def wait(moves, until):
    """Return until when to wait, and for which places."""
    sentences = []
    if movable := [move for move in moves if move.can_move]:
        sentences.append(not_seen(movable))
    if others := [move for move in moves if not move.can_move]:
        sentences.append(
            f"Only time without a use of the old key settles {names(others)}."
        )
    return f"Wait until {timestamps.in_words(until)}. {' '.join(sentences)}"


def not_seen(moves):
    """Return that places were not seen with the new key, and what settles it."""
    if len(moves) > 1:
        return (
            f"Not seen with the new key: {names(moves)}. Once they are, they hold nothing"
            " back."
        )
    (move,) = moves
    return (
        f"Not seen with the new key: {move.label}. It used the old one {move.rhythm},"
        f" last on {timestamps.in_words(move.old.last)}. Once it is seen with the new key,"
        " it holds nothing back."
    )


def safe(facts, moves, at):
    """Return why the old key can go."""
    new = relative(facts.new_last, at)
    reasons = "; ".join(reasons_of(moves, at)) or "the old key was never used"
    return (
        f"Safe to retire: {reasons}. The new key was last used {new}"
        f"{ran(facts.run, at)}."
    )


def reasons_of(moves, at):
    """Yield what was seen of the places that have moved, and of the silent ones."""
    moved = [move for move in moves if move.state == State.MOVED]
    silent = [m for m in moves if m.state == State.SILENT and m.kind != EARLIER]
    if len(moved) == 1:
        yield f"{moved[0].label} has moved to the new key"
    elif moved:
        yield f"{len(moved)} places have moved to the new key"
    if silent:
        quiet = span(at - max(move.old.last for move in silent))
        yield f"no use of the old key by {names(silent)} for {quiet}"


def ran(run, at):
    """Return what the new key's last run says for it, if there was one."""
    if run is None:
        return ""
    when = relative(run.published_at, at)
    return f", and with it an execution of {run.name} {run.status} {when}"


def names(moves):
    """Return the places, as "curl from 192.0.2.7 and 2 more"."""
    return listed([move.label for move in moves[:NAMED]], len(moves))


def listed(texts, total):
    more = total - len(texts)
    if more:
        return f"{', '.join(texts)} and {more} more"
    *others, last = texts
    return f"{', '.join(others)} and {last}" if others else last
