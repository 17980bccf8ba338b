"""Bodies as their sender meant them: inflated, and in their charset.

Bodies come from anyone, so the size of the result and the work for it are bounded.
"""

import codecs
import re
from typing import NamedTuple

from echopoint.webhooks.inflating import End, inflate

MAX_ENCODINGS = 2
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([A-Za-z0-9_-]{1,20})")
# A few names: Python remembers every name it was asked for, and some of its codecs take
# quadratic time.
CHARSETS = re.compile(
    r"us-ascii|utf-(8|16|32)|utf-(16|32)[bl]e|latin-?1|iso-?8859-(1[013-6]?|[2-9])"
    r"|windows-(125[0-8]|874)|cp125[0-8]|koi8-[ru]|shift_jis|euc-(jp|kr)|gbk|gb2312"
    r"|gb18030|big5|macintosh",
    re.ASCII,
)
OWN_NAMES = {"windows-874": "cp874"}


class State:
    """What came of the decoding."""

    COMPLETE = "complete"
    CUT = "cut"
    FAILED = "failed"
    NOT_TEXT = "not_text"
    # Set by the code that stores the body, instead of `FAILED` and `NOT_TEXT`.
    WITHHELD = "withheld"


class Decoded(NamedTuple):
    """A decoded body.

    text     of a body that `FAILED`, what comes before the failure; empty if it is no text
    data     the same without its encodings, in bytes
    is_read  whether no content of the body is missing in `data`
    """

    text: str
    state: str
    data: bytes
    is_read: bool


def decode(body: bytes, encoding: str, content_type: str, most: int) -> Decoded | None:
    """Return the body decoded as its headers say, or None when they name nothing to do.

    encoding  the Content-Encoding header
    most      bytes that the inflated body may have; the rest is cut
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    charset = charset_of(content_type)
    if not body or not (names or charset):
        return None
    data, end = undone(body, names, most)
    text = as_text(data, charset, is_cut=end != End.WHOLE)
    is_read = end in {End.WHOLE, End.SHORT}
    return Decoded(text or "", state_of(text, end), data, is_read)


def state_of(text, end):
    if end in {End.SHORT, End.BAD}:
        return State.FAILED
    if text is None:
        return State.NOT_TEXT
    return State.CUT if end == End.MORE else State.COMPLETE


def charset_of(content_type):
    """Return the charset of a Content-Type for Python, or None for UTF-8 and unknown ones."""
    match = CHARSET.search(content_type.lower())
    if not match or not CHARSETS.fullmatch(match[1]) or match[1] == "utf-8":
        return None
    return OWN_NAMES.get(match[1], match[1])


def undone(body, encodings, most):
    """Return (the body without its encodings, the worst end of their decoding)."""
    if len(encodings) > MAX_ENCODINGS:
        return b"", End.BAD
    ends = [End.WHOLE]
    for name in reversed(encodings):
        body, end = inflate(body, name, most)
        ends.append(end)
    return body, max(ends)


def as_text(body, charset, is_cut):
    """Return the text of the bytes, or None when they are not text.

    The last letter of a cut body may be incomplete.
    """
    errors = "replace" if charset else "strict"
    decoder = codecs.getincrementaldecoder(charset or "utf-8")(errors)
    try:
        text = decoder.decode(body, final=not is_cut)
    except UnicodeError:  # not only its subclass: UTF-16 and UTF-32 without a mark
        return None
    return None if "\x00" in text and not charset else text
