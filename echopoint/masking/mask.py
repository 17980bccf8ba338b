"""Hide secret values in whatever is told of a run."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from urllib.parse import unquote

from echopoint.masking.anchors import Anchors
from echopoint.masking.json_text import text_of
from echopoint.masking.spellings import MASK, Form, forms

# A part of a secret is hidden for itself, when it says enough.
MIN_PART = 8
HALVES = re.compile("[\ud800-\udfff]")
CUTS = re.compile(r"[\r\n&#?=;,]+")


class Mask:
    """Replaces secrets by `***`, the longest first.

    A secret is found as it is, and as it comes back from services, see `spellings`. Of
    base64 the token around it is hidden as a whole; it is looked through for secrets of 3
    bytes and more. What is only made from a secret, such as a hash of it or a part, is
    not found.
    """

    def __init__(self, secrets: Iterable[object] = ()):
        self._known: set[str] = set()
        # Replaced as one: threads mask while another secret is learned.
        self._finder: tuple[list[Form], Anchors] = [], Anchors([])
        self.learn(*secrets)

    def __repr__(self) -> str:
        return f"<Mask of {len(self._finder[0])} forms>"

    def learn(self, *secrets: object) -> None:
        """Hide these from now on as well; of objects and lists, each text in them."""
        found, known = list(self._finder[0]), set(self._known)
        for text in chain.from_iterable(map(_texts, secrets)):
            for variant in _variants(text):
                # A mask of stars would hide nothing of stars.
                if variant not in known and variant.strip("*"):
                    known.add(variant)
                    found += forms(variant)
        found.sort(key=lambda form: -len(form.text))
        places = ((form.anchor, place) for place, form in enumerate(found))
        self._known, self._finder = known, (found, Anchors(places))

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        found, anchors = self._finder
        for place in sorted(anchors.in_text(text)):
            text = found[place].hidden_in(text)
        return text

    def hides(self, text: str) -> bool:
        """Whether there is a secret in the text."""
        return self.text(text) != text

    def value(self, value: object) -> object:
        """Return a JSON value without secrets in its texts, names and numbers."""
        if isinstance(value, str):
            return self.text(value)
        dump = json.dumps(value)
        found, anchors = self._finder
        if not any(found[place].may_be_in(dump) for place in anchors.in_text(dump)):
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
        is_utf_8 = text.isascii() or not HALVES.search(text)
        body = text.encode(errors="surrogateescape")
        # What is in UTF-8 is found already; UTF-16 has zeros.
        others = [] if is_utf_8 else ["latin-1"]
        others += ["utf-16-le", "utf-16-be"] if b"\0" in body else []
        for encoding in others:
            for secret in sorted(self._known, key=len, reverse=True):
                # What this encoding has no letters for cannot be in such a body.
                found = secret.encode(encoding, errors="ignore")
                if found and found.decode(encoding, errors="ignore") == secret:
                    body = body.replace(found, MASK.encode(encoding))
        return body


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
