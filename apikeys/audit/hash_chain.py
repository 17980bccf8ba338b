"""The hash chain of the audit: how an event is hashed, and how a chain is checked.

Nothing here needs Django or a database. An event is a record: its JSON values by name, as
an export has them.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import rfc8785

Record = dict[str, Any]

GENESIS = "0" * 64
INSTALLATION = "installation"  # stands for an organization's id where there is none
LATEST = 2
PRUNED = "audit.pruned"  # the action that seals a chain whose beginning is deleted
# What each version hashes. These lists never change, or chains that exist would not
# verify any more: to hash another field, add a version.
FIELDS = {
    1: (
        "organization_id",
        "sequence",
        "at",
        "action",
        "actor_type",
        "actor_id",
        "actor_label",
        "target_type",
        "target_id",
        "target_label",
        "details",
        "ip",
        "user_agent",
        "request_id",
        "prev_hash",
    ),
    2: (
        "organization_id",
        "sequence",
        "at",
        "action",
        "actor_type",
        "actor_id",
        "actor_label",
        "target_type",
        "target_id",
        "target_label",
        "details",
        "ip",
        "user_agent",
        "request_id",
        "prev_hash",
        "version",
    ),
}
RECORD = (*FIELDS[1], "hash", "version")
UNKNOWN_VERSION = "has a version that this program does not know"


class BrokenLink(NamedTuple):
    """The first event at which a chain is not what was written."""

    sequence: int
    reason: str


def fingerprint(record: Record) -> str:
    """Return the SHA-256 of the record by the rules of its version, 64 hex characters.

    Raise `ValueError` for an unknown version, and for values that it cannot hold.
    """
    version = record["version"]
    if version not in FIELDS:
        raise ValueError(f"Version {version!r} of the hash is not known.")
    hashed = {name: record[name] for name in FIELDS[version]}
    return hashlib.sha256(CANONICAL[version](hashed)).hexdigest()


def escaped_json(hashed: Record) -> bytes:
    """Return JSON with sorted names, in ASCII."""
    return json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()


def canonical_json(hashed: Record) -> bytes:
    """Return canonical JSON by RFC 8785. Raise `ValueError` for what is not portable."""
    if not is_portable(hashed):
        raise ValueError("Details are JSON without floats, with names in ASCII.")
    return rfc8785.dumps(hashed)


def is_portable(value: Any) -> bool:
    """Whether every database and every JSON library has the same spelling for it.

    Databases store a float in other spellings, and RFC 8785 sorts names by UTF-16, which
    most libraries do for ASCII only.
    """
    if isinstance(value, dict):
        names = all(isinstance(name, str) and name.isascii() for name in value)
        return names and all(map(is_portable, value.values()))
    if isinstance(value, list):
        return all(map(is_portable, value))
    return isinstance(value, str | int | None)


CANONICAL = {1: escaped_json, 2: canonical_json}


def whole_milliseconds(at: datetime) -> datetime:
    """Return the moment as version 2 records it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def written(at: datetime, version: int) -> str:
    """Return the moment as the version hashes it."""
    at = at.astimezone(UTC)
    if version == 1:
        return at.isoformat(timespec="microseconds")
    # Microseconds are in no event of version 2, so one that has them must not match.
    precision = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.isoformat(timespec=precision).replace("+00:00", "Z")


def is_as_hashed(record: Record) -> bool:
    """Whether the record has the hash that its fields make."""
    try:
        return bool(record["hash"] == fingerprint(record))
    except (ValueError, RecursionError):
        return False


class Walk:
    """Checks a chain, one record after the other, and keeps what it has found.

    `expected_head` is a hash that was kept elsewhere; `kept_at` becomes the sequence of
    the event that has it, and `kept_from` that of the first event which it protects. An
    event after a gap only claims what it follows: the claim is `claimed_at`. Unless the
    chain is `whole`, missing events are `gaps`, pairs of first and last; they break a
    whole one.

    Events up to `base` were deleted for their age, and the chain goes on from `base_hash`.
    A later event, of the action `PRUNED`, says so: then the beginning is sealed. Where a
    file begins later than a chain does, what is missing may be that.
    """

    def __init__(
        self,
        *,
        expected_head: str = "",
        whole: bool = True,
        base: int = 0,
        base_hash: str = GENESIS,
    ) -> None:
        self.events = 0
        self.base, self.base_hash = base, base_hash
        self.is_sealed = base == 0
        self.sequence, self.version, self.head = base, 1, base_hash
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.gaps: list[tuple[int, int]] = []
        self.broken: BrokenLink | None = None
        self.whole = whole
        self.expected_head = expected_head
        self.kept_at = 0 if expected_head == GENESIS else None
        self.kept_from: int | None = None
        self.claimed_at: int | None = None
        if base and expected_head == base_hash:
            self.kept_at = base
        self.events_after = 0  # the one with the expected head
        self.row_from = base + 1  # the first event after the last gap

    def add(self, record: Record) -> None:
        """Check the next record; `broken` says what is wrong with it."""
        missing = self.sequence + 1, record["sequence"] - 1
        has_gap = missing[0] <= missing[1]
        if has_gap and self.whole:
            self.broken = BrokenLink(missing[0], "was deleted")
        elif reason := self._complaint(record, has_gap):
            self.broken = BrokenLink(record["sequence"], reason)
        else:
            if has_gap:
                self._pass_gap(missing, record)
            self._pass(record)
            self._pass_seal(record)

    def _complaint(self, record: Record, has_gap: bool) -> str:
        if record["sequence"] <= self.sequence:
            return "was inserted" if self.whole else "comes twice, or after a later one"
        if record["version"] not in FIELDS:
            return UNKNOWN_VERSION
        if not is_as_hashed(record):
            return "was changed"
        if record["version"] < self.version:
            return "has an older version than the event before it"
        if not has_gap and record["prev_hash"] != self.head:
            return "does not follow the event before it"
        return ""

    def _pass_gap(self, missing: tuple[int, int], record: Record) -> None:
        self.gaps.append(missing)
        if missing[0] == 1:
            self.base, self.base_hash = missing[1], record["prev_hash"]
            self.is_sealed = False
        self.row_from = record["sequence"]
        # Anyone can write an event that says it follows a hash.
        if self.expected_head == record["prev_hash"]:
            self.claimed_at = missing[1]

    def _pass_seal(self, record: Record) -> None:
        details = record.get("details") or {}
        if record["action"] != PRUNED:
            return
        if (details.get("through"), details.get("last_hash")) != (
            self.base,
            self.base_hash,
        ):
            return
        self.is_sealed = True
        if self.gaps[:1] == [(1, self.base)]:
            del self.gaps[0]

    def _pass(self, record: Record) -> None:
        at = datetime.fromisoformat(record["at"]).astimezone(UTC)
        # An event may be dated before the one that it follows, as clocks differ.
        self.since = min(self.since or at, at)
        self.until = max(self.until or at, at)
        self.events += 1
        self.events_after += 1
        self.sequence, self.version = record["sequence"], record["version"]
        self.head = record["hash"]
        if self.expected_head == self.head:
            self.kept_at, self.kept_from = self.sequence, self.row_from
            self.events_after = 0
