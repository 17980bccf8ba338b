"""Find in one pass which of thousands of short texts occur in a long one."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from os.path import commonprefix
from typing import Generic, TypeVar

T = TypeVar("T")
LONGEST = 16  # characters of a text that are looked for
SHORTEST = 4  # shorter ones are nearly everywhere, and tried one by one


class Anchors(Generic[T]):
    """Things that are of interest where a text of theirs occurs."""

    def __init__(self, pairs: Iterable[tuple[str, T]]):
        self.always: list[T] = []
        self.by_start: dict[str, list[T]] = defaultdict(list)
        for anchor, thing in pairs:
            short = anchor[:LONGEST]
            known = self.by_start[short] if len(anchor) >= SHORTEST else self.always
            known.append(thing)
        # At one place only the longest is found; those it begins with are there too.
        self.within = {
            one: [
                one[:length]
                for length in range(SHORTEST, len(one) + 1)
                if one[:length] in self.by_start
            ]
            for one in self.by_start
        }
        self.pattern = re.compile(f"(?=({any_of(sorted(self.by_start))}))")

    def in_text(self, text: str) -> Iterator[T]:
        """Yield what may be in the text."""
        yield from self.always
        if not self.by_start:
            return
        found = {match[1] for match in self.pattern.finditer(text)}
        for start in {inner for one in found for inner in self.within[one]}:
            yield from self.by_start[start]


def any_of(texts: list[str], branchings: int = 8) -> str:
    """Return a pattern of the longest of these sorted texts that is at a place.

    Texts share what they begin with, so that a place of a result of megabytes is
    compared with a few letters, and not with each of thousands of texts. How deep the
    pattern branches is bounded, as the compiler of patterns recurses.
    """
    if not texts:
        return "(?!)"
    start = commonprefix([texts[0], texts[-1]])
    rests = [text[len(start) :] for text in texts]
    if not branchings:
        branches = map(re.escape, sorted(rests, key=len, reverse=True))
    else:
        by_letter = [list(group) for _, group in groupby(rests, lambda rest: rest[:1])]
        # The empty rest, which sorts first, is the shortest.
        branches = [
            re.escape(group[0]) if len(group) == 1 else any_of(group, branchings - 1)
            for group in reversed(by_letter)
        ]
    return f"{re.escape(start)}(?:{'|'.join(branches)})"
