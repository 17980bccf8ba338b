"""The table of ways in which a secret is written by programs that handle it.

Percent-encoded, escaped as in JSON or HTML, all of these also twice or mixed, in UTF-8
that was read as Latin-1, and inside base64, at any place in it.
"""

import base64
import html
import json
import re
import string
from collections.abc import Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

MASK = "***"
# Of base64, what fewer characters tell is found in any text by chance.
MIN_BASE64 = 4
# A longer text has no pattern, which would take long to make: it is looked for as it is
# written most often.
LONG = 2000
LETTERS = re.compile("[0-9A-Za-z]+")
# Letters and digits, other scripts, backslashes, and all others one by one.
RUNS = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f]+|\\+|[\x00-\x7f]")
TOKEN = frozenset(f"{string.ascii_letters}{string.digits}+/-_")
REST = re.compile("[0-9A-Za-z+/_-]*={0,2}")
# As it is, and in a URL.
BACKSLASH = r"(?:\\|%(?:25){0,4}5[Cc])"
LETTERS_ESCAPED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
# What clients leave as it is in a URL: none, paths, what Go and browsers do.
LEFT_IN_URLS = ("", "/", "/:@", "$&+,/:;=@", "!$&'()*+,/:;=@", "!$&'()*+,/:;=?@")
WRONG_READINGS = ("latin-1", "cp1252")


class Form:
    """One way in which one secret may be written."""

    def __init__(self, text: str, *, in_token: bool = False):
        self.text = text
        self.in_token = in_token
        # Whatever else is escaped, letters and digits are not: a quick first look.
        self.anchor = max(LETTERS.findall(text), key=len, default="")

    @cached_property
    def pattern(self) -> re.Pattern:
        if len(self.text) > LONG:
            written = sorted(common_spellings(self.text), key=len, reverse=True)
            return re.compile("|".join(map(re.escape, written)))
        return re.compile("".join(_spellings(run) for run in RUNS.findall(self.text)))

    def may_be_in(self, text: str) -> bool:
        return self.anchor in text

    def hidden_in(self, text: str) -> str:
        if not self.may_be_in(text):
            return text
        if self.in_token:
            return _without_tokens(text, self.pattern)
        if self.anchor == self.text:
            return text.replace(self.text, MASK)
        return self.pattern.sub(MASK, text)


def _without_tokens(text: str, core: re.Pattern) -> str:
    """Return the text without the base64 around all that matches."""
    parts, done = [], 0
    for match in core.finditer(text):
        start, end = match.span()
        if start < done:
            continue
        while start > done and text[start - 1] in TOKEN:
            start -= 1
        parts += [text[done:start], MASK]
        done = REST.match(text, end).end()
    return "".join([*parts, text[done:]])


def forms(secret: str) -> Iterator[Form]:
    """Yield the forms of a secret, each of which stands for many spellings."""
    yield Form(secret)
    # Host names come back in small letters.
    if secret.lower() != secret:
        yield Form(secret.lower())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for core in _cores(secret.encode(errors="replace"), encode):
            if len(core) >= MIN_BASE64:
                yield Form(core, in_token=True)


def _cores(secret: bytes, encode) -> Iterator[str]:
    """Yield the base64 of the secret after 0, 1 and 2 other bytes, without its ends.

    A character holds 6 bits: those at the ends depend on what stands beside the secret.
    """
    for before in range(3):
        text = encode(b"\0" * before + secret).decode()
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        yield text[first:last]


def common_spellings(text: str) -> set[str]:
    """Return the text as it is, in JSON once and twice, in URLs and in HTML."""
    in_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    in_json |= {one.replace("/", "\\/") for one in in_json}
    in_json |= {_html_safe(one) for one in in_json}
    twice = {json.dumps(one)[1:-1] for one in in_json}
    encodable = text.encode(errors="replace").decode()
    in_urls = {quote(encodable, safe=left) for left in LEFT_IN_URLS}
    in_urls.add(quote_plus(encodable))
    return {text, html.escape(text), *in_json, *twice, *in_urls}


def _html_safe(json_text: str) -> str:
    """Return JSON as Go writes it: fit to stand in a page."""
    for sign in "<>&":
        json_text = json_text.replace(sign, f"\\u{ord(sign):04x}")
    return json_text


def _spellings(run: str) -> str:
    """Return a pattern of the ways in which a run of letters is written.

    The repeats are bounded, and two of them never fit the same text: a body of
    backslashes must not take forever.
    """
    if run.isascii() and run.isalnum():
        return run
    if run[0] == "\\":
        others = "".join(f"(?:{'|'.join(_codes(letter))})" for letter in run)
        return f"(?:{BACKSLASH}{{{len(run)},{16 * len(run)}}}|{others})"
    written = "".join(f"(?:{'|'.join(_escapes(letter))})" for letter in run)
    if not run.isascii():
        # What is left of it in the wrong encoding.
        return rf"(?:{written}|[\ufffd?]{{1,{4 * len(run)}}})"
    return written


def _escapes(letter: str) -> Iterator[str]:
    as_it_is, *others = re.escape(letter), *_codes(letter)
    yield f"{BACKSLASH}{{0,8}}(?:{as_it_is}|{others[0]})"
    yield from others[1:]
    if letter in ENTITIES:
        yield f"&(?:amp;){{0,3}}{ENTITIES[letter]};"
    if letter in LETTERS_ESCAPED:
        yield f"{BACKSLASH}{{1,8}}{LETTERS_ESCAPED[letter]}"
    # A form has the one for the other, and is perhaps decoded once more than encoded.
    if letter in " +":
        yield "[ +]"
    if not letter.isascii():
        for misread in _misread(letter):
            yield "".join(f"(?:{re.escape(c)}|{'|'.join(_codes(c))})" for c in misread)


def _misread(letter: str) -> set[str]:
    """Return what the UTF-8 of a letter reads as in other encodings."""
    data = letter.encode(errors="surrogatepass")
    return {data.decode(encoding, "replace") for encoding in WRONG_READINGS}


def _codes(letter: str) -> Iterator[str]:
    """Yield the ways to write a letter by its number: in URLs, JSON and HTML."""
    code, data = ord(letter), letter.encode(errors="surrogatepass")
    yield "".join(f"%(?:25){{0,4}}(?i:{byte:02x})" for byte in data)
    yield "".join(f"{BACKSLASH}{{1,8}}u(?i:{unit})" for unit in _utf_16(letter))
    yield rf"&(?:amp;){{0,3}}#(?:0{{0,6}}{code}|[xX]0{{0,6}}(?i:{code:x}));"


def _utf_16(letter: str) -> Iterator[str]:
    data = letter.encode("utf-16-be", errors="surrogatepass")
    return (data[place : place + 2].hex() for place in range(0, len(data), 2))
