"""Hide secret values in whatever is told of a run."""

import base64
import json
import re
import string
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from urllib.parse import unquote

from echopoint.cli.engine.values import text_of

MASK = "***"
# A part of a secret is hidden for itself, when it says enough.
MIN_PART = 8
CUTS = re.compile(r"[\r\n&#?=;,]+")
# Of base64, what fewer characters tell is found in any text by chance.
MIN_BASE64 = 4
LETTERS = re.compile("[0-9A-Za-z]+")
# Letters and digits, other scripts, backslashes, and all others one by one.
RUNS = re.compile(r"[0-9A-Za-z]+|[^\x00-\x7f]+|\\+|[\x00-\x7f]")
TOKEN = frozenset(f"{string.ascii_letters}{string.digits}+/-_")
REST = re.compile("[0-9A-Za-z+/_-]*={0,2}")
# As it is, and in a URL.
BACKSLASH = r"(?:\\|%(?:25){0,4}5[Cc])"
LETTERS_ESCAPED = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


class Mask:
    """Replaces secrets by `***`, the longest first.

    A secret is found as it is, and as it comes back from services: percent-encoded,
    escaped as in JSON or HTML, all of these also twice or mixed, and inside base64, at
    any place in the token, which is then hidden as a whole. Base64 is looked through
    for secrets of 3 bytes and more. What is only made from a secret, such as a hash of
    it or a part, is not found.
    """

    def __init__(self, secrets: Iterable[object] = ()):
        self._forms: list[_Form] = []
        self._known: set[str] = set()
        self.learn(*secrets)

    def __repr__(self) -> str:
        return f"<Mask of {len(self._forms)} forms>"

    def learn(self, *secrets: object) -> None:
        """Hide these from now on as well; of objects and lists, each text in them."""
        forms = list(self._forms)
        for text in chain.from_iterable(map(_texts, secrets)):
            for variant in _variants(text):
                if variant not in self._known:
                    self._known.add(variant)
                    forms += _forms(variant)
        self._forms = sorted(forms, key=lambda form: -len(form.text))

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        for form in self._forms:
            text = form.hidden_in(text)
        return text

    def hides(self, text: str) -> bool:
        """Whether there is a secret in the text."""
        return self.text(text) != text

    def value(self, value: object) -> object:
        """Return a JSON value without secrets in its texts, names and numbers."""
        dump = value if isinstance(value, str) else json.dumps(value)
        if not any(form.may_be_in(dump) for form in self._forms):
            return value
        return self._value(value)

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self._value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        return MASK if text_of(value) in self._known else value

    def body(self, body: bytes) -> bytes:
        """Return the bytes without secrets, be they UTF-8, Latin-1 or UTF-16."""
        text = self.text(body.decode(errors="surrogateescape"))
        body = text.encode(errors="surrogateescape")
        for encoding in ("latin-1", "utf-16-le", "utf-16-be"):
            for secret in sorted(self._known, key=len, reverse=True):
                # What this encoding has no letters for cannot be in such a body.
                found = secret.encode(encoding, errors="ignore")
                if found and found.decode(encoding, errors="ignore") == secret:
                    body = body.replace(found, MASK.encode(encoding))
        return body


class _Form:
    """One way in which one secret may be written."""

    def __init__(self, text: str, *, in_token: bool = False):
        self.text = text
        self.in_token = in_token
        # Whatever else is escaped, letters and digits are not: a quick first look.
        self.anchor = max(LETTERS.findall(text), key=len, default="")

    @cached_property
    def pattern(self) -> re.Pattern:
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


def _texts(secret: object) -> Iterator[str]:
    """Yield the texts of a secret that may be any JSON value; true and null are none."""
    if isinstance(secret, dict | list):
        for item in secret.values() if isinstance(secret, dict) else secret:
            yield from _texts(item)
    elif secret is not None and not isinstance(secret, bool):
        yield text_of(secret)


def _variants(secret: str) -> Iterator[str]:
    """Yield what of a secret is to be hidden: all of it, all as it comes to services.

    A header has no spaces around it, a URL is decoded, and what follows a line break
    or one of the marks of URLs and cookies is taken for something else.
    """
    yield from filter(None, (secret, secret.strip(), unquote(secret)))
    for part in CUTS.split(secret):
        if len(part.strip()) >= MIN_PART:
            yield part.strip()


def _forms(secret: str) -> Iterator[_Form]:
    yield _Form(secret)
    # Host names come back in small letters.
    if secret.lower() != secret:
        yield _Form(secret.lower())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for core in _cores(secret.encode(errors="replace"), encode):
            if len(core) >= MIN_BASE64:
                yield _Form(core, in_token=True)


def _cores(secret: bytes, encode) -> Iterator[str]:
    """Yield the base64 of the secret after 0, 1 and 2 other bytes, without its ends.

    A character holds 6 bits: those at the ends depend on what stands beside the secret.
    """
    for before in range(3):
        text = encode(b"\0" * before + secret).decode()
        first = -(-before * 8 // 6)
        last = (before + len(secret)) * 8 // 6
        yield text[first:last]


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
    yield f"{BACKSLASH}{{0,8}}{re.escape(letter)}"
    yield from _codes(letter)
    if letter in ENTITIES:
        yield f"&(?:amp;){{0,3}}{ENTITIES[letter]};"
    if letter in LETTERS_ESCAPED:
        yield f"{BACKSLASH}{{1,8}}{LETTERS_ESCAPED[letter]}"
    # A form has the one for the other, and is perhaps decoded once more than encoded.
    if letter in " +":
        yield "[ +]"
    if not letter.isascii():
        yield re.escape(letter.encode(errors="surrogatepass").decode("latin-1"))


def _codes(letter: str) -> Iterator[str]:
    """Yield the ways to write a letter by its number: in URLs, JSON and HTML."""
    code, data = ord(letter), letter.encode(errors="surrogatepass")
    yield "".join(f"%(?:25){{0,4}}(?i:{byte:02x})" for byte in data)
    yield "".join(f"{BACKSLASH}{{1,8}}u(?i:{unit})" for unit in _utf_16(letter))
    yield rf"&(?:amp;){{0,3}}#(?:0{{0,6}}{code}|[xX]0{{0,6}}(?i:{code:x}));"


def _utf_16(letter: str) -> Iterator[str]:
    data = letter.encode("utf-16-be", errors="surrogatepass")
    return (data[place : place + 2].hex() for place in range(0, len(data), 2))
