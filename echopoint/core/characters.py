"""Invisible characters, and folding of texts that look the same.

The character properties are Unicode's, from the tables of the `regex` package.
"""

import unicodedata
from urllib.parse import unquote

import regex

# Characters without a glyph: UAX #44 Default_Ignorable_Code_Point, format characters, and
# blanks that take up space (braille, Egyptian, Khitan, musical).
IGNORABLE_SET = (
    r"\p{Default_Ignorable_Code_Point}"
    r"[\p{Cf}--\p{Prepended_Concatenation_Mark}]"
    r"\u2800\uFFFC\U00013441\U00013442\U00016FE4\U0001D159"
)
# Control, private-use and unassigned code points. Fonts draw them differently or not at
# all, and their folding changes when Unicode assigns them. Code points reserved for emoji
# are allowed, because newer systems already use them.
UNDEFINED_SET = r"[[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]--\p{Extended_Pictographic}]"
IGNORABLE = regex.compile(rf"(?V1)[{IGNORABLE_SET}]")
INVISIBLE = regex.compile(rf"(?V1)[{IGNORABLE_SET}{UNDEFINED_SET}]")
# Invisible characters that keyboards insert, allowed only in these positions: emoji
# presentation and joiners, keycaps, subdivision flags (UTS #51, 1.4.9 and C.1), joiners and
# non-joiners in Indic and Arabic scripts (RFC 5892, A.1 and A.2), the Persian non-joiner
# after a vowel mark, RA before a virama in Bengali and Kannada (the Unicode Standard, 12.2
# and 12.8), and word breaks in scripts without spaces (UAX #14, SA).
ALLOWED_INVISIBLE = regex.compile(
    r"""(?xV1)
    (?<=[\p{Emoji}--[0-9\#*]])[\uFE0E\uFE0F]
    | (?<=[0-9\#*])\uFE0F(?=\u20E3)
    | (?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}]\uFE0F?)\u200D(?=\p{Extended_Pictographic})
    | (?<=\U0001F3F4)[\U000E0061-\U000E007A]{2}[\U000E0030-\U000E0039\U000E0061-\U000E007A]{1,4}\U000E007F
    | (?<=\p{ccc=virama})[\u200C\u200D]
    | (?<=[\u09B0\u09F0\u0CB0])\u200D(?=[\u09CD\u0CCD]\p{L})
    | (?<=[\p{jt=L}\p{jt=D}]\p{jt=T}*)\u200C(?=\p{jt=T}*[\p{jt=R}\p{jt=D}])
    | (?<=\p{Script=Arabic}\p{Mn}*)\u200C(?=\p{Script=Arabic})
    | (?<=\p{Line_Break=SA})\u200B(?=\p{Line_Break=SA})
    """
)
VISIBLE = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")
SPACES = regex.compile(r"\s+")
# A percent sign that was percent-encoded, any number of times.
ENCODED_AGAIN = regex.compile("%(?:25)+")


def first_invisible(text: str) -> str:
    """Return the first invisible character that is not allowed there, or ""."""
    if text.isascii() and text.isprintable():
        return ""
    match = INVISIBLE.search(ALLOWED_INVISIBLE.sub("", text))
    return match[0] if match else ""


def has_visible_character(text: str) -> bool:
    return bool(VISIBLE.search(INVISIBLE.sub("", text)))


def visible_form(text: str) -> str:
    """Drop characters without a glyph and apply NFKC."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", IGNORABLE.sub("", text))


def decode_client_text(text: str) -> str:
    """Undo header and URL encodings, so that a secret in the text can be found."""
    encoded = ENCODED_AGAIN.sub("%", without_unprintable(decode_latin1_header(text)))
    return without_unprintable(unquote(encoded))


def without_unprintable(text: str) -> str:
    """Drop unprintable and replacement characters."""
    return "".join(filter(str.isprintable, text)).replace("\ufffd", "")


def decode_latin1_header(text: str) -> str:
    """Decode a header that was sent as UTF-8; WSGI servers decode headers as Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def unify_breaks(text: str) -> str:
    """Replace line breaks and invisible characters with one newline each.

    A secret that was wrapped or split then differs only by newlines.
    """
    text = unicodedata.normalize("NFKC", INVISIBLE.sub("\n", text))
    return SPACES.sub(lambda run: "\n" if "\n" in run[0] else run[0], text)


def fold(text: str) -> str:
    """Return the same text for all texts that look the same.

    Unicode's NFKC_Casefold, with runs of white space collapsed, as HTML pages show them.
    Idempotent.
    """
    if text.isascii():
        return SPACES.sub(" ", text.lower())
    folded = unicodedata.normalize("NFD", IGNORABLE.sub("", text))
    # Twice: normalizing can produce characters that fold, and folding characters that
    # normalize (the Unicode Standard, D146).
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", folded.casefold())
    return SPACES.sub(" ", IGNORABLE.sub("", folded))
