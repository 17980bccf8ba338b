"""Search base64 for secrets that it contains escaped or across a line break."""

import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from string import ascii_letters, digits

from echopoint.masking.decoded_text import DecodedText, decoded_texts
from echopoint.masking.search import Search
from echopoint.masking.variants import MIN_FORM

DIGITS = f"{ascii_letters}{digits}+/".encode()
URL_SAFE = bytes.maketrans(b"-_", b"+/")
# Maps to the standard alphabet, and all other characters to `A`.
STANDARD = bytes(each if each in DIGITS else ord("A") for each in URL_SAFE)
ASCII = bytes(n if n < 0x80 else 0 for n in range(256))
OTHER = re.compile("[^0-9A-Za-z+/_-]")
LETTER = re.compile("[0-9A-Za-z+/_-]")
RUN = re.compile("[0-9A-Za-z+/_-]+={0,2}")
# Lines of MIME (RFC 2045, section 6.8), which JSON and headers indent.
# `re` finds a leading literal fast; what stands before it is checked afterwards.
BREAK = re.compile(r"\n[ \t]*(?=[0-9A-Za-z+/_-])")
# Characters of base64 per character of a secret: `\u0070` is 6 bytes, so 8 characters.
WIDEST = 8
# The pattern is tried again at each character of a stretch that is too short.
MAX_MINIMUM = 32  # bytes


class Base64Search(Search):
    """Finds texts, base64 that contains a fragment, and texts inside decoded base64."""

    def __init__(self, texts: Iterable[str], fragments: Iterable[str]):
        texts = set(texts)
        super().__init__(texts, fragments)
        # Shorter texts occur in any base64 by chance.
        self.inner = Search({text for text in texts if len(text) >= MIN_FORM}, ())
        self.candidates = _candidates(self.inner)
        self.cores = Search(self.fragments, ())
        # Escaped line breaks can cut base64, so they are decoded too.
        self.letters |= {"\r", "\n"}

    def may_be_in(self, text: str) -> bool:
        return super().may_be_in(text) or any(True for _ in self._in_base64(text))

    def spans(self, decoded: DecodedText) -> Iterator[tuple[int, int]]:
        yield from super().spans(decoded)
        for start, stop in decoded.stretches(WIDEST * self.inner.reach):
            for begin, end in self._in_base64(decoded.text[start:stop]):
                yield start + begin, start + end

    def _in_base64(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of base64 lines that contain a text, plain or escaped."""
        joined = Excerpt(text, _line_breaks(text))
        # Without line breaks, super().spans() has found all fragments.
        cut = self.cores.spans(DecodedText(joined.text)) if joined.positions else ()
        runs: list[tuple[int, int]] = []
        for begin, end in chain(cut, self._decoded(joined.text)):
            runs = runs or [run.span() for run in RUN.finditer(text)]
            first = bisect_right(runs, (joined.position(begin), len(text))) - 1
            last = bisect_right(runs, (joined.position(end - 1), len(text))) - 1
            yield runs[first][0], runs[last][1]

    def _decoded(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of base64 whose bytes contain a text, plain or escaped.

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
        for decoded in decoded_texts(excerpt.text, self.inner.letters):
            for found in self.inner.spans(decoded):
                first, last = decoded.span(*found)
                yield excerpt.position(first), excerpt.position(last - 1) + 1


class Excerpt:
    """A text without some of its stretches, which maps positions back to the original."""

    def __init__(self, text: str, removed_spans: Iterable[tuple[int, int]]):
        self.positions: list[int] = []
        self.removed: list[int] = []
        parts, done, removed = [], 0, 0
        for start, end in removed_spans:
            parts.append(text[done:start])
            done = end
            self.positions.append(start - removed)
            removed += end - start
            self.removed.append(removed)
        self.text = "".join([*parts, text[done:]])

    def position(self, position: int) -> int:
        """Return where a character stood in the original text."""
        before = bisect_right(self.positions, position) - 1
        return position + (self.removed[before] if before >= 0 else 0)


def _line_breaks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the line breaks between two characters of base64."""
    for match in BREAK.finditer(text):
        start = match.start()
        if text.endswith("\r", 0, start):
            start -= 1
        if start and LETTER.match(text, start - 1):
            yield start, match.end()


def _gaps(stretches: list[tuple[int, int]], length: int) -> Iterator[tuple[int, int]]:
    """Yield the spans between the stretches, except for one character as separator."""
    done = 0
    for start, end in stretches:
        if start > done:
            yield done, start
        done = end + 1
    if done < length:
        yield done, length


def _candidates(search: Search) -> re.Pattern[str]:
    """Return a pattern of the stretches that may contain a text of the search.

    A stretch consists of characters of the texts and of escapes, and is at least as long
    as the shortest text. Most bodies have few of them, so little has to be decoded.
    """
    letters = re.escape("".join(filter(str.isascii, search.letters)))
    minimum = min(min(map(len, search.texts), default=MIN_FORM), MAX_MINIMUM)
    # The possessive `+` and the bound of the minimum keep the search linear.
    return re.compile(f"[{letters}]{{{minimum},}}+")
