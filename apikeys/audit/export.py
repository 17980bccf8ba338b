"""The audit as a file: CSV that a spreadsheet cannot mistake for formulas, or NDJSON."""

import csv
import json
import re
import unicodedata

from apikeys.audit.hash_chain import RECORD
from apikeys.models.audit import AuditEvent

# OWASP, "CSV Injection": what makes a spreadsheet take a cell for a formula, also after
# spaces that some strip, and in the full width that some narrow.
FORMULA_STARTS = ("=", "+", "-", "@")
CONTROL_STARTS = ("\t", "\r", "\n")
INVISIBLE = "\u200b\u2060\ufeff\x00"
# Where some spreadsheet begins a new cell: many countries separate by semicolons, and
# ignore the quotes around a whole cell then. In full width too.
SEPARATORS = re.compile(r"([;|\t；｜]|(?<!^)[\r\n])")
# Excel takes a file without it for one in the encoding of the machine.
BYTE_ORDER_MARK = "\ufeff"
CHUNK = 1000


class Echo:
    """A file that gives back what is written to it."""

    def write(self, text):
        return text


def defused(value):
    """Return the cell, as text where a spreadsheet would take it for a formula.

    The cell as a whole, and each part that would be a cell with another separator.
    """
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    first, *rest = SEPARATORS.split(text)
    parts = ["'"] if is_formula(text) else []
    parts.append(first)
    for separator, part in zip(rest[::2], rest[1::2], strict=True):
        # A quote would only open the new cell.
        mark = "'" if is_formula(part.lstrip(' "')) else ""
        parts.append(f"{separator}{mark}{part}")
    return "".join(parts)


def is_formula(text):
    """Whether some spreadsheet takes the text for a formula."""
    seen = unicodedata.normalize("NFKC", text).lstrip().lstrip(INVISIBLE).lstrip()
    return text.startswith(CONTROL_STARTS) or seen.startswith(FORMULA_STARTS)


def as_csv(events):
    """Yield the lines of a CSV file (RFC 4180), with the names of the columns first."""
    writer = csv.writer(Echo())
    yield BYTE_ORDER_MARK + writer.writerow(RECORD)
    for event in events.iterator(chunk_size=CHUNK):
        yield writer.writerow([defused(value) for value in event.as_record().values()])


def as_ndjson(events):
    """Yield a JSON object for each event, one a line."""
    for event in events.iterator(chunk_size=CHUNK):
        yield json.dumps(event.as_record(), sort_keys=True) + "\n"


def record_export(events, organization, *, by, format, filters=None):
    """Record that these events were taken as a file."""
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
