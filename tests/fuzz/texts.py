"""Unusual and malicious input."""

from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

tried = {"cases": 0}  # number of inputs sent by this process

NASTY = [
    b"",
    b" ",
    b"\x00",
    b"a\x00b",
    b"\xff\xfe",  # invalid UTF-8
    b"\xed\xa0\x80",  # half a surrogate pair
    "\u202e\u200b\u2066".encode(),
    "ﬀＡ１é́".encode(),
    b"-1",
    b"0",
    b"99999999999999999999999",
    b"1e309",
    b"NaN",
    b"2026-13-45T99:99Z",
    b"9999-12-31T23:59:59+23:59",
    b"0001-01-01",
    b"{}",
    b"[]",
    b"null",
    b'{"id": 1, "response": []}',
    b'{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
    b"[" * 2000,
    b"%",
    b"%00%ff",
    b"../../etc/passwd",
    b"' OR 1=1 --",
    b"<script>alert(1)</script>",
    b"{{ 7*7 }}{% debug %}",
    b"x" * 300,
    b"x" * 5000,
    b"a@b",
    b"alice@acme.example",
    b"flows:read",
    b"flows:*",
    b"on",
    b"1",
    b"90",
    b"json",
    b"csv",
]
texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=40),
    st.integers().map(lambda number: str(number).encode()),
)


def fields(names):
    """Return a strategy for (name, value) pairs with these and other names."""
    known = st.sampled_from(sorted(names)) if names else st.just("x")
    name = st.one_of(known, known, known, st.text(max_size=12))
    return st.lists(st.tuples(name, texts), max_size=2 * len(names) + 3)


def encoded(pairs):
    """Encode the pairs as a form or query."""
    return "&".join(
        f"{quote_from_bytes(name.encode(errors='surrogatepass'))}"
        f"={quote_from_bytes(value)}"
        for name, value in pairs
    )
