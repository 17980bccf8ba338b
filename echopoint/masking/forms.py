"""The texts to search for in each reading of a text, so that one secret is found."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from urllib.parse import quote

from echopoint.masking.reading import readings

# Shorter forms are found in any text by chance: a letter in base64, `a b` of `a%20b`.
# The secret itself may be shorter.
MIN_FORM = 4
# Such a part of a secret is hidden as well. A client sends only one line of several.
MIN_PART = 8
MAX_PARTS = 100
CUTS = re.compile(r"[\r\n&#?=;,]+")
# A longer form is searched for by itself, so there are fewer of it.
LONG = 1000
# Masks that are in a text already.
STARS = re.compile(r"\*{3,}")
USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#\s]*)@")


def folded(text: str) -> str:
    """Return the text with `+` for each space: forms write one for the other."""
    return text.replace(" ", "+")


def forms_of(secret: str) -> set[str]:
    """Return the texts that are hidden wherever they stand."""
    derived = {*_meant(secret), *_changed(secret)}
    return {secret} | {form for form in derived if len(form.strip()) >= MIN_FORM}


def tokens_of(secret: str) -> set[str]:
    """Return what is found in base64 of anything that has the secret in it."""
    return {
        core
        for text in {secret, *_meant(secret), *_written(secret)}
        for data in _bytes_of(text)
        for encode in (base64.b64encode, base64.urlsafe_b64encode)
        for core in _cores(data, encode)
        if len(core) >= MIN_FORM
    }


def _meant(secret: str) -> Iterator[str]:
    """Yield what clients take the secret for: decoded, without spaces, in parts."""
    yield secret.strip()
    yield from (reading.text for reading in readings(secret))
    yield from (unicodedata.normalize(form, secret) for form in ("NFC", "NFD"))
    yield from _credentials(secret)
    # A mask is never searched, so neither is a secret across stars.
    yield from (part.strip("*") for part in STARS.split(secret))
    parts = (part.strip() for part in CUTS.split(secret))
    yield from islice((part for part in parts if len(part) >= MIN_PART), MAX_PARTS)


def _credentials(secret: str) -> Iterator[str]:
    """Yield the user and password of a URL, from which clients make a Basic header."""
    if match := USERINFO.match(secret):
        for reading in readings(match[1]):
            yield reading.text
            yield reading.text.partition(":")[2]


def _changed(secret: str) -> Iterator[str]:
    """Yield what is left of the secret after changes that cannot be undone."""
    if len(secret) > LONG:
        return
    # Host names come back in lower case.
    yield secret.lower()
    data = secret.encode(errors="replace")
    if len(data) >= MIN_FORM:
        yield from (data.hex(), data.hex().upper())
    if not secret.isascii():
        yield from _misread(secret)


def _misread(secret: str) -> Iterator[str]:
    """Yield the secret after a program that did not know its encoding."""
    # Windows-1252 read as Latin-1, which is how bytes are searched.
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


def _written(secret: str) -> Iterator[str]:
    """Yield the secret in documents that are likely to be made base64 of."""
    if len(secret) <= LONG:
        yield json.dumps(secret)[1:-1]
        yield json.dumps(secret, ensure_ascii=False)[1:-1]
        yield quote(secret, safe="")
        yield quote(secret)
        yield html.escape(secret)


def _bytes_of(text: str) -> Iterator[bytes]:
    """Yield the text in UTF-8, and in Latin-1, which is that of many Basic headers."""
    yield text.encode(errors="replace")
    if not text.isascii():
        latin = text.encode("latin-1", errors="ignore")
        if latin.decode("latin-1") == text:
            yield latin


def _cores(data: bytes, encode) -> Iterator[str]:
    """Yield the base64 of the bytes after 0, 1 and 2 others, without its ends.

    A character holds 6 bits: those at the ends depend on what stands beside the bytes.
    """
    for before in range(3):
        text = encode(b"\0" * before + data).decode()
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        yield text[first:last]
