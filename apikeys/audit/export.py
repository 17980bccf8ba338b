"""Export the audit as NDJSON, or as CSV without formulas for spreadsheets."""

import csv
import json
import re
import unicodedata
from functools import lru_cache

from apikeys.audit.hash_chain import EVENT_FIELDS
from apikeys.models.audit import AuditEvent

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
# Most cells: ASCII, without a separator, and without a space or a formula at the start.
PLAIN = re.compile(r"(?:(?![=+\-@;|])[!-~][^;|\t\r\n]*)?")
as_json = json.JSONEncoder(sort_keys=True).encode


class LineWriter:
    """A file for csv.writer() whose write() returns the line instead of storing it."""

    def write(self, text):
        return text


def escape_formulas(value):
    """Return the cell with a quote before everything that a spreadsheet could run.

    That is the cell, and each part that would be a cell with another separator.
    """
    text = value if isinstance(value, str) else as_json(value)
    if text.isascii() and PLAIN.fullmatch(text):
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


def as_csv(events):
    """Yield the lines of a CSV file (RFC 4180), starting with the column names."""
    writer = csv.writer(LineWriter())
    yield BYTE_ORDER_MARK + writer.writerow(EVENT_FIELDS)
    for event in events.records():
        yield writer.writerow(map(escape_formulas, event.values()))


def as_ndjson(events):
    """Yield one JSON object per event and line."""
    for event in events.records():
        yield as_json(event) + "\n"


def record_export(events, organization, *, by, format, filters=None):
    """Record the export of these events in the audit."""
    AuditEvent.objects.record(
        AuditEvent.Action.AUDIT_EXPORTED,
        organization=organization,
        actor=by,
        target=("organization", organization.pk, organization.name),
        format=format,
        filters=filters or {},
        **events.extent(),
    )


FORMATS = {
    "csv": (as_csv, "text/csv; charset=utf-8"),
    "ndjson": (as_ndjson, "application/x-ndjson"),
}
