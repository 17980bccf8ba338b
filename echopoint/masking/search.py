"""Search one text for many others at once."""

import re
import string
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from os.path import commonprefix

from echopoint.masking.decoded_text import DecodedText
from echopoint.masking.escapes import BYTES
from echopoint.masking.variants import LONG, spaces_as_plus

# The pattern contains only the first characters of the forms: a pattern of complete forms
# takes longer to compile than most texts take to search.
HEAD = 8
# Characters of escapes, which may be escaped themselves.
ESCAPE_CHARACTERS = frozenset(f"{string.ascii_letters}{string.digits}\\%&#;{{}}").union(
    BYTES
)
NO_MATCH = "(?!)"  # matches nowhere
BASE64_CHARACTER = re.compile("[0-9A-Za-z+/_-]")
BASE64_END = re.compile("[0-9A-Za-z+/_-]*={0,2}")


class Search:
    """Finds texts, and base64 that contains one of the fragments."""

    def __init__(self, texts: Iterable[str], fragments: Iterable[str]):
        self.texts = {spaces_as_plus(text) for text in texts if text}
        self.fragments = {
            spaces_as_plus(fragment) for fragment in fragments
        } - self.texts
        forms = self.texts | self.fragments
        # str.find() is linear. Shorter forms are looked up by slices of the text, which
        # is slow for long forms if the text repeats their first characters.
        self.long = sorted(form for form in forms if len(form) > LONG)
        self.forms = forms.difference(self.long)
        self.reach = max(map(len, self.forms), default=0)
        self.lengths = _lengths(self.forms)
        self.letters = _letters(forms)
        self.pattern = re.compile(any_of(sorted(self.lengths)))

    def may_be_in(self, text: str) -> bool:
        """Return False if a quick check rules out any match."""
        return (
            not text.isascii()
            or "\\" in text
            or "%" in text
            or "&" in text
            or bool(self.long)
            or self.pattern.search(spaces_as_plus(text)) is not None
        )

    def spans(self, decoded: DecodedText) -> Iterator[tuple[int, int]]:
        """Yield the spans of forms; a fragment extends to the complete base64 around it."""
        text, covered = spaces_as_plus(decoded.text), 0
        for start, stop in decoded.stretches(self.reach):
            start = max(start, covered)
            while start < stop and (match := self.pattern.search(text, start, stop)):
                begin = start = match.start()
                if form := self._form_at(text, begin, match[0]):
                    span = self._span(decoded.text, form, begin, covered)
                    yield span
                    start = covered = span[1]
                else:
                    start = begin + 1
        for form in self.long:
            covered = 0
            while (begin := text.find(form, covered)) >= 0:
                span = self._span(decoded.text, form, begin, covered)
                yield span
                covered = span[1]

    def _form_at(self, text: str, begin: int, head: str) -> str | None:
        """Return the longest form that starts at a position with this head."""
        for length in self.lengths[head]:
            if (form := text[begin : begin + length]) in self.forms:
                return form
        return None

    def _span(self, text: str, form: str, begin: int, covered: int) -> tuple[int, int]:
        end = begin + len(form)
        if form not in self.fragments:
            return begin, end
        while begin > covered and BASE64_CHARACTER.match(text, begin - 1):
            begin -= 1
        rest = BASE64_END.match(text, end)
        return begin, rest.end() if rest else end


def _letters(forms: set[str]) -> set[str]:
    """Return the characters of forms and of escapes."""
    letters = set(ESCAPE_CHARACTERS).union(*forms)
    if "+" in letters:
        letters.add(" ")
    return letters


def _lengths(forms: set[str]) -> dict[str, list[int]]:
    """Return the lengths of the forms that can start with each head, longest first."""
    lengths: defaultdict[str, set[int]] = defaultdict(set)
    for form in forms:
        lengths[form[:HEAD]].add(len(form))
    for head, own in lengths.items():
        own.update(end for end in range(1, len(head)) if head[:end] in forms)
    return {head: sorted(own, reverse=True) for head, own in lengths.items()}


def any_of(texts: list[str]) -> str:
    """Return a pattern that matches the longest of these sorted texts.

    Common prefixes are shared, so that each position of a large result is compared with a
    few characters and not with thousands of secrets.
    """
    if not texts:
        return NO_MATCH
    start = commonprefix([texts[0], texts[-1]])
    rests = [text[len(start) :] for text in texts]
    by_letter = [list(group) for _, group in groupby(rests, lambda rest: rest[:1])]
    # The empty rest, which sorts first, is the shortest.
    branches = [
        re.escape(group[0]) if len(group) == 1 else any_of(group)
        for group in reversed(by_letter)
    ]
    return f"{re.escape(start)}(?:{'|'.join(branches)})"
