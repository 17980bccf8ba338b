"""Hide secret values in texts, JSON values and bodies."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from threading import Lock

from echopoint.masking.encoded import DeepSearch
from echopoint.masking.forms import STARS, forms_of, tokens_of
from echopoint.masking.reading import readings
from echopoint.masking.search import Search

MASK = "***"
# Hiding one secret may show another: `%41` without its `%`. Once more is enough but for
# texts made to be worse.
MAX_PASSES = 5
NO_TEXT = "\ud800"  # half of a pair, which is in no secret
MIN_INNER = 8  # characters
WIDE = ("utf-16-le", "utf-16-be")


class Mask:
    """Replaces secrets by `***`, the longest first.

    A secret is found as it is, and as it comes back from services: in the spellings of
    the table, up to four times over and mixed, and in base64, of which the line is then
    hidden. Not found are hashes, base64 within base64, and shorter pieces of a secret.
    """

    def __init__(self, secrets: Iterable[object] = ()):
        self._known: frozenset[str] = frozenset()
        self._texts: frozenset[str] = frozenset()
        self._tokens: frozenset[str] = frozenset()
        self._search = DeepSearch((), ())
        self._learning = Lock()
        self.learn(*secrets)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._known)} secrets>"

    def learn(self, *secrets: object) -> None:
        """Hide these from now on as well; of objects and lists, each text in them."""
        found = frozenset(filter(None, chain.from_iterable(map(_texts, secrets))))
        # Two threads that learn must not lose what the other has learned.
        with self._learning:
            self._add(found)

    def _add(self, found: frozenset[str]) -> None:
        if not (new := found - self._known):
            return
        self._texts |= {form for text in new for form in forms_of(text)}
        self._tokens |= {token for text in new for token in tokens_of(text)}
        # Made before it is shared: threads mask meanwhile.
        self._search = DeepSearch(self._texts, self._tokens)
        self._known |= new

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        return _masked(text, self._search) if self._known else text

    def hides(self, text: str) -> bool:
        """Whether there is a secret in the text."""
        return self.text(text) != text

    def value(self, value: object) -> object:
        """Return a JSON value without secrets in its texts, names and numbers."""
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
        """Return the bytes without secrets, be they UTF-8, Latin-1 or UTF-16."""
        try:
            body = self.text(body.decode()).encode()
        except UnicodeDecodeError:
            # UTF-8 in it is read as Latin-1 too, which is one of the spellings.
            body = self.text(body.decode("latin-1")).encode("latin-1")
        for encoding in WIDE if b"\0" in body and self._known else ():
            body = self._wide(body, encoding)
        return body

    def _wide(self, body: bytes, encoding: str) -> bytes:
        def narrow(text):
            return text.encode(encoding, errors="replace").decode("latin-1")

        search = Search(map(narrow, self._known), ())
        return _masked(body.decode("latin-1"), search, narrow(MASK)).encode("latin-1")


def _masked(text: str, search: Search, mask: str = MASK) -> str:
    for _ in range(MAX_PASSES if search.may_be_in(text) else 0):
        before, text = text, _replaced(text, search, mask)
        if text == before:
            break
    return text


def _replaced(text: str, search: Search, mask: str) -> str:
    """Return the text with a mask for each secret, found without the other masks."""
    # Nothing is found across a mask, so that masking twice is masking once.
    open_text = STARS.sub(lambda stars: NO_TEXT * len(stars[0]), text)
    spans = sorted(
        reading.span(*found)
        for reading in readings(open_text, search.letters)
        for found in search.spans(reading)
    )
    parts, done = [], 0
    for start, end in _merged(spans):
        parts += (text[done:start], mask)
        done = end
    return "".join([*parts, text[done:]])


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield sorted spans, those that overlap as one."""
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
    """Yield the texts of a secret that may be any JSON value; true and null are none."""
    if isinstance(secret, str):
        yield secret
        yield from _texts_in_json(secret)
    elif isinstance(secret, dict | list):
        for item in secret.values() if isinstance(secret, dict) else secret:
            yield from _texts(item)
    elif secret is not None and not isinstance(secret, bool):
        yield from _numerals(secret)


def _texts_in_json(secret: str) -> Iterator[str]:
    """Yield the longer texts of a secret that is JSON: services send parts of it back."""
    if secret.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            inner = _texts(json.loads(secret))
            yield from (text for text in inner if len(text) >= MIN_INNER)


def _numerals(number: float) -> Iterator[str]:
    """Yield how a number is written: in JSON, and in templates without zeros."""
    yield json.dumps(number)
    if isinstance(number, float) and number.is_integer():
        yield str(int(number))
