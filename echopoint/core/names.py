"""What people and programs may name things with: seen by all, and no secret."""

import unicodedata

from django.core.exceptions import ValidationError

from echopoint.core.characters import has_shape, unseen
from echopoint.core.redaction import holds_a_key, holds_a_secret

LOOKS_LIKE_A_KEY = (
    "This looks like an API key. Store it in your secret store and revoke it if others"
    " may have seen it."
)
NOTHING_SEEN = "Use at least one character that can be seen."


def complaint(text: str) -> str:
    """Return why a text cannot be a name, or an empty string; never repeats it."""
    return LOOKS_LIKE_A_KEY if holds_a_secret(text) else hidden(text)


def hidden(text: str) -> str:
    """Return why people cannot see a text as it is, or an empty string."""
    if character := unseen(text):
        return (
            "Use one line without control characters or other invisible ones: remove"
            f" {described(character)}."
        )
    if text.strip() and not has_shape(text):
        return NOTHING_SEEN
    return ""


def described(character: str) -> str:
    """Return U+200B (ZERO WIDTH SPACE)."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}{f' ({name})' if name else ''}"


def validate_name(text):
    """Raise Django's `ValidationError` for a text that cannot be a name."""
    if message := complaint(text):
        raise ValidationError(message, code="name")


def refuse_secret(text):
    """Raise Django's `ValidationError` for a text that holds a key or a part of one."""
    if holds_a_secret(text):
        raise ValidationError(LOOKS_LIKE_A_KEY, code="secret")


def validate_machine_name(text):
    """Raise Django's `ValidationError` for what a program cannot give as a name.

    It may be as random as a secret is, so only a certain key is refused.
    """
    refuse_key(text)
    if message := hidden(text):
        raise ValidationError(message, code="name")


def refuse_key(text):
    """Raise Django's `ValidationError` for a text that holds a key for certain."""
    if holds_a_key(text):
        raise ValidationError(LOOKS_LIKE_A_KEY, code="secret")
