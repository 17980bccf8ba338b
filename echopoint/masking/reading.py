"""Decoded readings of a text, which know where each character stood in the original."""

from array import array
from bisect import bisect_right
from collections.abc import Container, Iterator
from itertools import chain

from echopoint.masking.spellings import ANY, SPELLINGS, Spelling

# A text may be escaped this often: `%2525252540`, or quotes with 15 backslashes.
DEPTH = 4


class Reading:
    """A text, or what is left of another reading after one decoding."""

    def __init__(self, text: str, letters: Container[str] | None = None):
        self.text = text
        # What is worth decoding; None for everything.
        self.letters = letters
        self.source: Reading | None = None
        self.decodings: dict[Spelling, Reading | None] = {}

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a stretch of this text stands in the original text."""
        reading = self
        while reading.source is not None:
            start, end = reading._begin(start), reading._end(end - 1)
            reading = reading.source
        return start, end

    def _begin(self, place: int) -> int:
        before = bisect_right(self.places, place) - 1
        if before >= 0 and self.places[before] == place:
            return self.begins[before]
        return self._end(place) - 1

    def _end(self, place: int) -> int:
        before = bisect_right(self.places, place) - 1
        if before < 0:
            return place + 1
        return self.ends[before] + place - self.places[before]

    def stretches(self, reach: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches to search: those within reach of a decoded character.

        All others read as they did in the source.
        """
        if self.source is None:
            yield 0, len(self.text)
            return
        start, end = 0, -1
        for place in self.places:
            if place - reach > end:
                if end > 0:
                    yield start, end
                start = max(place - reach, 0)
            end = place + 1 + reach
        yield start, min(end, len(self.text))

    def decoded(self, spelling: Spelling) -> "Reading | None":
        """Return the text after one decoding, or None if it has no such escape."""
        if spelling is ANY:
            present = [each for each in SPELLINGS if each.may_be_in(self.text)]
            if len(present) == 1:
                spelling = present[0]
        if not spelling.may_be_in(self.text):
            return None
        if spelling not in self.decodings:
            self.decodings[spelling] = self._decoded(spelling)
        return self.decodings[spelling]

    def _decoded(self, spelling: Spelling) -> "Reading | None":
        places, begins, ends = array("I"), array("I"), array("I")
        parts, done, length, letters = [], 0, 0, self.letters
        for match in spelling.pattern.finditer(self.text):
            letter = spelling.read(match)
            if letter is None or (letters is not None and letter not in letters):
                continue
            start, end = match.span()
            length += start - done
            parts += (self.text[done:start], letter)
            places.append(length)
            begins.append(start)
            ends.append(end)
            length, done = length + 1, end
        if not places:
            return None
        reading = Reading("".join([*parts, self.text[done:]]), letters)
        reading.source = self
        reading.places, reading.begins, reading.ends = places, begins, ends
        return reading


def readings(text: str, letters: Container[str] | None = None) -> Iterator[Reading]:
    """Yield the text as it is and in all decodings, each text once.

    With `letters`, escapes of other characters are left as they are.
    """
    plain, seen = Reading(text, letters), set()
    for reading in chain([plain], _decodings(plain)):
        if reading.text not in seen:
            seen.add(reading.text)
            yield reading


def _decodings(plain: Reading) -> Iterator[Reading]:
    """Yield decodings by one spelling alone, by each pair, and by all together.

    One alone is exact: of `%41\\"`, a JSON reader makes `%41"`, and all together `A"`.
    What is escaped three times in different ways is left to all together.
    """
    mixed = list(_chain(plain, ANY))
    for spelling in SPELLINGS:
        yield from (alone := list(_chain(plain, spelling)))
        mixed += alone[:1]
    for reading in mixed:
        yield reading
        for spelling in SPELLINGS:
            if decoded := reading.decoded(spelling):
                yield decoded


def _chain(reading: Reading, spelling: Spelling) -> Iterator[Reading]:
    for _ in range(DEPTH):
        if (reading := reading.decoded(spelling)) is None:
            break
        yield reading
