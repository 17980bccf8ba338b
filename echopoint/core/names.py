"""Validation of names: visible characters only, and no secrets."""

import unicodedata

from django.core.exceptions import ValidationError

from echopoint.core.characters import first_invisible, has_visible_character
from echopoint.core.redaction import holds_a_key, holds_a_secret

LOOKS_LIKE_A_KEY = (
    "This looks like an API key. Store it in your secret store and revoke it if others"
    " may have seen it."
)
ALL_INVISIBLE = "Use at least one visible character."


def name_error(text: str) -> str:
    """Return why the text is not allowed as a name, or "". Never quotes the text."""
    return LOOKS_LIKE_A_KEY if holds_a_secret(text) else visibility_error(text)


def visibility_error(text: str) -> str:
    """Return why the text has invisible parts, or ""."""
    if character := first_invisible(text):
        return (
            "Use one line without control characters or other invisible ones: remove"
            f" {describe_character(character)}."
        )
    if text.strip() and not has_visible_character(text):
        return ALL_INVISIBLE
    return ""


def describe_character(character: str) -> str:
    """Return for example `U+200B (ZERO WIDTH SPACE)`."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}{f' ({name})' if name else ''}"


def validate_name(text):
    if message := name_error(text):
        raise ValidationError(message, code="name")


def refuse_secret(text):
    """Raise `ValidationError` if the text contains a key or is likely part of one."""
    if holds_a_secret(text):
        raise ValidationError(LOOKS_LIKE_A_KEY, code="secret")


def validate_machine_name(text):
    """Raise `ValidationError` for a name chosen by a program.

    Such names may look as random as a secret, so only a definite key is refused.
    """
    refuse_key(text)
    if message := visibility_error(text):
        raise ValidationError(message, code="name")


def refuse_key(text):
    """Raise `ValidationError` only if the text definitely contains a key."""
    if holds_a_key(text):
        raise ValidationError(LOOKS_LIKE_A_KEY, code="secret")
