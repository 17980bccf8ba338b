"""Formats in which clients escape characters, and how each is decoded.

Each row of `ESCAPE_FORMATS` has the pattern of one format and decodes a match to a character.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5

CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}


def _character(code: int) -> str | None:
    return chr(code) if 0 < code < 0x110000 else None


def _decode_json(match: re.Match[str]) -> str | None:
    escape = match[0]
    if len(escape) == 12:
        high, low = int(escape[2:6], 16), int(escape[8:], 16)
        return _character(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    if len(escape) > 2:
        return _character(int(escape[2:].strip("{}"), 16))
    return CONTROLS.get(escape[1], escape[1])


def _decode_html(match: re.Match[str]) -> str | None:
    name = match[1]
    if not name.startswith("#"):
        letter = html5.get(name, "")
        return letter if len(letter) == 1 else None
    digits = name[1:-1]
    return _character(int(digits[1:], 16) if digits[0] in "xX" else int(digits))


def _decode_utf_8(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _decode_url(match: re.Match[str]) -> str | None:
    data = bytes.fromhex(match[0].replace("%", ""))
    # Older programs write URLs in Latin-1: one byte that is not ASCII.
    return data.decode("latin-1") if len(data) == 1 else _decode_utf_8(data)


def _wrong_characters(byte: int) -> Iterator[str]:
    """Yield the characters of a byte in Latin-1 and in Windows-1252."""
    yield chr(byte)
    if text := bytes([byte]).decode("cp1252", errors="ignore"):
        yield text


BYTES = {text: byte for byte in range(0x80, 0x100) for text in _wrong_characters(byte)}
CONTINUATION = f"[{''.join(text for text, byte in BYTES.items() if byte < 0xC0)}]"
MOJIBAKE = f"[Â-ß]{CONTINUATION}|[à-ï]{CONTINUATION}{{2}}|[ð-ô]{CONTINUATION}{{3}}"


def _decode_mojibake(match: re.Match[str]) -> str | None:
    return _decode_utf_8(bytes(BYTES[letter] for letter in match[0]))


HEX = "[0-9A-Fa-f]"
NEXT_BYTE = f"%[89ABab]{HEX}"


@dataclass(frozen=True)
class EscapeFormat:
    """One format of escapes. `mark` is the character that every escape starts with."""

    mark: str
    pattern: re.Pattern[str]
    decode: Callable[[re.Match[str]], str | None]

    def may_be_in(self, text: str) -> bool:
        return self.mark in text if self.mark else not text.isascii()

    def present_in(self, text: str) -> "list[EscapeFormat]":
        """Return the formats of which the text may have escapes."""
        return [self] if self.may_be_in(text) else []


class AnyEscape(EscapeFormat):
    """All formats at once."""

    def present_in(self, text: str) -> list[EscapeFormat]:
        return [each for each in ESCAPE_FORMATS if each.may_be_in(text)]


ESCAPE_FORMATS = (
    # JSON of all writers, `repr`, quoted strings of HTTP headers. PHP and shells also put
    # backslashes before punctuation that needs no escape.
    EscapeFormat(
        "\\",
        re.compile(
            rf"\\u[Dd][89ABab]{HEX}{{2}}\\u[Dd][C-Fc-f]{HEX}{{2}}|\\u{HEX}{{4}}"
            rf"|\\u\{{{HEX}{{1,6}}\}}|\\x{HEX}{{2}}|\\[nrtbfv]|\\[ -/:-@\[-`{{-~]"
        ),
        _decode_json,
    ),
    # URLs: each byte of UTF-8, or one of Latin-1.
    EscapeFormat(
        "%",
        re.compile(
            f"%[CDcd]{HEX}{NEXT_BYTE}|%[Ee]{HEX}(?:{NEXT_BYTE}){{2}}|%[Ff]{HEX}(?:{NEXT_BYTE}){{3}}"
            f"|%{HEX}{{2}}"
        ),
        _decode_url,
    ),
    # HTML and XML: named and numeric entities.
    EscapeFormat(
        "&",
        re.compile("&(#[0-9]{1,9};|#[xX][0-9A-Fa-f]{1,8};|[A-Za-z][A-Za-z0-9]{1,31};)"),
        _decode_html,
    ),
    # UTF-8 that was decoded as Latin-1 or Windows-1252.
    EscapeFormat("", re.compile(MOJIBAKE), _decode_mojibake),
)


DECODE_BY_MARK = {
    escape_format.mark: escape_format.decode for escape_format in ESCAPE_FORMATS
}


def _decode_any(match: re.Match[str]) -> str | None:
    return DECODE_BY_MARK.get(match[0][0], _decode_mojibake)(match)


# For mixed escapes: URLs in JSON, JSON in HTML.
ANY_ESCAPE = AnyEscape(
    "",
    re.compile(
        "|".join(escape_format.pattern.pattern for escape_format in ESCAPE_FORMATS)
    ),
    _decode_any,
)
