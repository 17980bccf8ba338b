"""The spellings of a character that clients write, and how each is read.

Each row of `SPELLINGS` finds one kind of escape and returns the character it stands for.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.entities import html5

CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v"}


def _number(code: int) -> str | None:
    return chr(code) if 0 < code < 0x110000 else None


def _of_json(match: re.Match) -> str | None:
    escape = match[0]
    if len(escape) == 12:
        high, low = int(escape[2:6], 16), int(escape[8:], 16)
        return _number(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)
    if len(escape) > 2:
        return _number(int(escape[2:].strip("{}"), 16))
    return CONTROLS.get(escape[1], escape[1])


def _of_html(match: re.Match) -> str | None:
    name = match[1]
    if not name.startswith("#"):
        letter = html5.get(name, "")
        return letter if len(letter) == 1 else None
    digits = name[1:-1]
    return _number(int(digits[1:], 16) if digits[0] in "xX" else int(digits))


def _of_utf_8(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _of_url(match: re.Match) -> str | None:
    data = bytes.fromhex(match[0].replace("%", ""))
    # A single byte that is not ASCII: older programs write URLs in Latin-1.
    return data.decode("latin-1") if len(data) == 1 else _of_utf_8(data)


def _misread(byte: int) -> Iterator[str]:
    """Yield what a byte becomes in Latin-1 and in Windows-1252."""
    yield chr(byte)
    if text := bytes([byte]).decode("cp1252", errors="ignore"):
        yield text


BYTES = {text: byte for byte in range(0x80, 0x100) for text in _misread(byte)}
LATER = f"[{''.join(text for text, byte in BYTES.items() if byte < 0xC0)}]"
MISREAD = f"[Â-ß]{LATER}|[à-ï]{LATER}{{2}}|[ð-ô]{LATER}{{3}}"


def _of_misread(match: re.Match) -> str | None:
    return _of_utf_8(bytes(BYTES[letter] for letter in match[0]))


HEX = "[0-9A-Fa-f]"
NEXT = f"%[89ABab]{HEX}"


@dataclass(frozen=True)
class Spelling:
    """A way to write a character, and the text without which it is not there."""

    mark: str
    pattern: re.Pattern
    read: Callable[[re.Match], str | None]

    def may_be_in(self, text: str) -> bool:
        return self.mark in text if self.mark else not text.isascii()


class AnySpelling(Spelling):
    """All the spellings at once."""

    def may_be_in(self, text: str) -> bool:
        return any(each.may_be_in(text) for each in SPELLINGS)


SPELLINGS = (
    # JSON of all writers, `repr`, quoted strings of HTTP headers. PHP and shells write a
    # backslash before punctuation that needs none.
    Spelling(
        "\\",
        re.compile(
            rf"\\u[Dd][89ABab]{HEX}{{2}}\\u[Dd][C-Fc-f]{HEX}{{2}}|\\u{HEX}{{4}}"
            rf"|\\u\{{{HEX}{{1,6}}\}}|\\x{HEX}{{2}}|\\[nrtbfv]|\\[ -/:-@\[-`{{-~]"
        ),
        _of_json,
    ),
    # URLs: each byte of UTF-8, or one of Latin-1.
    Spelling(
        "%",
        re.compile(
            f"%[CDcd]{HEX}{NEXT}|%[Ee]{HEX}(?:{NEXT}){{2}}|%[Ff]{HEX}(?:{NEXT}){{3}}"
            f"|%{HEX}{{2}}"
        ),
        _of_url,
    ),
    # HTML and XML: names and numbers.
    Spelling(
        "&",
        re.compile("&(#[0-9]{1,9};|#[xX][0-9A-Fa-f]{1,8};|[A-Za-z][A-Za-z0-9]{1,31};)"),
        _of_html,
    ),
    # UTF-8 that was read as Latin-1 or Windows-1252.
    Spelling("", re.compile(MISREAD), _of_misread),
)


READ_BY_MARK = {spelling.mark: spelling.read for spelling in SPELLINGS}


def _of_any(match: re.Match) -> str | None:
    return READ_BY_MARK.get(match[0][0], _of_misread)(match)


# All of them at once: URLs in JSON, JSON in HTML.
ANY = AnySpelling(
    "",
    re.compile("|".join(spelling.pattern.pattern for spelling in SPELLINGS)),
    _of_any,
)
