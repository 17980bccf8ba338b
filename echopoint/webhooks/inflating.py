"""Undo a Content-Encoding, never making more of a body than is allowed."""

import io
import zlib
from enum import IntEnum

import brotli
import zstandard

# With either header; "deflate" comes with or without one.
GZIP, DEFLATE, RAW_DEFLATE = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS
# gzip members may follow each other (RFC 1952, section 2.2). Each costs a copy of the rest.
MAX_MEMBERS = 100
# RFC 9659: content that HTTP sends needs no more than this much memory.
ZSTD_WINDOW = 8 * 2**20


class End(IntEnum):
    """How decoding ended, from the best to the worst."""

    WHOLE = 0
    SHORT = 1  # the body was cut; all that it holds is decoded
    MORE = 2  # there is more than is allowed
    BAD = 3  # what follows is not encoded like that


def inflate(body: bytes, encoding: str, most: int) -> tuple[bytes, End]:
    """Return at most so many bytes of the decoded body, and how decoding ended."""
    decoder = DECODERS.get(encoding)
    return decoder(body, most) if decoder else (b"", End.BAD)


def gunzip(body, most):
    return unzip(body, GZIP, most)


def undeflate(body, most):
    with_header = unzip(body, DEFLATE, most)
    return unzip(body, RAW_DEFLATE, most) if with_header[1] == End.BAD else with_header


def unzip(data, window, most):
    parts, left = [], most
    for _ in range(MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        try:
            # One byte more than allowed tells that there is more.
            parts.append(stream.decompress(data, left + 1))
        except zlib.error:
            return b"".join(parts), End.BAD
        left -= len(parts[-1])
        if left < 0:
            return b"".join(parts)[:most], End.MORE
        data = stream.unused_data
        if not data:
            return b"".join(parts), End.WHOLE if stream.eof else End.SHORT
    return b"".join(parts), End.BAD


def unbrotli(body, most):
    stream, decoded = brotli.Decompressor(), bytearray()
    try:
        part = stream.process(body, output_buffer_limit=most + 1)
        while part and len(decoded) + len(part) <= most:
            decoded += part
            part = stream.process(b"", output_buffer_limit=most + 1 - len(decoded))
    except brotli.error:
        return bytes(decoded), End.BAD
    decoded += part
    if len(decoded) > most:
        return bytes(decoded[:most]), End.MORE
    return bytes(decoded), End.WHOLE if stream.is_finished() else End.SHORT


def unzstd(body, most):
    engine = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
    try:
        with engine.stream_reader(io.BytesIO(body), read_across_frames=True) as reader:
            decoded = reader.read(most + 1)
        if len(decoded) > most:
            return decoded[:most], End.MORE
        return decoded, End.WHOLE if has_all_frames(engine, body) else End.SHORT
    except zstandard.ZstdError:
        return b"", End.BAD


def has_all_frames(engine, body):
    """Whether the last frame is whole, which a stream reader does not say.

    It decodes once more, without a bound: the size was compared before.
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
