"""Invisible characters are found, and texts that look the same fold alike."""

import random
import sys
import unicodedata

import pytest

from echopoint.core.characters import (
    first_invisible,
    fold,
    has_visible_character,
    visible_form,
)

ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
WALES = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
INVISIBLE = {
    "tab": "\t",
    "end of line": "\n",
    "delete": "\x7f",
    "next line": "\x85",
    "soft hyphen": "\u00ad",
    "combining grapheme joiner": "\u034f",
    "arabic letter mark": "\u061c",
    "hangul fillers": "\u115f\u1160\u3164\uffa0",
    "khmer vowel": "\u17b4",
    "mongolian vowel separator": "\u180e",
    "zero width space": "\u200b",
    "joiner in a word": "\u200d",
    "non-joiner in a word": "\u200c",
    "direction marks": "\u200e\u200f",
    "direction overrides": "\u202a\u202d\u202e\u2066\u2067\u2069",
    "line separators": "\u2028\u2029",
    "word joiner and invisible times": "\u2060\u2062",
    "braille blank": "\u2800",
    "variation selector": "\ufe0f",
    "byte order mark": "\ufeff",
    "annotation": "\ufff9",
    "object": "\ufffc",
    "half of a pair": "\ud800",
    "private use": "\ue000\U000f0000",
    "unassigned": "\u0378",
    "no character": "\uffff",
    "null notehead": "\U0001d159",
    "tag": "\U000e0041",
    "other variation selector": "\U000e0100",
}


@pytest.mark.parametrize("characters", INVISIBLE.values(), ids=INVISIBLE)
def test_an_invisible_character_is_found(characters):
    for character in characters:
        assert first_invisible(f"Prod{character}uction") == character
        assert not has_visible_character(f" {character}")


@pytest.mark.parametrize(
    "text",
    [
        "GitHub Actions, web",
        "Ключ 鍵 🔑 e\u0301",
        "a\u00a0b\u3000c",
        "👩\u200d❤\ufe0f\u200d👩 🏃🏽\u200d♀\ufe0f 🏳\ufe0f\u200d🌈 1\ufe0f\u20e3 ☎\ufe0e",
        "می\u200cخواهم",
        "ශ්\u200dරී क्\u200cष",
        f"{ENGLAND} and {WALES}",
        "র\u200d্যাব",
        "ৰ\u200d্য ರ\u200d್ಕ",
        "کتابِ\u200cما هَ\u200cا",
        "دا\u200cها داً\u200cها",
        "ܒ\u200cܒ ߊߒ\u200cߊ",
        "ភាសា\u200bខ្មែរ",
        "ภาษา\u200bไทย ພາສາ\u200bລາວ မြန်မာ\u200bဘာသာ",
        "\U0001faea",
        "…  ½ ﬁ ①",
    ],
)
def test_joiners_that_keyboards_insert_are_allowed(text):
    assert first_invisible(text) == ""
    assert has_visible_character(text)


@pytest.mark.parametrize(
    ("text", "character"),
    [
        (ENGLAND[:-1], "\U000e0067"),
        (ENGLAND[1:], "\U000e0067"),
        (f"🏳{ENGLAND[1:]}", "\U000e0067"),
        (f"🏴{ENGLAND[1:3]}{ENGLAND[-1]}", "\U000e0067"),
        (f"🏴{ENGLAND[1:6] * 2}{ENGLAND[-1]}", "\U000e0067"),
        (f"🏴{ENGLAND[-1]}", "\U000e007f"),
        (f"{ENGLAND}{ENGLAND[-1]}", "\U000e007f"),
        ("ক\u200d্য", "\u200d"),
        ("র\u200dয", "\u200d"),
        ("র\u200d্", "\u200d"),
        ("کِ\u200c", "\u200c"),
        ("کِ\u200ca", "\u200c"),
        ("a\u064e\u200cb", "\u200c"),
        ("ខ\u200b", "\u200b"),
        ("ខ\u200b\u200bខ", "\u200b"),
        ("ខ\u200ba", "\u200b"),
        ("\u200bខ", "\u200b"),
        ("日\u200b本", "\u200b"),
    ],
)
def test_an_allowed_joiner_is_refused_in_other_positions(text, character):
    assert first_invisible(text) == character


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "\u3000",
        "\u0301",
        "\ufe0f",
        "\u200d\u2800",
        ENGLAND[1:],
        "\u200b\u200c",
    ],
)
def test_a_text_without_visible_characters_is_found(text):
    assert not has_visible_character(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("é", "É"),
        ("e\u0301", "\u00e9"),
        ("ＣＩ", "ci"),
        ("Straße", "STRASSE"),
        ("STRAẞE", "strasse"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("\u212aey", "key"),
        ("ﬁ", "FI"),
        ("Pro\u00adduct\u200bion", "production"),
        ("a\u00a0b", "A  b"),
        ("☎\ufe0f", "☎"),
        ("가", "\u1100\u1161"),
        (ENGLAND, "🏴"),
        (ENGLAND, WALES),
        ("র\u200d্যাব", "র্যাব"),
        ("کتابِ\u200cما", "کتابِما"),
        ("ភាសា\u200bខ្មែរ", "ភាសាខ្មែរ"),
    ],
)
def test_texts_that_look_the_same_fold_alike(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"), [("a", "b"), ("e", "é"), ("ci", "c i"), ("I", "ı"), ("o", "0")]
)
def test_texts_that_differ_fold_apart(one, other):
    assert fold(one) != fold(other)


def test_folding_is_idempotent_for_every_normalization_form():
    dice = random.Random(7)  # noqa: S311, no secret
    odd = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) not in {"Cn", "Co", "Cs"}
        and (
            unicodedata.normalize("NFKC", character) != character
            or character.casefold() != character
            or unicodedata.combining(character)
        )
    ]
    texts = odd + ["".join(dice.choices(odd, k=3)) for _ in range(20_000)]

    for text in texts:
        folded = fold(text)

        assert fold(folded) == folded, ascii(text)
        assert folded.isprintable(), ascii(text)
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            assert fold(unicodedata.normalize(form, text)) == folded, ascii(text)


def test_visible_form_drops_characters_without_a_glyph():
    assert visible_form("ｅｐｋ_\u200blive") == "epk_live"
    assert visible_form("two\nlines é") == "two\nlines é"
