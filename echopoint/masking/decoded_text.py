"""Decoded forms of a text, which map positions back to the original."""

from array import array
from bisect import bisect_right
from collections.abc import Container, Iterator
from itertools import chain

from echopoint.masking.escapes import ANY_ESCAPE, ESCAPE_FORMATS, EscapeFormat

# A text may be escaped this often: `%2525252540`, or quotes with 15 backslashes.
DEPTH = 4


class DecodedText:
    """A text, or the result of decoding another one once."""

    def __init__(
        self,
        text: str,
        letters: Container[str] | None = None,
        source: "DecodedText | None" = None,
    ):
        self.text = text
        # Only escapes of these characters are decoded; None means all.
        self.letters = letters
        self.source = source
        # Positions of decoded characters, and the spans of their escapes in the source.
        self.positions, self.begins, self.ends = array("I"), array("I"), array("I")
        self.decodings: dict[EscapeFormat, DecodedText | None] = {}

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Map a span of this text to the original text."""
        decoded = self
        while decoded.source is not None:
            start, end = decoded._begin(start), decoded._end(end - 1)
            decoded = decoded.source
        return start, end

    def _begin(self, position: int) -> int:
        before = bisect_right(self.positions, position) - 1
        if before >= 0 and self.positions[before] == position:
            return self.begins[before]
        return self._end(position) - 1

    def _end(self, position: int) -> int:
        before = bisect_right(self.positions, position) - 1
        if before < 0:
            return position + 1
        return self.ends[before] + position - self.positions[before]

    def stretches(self, reach: int) -> Iterator[tuple[int, int]]:
        """Yield the spans to search: those within `reach` of a decoded character.

        The rest of the text is the same in the source, which is searched as well.
        """
        if self.source is None:
            yield 0, len(self.text)
            return
        start, end = 0, -1
        for position in self.positions:
            if position - reach > end:
                if end > 0:
                    yield start, end
                start = max(position - reach, 0)
            end = position + 1 + reach
        yield start, min(end, len(self.text))

    def decode(self, escape_format: EscapeFormat) -> "DecodedText | None":
        """Decode the text once; return None if it has no such escape."""
        present = escape_format.present_in(self.text)
        if not present:
            return None
        # One format alone has a simpler pattern, which is faster.
        escape_format = present[0] if len(present) == 1 else escape_format
        if escape_format not in self.decodings:
            self.decodings[escape_format] = self._decode(escape_format)
        return self.decodings[escape_format]

    def _decode(self, escape_format: EscapeFormat) -> "DecodedText | None":
        positions, begins, ends = array("I"), array("I"), array("I")
        parts: list[str] = []
        copied, length, letters = 0, 0, self.letters
        for match in escape_format.pattern.finditer(self.text):
            letter = escape_format.decode(match)
            if letter is None or (letters is not None and letter not in letters):
                continue
            start, end = match.span()
            length += start - copied
            parts += (self.text[copied:start], letter)
            positions.append(length)
            begins.append(start)
            ends.append(end)
            length, copied = length + 1, end
        if not positions:
            return None
        decoded = DecodedText("".join([*parts, self.text[copied:]]), letters, self)
        decoded.positions, decoded.begins, decoded.ends = positions, begins, ends
        return decoded


def decoded_texts(
    text: str, letters: Container[str] | None = None
) -> Iterator[DecodedText]:
    """Yield the text itself and all its decodings, without duplicates.

    With `letters`, escapes of other characters are not decoded.
    """
    plain = DecodedText(text, letters)
    seen: set[str] = set()
    for decoded in chain([plain], _decodings(plain)):
        if decoded.text not in seen:
            seen.add(decoded.text)
            yield decoded


def _decodings(plain: DecodedText) -> Iterator[DecodedText]:
    """Yield decodings by one format alone, by each pair, and by all formats together.

    One format alone is exact: a JSON reader decodes `%41\\"` to `%41"`, and all formats
    together decode it to `A"`. Only all together decode three different levels of escapes.
    """
    mixed = list(_chain(plain, ANY_ESCAPE))
    for escape_format in ESCAPE_FORMATS:
        yield from (alone := list(_chain(plain, escape_format)))
        mixed += alone[:1]
    for decoded in mixed:
        yield decoded
        for escape_format in ESCAPE_FORMATS:
            if nested := decoded.decode(escape_format):
                yield nested


def _chain(source: DecodedText, escape_format: EscapeFormat) -> Iterator[DecodedText]:
    """Yield the text decoded once, twice, and so on."""
    for _ in range(DEPTH):
        decoded = source.decode(escape_format)
        if decoded is None:
            break
        yield decoded
        source = decoded
