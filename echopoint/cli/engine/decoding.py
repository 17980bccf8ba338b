"""Undo the Content-Encoding of a body, never making more of it than is allowed.

httpx decodes whatever it is given in one go: 64 KiB that were compressed twice may be
gigabytes then.
"""

import zlib

# With either header, and "deflate" with or without one, as servers have it.
GZIP, DEFLATE, RAW_DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
MAX_ENCODINGS = 5


class TooLarge(ValueError):
    """The body is larger than is read."""


class BadEncoding(ValueError):
    """The body is not encoded as it says."""


def decode(body: bytes, content_encoding: str, most: int) -> bytes:
    """Return the body decoded; one whose encoding is unknown is returned as it is.

    Raises TooLarge beyond `most` bytes, and BadEncoding.
    """
    encodings = [name.strip().lower() for name in content_encoding.split(",")]
    encodings = [name for name in encodings if name not in ("", "identity")]
    if len(encodings) > MAX_ENCODINGS:
        raise BadEncoding(f"it is encoded more than {MAX_ENCODINGS} times")
    for name in reversed(encodings):
        if name in ("gzip", "x-gzip"):
            body = _inflated(body, GZIP, most)
        elif name == "deflate":
            body = _deflated(body, most)
        else:
            break
    return body


def _deflated(body: bytes, most: int) -> bytes:
    try:
        return _inflated(body, DEFLATE, most)
    except BadEncoding:
        return _inflated(body, RAW_DEFLATE, most)


def _inflated(body: bytes, window: int, most: int) -> bytes:
    if not body:
        return b""
    parts, left = [], most
    try:
        while body:
            stream = zlib.decompressobj(window)
            # One byte more than allowed tells that there is more.
            parts.append(stream.decompress(body, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise TooLarge
            if not stream.eof:
                raise BadEncoding("it ends too early")
            # gzip files may follow each other (RFC 1952, section 2.2).
            body = stream.unused_data if window == GZIP else b""
    except zlib.error as error:
        raise BadEncoding(str(error)) from None
    return b"".join(parts)
