"""Decode the Content-Encoding of a body, up to a maximum size.

httpx would decode without a limit: 64 KiB that are compressed twice can be gigabytes.
"""

import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zstandard

# Servers send "deflate" with and without the zlib header.
GZIP, DEFLATE, RAW_DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_WINDOW = 8 * 2**20
MAX_ENCODINGS = 5
# Concatenated gzip members; each costs a copy of the remaining body.
MAX_MEMBERS = 1000


class TooLarge(ValueError):
    """The body exceeds the maximum size."""


class BadEncoding(ValueError):
    """The body does not match its Content-Encoding."""


def decode(body: bytes, content_encoding: str, most: int) -> tuple[bytes, list[str]]:
    """Return the decoded body, and notes on where it contradicts its headers.

    A body with an unknown encoding stays encoded. Raises TooLarge above `most` bytes, and
    BadEncoding.
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


def _decode_gzip(body: bytes, most: int, notes: list[str]) -> bytes:
    return _inflate(body, GZIP, most, notes)


def _decode_deflate(body: bytes, most: int, notes: list[str]) -> bytes:
    try:
        return _inflate(body, DEFLATE, most, notes)
    except BadEncoding:
        return _inflate(body, RAW_DEFLATE, most, notes)


def _inflate(body: bytes, window: int, most: int, notes: list[str]) -> bytes:
    if not body:
        return b""
    parts: list[bytes] = []
    left = most
    try:
        while body:
            stream = zlib.decompressobj(window)
            if len(parts) == MAX_MEMBERS:
                raise BadEncoding(f"it has more than {MAX_MEMBERS} parts")
            # One byte above the limit shows that the body is too large.
            parts.append(stream.decompress(body, left + 1))
            left -= len(parts[-1])
            if left < 0:
                raise TooLarge
            if not stream.eof:
                raise BadEncoding("it ends too early")
            # Concatenated gzip members are valid (RFC 1952, section 2.2).
            body = stream.unused_data
            if body and not (window == GZIP and body.startswith(GZIP_MAGIC)):
                notes.append(
                    f"{len(body)} bytes after the compressed body are ignored."
                )
                break
    except zlib.error as error:
        raise BadEncoding(str(error)) from None
    return b"".join(parts)


def _decode_brotli(body: bytes, most: int, notes: list[str]) -> bytes:
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


def _decode_zstandard(body: bytes, most: int, notes: list[str]) -> bytes:
    import zstandard

    # RFC 9659: HTTP allows a window of at most 8 MiB.
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
    """Raise BadEncoding for a truncated body, which stream_reader accepts.

    Decodes the body again without a limit: the caller has checked the size.
    """
    while body:
        stream = engine.decompressobj()
        stream.decompress(body)
        if not stream.eof:
            raise BadEncoding("it ends too early")
        body = stream.unused_data


DECODERS: dict[str, Callable[[bytes, int, list[str]], bytes]] = {
    "gzip": _decode_gzip,
    "x-gzip": _decode_gzip,
    "deflate": _decode_deflate,
    "br": _decode_brotli,
    "zstd": _decode_zstandard,
}
