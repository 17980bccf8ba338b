"""Decodes bodies of captured requests: Content-Encoding and charset.

Anyone can send a body, so the size of the result and the CPU time are bounded.
"""

import codecs
import re
from typing import NamedTuple

from echopoint.webhooks.inflating import End, inflate

MAX_ENCODINGS = 2
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_-]{1,20})")
# An allowlist: Python caches every codec name that it looks up, so that senders could fill
# the memory, and some codecs take quadratic time.
CHARSETS = re.compile(
    r"us-ascii|utf-(8|16|32)|utf-(16|32)[bl]e|latin-?1|iso-?8859-(1[013-6]?|[2-9])"
    r"|windows-(125[0-8]|874)|cp125[0-8]|koi8-[ru]|shift_jis|euc-(jp|kr)|gbk|gb2312"
    r"|gb18030|big5|macintosh",
    re.ASCII,
)
PYTHON_NAMES = {"windows-874": "cp874"}


class DecodingState:
    """The result of decoding; the values are those of the API."""

    COMPLETE = "complete"
    CUT = "cut"
    FAILED = "failed"
    NOT_TEXT = "not_text"
    # Set by the code that stores the body, instead of `FAILED` and `NOT_TEXT`.
    WITHHELD = "withheld"


class Decoded(NamedTuple):
    """A decoded body.

    text     the decoded text, up to the failure if it `FAILED`; empty if it is not text
    data     the bytes without Content-Encoding
    is_read  whether `data` contains all content of the body
    """

    text: str
    state: str
    data: bytes
    is_read: bool


def decode(
    body: bytes, encoding: str, content_type: str, max_bytes: int
) -> Decoded | None:
    """Decode a body according to its headers; None if they name no encoding or charset.

    encoding   the Content-Encoding header
    max_bytes  maximum size of the inflated body; the rest is cut off
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    charset = charset_of(content_type)
    if not body or not (names or charset):
        return None
    data, end = remove_encodings(body, names, max_bytes)
    text = as_text(data, charset, is_cut=end != End.WHOLE)
    is_read = end in {End.WHOLE, End.INCOMPLETE}
    return Decoded(text or "", state_of(text, end), data, is_read)


def state_of(text, end):
    if end in {End.INCOMPLETE, End.INVALID}:
        return DecodingState.FAILED
    if text is None:
        return DecodingState.NOT_TEXT
    return DecodingState.CUT if end == End.OVER_LIMIT else DecodingState.COMPLETE


def charset_of(content_type):
    """Return the Python name of the charset; None for UTF-8 and for unknown charsets."""
    match = CHARSET.search(content_type.lower())
    if not match or not CHARSETS.fullmatch(match[1]) or match[1] == "utf-8":
        return None
    return PYTHON_NAMES.get(match[1], match[1])


def remove_encodings(body, encodings, max_bytes):
    """Return (the body without its encodings, the worst result of the steps)."""
    # Each layer can multiply the work: a few kilobytes could cost seconds.
    if len(encodings) > MAX_ENCODINGS:
        return b"", End.INVALID
    ends = [End.WHOLE]
    for name in reversed(encodings):
        body, end = inflate(body, name, max_bytes)
        ends.append(end)
    return body, max(ends)


def as_text(body, charset, is_cut):
    """Decode to text; None if the bytes are not text.

    The last character of a cut body may be incomplete.
    """
    errors = "replace" if charset else "strict"
    decoder = codecs.getincrementaldecoder(charset or "utf-8")(errors)
    try:
        text = decoder.decode(body, final=not is_cut)
    except UnicodeError:
        # Not UnicodeDecodeError: a missing byte order mark raises this.
        return None
    return None if "\x00" in text and not charset else text
