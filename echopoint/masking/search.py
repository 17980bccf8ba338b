"""Search a text for many others at once."""

import re
import string
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from os.path import commonprefix

from echopoint.masking.forms import LONG, folded
from echopoint.masking.reading import Reading
from echopoint.masking.spellings import BYTES

# The pattern holds the heads of the forms alone: a pattern of all their letters takes
# longer to compile than most texts to search.
HEAD = 8
# Of these, escapes consist that are escaped once more.
ESCAPES = frozenset(f"{string.ascii_letters}{string.digits}\\%&#;{{}}").union(BYTES)
NOTHING = "(?!)"  # a pattern that is nowhere
TOKEN = re.compile("[0-9A-Za-z+/_-]")
REST = re.compile("[0-9A-Za-z+/_-]*={0,2}")


class Search:
    """Finds texts, and base64 that contains one of the tokens."""

    def __init__(self, texts: Iterable[str], tokens: Iterable[str]):
        self.texts = {folded(text) for text in texts if text}
        self.tokens = {folded(token) for token in tokens} - self.texts
        forms = self.texts | self.tokens
        # A plain search never goes back, while forms are cut out of the text to look
        # them up: at every place, if the text repeats the head of a form.
        self.long = sorted(form for form in forms if len(form) > LONG)
        self.forms = forms.difference(self.long)
        self.reach = max(map(len, self.forms), default=0)
        self.lengths = _lengths(self.forms)
        self.letters = _letters(forms)
        self.pattern = re.compile(any_of(sorted(self.lengths)))

    def may_be_in(self, text: str) -> bool:
        """Take a quick look that most texts do not pass."""
        return (
            not text.isascii()
            or "\\" in text
            or "%" in text
            or "&" in text
            or bool(self.long)
            or self.pattern.search(folded(text)) is not None
        )

    def spans(self, reading: Reading) -> Iterator[tuple[int, int]]:
        """Yield where a form stands in the reading, around tokens all their base64."""
        text, done = folded(reading.text), 0
        for start, stop in reading.stretches(self.reach):
            start = max(start, done)
            while start < stop and (match := self.pattern.search(text, start, stop)):
                begin = start = match.start()
                if form := self._form_at(text, begin, match[0]):
                    span = self._span(reading.text, form, begin, done)
                    yield span
                    start = done = span[1]
                else:
                    start = begin + 1
        for form in self.long:
            done = 0
            while (begin := text.find(form, done)) >= 0:
                span = self._span(reading.text, form, begin, done)
                yield span
                done = span[1]

    def _form_at(self, text: str, begin: int, head: str) -> str | None:
        """Return the longest form at a place that begins with this head."""
        for length in self.lengths[head]:
            if (form := text[begin : begin + length]) in self.forms:
                return form
        return None

    def _span(self, text: str, form: str, begin: int, done: int) -> tuple[int, int]:
        end = begin + len(form)
        if form not in self.tokens:
            return begin, end
        while begin > done and TOKEN.match(text, begin - 1):
            begin -= 1
        return begin, REST.match(text, end).end()


def _letters(forms: set[str]) -> set[str]:
    """Return the characters that forms and escapes consist of."""
    letters = set(ESCAPES).union(*forms)
    if "+" in letters:
        letters.add(" ")
    return letters


def _lengths(forms: set[str]) -> dict[str, list[int]]:
    """Return how long the forms are that can stand where a head does, longest first."""
    lengths = defaultdict(set)
    for form in forms:
        lengths[form[:HEAD]].add(len(form))
    for head, own in lengths.items():
        own.update(end for end in range(1, len(head)) if head[:end] in forms)
    return {head: sorted(own, reverse=True) for head, own in lengths.items()}


def any_of(texts: list[str]) -> str:
    """Return a pattern of the longest of these sorted texts that is at a place.

    Texts share what they begin with, so that a place of a result of megabytes is
    compared with a few letters, and not with each of thousands of secrets.
    """
    if not texts:
        return NOTHING
    start = commonprefix([texts[0], texts[-1]])
    rests = [text[len(start) :] for text in texts]
    by_letter = [list(group) for _, group in groupby(rests, lambda rest: rest[:1])]
    # The empty rest, which sorts first, is the shortest.
    branches = [
        re.escape(group[0]) if len(group) == 1 else any_of(group)
        for group in reversed(by_letter)
    ]
    return f"{re.escape(start)}(?:{'|'.join(branches)})"
