"""Encryption at rest, with the keys of ENCRYPTION_KEYS: the first of them encrypts.

A sealed text begins with the label of its key, so that one sees which keys are in use
without opening anything.
"""

import base64
import hashlib
import re
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
LABEL_LENGTH = 8
LABEL = re.compile(rf"[0-9a-f]{{{LABEL_LENGTH}}}")


class Unreadable(Exception):
    """Sealed text that no key opens; says why without repeating it."""


def read_keys(text: str) -> list[str]:
    """Return the keys of the setting's text; raise ValueError for what is no key."""
    keys = [key.strip() for key in text.split(",")]
    if not all(KEY.fullmatch(key) for key in keys):
        raise ValueError(
            "ENCRYPTION_KEYS must be Fernet keys, comma-separated: each is 32 random"
            " bytes in URL-safe base64, which are 44 characters."
        )
    return keys


def raw(key: str) -> bytes:
    """Return the key's 32 bytes: two texts can differ in bits that do not count."""
    return base64.urlsafe_b64decode(key)


def label(key: str) -> str:
    """Return the first characters of the SHA-256 of the key's text."""
    return hashlib.sha256(key.encode()).hexdigest()[:LABEL_LENGTH]


class Keyring:
    """The keys: all of them open, the first one seals."""

    def __init__(self, keys):
        self.labels = [label(key) for key in keys]
        self.fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        return f"{self.labels[0]}:{self.fernet.encrypt(text.encode()).decode()}"

    def open(self, sealed: str) -> str:
        """Return the text; raise `Unreadable` when it cannot be had."""
        name, _, token = sealed.partition(":")
        if LABEL.fullmatch(name) and name not in self.labels:
            raise Unreadable(
                "A stored value needs the encryption key whose SHA-256 begins with"
                f" {name}. Put that key back at the end of ENCRYPTION_KEYS."
            )
        try:
            return self.fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise Unreadable(
                "A stored value is damaged: it is not what was encrypted."
                " Restore it from a backup, or set it again."
            ) from None


@lru_cache(maxsize=1)
def keyring_of(text: str) -> Keyring:
    return Keyring(read_keys(text))


def keyring() -> Keyring:
    """Return the keyring of the setting as it is now."""
    return keyring_of(settings.ENCRYPTION_KEYS)
