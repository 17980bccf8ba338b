"""Export the audit as NDJSON, or as CSV without formulas for spreadsheets."""

import json
import re
import unicodedata
from functools import lru_cache

import orjson
from django.db import Error

from apikeys.audit.hash_chain import EVENT_FIELDS
from apikeys.models.audit import AuditEvent
from apikeys.models.audit_chain import EventQuerySet
from echopoint.core.replica.reads import record_failure
from echopoint.core.replica.servers import PRIMARY, REPLICA

# OWASP, "CSV Injection": a spreadsheet runs a cell that starts so as a formula. Some strip
# leading spaces, or convert full-width characters, before they look.
FORMULA_STARTS = ("=", "+", "-", "@")
CONTROL_STARTS = ("\t", "\r", "\n")
INVISIBLE = "\u200b\u2060\ufeff\x00"
# Characters at which some spreadsheet starts a new cell. In many countries the separator
# is a semicolon, and then the quotes around a whole cell are ignored.
SEPARATORS = re.compile(r"([;|\t；｜]|(?<!^)[\r\n])")
# Without it Excel reads the file in the local encoding.
BYTE_ORDER_MARK = "\ufeff"
# Most cells: they start with a letter or a sign that is harmless, and so does what comes
# after a separator and, as in a user agent, a single space.
START = r'(?![=+\-@;|"])[!-~\w]'
REST = r"[^;|\t；｜\r\n]*+"
PLAIN = rf"(?:{START}{REST}(?:[;|] ?{START}{REST})*+)?"
PLAIN_CELL = re.compile(PLAIN)
PLAIN_LINES = re.compile(rf"{PLAIN}(?:\n{PLAIN})*+")
encode_json = json.JSONEncoder(sort_keys=True).encode
SEQUENCE = EVENT_FIELDS.index("sequence")
BLOCK = 64 * 1024  # characters; a server writes each block to its socket


def as_json(value):
    """Return JSON with sorted names."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError:
        # Details of version 1 may hold integers beyond 64 bits.
        return encode_json(value)


def as_cells(values):
    """Return the cells of a row, with a quote before everything that is a formula."""
    cells = [value if isinstance(value, str) else as_text(value) for value in values]
    # One search for all cells takes a fraction of the time.
    lines = "\n".join(cells)
    if lines.count("\n") == len(cells) - 1 and PLAIN_LINES.fullmatch(lines):
        return cells
    return map(escape_formulas, cells)


def as_text(value):
    return str(value) if type(value) is int else as_json(value)


def escape_formulas(text):
    """Return the cell with a quote before everything that a spreadsheet could run.

    That is the cell, and each part that would be a cell with another separator.
    """
    if PLAIN_CELL.fullmatch(text):
        return text
    return escape_cells(text)


# Many events have the same client and the same labels.
@lru_cache(maxsize=1000)
def escape_cells(text):
    first, *rest = SEPARATORS.split(text)
    parts = ["'"] if is_formula(text) else []
    parts.append(first)
    for separator, part in zip(rest[::2], rest[1::2], strict=True):
        # A spreadsheet strips spaces and an opening quote of the new cell.
        mark = "'" if is_formula(part.lstrip(' "')) else ""
        parts.append(f"{separator}{mark}{part}")
    return "".join(parts)


def is_formula(text):
    """Whether some spreadsheet would run the text as a formula."""
    seen = unicodedata.normalize("NFKC", text).lstrip().lstrip(INVISIBLE).lstrip()
    return text.startswith(CONTROL_STARTS) or seen.startswith(FORMULA_STARTS)


def as_field(cell):
    """Return the cell, in quotes if it needs them (RFC 4180)."""
    if '"' in cell or "," in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell


def as_csv(events):
    """Yield the lines of a CSV file (RFC 4180), starting with the column names."""
    yield BYTE_ORDER_MARK + ",".join(EVENT_FIELDS) + "\r\n"
    for values in events.rows():
        yield ",".join(map(as_field, as_cells(values))) + "\r\n"


def as_ndjson(events):
    """Yield one JSON object per event and line."""
    for event in events.records():
        yield as_json(event) + "\n"


def in_blocks(lines):
    """Join lines into blocks."""
    block, length = [], 0
    for line in lines:
        block.append(line)
        length += len(line)
        if length >= BLOCK:
            yield "".join(block)
            block, length = [], 0
    if block:
        yield "".join(block)


class ResumedEvents:
    """Events to export that the primary goes on with, if the replica fails meanwhile.

    That is possible in the middle of a file too: the events are in the order of their
    sequence, and none of them ever changes.
    """

    def __init__(self, events):
        self.events = events

    def rows(self):
        """Yield the rows of all events, as `EventQuerySet.rows` does."""
        last = 0
        try:
            for row in self.events.rows():
                yield row
                last = row[SEQUENCE]
        except Error as error:
            if self.events.db != REPLICA:
                raise
            record_failure(error)
            rest = self.events.using(PRIMARY).filter(sequence__gt=last)
            yield from rest.rows()

    records = EventQuerySet.records


def record_export(extent, organization, *, by, format, filters=None):
    """Record in the audit that events of this extent were exported."""
    AuditEvent.objects.record(
        AuditEvent.Action.AUDIT_EXPORTED,
        organization=organization,
        actor=by,
        target=("organization", organization.pk, organization.name),
        format=format,
        filters=filters or {},
        **extent,
    )


FORMATS = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "ndjson": (as_ndjson, "application/x-ndjson"),
}
