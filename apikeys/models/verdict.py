"""Whether the old key of a rotation can be retired, derived from where both are used."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.utils import timezone

from apikeys import moments
from apikeys.models.place import grouped, many
from apikeys.places import CLIENT, OTHER, Place, Sighting, client_name
from apikeys.scopes import missing
from apikeys.templatetags.apikeys_display import relative, span

SHORTEST_WAIT = timedelta(hours=1)
# After a single occasion nobody knows how often the place uses the key.
WAIT_AFTER_ONE = timedelta(hours=24)
ONE_OCCASION = timedelta(hours=1)  # the requests of one run
# Both keys are in use at the place. How often the old one still is, is hidden by uses
# from before the new one came, so it is taken to be daily.
WAIT_FOR_BOTH = timedelta(hours=48)
NAMED = 3  # places in a sentence


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
    state: State
    old: Sighting
    new: Sighting | None
    holds_until: datetime | None  # when silence will be long enough, unless it moved

    @property
    def is_settled(self):
        return self.state in {State.MOVED, State.SILENT}

    @property
    def expected_at(self):
        """Return when the next use is expected, or None after a single occasion."""
        return None if is_one_occasion(self.old) else self.old.last + self.old.gap


class Facts(NamedTuple):
    """What is known of a rotation; `old_rows` and `new_rows` are `KeyPlace` rows."""

    key: object
    successor: object
    old_rows: list = []
    new_rows: list = []
    refused_scopes: frozenset = frozenset()  # that the successor was refused
    usage_gap: timedelta = timedelta(0)  # longest between days of the old key's use
    run: object = None  # the last `Run` of the successor


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
    def moved(self):
        """Return how many places have moved."""
        return sum(move.state == State.MOVED for move in self.moves)

    @property
    def all_moved(self):
        return self.moved == len(self.moves)

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
        used_since = facts.successor.first_used_at
        if still := [move for move in pending if move.old.last > used_since]:
            return cls(Kind.NOT_YET, f"Not yet: {still_used(still, at)}", moves=moves)
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
    moves = [
        move(group.label, group.sighting, new.get(identity), facts.successor, at)
        for identity, group in old.items()
    ]
    if unplaced := unplaced_use(facts, old):
        moves.append(move(*unplaced, None, facts.successor, at))
    order = [State.BOTH, State.WAITING, State.SILENT, State.MOVED]
    return sorted(moves, key=lambda m: (order.index(m.state), -m.old.last.timestamp()))


def move(label, old, group, successor, at):
    """Return the `Move` of one place."""
    # Two keys' other places need not be the same ones.
    new = group.sighting if group and group.place.kind != OTHER else None
    if new and new.first > old.last:
        return Move(label, State.MOVED, old, new, None)
    until = old.last + hold(old, is_both=bool(new))
    if at >= until:
        return Move(label, State.SILENT, old, new, until)
    return Move(label, State.BOTH if new else State.WAITING, old, new, until)


def hold(old, *, is_both):
    """Return how long a place must be silent with the old key, a timedelta."""
    wait = WAIT_AFTER_ONE if is_one_occasion(old) else max(2 * old.gap, SHORTEST_WAIT)
    return max(wait, WAIT_FOR_BOTH) if is_both else wait


def is_one_occasion(sighting):
    """Whether all uses may be of one run: then nothing tells when the next is due."""
    return sighting.last - sighting.first < ONE_OCCASION


def unplaced_use(facts, old):
    """Return (label, sighting) of a last use that no place accounts for, or None.

    It is of a request in the last seconds, or of one before places were recorded.
    """
    key = facts.key
    last = key.last_used_at
    if last is None or any(group.sighting.last >= last for group in old.values()):
        return None
    client = client_name(key.last_used_user_agent)
    label = Place(CLIENT, client, key.last_used_ip or "").label
    first = last if old else key.first_used_at or last
    return label, Sighting(first, last, 1, facts.usage_gap)


def unready(facts, at):
    """Return why the new key cannot take over, or an empty string."""
    new = facts.successor
    if new is None:
        return "there is no new key. It was revoked."
    status = new.status(at)
    if status not in {new.Status.ACTIVE, new.Status.RETIRING}:
        return f"the new key does not work. It is {status}."
    if new.first_used_at is None:
        return (
            "no request with the new key has been allowed. Put it where the old one is"
            " used."
        )
    return ""


def still_used(moves, at):
    """Return which places used the old key since the new one came into use."""
    last = max(move.old.last for move in moves)
    until = moments.in_words(max(move.holds_until for move in moves))
    when = relative(last, at)
    used = f"{names(moves)} used the old key {when if len(moves) == 1 else f'(last {when})'}"
    if any(move.state == State.BOTH for move in moves):
        return (
            f"{used}, although the new one was used there before. Find what still has"
            f" the old key. If nothing has, wait until {until}."
        )
    return (
        f"{used}, after the new one came into use. Put the new key there. If the old one"
        f" is no longer used there, wait until {until}."
    )


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
    start = f"Wait until {moments.in_words(until)}: {names(moves)}"
    if len(moves) > 1:
        return (
            f"{start} were not seen with the new key. Once they are, they hold nothing"
            " back."
        )
    old = moves[0].old
    rhythm = (
        "on one occasion,"
        if is_one_occasion(old)
        else f"at least every {span(old.gap)} so far,"
    )
    return (
        f"{start} was not seen with the new key. It used the old one {rhythm} last on"
        f" {moments.in_words(old.last)}. Once it is seen with the new key, it holds nothing back."
    )


def safe(facts, moves, at):
    """Return why the old key can go."""
    new = relative(facts.successor.last_used_at, at)
    reasons = "; ".join(reasons_of(moves, at)) or "the old key was never used"
    return (
        f"Safe to retire: {reasons}. The new key was last used {new}"
        f"{ran(facts.run, at)}."
    )


def reasons_of(moves, at):
    """Yield what was seen of the places that have moved, and of the silent ones."""
    moved = [move for move in moves if move.state == State.MOVED]
    silent = [move for move in moves if move.state == State.SILENT]
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
