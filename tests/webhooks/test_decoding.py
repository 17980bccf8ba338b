"""Decoded bodies, stored beside the received bytes."""

import base64
import gzip
import hashlib
import tracemalloc
import zlib

import brotli
import pytest
import zstandard

from echopoint.webhooks.decoding import CHARSETS, charset_of, decode

LIMIT = 1024 * 1024
TEXT = '{"paid": "4200 €"}'


def raw_deflate(data):
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        (
            "zstd",
            lambda data: zstandard.compress(data[:5]) + zstandard.compress(data[5:]),
        ),
        ("identity, gzip", gzip.compress),
        ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data, mtime=0))),
        ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
        ("gzip", lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])),
    ],
)
def test_an_encoded_body_is_stored_with_its_text(captured, encoding, encode):
    body = encode(TEXT.encode())

    row = captured(body=body, HTTP_CONTENT_ENCODING=encoding)

    assert base64.b64decode(row.body) == body
    assert (row.body_decoded, row.body_decoding) == (TEXT, "complete")


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("iso-8859-1", "latin-1"),
        ('"ISO-8859-15"', "iso8859-15"),
        ("windows-1252", "cp1252"),
        ("windows-874", "cp874"),
        ("utf-16", "utf-16"),
        ("utf-16le; x=y", "utf-16-le"),
        ("Shift_JIS", "shift_jis"),
    ],
)
def test_a_body_in_a_charset_is_stored_with_its_text(captured, charset, codec):
    text = "日本" if codec == "shift_jis" else "ก" if codec == "cp874" else "é"
    body = text.encode(codec)

    row = captured(body=body, content_type=f"text/plain; charset={charset}")

    assert base64.b64decode(row.body) == body
    assert (row.body_decoded, row.body_decoding) == (text, "complete")


def test_an_encoded_body_in_a_charset_is_decoded_in_both_ways(captured):
    body = gzip.compress("café".encode("latin-1"))

    row = captured(
        body=body, HTTP_CONTENT_ENCODING="gzip", content_type="a/b;charset=latin1"
    )

    assert row.body_decoded == "café"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "text/plain; charset=utf-8"},
        {"content_type": "text/plain; charset=latin-1"},
        {"content_type": "text/plain; charset=punycode"},
        {"HTTP_CONTENT_ENCODING": "identity"},
    ],
)
def test_a_body_that_reads_the_same_is_not_stored_twice(captured, headers):
    row = captured(body=b"plain", **headers)

    assert (row.body, row.body_decoded, row.body_decoding) == ("plain", "", "")


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"cut short", mtime=0)[:-4]),
        ("deflate", raw_deflate(b"cut short")[:-1]),
        ("br", brotli.compress(b"cut short" * 9)[:-1]),
        ("zstd", zstandard.compress(b"cut short")[:-1]),
        ("br", b"no brotli"),
        ("compress", "unknown, but text €".encode()),
        ("gzip, gzip, gzip", b"x"),
    ],
)
def test_a_body_that_cannot_be_decoded_is_stored_as_it_came(captured, encoding, body):
    row = captured(body=body, HTTP_CONTENT_ENCODING=encoding)

    kept = base64.b64decode(row.body) if row.body_is_base64 else row.body.encode()
    assert kept == body
    assert (row.body_decoded, row.body_decoding) == ("", "failed")


@pytest.mark.parametrize(
    ("encoding", "body", "read"),
    [
        (
            "gzip",
            gzip.compress(b"followed by", mtime=0) + b"something else",
            "followed by",
        ),
        ("deflate", b"\xff\xff", ""),
        ("br", b"\x0b\x02\x80hello\x03\xff", ""),
        ("zstd", zstandard.compress(b"followed by") + b"\xff", ""),
        ("compress", b"\x1f\x9d\x90x", ""),
        ("gzip, gzip, gzip", gzip.compress(b"x", mtime=0), ""),
    ],
)
def test_bytes_that_cannot_be_searched_are_not_stored(captured, encoding, body, read):
    row = captured(body=body, HTTP_CONTENT_ENCODING=encoding)

    assert (row.body, row.body_is_base64) == (read, False)
    assert (row.body_decoded, row.body_decoding) == ("", "withheld")


@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
def test_a_charset_whose_byte_order_mark_is_missing_is_not_text(captured, charset):
    """Python's decoder raises an error of its own for it, whatever is asked of it."""
    row = captured(body=b"\x00x\x00y", content_type=f"text/plain; charset={charset}")

    assert base64.b64decode(row.body) == b"\x00x\x00y"
    assert (row.body_decoded, row.body_decoding) == ("", "not_text")


@pytest.mark.parametrize("inside", [b"\xff\xfe\x00", b"a\x00b"])
def test_inflated_bytes_that_are_not_text_are_marked(captured, inside):
    row = captured(body=gzip.compress(inside, mtime=0), HTTP_CONTENT_ENCODING="gzip")

    assert (row.body_decoded, row.body_decoding) == ("", "not_text")


def test_a_null_character_in_a_charset_is_replaced(captured):
    row = captured(
        body="a\x00b".encode("utf-16-le"), content_type="a/b; charset=utf-16le"
    )

    assert row.body_decoded == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstandard.compress)],
)
def test_a_body_is_inflated_up_to_the_limit(captured, encoding, encode):
    whole = captured(body=encode(b"x" * LIMIT), HTTP_CONTENT_ENCODING=encoding)
    more = captured(body=encode(b"x" * (LIMIT + 1)), HTTP_CONTENT_ENCODING=encoding)

    assert (len(whole.body_decoded), whole.body_decoding) == (LIMIT, "complete")
    assert (len(more.body), more.body_decoding) == (LIMIT, "cut")
    # What comes after the limit was not searched.
    assert (more.body_is_base64, more.body_decoded) == (False, "")


def test_a_letter_that_is_cut_in_two_is_left_out(captured):
    text = "x" + "é" * LIMIT
    body = gzip.compress(text.encode())

    row = captured(body=body, HTTP_CONTENT_ENCODING="gzip")

    assert row.body_decoding == "cut"
    assert row.body == text[: LIMIT // 2]


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data, mtime=0))),
        ("br", lambda data: brotli.compress(data, quality=1)),
        ("zstd", zstandard.compress),
    ],
)
def test_a_bomb_takes_little_memory(encoding, encode):
    bomb = encode(bytes(100 * LIMIT))
    tracemalloc.start()

    result = decode(bomb, encoding, "", LIMIT)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.state in {"not_text", "failed"}
    assert peak < 10 * LIMIT


def test_a_body_of_very_many_members_is_not_inflated():
    member = gzip.compress(b"", mtime=0)

    assert decode(member * 100, "gzip", "", LIMIT).state == "complete"
    assert decode(member * 101, "gzip", "", LIMIT).state == "failed"


def test_names_of_charsets_come_from_a_list():
    """Python keeps each name that it looks up, and strangers would make them up."""
    made_up = [f"x-{n}" for n in range(50)]

    names = [
        *made_up,
        "idna",
        "punycode",
        "unicode_escape",
        "utf-7",
        "zip",
        "latin1\x00",
    ]
    assert not [n for n in names if charset_of(f"text/plain; charset={n}") == n]
    assert not [n for n in names if CHARSETS.fullmatch(n)]


@pytest.mark.parametrize("encoding", ["gzip", ""])
def test_a_key_in_an_encoded_body_is_stored_nowhere(captured, issue, encoding):
    _, secret = issue()
    text = f'{{"key": "{secret}"}}'
    sent = text.encode("utf-16")

    row = captured(
        body=gzip.compress(sent, mtime=0) if encoding else sent,
        content_type="text/plain; charset=utf-16",
        HTTP_CONTENT_ENCODING=encoding,
    )

    texts = [str(value) for value in vars(row).values()]
    assert not [t for t in texts if secret[30:] in t]
    assert row.body == text.replace(secret, f"{secret[:22]}…")
    assert not row.body_is_base64
    assert row.body_decoded == ""


def cut_by(count, encode):
    return lambda data: encode(data)[:-count]


def noise(size):
    """Return bytes that no compression shortens, so that a cut takes only these."""
    return hashlib.shake_256(b"").digest(size)


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", cut_by(30, gzip.compress)),
        ("deflate", cut_by(30, zlib.compress)),
        ("deflate", cut_by(30, raw_deflate)),
        ("br", cut_by(30, brotli.compress)),
        ("gzip", lambda data: gzip.compress(data, mtime=0) + b"\xff"),
        (
            "gzip",
            lambda data: (
                gzip.compress(data, mtime=0) + gzip.compress(b"x", mtime=0)[:-1]
            ),
        ),
        (
            "gzip, gzip",
            cut_by(30, lambda data: gzip.compress(gzip.compress(data, mtime=0))),
        ),
    ],
)
def test_a_key_before_the_place_where_decoding_ends_is_stored_nowhere(
    captured, issue, encoding, encode
):
    _, secret = issue()
    text = f"key={secret}&rest={noise(500).hex()}"

    row = captured(body=encode(text.encode()), HTTP_CONTENT_ENCODING=encoding)

    assert row.body.startswith(f"key={secret[:22]}…&rest=")
    assert (row.body_is_base64, row.body_decoded) == (False, "")
    assert row.body_decoding == "withheld"


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("gzip", cut_by(30, gzip.compress)),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("", bytes),
    ],
)
@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
@pytest.mark.parametrize("codec", ["ascii", "utf-16", "utf-32-be"])
def test_a_key_beside_bytes_that_are_not_text_is_stored_nowhere(
    captured, issue, encoding, encode, charset, codec
):
    _, secret = issue()
    body = encode(b"\xff\x00" * 2 + secret.encode(codec) + noise(500))

    row = captured(
        body=body,
        content_type=f"text/plain; charset={charset}",
        HTTP_CONTENT_ENCODING=encoding,
    )

    kept = base64.b64decode(row.body) if row.body_is_base64 else row.body.encode()
    texts = [kept, *(row.body.encode(each) for each in ("utf-16-le", "utf-16-be"))]
    texts += [
        row.body_decoded.encode(each) for each in ("utf-8", "utf-16-le", "utf-16-be")
    ]
    assert not [
        text for text in texts if secret[30:].encode() in text.replace(b"\0", b"")
    ]
    assert kept != body
    # Where the key can be ended in the bytes that came, the rest of them is kept.
    assert bool(row.body) == (not encoding and codec == "ascii")


@pytest.mark.parametrize(
    ("encoding", "encode", "state"),
    [("", bytes, "failed"), ("gzip", gzip.compress, "withheld")],
)
def test_a_key_is_not_stored_in_a_wrong_charset(
    captured, issue, encoding, encode, state
):
    _, secret = issue()

    row = captured(
        body=encode(f"{secret:100}".encode()),
        content_type="text/plain; charset=utf-16le",
        HTTP_CONTENT_ENCODING=encoding,
    )

    assert secret[30:] not in row.body
    assert (row.body_decoded, row.body_decoding) == ("", state)
    assert row.body.strip() == ("" if encoding else f"{secret[:22]}…")


def test_a_decoded_body_is_found_by_search_and_read_on_the_wire(api, captured, webhook):
    captured(body=gzip.compress(b"needle", mtime=0), HTTP_CONTENT_ENCODING="gzip")
    captured(body=gzip.compress(b"hay", mtime=0), HTTP_CONTENT_ENCODING="gzip")
    path = f"/webhooks/{webhook.pk}/requests/search"

    found = api("webhooks:read").post(path, {"full_text_search": "NEEDLE"}).json()

    (item,) = found["items"]
    assert item["body_decoded"] == "needle"
    assert item["body_decoding"] == "complete"
    assert item["body_is_base64"]
