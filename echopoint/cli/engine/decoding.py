"""Undo the Content-Encoding of a body, never making more of it than is allowed.

httpx decodes whatever it is given in one go: 64 KiB that were compressed twice may be
gigabytes then.
"""

import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zstandard

# With either header, and "deflate" with or without one, as servers have it.
GZIP, DEFLATE, RAW_DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_WINDOW = 8 * 2**20
MAX_ENCODINGS = 5
# gzip members that follow each other; each costs a copy of the rest.
MAX_MEMBERS = 1000


class TooLarge(ValueError):
    """The body is larger than is read."""


class BadEncoding(ValueError):
    """The body is not encoded as it says."""


def decode(body: bytes, content_encoding: str, most: int) -> tuple[bytes, list[str]]:
    """Return the body decoded, and notes on what of it is not as its headers say.

    A body whose encoding is unknown stays encoded. Raises TooLarge beyond `most` bytes,
    and BadEncoding.
    """
    encodings = [name.strip().lower() for name in content_encoding.split(",")]
    encodings = [name for name in encodings if name not in ("", "identity")]
    if len(encodings) > MAX_ENCODINGS:
        raise BadEncoding(f"it is encoded more than {MAX_ENCODINGS} times")
    notes: list[str] = []
    for name in reversed(encodings):
        if name not in DECODERS:
            notes.append(
                f'The Content-Encoding "{name[:40]}" is unknown: the body is still'
                " encoded."
            )
            break
        body = DECODERS[name](body, most, notes)
    return body, notes


def _gunzipped(body: bytes, most: int, notes: list[str]) -> bytes:
    return _inflated(body, GZIP, most, notes)


def _deflated(body: bytes, most: int, notes: list[str]) -> bytes:
    try:
        return _inflated(body, DEFLATE, most, notes)
    except BadEncoding:
        return _inflated(body, RAW_DEFLATE, most, notes)


def _inflated(body: bytes, window: int, most: int, notes: list[str]) -> bytes:
    if not body:
        return b""
    parts, left = [], most
    try:
        while body:
            stream = zlib.decompressobj(window)
            if len(parts) == MAX_MEMBERS:
                raise BadEncoding(f"it has more than {MAX_MEMBERS} parts")
            # One byte more than allowed tells that there is more.
            parts.append(stream.decompress(body, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise TooLarge
            if not stream.eof:
                raise BadEncoding("it ends too early")
            # gzip files may follow each other (RFC 1952, section 2.2).
            body = stream.unused_data
            if body and not (window == GZIP and body.startswith(GZIP_MAGIC)):
                notes.append(
                    f"{len(body)} bytes after the compressed body are ignored."
                )
                break
    except zlib.error as error:
        raise BadEncoding(str(error)) from None
    return b"".join(parts)


def _unbrotlied(body: bytes, most: int, notes: list[str]) -> bytes:
    import brotli

    if not body:
        return b""
    stream, decoded, more = brotli.Decompressor(), bytearray(), body
    try:
        while not stream.is_finished():
            room = most + 1 - len(decoded)
            part = stream.process(more, output_buffer_limit=room)
            decoded += part
            if len(decoded) > most:
                raise TooLarge
            if not part and not more and not stream.is_finished():
                raise BadEncoding("it ends too early")
            more = b""
    except brotli.error as error:
        raise BadEncoding(str(error)) from None
    return bytes(decoded)


def _unzstandard(body: bytes, most: int, notes: list[str]) -> bytes:
    import zstandard

    # RFC 9659: what HTTP sends asks for no more than this much memory.
    engine = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    try:
        with engine.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
            decoded = reader.read(most + 1)
        if len(decoded) <= most:
            _require_whole(engine, body)
    except zstandard.ZstdError as error:
        raise BadEncoding(str(error)) from None
    if len(decoded) > most:
        raise TooLarge
    return decoded


def _require_whole(engine: "zstandard.ZstdDecompressor", body: bytes) -> None:
    """Raise BadEncoding for a body that ends too early; stream_reader does not.

    Decodes the body again, without a bound: the caller has checked the size.
    """
    while body:
        stream = engine.decompressobj()
        stream.decompress(body)
        if not stream.eof:
            raise BadEncoding("it ends too early")
        body = stream.unused_data


DECODERS: dict[str, Callable[[bytes, int, list[str]], bytes]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _deflated,
    "br": _unbrotlied,
    "zstd": _unzstandard,
}
