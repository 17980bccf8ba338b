import gzip
import tracemalloc
import zlib

import brotli
import pytest
import zstandard

from echopoint.cli.engine.decoding import BadEncoding, TooLarge, decode

TEXT = b"some text " * 100


def raw_deflate(body):
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "X-GZIP"),
        (gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:]), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
        (gzip.compress(zlib.compress(TEXT)), "deflate, gzip"),
        (gzip.compress(b"") * 999 + gzip.compress(TEXT), "gzip"),
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


def test_a_body_of_an_unknown_encoding_is_left_alone_and_that_is_said():
    body, notes = decode(gzip.compress(b"\x1b\x00"), "odd, gzip", 100)

    assert body == b"\x1b\x00"
    assert notes == [
        'The Content-Encoding "odd" is unknown: the body is still encoded.'
    ]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(TEXT) + b"\0\0\0", "gzip"),
        (gzip.compress(TEXT) + b"abc", "gzip"),
        (zlib.compress(TEXT) + b"abc", "deflate"),
    ],
)
def test_bytes_after_the_compressed_body_are_ignored_and_that_is_said(body, encoding):
    decoded, notes = decode(body, encoding, 10_000)

    assert decoded == TEXT
    assert notes == ["3 bytes after the compressed body are ignored."]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, "gzip"),
        (TEXT, "deflate"),
        (gzip.compress(TEXT)[:-9], "gzip"),
        (TEXT, "br"),
        (TEXT, "zstd"),
        (brotli.compress(TEXT)[:-1], "br"),
        (gzip.compress(b"") * 1001, "gzip"),
        (zstandard.compress(TEXT)[:-1], "zstd"),
        (zstandard.compress(TEXT)[:3], "zstd"),
        (zstandard.compress(TEXT) + zstandard.compress(TEXT)[:-1], "zstd"),
        (TEXT, ",".join(["gzip"] * 6)),
    ],
)
def test_a_body_that_is_not_encoded_as_it_says_is_an_error(body, encoding):
    with pytest.raises(BadEncoding):
        decode(body, encoding, 10_000)


@pytest.mark.parametrize(
    ("compress", "encoding"),
    [
        (gzip.compress, "gzip"),
        (brotli.compress, "br"),
        (zstandard.compress, "zstd"),
    ],
)
def test_a_bomb_in_a_bomb_is_stopped_before_it_goes_off(compress, encoding):
    bomb = compress(compress(b"\0" * 200_000_000))
    tracemalloc.start()

    with pytest.raises(TooLarge):
        decode(bomb, f"{encoding}, {encoding}", 1_000_000)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
