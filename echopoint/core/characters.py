"""Which characters people see, and which texts look the same to them.

The properties are Unicode's, from the tables of the `regex` package.
"""

import unicodedata
from urllib.parse import unquote

import regex

# Nothing of these is seen: UAX #44 Default_Ignorable_Code_Point, what formats text, and
# what has a place but no shape (braille, Egyptian, Khitan and musical blanks).
NOT_DRAWN = (
    r"\p{Default_Ignorable_Code_Point}"
    r"[\p{Cf}--\p{Prepended_Concatenation_Mark}]"
    r"\u2800\uFFFC\U00013441\U00013442\U00016FE4\U0001D159"
)
# Code points without a meaning that all agree on: they may be drawn in any way, or not,
# and fold in another way once they have one. Those kept for pictures may be in use.
NOT_AGREED = r"[[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]--\p{Extended_Pictographic}]"
UNDRAWN = regex.compile(rf"(?V1)[{NOT_DRAWN}]")
UNSEEN = regex.compile(rf"(?V1)[{NOT_DRAWN}{NOT_AGREED}]")
# Invisible, but a part of what keyboards write: how an emoji is drawn and what makes one
# of several, keycaps, the flags of parts of a country (UTS #51, 1.4.9 and C.1), conjuncts
# of Indic scripts and letters that are not joined (RFC 5892, A.1 and A.2), the end of a
# word's part in Persian, RA whose form a virama would change in Bengali and Kannada (the
# Unicode Standard, 12.2 and 12.8), and the end of a word in scripts that write no spaces
# (UAX #14, SA).
TYPED = regex.compile(
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
SEEN = regex.compile(r"[\p{L}\p{N}\p{P}\p{S}]")
SPACES = regex.compile(r"\s+")
# A percent sign that was percent-encoded, however often.
ENCODED_AGAIN = regex.compile("%(?:25)+")


def unseen(text: str) -> str:
    """Return the first character that cannot be seen, or an empty string."""
    if text.isascii() and text.isprintable():
        return ""
    found = UNSEEN.search(TYPED.sub("", text))
    return found[0] if found else ""


def has_shape(text: str) -> bool:
    """Whether anything of the text can be seen."""
    return bool(SEEN.search(UNSEEN.sub("", text)))


def as_seen(text: str) -> str:
    """Return the text without what is not drawn, each character in its plain form."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", UNDRAWN.sub("", text))


def undisguised(text: str) -> str:
    """Return the text in one piece, without the encodings of URLs and of headers."""
    encoded = ENCODED_AGAIN.sub("%", in_one_piece(from_header(text)))
    return in_one_piece(unquote(encoded))


def in_one_piece(text: str) -> str:
    """Return the text without what cannot be printed, or stands for what was no text."""
    return "".join(filter(str.isprintable, text)).replace("\ufffd", "")


def from_header(text: str) -> str:
    """Return what a client sent in UTF-8, where a server read it as Latin-1."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def in_pieces(text: str) -> str:
    """Return the text as it is seen, with one end of line wherever something parts it.

    That is the end of a line with the spaces around it, or what cannot be seen.
    """
    text = unicodedata.normalize("NFKC", UNSEEN.sub("\n", text))
    return SPACES.sub(lambda run: "\n" if "\n" in run[0] else run[0], text)


def fold(text: str) -> str:
    """Return what texts have in common that people take for one.

    That is Unicode's NFKC_Casefold, and one space for any others in a row: pages show
    several as one. Folding twice changes nothing.
    """
    if text.isascii():
        return SPACES.sub(" ", text.lower())
    folded = unicodedata.normalize("NFD", UNDRAWN.sub("", text))
    # Twice, as either can make something of what the other made (D146).
    for _ in range(2):
        folded = unicodedata.normalize("NFKC", folded.casefold())
    return SPACES.sub(" ", UNDRAWN.sub("", folded))
