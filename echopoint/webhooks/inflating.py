"""Decompress a Content-Encoding, with a limit on the size of the result."""

import io
import zlib
from enum import IntEnum

import brotli
import zstandard

# zlib window bits for gzip, zlib and raw deflate. Senders of "deflate" use either of the
# last two.
GZIP, DEFLATE, RAW_DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
# A gzip body may have several members (RFC 1952, section 2.2). Each one copies the rest of the
# body, so without a limit the work would be quadratic.
MAX_MEMBERS = 100
# RFC 9659 limits the window of HTTP content to 8 MB. A body may claim gigabytes.
ZSTD_WINDOW = 8 * 2**20


class End(IntEnum):
    """The result of decoding, from the best to the worst; compared with max()."""

    WHOLE = 0
    INCOMPLETE = 1  # the body ends early; everything in it is decoded
    OVER_LIMIT = 2  # the limit is reached
    INVALID = 3  # the rest is not in this encoding


def inflate(body: bytes, encoding: str, max_bytes: int) -> tuple[bytes, End]:
    """Return at most `max_bytes` of the decoded body, and the result of decoding."""
    decoder = DECODERS.get(encoding)
    return decoder(body, max_bytes) if decoder else (b"", End.INVALID)


def gunzip(body, max_bytes):
    return unzip(body, GZIP, max_bytes)


def undeflate(body, max_bytes):
    with_header = unzip(body, DEFLATE, max_bytes)
    return (
        unzip(body, RAW_DEFLATE, max_bytes)
        if with_header[1] == End.INVALID
        else with_header
    )


def unzip(data, window, max_bytes):
    parts, remaining = [], max_bytes
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        try:
            # Read one byte over the limit, to see whether there is more.
            parts.append(stream.decompress(data, remaining + 1))
        except zlib.error:
            return b"".join(parts), End.INVALID
        remaining -= len(parts[-1])
        if remaining < 0:
            return b"".join(parts)[:max_bytes], End.OVER_LIMIT
        data = stream.unused_data
        if not data:
            return b"".join(parts), End.WHOLE if stream.eof else End.INCOMPLETE
    return b"".join(parts), End.INVALID


def unbrotli(body, max_bytes):
    stream, decoded = brotli.Decompressor(), bytearray()
    try:
        part = stream.process(body, output_buffer_limit=max_bytes + 1)
        while part and len(decoded) + len(part) <= max_bytes:
            decoded += part
            part = stream.process(b"", output_buffer_limit=max_bytes + 1 - len(decoded))
    except brotli.error:
        return bytes(decoded), End.INVALID
    decoded += part
    if len(decoded) > max_bytes:
        return bytes(decoded[:max_bytes]), End.OVER_LIMIT
    return bytes(decoded), End.WHOLE if stream.is_finished() else End.INCOMPLETE


def unzstd(body, max_bytes):
    engine = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    try:
        with engine.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
            decoded = reader.read(max_bytes + 1)
        if len(decoded) > max_bytes:
            return decoded[:max_bytes], End.OVER_LIMIT
        return decoded, End.WHOLE if has_all_frames(engine, body) else End.INCOMPLETE
    except zstandard.ZstdError:
        return b"", End.INVALID


def has_all_frames(engine, body):
    """Whether the last frame is complete; a stream reader does not report that.

    Decodes without a limit, so call it only after the size was checked.
    """
    while body:
        stream = engine.decompressobj()
        stream.decompress(body)
        if not stream.eof:
            return False
        body = stream.unused_data
    return True


DECODERS = {
    "gzip": gunzip,
    "x-gzip": gunzip,
    "deflate": undeflate,
    "br": unbrotli,
    "zstd": unzstd,
}
