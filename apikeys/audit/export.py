"""Export the audit as NDJSON, or as CSV without formulas for spreadsheets."""

import json
import re
import unicodedata
from functools import lru_cache

import orjson
from django.db import Error
from django.db.models import Count, Max, Min

from apikeys.audit.hash_chain import EVENT_FIELDS
from apikeys.models.audit import AuditEvent
from echopoint.core.replica.reads import record_failure
from echopoint.core.replica.servers import PRIMARY, REPLICA

# OWASP, "CSV Injection": a spreadsheet runs a cell that starts with one of these. Some strip
# leading spaces, or convert full-width characters, before they look.
FORMULA_STARTS = ("=", "+", "-", "@")
CONTROL_STARTS = ("\t", "\r", "\n")
INVISIBLE = "\u200b\u2060\ufeff\x00"
# Characters at which some spreadsheet starts a new cell. In many countries the separator
# is a semicolon, and then the quotes around a whole cell are ignored.
SEPARATORS = re.compile(r"([;|\t；｜]|(?<!^)[\r\n])")
CSV = "text/csv; charset=utf-8"
# Without it Excel reads the file in the local encoding.
BYTE_ORDER_MARK = "\ufeff"
# Most cells. They start with a letter or a harmless sign, and so does the text after each
# separator, which a space may follow, as in a user agent.
START = r'(?![=+\-@;|"])[!-~\w]'
REST = r"[^;|\t；｜\r\n]*+"
PLAIN = rf"(?:{START}{REST}(?:[;|] ?{START}{REST})*+)?"
PLAIN_CELL = re.compile(PLAIN)
PLAIN_LINES = re.compile(rf"{PLAIN}(?:\n{PLAIN})*+")
encode_json = json.JSONEncoder(sort_keys=True).encode
SEQUENCE = EVENT_FIELDS.index("sequence")
BLOCK = 64 * 1024  # characters; a server writes each block to its socket
STEP = 10_000  # sequences that a statement looks through


class Incomplete(Exception):
    """Events were deleted because of their age during their export."""

    def __init__(self):
        super().__init__("Old events were deleted during the export. Export again.")


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


def as_line(values):
    """Return a line of a CSV file (RFC 4180)."""
    return ",".join(map(as_field, as_cells(values))) + "\r\n"


def as_csv(events):
    """Yield the lines of a CSV file (RFC 4180), starting with the column names."""
    yield BYTE_ORDER_MARK + as_line(EVENT_FIELDS)
    yield from map(as_line, rows_of(events))


def as_ndjson(events):
    """Yield one JSON object per event and line."""
    for values in rows_of(events):
        yield as_json(dict(zip(EVENT_FIELDS, values, strict=True))) + "\n"


def rows_of(events):
    """Yield the values of each event, in the order of the chain.

    A single statement would write all events to a temporary file before it returns the
    first, which takes longer than a request's statements may. If the replica fails, the
    primary goes on with the next event: none of them ever changes. Raise `Incomplete` if
    events were deleted between the statements.
    """
    events, (missing, first, last) = with_extent(events)
    sequence = (first or 1) - 1
    while sequence < (last or 0):
        end = sequence + STEP
        part = events.filter(sequence__gt=sequence, sequence__lte=end)
        try:
            for values in part.order_by("sequence").rows():
                yield values
                sequence = values[SEQUENCE]
                missing -= 1
            sequence = end
        except Error as error:
            events = on_primary(events, error)
    if missing > 0:
        raise Incomplete


def with_extent(events):
    """Return the events, and their number with their first and last sequence."""
    extent = {"count": Count("pk"), "first": Min("sequence"), "last": Max("sequence")}
    try:
        return events, events.aggregate(**extent).values()
    except Error as error:
        events = on_primary(events, error)
        return events, events.aggregate(**extent).values()


def on_primary(events, error):
    """Return the events as the primary has them; raise the error if that has failed."""
    if events.db != REPLICA:
        raise error
    record_failure(error)
    return events.using(PRIMARY)


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
    "csv": (as_csv, CSV),
    "ndjson": (as_ndjson, "application/x-ndjson"),
}
