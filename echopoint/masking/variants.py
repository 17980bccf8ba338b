"""The forms of a secret to search for in a text and its decodings."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import islice
from urllib.parse import quote

from echopoint.masking.decoded_text import decoded_texts

# Shorter forms occur in any text by chance: one character in base64, `a b` for `a%20b`.
# The secret itself may be shorter.
MIN_FORM = 4
# Parts of a secret from this length on are masked too: a client may send one line of it.
MIN_PART = 8
MAX_PARTS = 100
CUTS = re.compile(r"[\r\n&#?=;,]+")
# Longer secrets are searched for one by one, so fewer forms of them are derived.
LONG = 1000
# Masks that a text already contains.
STARS = re.compile(r"\*{3,}")
USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\s]*)@")


def spaces_as_plus(text: str) -> str:
    """Replace spaces by `+`, as form encoding does."""
    return text.replace(" ", "+")


def secret_forms(secret: str) -> set[str]:
    """Return the texts that are masked wherever they occur."""
    derived = {*_equivalents(secret), *_lossy_variants(secret)}
    return {secret} | {form for form in derived if len(form.strip()) >= MIN_FORM}


def base64_fragments(secret: str) -> set[str]:
    """Return the base64 that appears wherever a text with the secret is encoded."""
    return {
        core
        for text in {secret, *_equivalents(secret), *_encoded_variants(secret)}
        for data in _bytes_of(text)
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for core in _inner_characters(data, encode)
        if len(core) >= MIN_FORM
    }


def _equivalents(secret: str) -> Iterator[str]:
    """Yield the secret as clients may read it: decoded, stripped, normalized, in parts."""
    yield secret.strip()
    yield from (decoded.text for decoded in decoded_texts(secret))
    yield from (unicodedata.normalize(form, secret) for form in ("NFC", "NFD"))
    yield from _credentials(secret)
    # Masks are not searched, so a secret with stars is never found as a whole.
    yield from (part.strip("*") for part in STARS.split(secret))
    parts = (part.strip() for part in CUTS.split(secret))
    yield from islice((part for part in parts if len(part) >= MIN_PART), MAX_PARTS)


def _credentials(secret: str) -> Iterator[str]:
    """Yield the user and password of a URL, which clients send as Basic credentials."""
    if match := USERINFO.match(secret):
        for decoded in decoded_texts(match[1]):
            yield decoded.text
            yield decoded.text.partition(":")[2]


def _lossy_variants(secret: str) -> Iterator[str]:
    """Yield the secret after changes that decoding cannot undo."""
    if len(secret) > LONG:
        return
    # Services return host names in lower case.
    yield secret.lower()
    data = secret.encode(errors="replace")
    if len(data) >= MIN_FORM:
        yield from (data.hex(), data.hex().upper())
    if not secret.isascii():
        yield from _mojibake(secret)


def _mojibake(secret: str) -> Iterator[str]:
    """Yield the secret as written by a program that assumed the wrong encoding."""
    # Bytes that are not UTF-8 are searched as Latin-1.
    windows = secret.encode("cp1252", errors="ignore")
    if windows.decode("cp1252") == secret:
        yield windows.decode("latin-1")
    for lost in "?\ufffd":
        for each in (1, 0):
            text = "".join(
                letter
                if letter.isascii()
                else lost * (each or len(letter.encode(errors="replace")))
                for letter in secret
            )
            if len(text.replace(lost, "")) >= MIN_FORM:
                yield text


def _encoded_variants(secret: str) -> Iterator[str]:
    """Yield the secret as written in documents that are often sent in base64."""
    if len(secret) <= LONG:
        yield json.dumps(secret)[1:-1]
        yield json.dumps(secret, ensure_ascii=False)[1:-1]
        yield quote(secret, safe="")
        yield quote(secret)
        yield html.escape(secret)


def _bytes_of(text: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, and in Latin-1, which many Basic headers use."""
    yield text.encode(errors="replace")
    if not text.isascii():
        latin = text.encode("latin-1", errors="ignore")
        if latin.decode("latin-1") == text:
            yield latin


def _inner_characters(data: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """Yield the base64 of the bytes after 0, 1 and 2 others, without its ends.

    A character has 6 bits: the first and the last also depend on the neighboring bytes.
    """
    for before in range(3):
        text = encode(b"\0" * before + data).decode()
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        yield text[first:last]
