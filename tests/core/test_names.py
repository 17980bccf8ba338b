"""Names have visible characters and no secrets."""

import pytest
from django.core.exceptions import ValidationError

from echopoint.core.names import name_error, refuse_secret, validate_name
from tests.core.keys import KEY, SHOWN


@pytest.mark.parametrize(
    "name",
    [
        "GitHub Actions, web",
        "é 鍵 👩\u200d❤\ufe0f\u200d👩",
        "",
        SHOWN,
        f"{SHOWN[:-1]}old",
    ],
)
def test_a_visible_name_is_accepted(name):
    assert name_error(name) == ""
    validate_name(name)


def test_a_key_is_refused_as_a_name_and_not_quoted():
    assert name_error(f"CI {KEY}") == (
        "This looks like an API key. Store it in your secret store and revoke it if"
        " others may have seen it."
    )


@pytest.mark.parametrize(
    ("name", "character"),
    [
        ("Pro\u200bduction", "U+200B (ZERO WIDTH SPACE)"),
        ("two\nlines", "U+000A"),
        ("a\u202eb", "U+202E (RIGHT-TO-LEFT OVERRIDE)"),
        ("\u2800", "U+2800 (BRAILLE PATTERN BLANK)"),
    ],
)
def test_an_invisible_character_is_refused_and_named(name, character):
    assert name_error(name).endswith(f"invisible ones: remove {character}.")


def test_a_name_has_a_visible_character():
    assert name_error("\u0301") == "Use at least one visible character."


def test_the_validators_raise_the_same_errors():
    with pytest.raises(ValidationError, match="invisible"):
        validate_name("a\u200bb")
    for validate in (validate_name, refuse_secret):
        with pytest.raises(ValidationError, match="looks like an API key") as caught:
            validate(KEY)
        assert KEY[22:] not in str(caught.value)
    refuse_secret("of two\nlines, one with a \u200b")
