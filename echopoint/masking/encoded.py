"""Search base64 for secrets that are escaped in it, or that a line break cuts in two."""

import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from string import ascii_letters, digits

from echopoint.masking.forms import MIN_FORM
from echopoint.masking.reading import Reading, readings
from echopoint.masking.search import Search

DIGITS = f"{ascii_letters}{digits}+/".encode()
URL_SAFE = bytes.maketrans(b"-_", b"+/")
# The standard alphabet, with `A` for what is no base64.
STANDARD = bytes(each if each in DIGITS else ord("A") for each in URL_SAFE)
ASCII = bytes(n if n < 0x80 else 0 for n in range(256))
OTHER = re.compile("[^0-9A-Za-z+/_-]")
LETTER = re.compile("[0-9A-Za-z+/_-]")
RUN = re.compile("[0-9A-Za-z+/_-]+={0,2}")
# Lines of MIME (RFC 2045, section 6.8), which JSON and headers indent.
# `re` finds a leading literal fast; what stands before it is checked afterwards.
BREAK = re.compile(r"\n[ \t]*(?=[0-9A-Za-z+/_-])")
# Characters of base64 for one of the secret: `\u0070` has six.
WIDEST = 8
# A stretch that is too short is tried once more at each of its bytes.
MAX_MINIMUM = 32  # bytes


class DeepSearch(Search):
    """Finds texts, base64 with a token in it, and texts in what base64 decodes to."""

    def __init__(self, texts: Iterable[str], tokens: Iterable[str]):
        texts = set(texts)
        super().__init__(texts, tokens)
        # Shorter ones are in any base64 by chance.
        self.inner = Search({text for text in texts if len(text) >= MIN_FORM}, ())
        self.candidates = _candidates(self.inner)
        self.cores = Search(self.tokens, ())
        # Line breaks in base64 are worth decoding too.
        self.letters |= {"\r", "\n"}

    def may_be_in(self, text: str) -> bool:
        return super().may_be_in(text) or any(True for _ in self._in_base64(text))

    def spans(self, reading: Reading) -> Iterator[tuple[int, int]]:
        yield from super().spans(reading)
        for start, stop in reading.stretches(WIDEST * self.inner.reach):
            for begin, end in self._in_base64(reading.text[start:stop]):
                yield start + begin, start + end

    def _in_base64(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the lines of base64 that a text can be read in, as it is or escaped."""
        joined = Excerpt(text, _line_breaks(text))
        # What stands in one line is found without this.
        cut = self.cores.spans(Reading(joined.text)) if joined.places else ()
        runs = None
        for begin, end in chain(cut, self._decoded(joined.text)):
            runs = runs or [run.span() for run in RUN.finditer(text)]
            first = bisect_right(runs, (joined.place(begin), len(text))) - 1
            last = bisect_right(runs, (joined.place(end - 1), len(text))) - 1
            yield runs[first][0], runs[last][1]

    def _decoded(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of base64 whose bytes hold a text, as it is or escaped.

        The whole text is decoded four times, as if all of it were base64: a run may start
        at any character, also after the `/` of a path, and one of the four offsets is right.
        """
        standard = text.encode("latin-1", errors="replace").translate(STANDARD)
        for shift in range(4):
            shifted = standard[shift:]
            data = a2b_base64(shifted + b"A" * (-len(shifted) % 4)).translate(ASCII)
            for first, last in self._in_bytes(data.decode("ascii")):
                begin, end = shift + first * 4 // 3, shift - (-last * 4 // 3)
                if end <= len(text) and not OTHER.search(text, begin, end):
                    yield begin, end

    def _in_bytes(self, data: str) -> Iterator[tuple[int, int]]:
        stretches = [match.span() for match in self.candidates.finditer(data)]
        if not stretches:
            return
        excerpt = Excerpt(data, _gaps(stretches, len(data)))
        for reading in readings(excerpt.text, self.inner.letters):
            for found in self.inner.spans(reading):
                first, last = reading.span(*found)
                yield excerpt.place(first), excerpt.place(last - 1) + 1


class Excerpt:
    """A text without some of its stretches, which maps positions back to the original."""

    def __init__(self, text: str, left_out: Iterable[tuple[int, int]]):
        self.places: list[int] = []
        self.removed: list[int] = []
        parts, done, removed = [], 0, 0
        for start, end in left_out:
            parts.append(text[done:start])
            done = end
            self.places.append(start - removed)
            removed += end - start
            self.removed.append(removed)
        self.text = "".join([*parts, text[done:]])

    def place(self, place: int) -> int:
        """Return where a character stood in the original text."""
        before = bisect_right(self.places, place) - 1
        return place + (self.removed[before] if before >= 0 else 0)


def _line_breaks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the line breaks between two characters of base64."""
    for match in BREAK.finditer(text):
        start = match.start()
        if text.endswith("\r", 0, start):
            start -= 1
        if start and LETTER.match(text, start - 1):
            yield start, match.end()


def _gaps(stretches: list[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """Yield what lies between the stretches, less one character that separates them."""
    done = 0
    for start, end in stretches:
        if start > done:
            yield done, start
        done = end + 1
    if done < length:
        yield done, length


def _candidates(search: Search) -> re.Pattern[str]:
    """Return a pattern of the stretches that may hold a text of the search.

    Such a stretch consists of letters of the texts and of escapes, and is at least as long
    as the shortest text. Few bytes of a body are in one, so that little is decoded.
    """
    letters = re.escape("".join(filter(str.isascii, search.letters)))
    minimum = min(min(map(len, search.texts), default=MIN_FORM), MAX_MINIMUM)
    # The possessive `+` and the bound of the minimum keep the search linear.
    return re.compile(f"[{letters}]{{{minimum},}}+")
