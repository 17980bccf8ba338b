"""Read and check an exported audit (NDJSON).

Needs neither Django nor a database. A file may come from anyone, so no message repeats
its contents.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from apikeys.audit.hash_chain import FIELDS, INSTALLATION, EventData, Walk

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CLOCK_TOLERANCE = timedelta(hours=1)
MISSING_EVENTS = (
    "The file lacks events {} to {} of {}, which may be from after that time. Export the"
    " audit without filters, or from an earlier day."
)
POSITION_FIELDS = ("organization_id", "sequence", "at", "prev_hash")


class Malformed(ValueError):
    """A line that is not an exported event; the message follows "Line 3"."""


def check(lines: Iterable[bytes], *, expected_head: str = "") -> dict[str, Walk]:
    """Return a `Walk` for each organization of the file, by its id.

    Raise `Malformed` with the number of the line.
    """
    walks: dict[str, Walk] = {}
    for event in read_events(lines):
        new = Walk(is_complete=False, expected_head=expected_head)
        walk = walks.setdefault(event["organization_id"], new)
        if walk.broken is None:
            walk.add(event)
    return walks


def events_since(lines: Iterable[bytes], at: datetime) -> Iterator[EventData]:
    """Yield the events of the file at or after a time; the file must have all of them.

    Raise `Malformed` for an invalid line, at the first broken link, and if events are
    missing that may be from after that time. Events that are missing at the end of the
    file cannot be detected.
    """
    walks: dict[str, Walk] = {}
    for event in read_events(lines):
        walk = walks.setdefault(event["organization_id"], Walk(is_complete=False))
        gaps = len(walk.gaps)
        walk.add(event)
        if walk.broken:
            sequence, reason = walk.broken
            raise Malformed(f"The file is broken: event {sequence} {reason}.")
        then = datetime.fromisoformat(event["at"])
        # Events are not strictly ordered by time: clocks of processes differ, and some
        # events are written late. So a gap shortly before the time counts too.
        if then >= at - CLOCK_TOLERANCE and len(walk.gaps) > gaps:
            raise Malformed(
                MISSING_EVENTS.format(*walk.gaps[-1], event["organization_id"])
            )
        if then >= at:
            yield event


def read_events(lines: Iterable[bytes]) -> Iterator[EventData]:
    """Yield the events of the file; skip empty lines."""
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        try:
            if line.strip():
                yield parse_event(line)
        except Malformed as error:
            raise Malformed(f"Line {number} {error}") from None


def parse_event(line: bytes) -> EventData:
    """Return the event of one line; raise `Malformed`."""
    try:
        event = json.loads(line.decode(), object_pairs_hook=without_duplicates)
    except Malformed:
        raise
    except UnicodeDecodeError:
        raise Malformed("is not UTF-8 text.") from None
    except (ValueError, RecursionError):
        raise Malformed(
            "is not JSON. Export the audit as NDJSON: a CSV file cannot be checked."
        ) from None
    if not isinstance(event, dict):
        raise Malformed("is not a JSON object.")
    # Older exports have no version.
    event.setdefault("version", 1)
    require_fields(event)
    return event


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; raise `Malformed` for a duplicate name.

    Python takes the last of two equal names, other readers the first. A forger could show
    one value to people and have the other verified.
    """
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise Malformed("has a name twice.")
    return unique


def require_fields(event: EventData) -> None:
    """Raise `Malformed` unless the event has exactly the fields of its version."""
    version = event["version"]
    if type(version) is not int:
        raise Malformed('has a "version" that is not a number.')
    # An event of an unknown version needs only the fields that give its position.
    fields = {*FIELDS.get(version, POSITION_FIELDS), "hash", "version"}
    if missing := fields - event.keys():
        raise Malformed(f"lacks {', '.join(sorted(missing))}.")
    if version in FIELDS and event.keys() - fields:
        raise Malformed("has fields that no hash covers.")
    for name, (is_right, shape) in SHAPES.items():
        if name in event and not is_right(event[name]):
            raise Malformed(f'has a "{name}" that is not {shape}.')


def is_time(value: Any) -> bool:
    try:
        at = datetime.fromisoformat(value)
        return at.tzinfo is not None and at.astimezone(UTC) is not None
    except (ValueError, TypeError, OverflowError):
        return False


def is_hash(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value))


def is_organization_id(value: Any) -> bool:
    """Whether it is an id or the installation; it is printed, so nothing else may pass."""
    if value == INSTALLATION:
        return True
    return isinstance(value, str) and bool(re.fullmatch("org_[0-9A-Za-z]{1,60}", value))


def is_sequence(value: Any) -> bool:
    return type(value) is int and 0 < value < MAX_SEQUENCE


def is_text(value: Any) -> bool:
    """Whether it is text that a database can store."""
    return isinstance(value, str) and not re.search("[\x00\ud800-\udfff]", value)


TEXTS = (
    *("action", "actor_type", "actor_id", "actor_label"),
    *("target_type", "target_id", "target_label", "ip", "user_agent", "request_id"),
)
MAX_SEQUENCE = 2**63  # of a database column
SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "organization_id": (is_organization_id, "an organization's id"),
    "sequence": (is_sequence, "a positive number"),
    "at": (is_time, "a time with a zone"),
    "hash": (is_hash, "a SHA-256"),
    "prev_hash": (is_hash, "a SHA-256"),
    "details": (lambda value: isinstance(value, dict), "an object"),
    **dict.fromkeys(TEXTS, (is_text, "text")),
}
