"""Mask secret values in texts, JSON values and bodies."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from threading import Lock

from echopoint.masking.base64_search import Base64Search
from echopoint.masking.decoded_text import decoded_texts
from echopoint.masking.search import Search
from echopoint.masking.variants import STARS, base64_fragments, secret_forms

MASK = "***"
# Masking one secret may complete another: `%41` without its `%`. A second pass is enough
# except for texts made to defeat it.
MAX_PASSES = 5
NO_TEXT = "\ud800"  # half of a surrogate pair, which no secret contains
MIN_INNER = 8  # characters
UTF_16 = ("utf-16-le", "utf-16-be")


class Mask:
    """Replaces secrets by `***`, the longest first.

    Secrets are found plain, escaped up to four times in the formats of `ESCAPE_FORMATS`,
    also mixed, and in base64, where the complete line is masked. Hashes, base64 within
    base64 and short parts of a secret are not found.
    """

    def __init__(self, secrets: Iterable[object] = ()):
        self._known: frozenset[str] = frozenset()
        self._texts: frozenset[str] = frozenset()
        self._fragments: frozenset[str] = frozenset()
        self._search = Base64Search((), ())
        self._learning = Lock()
        self.learn(*secrets)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._known)} secrets>"

    def learn(self, *secrets: object) -> None:
        """Mask these values from now on too; in objects and lists, each text in them."""
        found = frozenset(filter(None, chain.from_iterable(map(_texts, secrets))))
        # Without the lock, two threads could overwrite each other's secrets.
        with self._learning:
            self._add(found)

    def _add(self, found: frozenset[str]) -> None:
        if not (new := found - self._known):
            return
        self._texts |= {form for text in new for form in secret_forms(text)}
        self._fragments |= {token for text in new for token in base64_fragments(text)}
        # Assigned when complete: other threads mask concurrently.
        self._search = Base64Search(self._texts, self._fragments)
        self._known |= new

    def text(self, text: str) -> str:
        return _mask_text(text, self._search) if self._known else text

    def hides(self, text: str) -> bool:
        """Return True if the text contains a secret."""
        return self.text(text) != text

    def value(self, value: object) -> object:
        """Mask secrets in the texts, field names and numbers of a JSON value."""
        if not self._known or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(name): self.value(item) for name, item in value.items()}
        return value if self._known.isdisjoint(_numerals(value)) else MASK

    def body(self, body: bytes) -> bytes:
        """Mask secrets in bytes, encoded in UTF-8, Latin-1 or UTF-16."""
        try:
            body = self.text(body.decode()).encode()
        except UnicodeDecodeError:
            # UTF-8 inside becomes mojibake, which is one of the escape formats.
            body = self.text(body.decode("latin-1")).encode("latin-1")
        for encoding in UTF_16 if b"\0" in body and self._known else ():
            body = self._mask_utf_16(body, encoding)
        return body

    def _mask_utf_16(self, body: bytes, encoding: str) -> bytes:
        def narrow(text: str) -> str:
            return text.encode(encoding, errors="replace").decode("latin-1")

        search = Search(map(narrow, self._known), ())
        return _mask_text(body.decode("latin-1"), search, narrow(MASK)).encode(
            "latin-1"
        )


def _mask_text(text: str, search: Search, mask: str = MASK) -> str:
    for _ in range(MAX_PASSES if search.may_be_in(text) else 0):
        before, text = text, _mask_once(text, search, mask)
        if text == before:
            break
    return text


def _mask_once(text: str, search: Search, mask: str) -> str:
    """Replace each secret by the mask; masks in the text are not searched."""
    # No match may cross a mask, so that masking twice gives the same text.
    searchable = STARS.sub(lambda stars: NO_TEXT * len(stars[0]), text)
    spans = sorted(
        decoded.span(*found)
        for decoded in decoded_texts(searchable, search.letters)
        for found in search.spans(decoded)
    )
    parts: list[str] = []
    copied = 0
    for start, end in _merge_overlapping(spans):
        parts += (text[copied:start], mask)
        copied = end
    return "".join([*parts, text[copied:]])


def _merge_overlapping(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield sorted spans, with overlapping ones merged."""
    whole = None
    for start, end in spans:
        if whole and start < whole[1]:
            whole = (whole[0], max(whole[1], end))
            continue
        if whole:
            yield whole
        whole = (start, end)
    if whole:
        yield whole


def _texts(secret: object) -> Iterator[str]:
    """Yield the texts of a secret, which may be any JSON value; true and null have none."""
    if isinstance(secret, str):
        yield secret
        yield from _texts_in_json(secret)
    elif isinstance(secret, dict | list):
        for item in secret.values() if isinstance(secret, dict) else secret:
            yield from _texts(item)
    elif secret is not None and not isinstance(secret, bool):
        yield from _numerals(secret)


def _texts_in_json(secret: str) -> Iterator[str]:
    """Yield the longer texts of a secret in JSON: services return parts of it."""
    if secret.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            inner = _texts(json.loads(secret))
            yield from (text for text in inner if len(text) >= MIN_INNER)


def _numerals(number: object) -> Iterator[str]:
    """Yield a number as written in JSON, and as rendered in templates (2.0 as "2")."""
    yield json.dumps(number)
    if isinstance(number, float) and number.is_integer():
        yield str(int(number))
