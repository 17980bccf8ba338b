"""Encryption at rest with ENCRYPTION_KEYS: the first key encrypts, all of them decrypt.

A ciphertext begins with the label of its key. The labels show which keys are in use, so
that a key is not removed too early; nothing has to be decrypted for that.
"""

import base64
import hashlib
import re
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}=")
LABEL_LENGTH = 8
LABEL_PATTERN = re.compile(rf"[0-9a-f]{{{LABEL_LENGTH}}}")


class DecryptionError(Exception):
    """A ciphertext that cannot be decrypted. The message does not contain it."""


def read_keys(text: str) -> list[str]:
    """Parse the setting; raise ValueError if a key is invalid."""
    keys = [key.strip() for key in text.split(",")]
    if not all(KEY_PATTERN.fullmatch(key) for key in keys):
        raise ValueError(
            "ENCRYPTION_KEYS must be Fernet keys, comma-separated: each is 32 random"
            " bytes in URL-safe base64, which are 44 characters."
        )
    return keys


def key_bytes(key: str) -> bytes:
    """Return the key's 32 bytes.

    Compare these, not the texts: the last base64 character has two unused bits, so that
    different texts can be the same key.
    """
    return base64.urlsafe_b64decode(key)


def key_label(key: str) -> str:
    """Return the first characters of the key's SHA-256, which do not reveal the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:LABEL_LENGTH]


class Keyring:
    """The configured keys."""

    def __init__(self, keys):
        self.labels = [key_label(key) for key in keys]
        # MultiFernet encrypts with the first key and tries all of them to decrypt.
        self.fernet = MultiFernet([Fernet(key) for key in keys])

    def encrypt(self, text: str) -> str:
        return f"{self.labels[0]}:{self.fernet.encrypt(text.encode()).decode()}"

    def decrypt(self, ciphertext: str) -> str:
        """Return the text; raise `DecryptionError` if its key is missing or it is damaged."""
        label, _, token = ciphertext.partition(":")
        # Checked first, because MultiFernet has the same error for a missing key and for
        # a damaged value, and only the first can be fixed in the configuration.
        if LABEL_PATTERN.fullmatch(label) and label not in self.labels:
            raise DecryptionError(
                "A stored value needs the encryption key whose SHA-256 begins with"
                f" {label}. Put that key back at the end of ENCRYPTION_KEYS."
            )
        try:
            return self.fernet.decrypt(token.encode()).decode()
        except InvalidToken:
            raise DecryptionError(
                "A stored value is damaged. Restore it from a backup, or set it again."
            ) from None


@lru_cache(maxsize=1)
def keyring_of(text: str) -> Keyring:
    return Keyring(read_keys(text))


def keyring() -> Keyring:
    """Return the keyring of the current setting."""
    return keyring_of(settings.ENCRYPTION_KEYS)
