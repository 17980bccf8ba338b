"""An exported audit (NDJSON), read back and checked.

Nothing here needs Django or a database, and nothing of a file is repeated in a message.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from apikeys.audit.hash_chain import FIELDS, INSTALLATION, Record, Walk

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ORDER_HOLDS_WITHIN = timedelta(hours=1)
LACKS = (
    "The file lacks events {} to {} of {}, which may be as late as that time. Export the"
    " audit without filters, or from an earlier day."
)
PLACED = ("organization_id", "sequence", "at", "prev_hash")


class Malformed(ValueError):
    """What is not an exported event; the message goes on after "line 3"."""


def check(lines: Iterable[bytes], *, expected_head: str = "") -> dict[str, Walk]:
    """Return a `Walk` for each organization of the file, by its id.

    Raise `Malformed`, with the number of the line.
    """
    walks: dict[str, Walk] = {}
    for record in records(lines):
        new = Walk(whole=False, expected_head=expected_head)
        walk = walks.setdefault(record["organization_id"], new)
        if walk.broken is None:
            walk.add(record)
    return walks


def since(lines: Iterable[bytes], at: datetime) -> Iterator[Record]:
    """Yield the file's events at or after the moment, of which it must have all.

    Raise `Malformed` for a line that is no event, at the first broken link, and where
    events are missing that may be as late. Whether newer ones are missing at the end is
    not known.
    """
    walks: dict[str, Walk] = {}
    for record in records(lines):
        walk = walks.setdefault(record["organization_id"], Walk(whole=False))
        gaps = len(walk.gaps)
        walk.add(record)
        if walk.broken:
            sequence, reason = walk.broken
            raise Malformed(f"The file is broken: event {sequence} {reason}.")
        then = datetime.fromisoformat(record["at"])
        # Clocks differ, and some events are written late: the order is not quite theirs.
        if then >= at - ORDER_HOLDS_WITHIN and len(walk.gaps) > gaps:
            raise Malformed(LACKS.format(*walk.gaps[-1], record["organization_id"]))
        if then >= at:
            yield record


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Yield the events of the file; empty lines are skipped."""
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        try:
            if line.strip():
                yield record_in(line)
        except Malformed as error:
            raise Malformed(f"Line {number} {error}") from None


def record_in(line: bytes) -> Record:
    """Return the event of one line; raise `Malformed`."""
    try:
        record = json.loads(line.decode(), object_pairs_hook=unique)
    except Malformed:
        raise
    except UnicodeDecodeError:
        raise Malformed("is not UTF-8 text.") from None
    except (ValueError, RecursionError):
        raise Malformed(
            "is not JSON. Export the audit as NDJSON: a CSV file cannot be checked."
        ) from None
    if not isinstance(record, dict):
        raise Malformed("is not a JSON object.")
    # Exports of before there were versions.
    record.setdefault("version", 1)
    require_fields(record)
    return record


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object, if readers that take the first of two names see the same."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Malformed("has a name twice.")
    return made


def require_fields(record: Record) -> None:
    """Raise `Malformed` unless the record has its version's fields, and no others."""
    version = record["version"]
    if type(version) is not int:
        raise Malformed('has a "version" that is not a number.')
    # Of a version that is not known, only what places it in a chain is needed.
    fields = {*FIELDS.get(version, PLACED), "hash", "version"}
    if missing := fields - record.keys():
        raise Malformed(f"lacks {', '.join(sorted(missing))}.")
    if version in FIELDS and record.keys() - fields:
        raise Malformed("has fields that no hash covers.")
    for name, (is_right, shape) in SHAPES.items():
        if name in record and not is_right(record[name]):
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
    """Whether it is an id, which is printed as it stands, or names the installation."""
    if value == INSTALLATION:
        return True
    return isinstance(value, str) and bool(re.fullmatch("org_[0-9A-Za-z]{1,60}", value))


def is_sequence(value: Any) -> bool:
    return type(value) is int and 0 < value < MOST_EVENTS


def is_text(value: Any) -> bool:
    """Whether it is text that a database can hold."""
    return isinstance(value, str) and not re.search("[\x00\ud800-\udfff]", value)


TEXTS = (
    *("action", "actor_type", "actor_id", "actor_label"),
    *("target_type", "target_id", "target_label", "ip", "user_agent", "request_id"),
)
MOST_EVENTS = 2**63  # as databases count
SHAPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "organization_id": (is_organization_id, "an organization's id"),
    "sequence": (is_sequence, "a positive number"),
    "at": (is_time, "a time with a zone"),
    "hash": (is_hash, "a SHA-256"),
    "prev_hash": (is_hash, "a SHA-256"),
    "details": (lambda value: isinstance(value, dict), "an object"),
    **dict.fromkeys(TEXTS, (is_text, "text")),
}
