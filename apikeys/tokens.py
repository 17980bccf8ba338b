"""The text of a key: generate, parse and digest it. No database.

    epk_live_<public id: 12>_<secret: 43><crc: 6>

The alphabet is base62. The secret has 256 bits, too many to guess, so a fast HMAC is enough
and no slow password hash is needed. Without the pepper a stolen table is useless. The last
six characters are the CRC-32 of all others: a typing error is refused without a query.
"""

import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings

from apikeys.exceptions import MalformedKey
from echopoint.core.base62 import CRC_LENGTH, checksum
from echopoint.core.ids import random_base62

PUBLIC_ID_LENGTH = 12
SECRET_LENGTH = 43
MAX_LENGTH = 128
PEPPER_MIN_LENGTH = 32
FINGERPRINT_LENGTH = 16

SENT_TWICE = "The header was sent more than once, or holds a list. Send one key."
VERSION = re.compile(r"[0-9]{1,9}")  # fits the column
BODY = re.compile(
    rf"([0-9A-Za-z]{{{PUBLIC_ID_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH + CRC_LENGTH}}})"
)


@dataclass(frozen=True)
class Token:
    """A key's text and the public id in it."""

    public_id: str
    text: str = field(repr=False)


@dataclass(frozen=True, order=True)
class Pepper:
    """The server-side secret of digests."""

    version: int
    secret: str = field(repr=False)


def prefix() -> str:
    """Return the prefix of this site's keys."""
    return settings.API_KEY_PREFIX


def generate() -> Token:
    public_id = random_base62(PUBLIC_ID_LENGTH)
    body = f"{settings.API_KEY_PREFIX}_{public_id}_{random_base62(SECRET_LENGTH)}"
    return Token(public_id, body + checksum(body))


def parse(text: str) -> Token:
    """Return the key in `text`; raise `MalformedKey` with the reason.

    Nothing is trimmed or repaired, and no message repeats the text: it may be a secret.
    """
    if len(text) > MAX_LENGTH:
        raise MalformedKey(SENT_TWICE if "," in text else "It is longer than any key.")
    prefix = f"{settings.API_KEY_PREFIX}_"
    match = text.startswith(prefix) and BODY.fullmatch(text, len(prefix))
    if not match:
        raise MalformedKey(complaint(text, prefix))
    if checksum(text[:-CRC_LENGTH]) != text[-CRC_LENGTH:]:
        raise MalformedKey(
            "Its checksum does not match, so a character is wrong. Copy it again."
        )
    return Token(match[1], text)


def complaint(text: str, prefix: str) -> str:
    """Return why the text is not a key."""
    if "," in text:
        return SENT_TWICE
    if text != text.strip() or any(c in text for c in "\"' "):
        return "It has spaces or quotes around it. Send the key alone."
    if text.startswith("key_"):
        return "This is the id of a key, not the key."
    if not text.startswith(prefix):
        return f"An API key begins with {prefix}."
    if text.endswith(("_…", "_...", "_")) or "_" not in text[len(prefix) :]:
        return "This is the public id of a key, not the key."
    whole = len(prefix) + PUBLIC_ID_LENGTH + 1 + SECRET_LENGTH + CRC_LENGTH
    if len(text) < whole:
        return f"It is truncated: an API key has {whole} characters."
    if len(text) > whole:
        return f"It is too long: an API key has {whole} characters."
    return "It has characters that no API key has."


@lru_cache(maxsize=8)
def read_peppers(text: str) -> tuple[Pepper, ...]:
    """Return the peppers in `1:<secret>,2:<secret>`, in order; raise `ValueError`."""
    peppers = []
    for part in text.split(","):
        version, colon, secret = part.strip().partition(":")
        if not (colon and VERSION.fullmatch(version) and secret):
            raise ValueError("API_KEY_PEPPERS must read 1:<secret>,2:<secret>.")
        peppers.append(Pepper(int(version), secret))
    return tuple(sorted(peppers))


def current_pepper() -> Pepper:
    """Return the pepper of new digests: the highest version."""
    return read_peppers(settings.API_KEY_PEPPERS)[-1]


def fingerprint(pepper: Pepper) -> str:
    """Return 64 bits that identify the pepper's secret without revealing it, as hex.

    The fixed label makes sure that it equals no digest of a key. Guesses can be compared
    with it, but a pepper has at least 32 random characters.
    """
    label = b"echopoint pepper fingerprint"
    return hmac.digest(pepper.secret.encode(), label, "sha256").hex()[
        :FINGERPRINT_LENGTH
    ]


def digest(token: Token, pepper: Pepper) -> str:
    """Return the HMAC-SHA256 of the whole key (RFC 2104), 64 hex characters."""
    return hmac.digest(pepper.secret.encode(), token.text.encode(), "sha256").hex()


def matches(token: Token, stored: str | None, version: int | None) -> bool:
    """Whether the key has this digest; takes the same time for any `stored`.

    `stored` is None if no row was found. The digest is computed anyway: the time of the
    response must not reveal whether the public id exists.
    """
    peppers = read_peppers(settings.API_KEY_PEPPERS)
    known = [pepper for pepper in peppers if pepper.version == version]
    computed = digest(token, (known or peppers)[-1])
    same = hmac.compare_digest(computed, stored or "0" * 64)
    return same and bool(known)
