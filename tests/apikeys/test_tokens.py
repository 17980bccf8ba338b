"""The text of a key."""

import hashlib
import hmac
import re

import pytest

from apikeys import tokens
from apikeys.exceptions import MalformedKey
from echopoint.core.base62 import BASE62

BODY = "epk_live_AbCdEfGhIjKl_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
KEY = BODY + "00LuKs"
OLD, NEW = "old-" + "o" * 40, "new-" + "n" * 40


def test_a_new_key_has_the_documented_form():
    text = tokens.generate().text

    assert re.fullmatch(r"epk_live_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}", text)
    assert len(text) == 71


def test_a_new_key_begins_with_the_prefix_of_the_settings(settings):
    settings.API_KEY_PREFIX = "epk_test"

    text = tokens.generate().text

    assert text.startswith("epk_test_")
    assert tokens.parse(text).text == text


def test_no_two_keys_share_an_id_or_a_secret():
    keys = [tokens.generate() for _ in range(100)]

    assert len({key.public_id for key in keys}) == 100
    assert len({key.text[22:65] for key in keys}) == 100


def test_every_character_of_the_alphabet_is_used():
    drawn = "".join(tokens.generate().text[9:].replace("_", "") for _ in range(100))

    assert set(drawn) == set(BASE62)


@pytest.mark.parametrize(
    ("body", "crc"),
    [
        ("123456789", "3jZRME"),  # CRC-32's check value, 0xCBF43926
        (BODY, "00LuKs"),  # 0x004FAC46, padded with zeros
        ("", "000000"),
    ],
)
def test_the_checksum_is_the_crc_32_in_base62(body, crc):
    assert tokens.checksum(body) == crc


def test_a_key_is_read_as_it_is():
    token = tokens.parse(KEY)

    assert token.public_id == "AbCdEfGhIjKl"
    assert token.text == KEY


def test_no_substitution_of_a_character_passes():
    wrong = [
        KEY[:place] + character + KEY[place + 1 :]
        for place in range(len(KEY))
        for character in BASE62 + "_"
        if character != KEY[place]
    ]

    for text in wrong:
        with pytest.raises(MalformedKey):
            tokens.parse(text)


def test_no_swap_of_neighbours_passes():
    swapped = {
        KEY[:place] + KEY[place + 1] + KEY[place] + KEY[place + 2 :]
        for place in range(len(KEY) - 1)
    } - {KEY}

    for text in swapped:
        with pytest.raises(MalformedKey):
            tokens.parse(text)


def test_no_part_of_a_key_passes():
    for length in range(len(KEY)):
        for text in (KEY[:length], KEY[-length:] if length else ""):
            with pytest.raises(MalformedKey):
                tokens.parse(text)


@pytest.mark.parametrize(
    "around", [" ", "\n", "\t", "\r\n", '"', "'", "\x00", "\ufeff"]
)
def test_nothing_around_a_key_is_trimmed(around):
    for text in (around + KEY, KEY + around, around + KEY + around):
        with pytest.raises(MalformedKey):
            tokens.parse(text)


@pytest.mark.parametrize("change", [str.upper, str.lower, str.swapcase])
def test_case_matters(change):
    with pytest.raises(MalformedKey):
        tokens.parse(change(KEY))


def test_a_digit_of_another_script_is_no_digit():
    with pytest.raises(MalformedKey, match="characters that no API key has"):
        tokens.parse(KEY[:-6] + "٠٠LuKs")


@pytest.mark.parametrize(
    ("length", "said"), [(128, "too long"), (129, "longer than any key")]
)
def test_text_over_128_characters_is_refused_unread(length, said):
    with pytest.raises(MalformedKey, match=said):
        tokens.parse(KEY.ljust(length, "x"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with epk_live_"),
        ("sk_live_1234", "begins with epk_live_"),
        (KEY.replace("epk_live", "epk_test"), "begins with epk_live_"),
        ("key_AbCdEfGhIjKl", "the id of a key"),
        ("epk_live_AbCdEfGhIjKl", "the public id of a key"),
        ("epk_live_AbCdEfGhIjKl_", "the public id of a key"),
        ("epk_live_AbCdEfGhIjKl_…", "the public id of a key"),
        ("epk_live_AbCdEfGhIjKl_...", "the public id of a key"),
        (KEY[:-1], "truncated: an API key has 71 characters"),
        (KEY + "x", "too long: an API key has 71 characters"),
        (KEY[:-1] + "-", "characters that no API key has"),
        (KEY[:-1] + "t", "checksum does not match"),
        (f" {KEY}", "spaces or quotes"),
        (f"Bearer {KEY}", "spaces or quotes"),
        (f"{KEY[:20]},{KEY[:20]}", "sent more than once"),
        (f"{KEY},{KEY}", "sent more than once"),
        (f"{KEY}, {KEY}", "sent more than once"),
    ],
)
def test_the_refusal_says_what_is_wrong_with_the_text(text, said):
    with pytest.raises(MalformedKey, match=said) as caught:
        tokens.parse(text)

    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format])
def test_a_token_shows_its_public_id_only(show):
    token = tokens.parse(KEY)

    for shown in (show(token), show([token])):
        assert "AbCdEfGhIjKl" in shown
        assert "0123456789" not in shown


def test_a_pepper_shows_its_version_only():
    pepper = tokens.Pepper(3, NEW)

    assert repr(pepper) == str(pepper) == "Pepper(version=3)"


def test_the_digest_is_the_hmac_of_the_whole_key():
    expected = hmac.new(NEW.encode(), KEY.encode(), hashlib.sha256).hexdigest()

    assert tokens.digest(tokens.parse(KEY), tokens.Pepper(1, NEW)) == expected


@pytest.mark.parametrize(
    ("stored", "version", "same"),
    [
        ("right", 1, True),
        ("right", 2, False),
        ("right", 3, False),
        ("right", None, False),
        ("0" * 64, 1, False),
        ("", 1, False),
        (None, 1, False),
        (None, None, False),
    ],
)
def test_only_the_digest_under_its_own_pepper_matches(settings, stored, version, same):
    settings.API_KEY_PEPPERS = f"1:{OLD},2:{NEW}"
    token = tokens.parse(KEY)
    if stored == "right":
        stored = tokens.digest(token, tokens.Pepper(1, OLD))

    assert tokens.matches(token, stored, version) is same


def test_the_digest_under_the_current_pepper_does_not_vouch_for_an_unknown_version(
    settings,
):
    settings.API_KEY_PEPPERS = f"1:{NEW}"
    token = tokens.parse(KEY)
    stored = tokens.digest(token, tokens.current_pepper())

    assert not tokens.matches(token, stored, 7)
    assert tokens.matches(token, stored, 1)


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (f"1:{OLD}", [1]),
        (f"2:{NEW},1:{OLD}", [1, 2]),
        (f" 1:{OLD} , 10:{NEW} ", [1, 10]),
        (f"9:{OLD},10:{NEW}", [9, 10]),
    ],
)
def test_peppers_are_read_in_the_order_of_their_versions(settings, text, versions):
    settings.API_KEY_PEPPERS = text

    peppers = tokens.read_peppers(text)

    assert [pepper.version for pepper in peppers] == versions
    assert {pepper.secret for pepper in peppers} <= {OLD, NEW}
    assert tokens.current_pepper().version == versions[-1]


def test_a_pepper_may_have_colons():
    assert tokens.read_peppers("1:a:b")[0].secret == "a:b"


@pytest.mark.parametrize(
    "text", ["", "1", "1:", ":x", "x:y", "-1:x", "1.5:x", "²:x", "1:x,", "1:x,,2:y"]
)
def test_peppers_of_another_form_are_refused(text):
    with pytest.raises(ValueError, match="must read 1:<secret>,2:<secret>"):
        tokens.read_peppers(text)
