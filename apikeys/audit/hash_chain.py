"""The hash chain of the audit: hash an event, check a chain.

Needs neither Django nor a database. An event is a dict of JSON values, as in an export.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

EventData = dict[str, Any]

GENESIS = "0" * 64
INSTALLATION = "installation"  # in place of an organization's id
LATEST = 2
PRUNED = "audit.pruned"  # the action that seals a chain whose beginning is deleted
# The hashed fields of each version. Never change these lists, or existing chains would no
# longer verify. To hash another field, add a version.
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
EVENT_FIELDS = (*FIELDS[1], "hash", "version")
# Beyond these, JSON libraries that read numbers as floats change integers.
GREATEST = 2**53 - 1
DELETED = "was deleted"
DOES_NOT_FOLLOW = "does not follow the event before it"
UNKNOWN_VERSION = "has a version that this program does not know"


class BrokenLink(NamedTuple):
    """The first event of a chain that is not as it was recorded."""

    sequence: int
    reason: str


class Position(NamedTuple):
    """The event that a walk continues from: its sequence, version and hash."""

    sequence: int
    version: int
    hash: str


def event_hash(event: EventData) -> str:
    """Return the SHA-256 of the event by the rules of its version, 64 hex characters.

    Raise `ValueError` for an unknown version, and for values without a canonical form.
    """
    version = event["version"]
    if version not in FIELDS:
        raise ValueError(f"Unknown version {version!r} of the hash.")
    hashed = {name: event[name] for name in FIELDS[version]}
    return hashlib.sha256(CANONICAL[version](hashed)).hexdigest()


def escaped_json(hashed: EventData) -> bytes:
    """Return JSON with sorted names, escaped to ASCII."""
    return json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()


def canonical_json(hashed: EventData) -> bytes:
    """Return canonical JSON (RFC 8785). Raise `ValueError` for values that are not portable.

    For portable values, orjson and Python's encoder write the same text.
    """
    # Most are texts, and a call for each would take longer than the rest.
    others = [value for value in hashed.values() if type(value) is not str]
    if not is_portable(others):
        raise ValueError(
            "Details are JSON without floats and large integers, with names in ASCII."
        )
    try:
        return orjson.dumps(hashed, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        # Nested too deep for orjson, or text that is no Unicode, a `ValueError` here.
        return encode_canonically(hashed).encode()


def is_portable(value: Any) -> bool:
    """Whether every database and JSON library writes the value in the same way.

    Databases may store 1e2 as 100, which changes the hash. RFC 8785 sorts names by UTF-16
    code units, which most libraries do only for ASCII names.
    """
    if value is None or isinstance(value, str):
        return True
    if isinstance(value, int):
        return -GREATEST <= value <= GREATEST
    if isinstance(value, dict):
        for name, content in value.items():
            if not (isinstance(name, str) and name.isascii() and is_portable(content)):
                return False
        return True
    return isinstance(value, list) and all(map(is_portable, value))


encode_canonically = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":")
).encode
CANONICAL = {1: escaped_json, 2: canonical_json}


def whole_milliseconds(at: datetime) -> datetime:
    """Truncate a time to the precision of version 2."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def format_time(at: datetime, version: int) -> str:
    """Return the time in the format that the version hashes."""
    at = at.astimezone(UTC)
    if version == 1:
        return at.isoformat(timespec="microseconds")
    # Version 2 records no microseconds. If a row has some, it was changed: include them,
    # so that the hash does not match.
    precision = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.isoformat(timespec=precision).replace("+00:00", "Z")


def format_stored_time(text: str, version: int) -> str:
    """Return a time that a database wrote as text in the format that the version hashes.

    Text that is no time in Python's range was never recorded. It stays as it is, so that
    no hash matches.
    """
    if version != 1 and len(text) == 26 and text[10] == " " and text.endswith("+00"):
        # Most times in PostgreSQL. The conversions below take five times as long.
        return f"{text[:10]}T{text[11:23]}Z"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    # SQLite stores UTC without a zone.
    return format_time(at if at.tzinfo else at.replace(tzinfo=UTC), version)


def has_valid_hash(event: EventData) -> bool:
    """Whether the hash of the event matches its fields."""
    try:
        return bool(event["hash"] == event_hash(event))
    except (ValueError, RecursionError):
        return False


class Walk:
    """Checks a chain, event by event, and collects the findings.

    `expected_head` is a hash that was stored outside of the chain. `expected_head_at`
    becomes the sequence of the event with this hash, and `protected_from` that of the
    first event that the hash protects. After a gap, the `prev_hash` of an event proves
    nothing, because anyone can write it; it is only recorded in `claimed_at`.

    In a complete chain a missing event is a broken link. Otherwise missing events are
    `gaps`, pairs of first and last.

    Events up to `base` were deleted because of their age; the chain starts from
    `base_hash`. A later event with the action `PRUNED` records this deletion, and makes
    `is_sealed` true. Without it anyone could delete the oldest events unnoticed. If a
    file starts later than its chain, the missing events may have been deleted so.

    A complete chain can be checked in parts: the walk of a later part starts at the event
    before its first, and `join` adds its findings to those of the parts before it.
    """

    def __init__(
        self,
        *,
        expected_head: str = "",
        is_complete: bool = True,
        base: int = 0,
        base_hash: str = GENESIS,
        start: Position | None = None,
    ) -> None:
        self.events = 0
        self.base, self.base_hash = base, base_hash
        self.is_sealed = base == 0
        self.start = start or Position(base, 1, base_hash)
        self.sequence, self.version, self.head = self.start
        self.since: datetime | None = None
        self.until: datetime | None = None
        self.gaps: list[tuple[int, int]] = []
        self.broken: BrokenLink | None = None
        self.is_complete = is_complete
        self.expected_head = expected_head
        self.expected_head_at = 0 if expected_head == GENESIS else None
        self.protected_from: int | None = None
        self.claimed_at: int | None = None
        if base and expected_head == base_hash:
            self.expected_head_at = base
        self.events_after = 0  # number of events after the expected head
        self.gapless_from = base + 1  # the first event after the last gap

    def add(self, event: EventData) -> None:
        """Check the next event; sets `broken` at the first broken link."""
        missing = self.sequence + 1, event["sequence"] - 1
        has_gap = missing[0] <= missing[1]
        if has_gap and self.is_complete:
            self.broken = BrokenLink(missing[0], DELETED)
        elif reason := self._problem(event, has_gap):
            self.broken = BrokenLink(event["sequence"], reason)
        else:
            if has_gap:
                self._accept_gap(missing, event)
            self._accept(event)
            self._accept_seal(event)

    def join(self, part: "Walk") -> None:
        """Continue with the walk of the next part, as if with `add` for its events."""
        if not part.events and not part.broken:
            return
        start = part.start
        if start.sequence > self.sequence:
            self.broken = BrokenLink(self.sequence + 1, DELETED)
        elif start != (self.sequence, self.version, self.head):
            self.broken = BrokenLink(start.sequence + 1, DOES_NOT_FOLLOW)
        else:
            self._accept_part(part)

    def _accept_part(self, part: "Walk") -> None:
        if part.since and part.until:
            self.since = min(self.since or part.since, part.since)
            self.until = max(self.until or part.until, part.until)
        self.events += part.events
        self.events_after += part.events
        self.sequence, self.version = part.sequence, part.version
        self.head, self.broken = part.head, part.broken
        self.is_sealed |= part.is_sealed
        if part.protected_from is not None:
            # An event of the part has the expected head.
            self.expected_head_at = part.expected_head_at
            self.protected_from = part.protected_from
            self.events_after = part.events_after

    def _problem(self, event: EventData, has_gap: bool) -> str:
        if event["sequence"] <= self.sequence:
            return (
                "was inserted"
                if self.is_complete
                else "comes twice, or after a later one"
            )
        if event["version"] not in FIELDS:
            return UNKNOWN_VERSION
        if not has_valid_hash(event):
            return "was changed"
        if event["version"] < self.version:
            return "has an older version than the event before it"
        if not has_gap and event["prev_hash"] != self.head:
            return DOES_NOT_FOLLOW
        return ""

    def _accept_gap(self, missing: tuple[int, int], event: EventData) -> None:
        self.gaps.append(missing)
        if missing[0] == 1:
            self.base, self.base_hash = missing[1], event["prev_hash"]
            self.is_sealed = False
        self.gapless_from = event["sequence"]
        if self.expected_head == event["prev_hash"]:
            self.claimed_at = missing[1]

    def _accept_seal(self, event: EventData) -> None:
        if event["action"] != PRUNED:
            return
        details = event.get("details") or {}
        if (details.get("through"), details.get("last_hash")) != (
            self.base,
            self.base_hash,
        ):
            return
        self.is_sealed = True
        if self.gaps[:1] == [(1, self.base)]:
            del self.gaps[0]

    def _accept(self, event: EventData) -> None:
        at = datetime.fromisoformat(event["at"]).astimezone(UTC)
        # Clocks of processes differ, so an event may have an earlier time than the one
        # before it.
        self.since = min(self.since or at, at)
        self.until = max(self.until or at, at)
        self.events += 1
        self.events_after += 1
        self.sequence, self.version = event["sequence"], event["version"]
        self.head = event["hash"]
        if self.expected_head == self.head:
            self.expected_head_at, self.protected_from = (
                self.sequence,
                self.gapless_from,
            )
            self.events_after = 0
