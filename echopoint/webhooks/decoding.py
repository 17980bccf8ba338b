"""Bodies as their sender meant them: inflated, and in their charset.

Bodies come from anyone, so the size of the result and the work for it are bounded.
"""

import codecs
import re
import zlib
from typing import NamedTuple

# With either header; "deflate" comes with or without one.
WINDOWS = {
    "gzip": (zlib.MAX_WBITS | 16,),
    "x-gzip": (zlib.MAX_WBITS | 16,),
    "deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}
MAX_ENCODINGS = 2
# gzip members may follow each other (RFC 1952, section 2.2). Each costs a copy of the rest.
MAX_MEMBERS = 100
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


class Decoded(NamedTuple):
    """A decoded body; the text is empty unless the state is `COMPLETE` or `CUT`."""

    text: str
    state: str


class BadEncoding(ValueError):
    """The body is not encoded as its header says, or in a way that is unknown here."""


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
    try:
        body, is_cut = undone(body, names, most)
    except BadEncoding:
        return Decoded("", State.FAILED)
    text = as_text(body, charset, is_cut)
    if text is None:
        return Decoded("", State.NOT_TEXT)
    return Decoded(text, State.CUT if is_cut else State.COMPLETE)


def charset_of(content_type):
    """Return the charset of a Content-Type for Python, or None for UTF-8 and unknown ones."""
    match = CHARSET.search(content_type.lower())
    if not match or not CHARSETS.fullmatch(match[1]) or match[1] == "utf-8":
        return None
    return OWN_NAMES.get(match[1], match[1])


def undone(body, encodings, most):
    """Return (the body without its encodings, whether it was cut)."""
    if len(encodings) > MAX_ENCODINGS or not set(encodings) <= WINDOWS.keys():
        raise BadEncoding
    is_cut = False
    for name in reversed(encodings):
        body, is_cut = inflated(body, WINDOWS[name], most)
    return body, is_cut


def inflated(body, windows, most):
    first, *others = windows
    try:
        return inflate(body, first, most)
    except BadEncoding:
        if not others:
            raise
        return inflate(body, others[0], most)


def inflate(data, window, most):
    """Return (at most so many bytes of the inflated data, whether there are more)."""
    parts, left = [], most
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        try:
            # One byte more than allowed tells that there is more.
            parts.append(stream.decompress(data, left + 1))
        except zlib.error:
            raise BadEncoding from None
        left -= len(parts[-1])
        if left < 0:
            return b"".join(parts)[:most], True
        if not stream.eof:
            raise BadEncoding
        data = stream.unused_data
        if not data:
            return b"".join(parts), False
    raise BadEncoding


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
