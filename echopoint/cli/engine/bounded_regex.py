"""Match regular expressions of a flow, in time linear in the text (RE2)."""

from functools import lru_cache
from typing import Any

from echopoint.regular_expressions.re2_grammar import (
    PatternRejected,
    compile_pattern,
    to_utf8,
)


class BadPattern(ValueError):
    """The regular expression is invalid or too large."""


def search(pattern: str, text: str) -> bool:
    """Return True if the pattern matches anywhere in the text; raises BadPattern."""
    return bool(_compiled(pattern).search(to_utf8(text)))


def fullmatch(pattern: str, text: str) -> bool:
    """Return True if the pattern matches the whole text; raises BadPattern."""
    return bool(_compiled(pattern).fullmatch(to_utf8(text)))


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> Any:
    try:
        return compile_pattern(pattern)
    except PatternRejected as refusal:
        if refusal.is_too_large:
            raise BadPattern("the regular expression is too large") from None
        # The text after the colon may quote a part of a secret.
        reason = str(refusal).partition(":")[0]
        raise BadPattern(f"the regular expression is not valid: {reason}") from None
