"""Whether the old key of a rotation can be retired, derived from where both are used."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.utils import timezone

from apikeys.models import verdict_wording as wording
from apikeys.models.moves import EARLIER, RotationFacts, State, moves_of
from apikeys.scopes import missing


class Kind(StrEnum):
    """The verdict in one word; the values are those of the REST API."""

    NOT_YET = "not_yet"
    WAIT = "wait"
    SAFE = "safe"


class Verdict(NamedTuple):
    """The verdict, its reason, and the end of the wait if waiting is enough."""

    kind: Kind
    sentence: str
    until: datetime | None = None
    moves: list = []

    @property
    def is_safe(self):
        return self.kind == Kind.SAFE

    @property
    def places(self):
        """Return the moves of places, without uses from before places were recorded."""
        return [move for move in self.moves if move.kind != EARLIER]

    @property
    def moved(self):
        """Return the number of places that have moved."""
        return sum(move.state == State.MOVED for move in self.moves)

    @property
    def all_moved(self):
        return self.moved == len(self.places)

    @classmethod
    def of(cls, facts: RotationFacts, at=None):
        """Return the verdict on retiring the old key at this moment.

        It may be a few seconds out of date: places are written in the background.
        """
        at = at or timezone.now()
        moves = moves_of(facts, at)
        # The order matters. A wait is only safe advice once the new key works, no place
        # is known to need the old one, and no scope is missing.
        if reason := wording.new_key_problem(facts, at):
            return cls(Kind.NOT_YET, f"Not yet: {reason}", moves=moves)
        pending = [move for move in moves if not move.is_settled]
        if in_use := [m for m in pending if still_uses_old_key(m, facts.new_since)]:
            reason = wording.still_in_use(in_use, facts.key, at)
            return cls(Kind.NOT_YET, f"Not yet: {reason}", moves=moves)
        if scopes := lost_scopes(facts):
            reason = wording.refused_scopes(scopes)
            return cls(Kind.NOT_YET, f"Not yet: {reason}", moves=moves)
        if pending:
            until = max(move.silent_until for move in pending)
            return cls(Kind.WAIT, wording.wait(pending, until), until, moves)
        return cls(Kind.SAFE, wording.safe(facts, moves, at), moves=moves)


def still_uses_old_key(move, new_since):
    """Whether a place used the old key after the first use of the new one."""
    if move.kind == EARLIER:
        return False  # the time of its last use is not known
    return move.state == State.BOTH or move.old.last > new_since


def lost_scopes(facts):
    """Return the scopes of the old key that the new key was refused for."""
    lost = missing(facts.successor.scopes or (), facts.key.scopes or ())
    return sorted(facts.refused_scopes.intersection(lost))
