"""What can be a name."""

import pytest
from django.core.exceptions import ValidationError

from echopoint.core.names import complaint, refuse_secret, validate_name
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
def test_a_name_that_people_can_read_is_one(name):
    assert complaint(name) == ""
    validate_name(name)


def test_a_key_is_no_name_and_is_not_repeated():
    assert complaint(f"CI {KEY}") == (
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
def test_an_invisible_character_is_no_part_of_a_name_and_is_told(name, character):
    assert complaint(name).endswith(f"invisible ones: remove {character}.")


def test_a_name_has_a_shape():
    assert complaint("\u0301") == "Use at least one character that can be seen."


def test_the_validators_say_so():
    with pytest.raises(ValidationError, match="invisible"):
        validate_name("a\u200bb")
    for validate in (validate_name, refuse_secret):
        with pytest.raises(ValidationError, match="looks like an API key") as caught:
            validate(KEY)
        assert KEY[22:] not in str(caught.value)
    refuse_secret("of two\nlines, one with a \u200b")
