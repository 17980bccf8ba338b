"""Search base64 for secrets that are escaped in it, or that a line break cuts in two."""

import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain, islice
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
RUN = re.compile("[0-9A-Za-z+/_-]+={0,2}")
# Lines of MIME (RFC 2045, section 6.8), which JSON and headers indent.
BREAK = re.compile(r"(?<=[0-9A-Za-z+/_-])\r?\n[ \t]*(?=[0-9A-Za-z+/_-])")
# Characters of base64 for one of the secret: `\u0070` has six.
WIDEST = 8


class DeepSearch(Search):
    """Finds texts, base64 with a token in it, and texts in what base64 decodes to."""

    def __init__(self, texts: Iterable[str], tokens: Iterable[str]):
        texts = set(texts)
        super().__init__(texts, tokens)
        # Shorter ones are in any base64 by chance.
        self.inner = Search({text for text in texts if len(text) >= MIN_FORM}, ())
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
        joined = Joined(text)
        # What stands in one line is found without this.
        cut = self.cores.spans(Reading(joined.text)) if joined.places else ()
        runs = None
        for begin, end in chain(cut, decoded_spans(joined.text, self.inner)):
            runs = runs or [run.span() for run in RUN.finditer(text)]
            first = bisect_right(runs, (joined.place(begin), len(text))) - 1
            last = bisect_right(runs, (joined.place(end - 1), len(text))) - 1
            yield runs[first][0], runs[last][1]


class Joined:
    """A text without the line breaks in base64."""

    def __init__(self, text: str):
        breaks = [match.span() for match in BREAK.finditer(text)]
        self.text = BREAK.sub("", text)
        self.places, self.removed, removed = [], [], 0
        for start, end in breaks:
            self.places.append(start - removed)
            removed += end - start
            self.removed.append(removed)

    def place(self, place: int) -> int:
        """Return where a character stood in the original text."""
        before = bisect_right(self.places, place) - 1
        return place + (self.removed[before] if before >= 0 else 0)


def decoded_spans(text: str, search: Search) -> Iterator[tuple[int, int]]:
    """Yield the stretches of base64 in which the search finds something escaped.

    All of the text is decoded four times, as if all of it were base64: a token begins
    anywhere, also after a `/` of a path, and in one of the four it is read right.
    """
    standard = text.encode("latin-1", errors="replace").translate(STANDARD)
    for shift in range(4):
        shifted = standard[shift:]
        data = a2b_base64(shifted + b"A" * (-len(shifted) % 4)).translate(ASCII)
        for reading in islice(readings(data.decode("ascii"), search.letters), 1, None):
            for found in search.spans(reading):
                first, last = reading.span(*found)
                begin, end = shift + first * 4 // 3, shift - (-last * 4 // 3)
                if end <= len(text) and not OTHER.search(text, begin, end):
                    yield begin, end
