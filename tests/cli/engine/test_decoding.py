import gzip
import tracemalloc
import zlib
from functools import partial

import brotli
import pytest
import zstandard

from echopoint.cli.engine.decoding import BadEncoding, TooLarge, decode

TEXT = b"some text " * 100
# Without the time of day: the bytes are in the names of tests, which workers compare.
gzipped = partial(gzip.compress, mtime=0)


def raw_deflate(body):
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzipped(TEXT), "gzip"),
        (gzipped(TEXT), "X-GZIP"),
        (gzipped(TEXT[:500]) + gzipped(TEXT[500:]), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
        (gzipped(zlib.compress(TEXT)), "deflate, gzip"),
        (gzipped(b"") * 999 + gzipped(TEXT), "gzip"),
        (brotli.compress(TEXT), "br"),
        (zstandard.compress(TEXT), "zstd"),
        (zstandard.compress(TEXT[:500]) + zstandard.compress(TEXT[500:]), "zstd"),
        (zstandard.compress(brotli.compress(TEXT)), "br, zstd"),
    ],
)
def test_a_body_is_decoded_up_to_the_bound(body, encoding):
    assert decode(body, encoding, len(TEXT)) == (TEXT, [])
    if body != TEXT:
        with pytest.raises(TooLarge):
            decode(body, encoding, len(TEXT) - 1)


def test_an_empty_body_is_empty_whatever_its_encoding():
    assert decode(b"", "br, zstd, gzip, deflate", 10) == (b"", [])


def test_a_body_of_an_unknown_encoding_stays_encoded_and_is_noted():
    body, notes = decode(gzipped(b"\x1b\x00"), "odd, gzip", 100)

    assert body == b"\x1b\x00"
    assert notes == [
        'The Content-Encoding "odd" is unknown: the body is still encoded.'
    ]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzipped(TEXT) + b"\0\0\0", "gzip"),
        (gzipped(TEXT) + b"abc", "gzip"),
        (zlib.compress(TEXT) + b"abc", "deflate"),
    ],
)
def test_bytes_after_the_compressed_body_are_ignored_and_noted(body, encoding):
    decoded, notes = decode(body, encoding, 10_000)

    assert decoded == TEXT
    assert notes == ["3 bytes after the compressed body are ignored."]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, "gzip"),
        (TEXT, "deflate"),
        (gzipped(TEXT)[:-9], "gzip"),
        (TEXT, "br"),
        (TEXT, "zstd"),
        (brotli.compress(TEXT)[:-1], "br"),
        (gzipped(b"") * 1001, "gzip"),
        (zstandard.compress(TEXT)[:-1], "zstd"),
        (zstandard.compress(TEXT)[:3], "zstd"),
        (zstandard.compress(TEXT) + zstandard.compress(TEXT)[:-1], "zstd"),
        (TEXT, ",".join(["gzip"] * 6)),
    ],
)
def test_a_body_that_contradicts_its_content_encoding_is_an_error(body, encoding):
    with pytest.raises(BadEncoding):
        decode(body, encoding, 10_000)


@pytest.mark.parametrize(
    ("compress", "encoding"),
    [
        (gzipped, "gzip"),
        # The best quality, which is the default, takes seconds.
        (partial(brotli.compress, quality=5), "br"),
        (zstandard.compress, "zstd"),
    ],
)
def test_a_bomb_in_a_bomb_is_stopped_before_it_goes_off(compress, encoding):
    bomb = compress(compress(b"\0" * 100_000_000))
    tracemalloc.start()

    with pytest.raises(TooLarge):
        decode(bomb, f"{encoding}, {encoding}", 1_000_000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
