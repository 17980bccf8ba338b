"""Search text with somebody's regular expression.

RE2 takes time linear in the text, whatever the pattern.
"""

from functools import lru_cache

from echopoint.regular_expressions.re2_grammar import Refused, compiled, encoded


class BadPattern(ValueError):
    """The regular expression is not one, or takes more than we give it."""


def search(pattern: str, text: str) -> bool:
    """Whether the pattern occurs anywhere in the text; raises BadPattern."""
    return bool(_compiled(pattern).search(encoded(text)))


def fullmatch(pattern: str, text: str) -> bool:
    """Whether the pattern is that of the whole text; raises BadPattern."""
    return bool(_compiled(pattern).fullmatch(encoded(text)))


@lru_cache(maxsize=8)
def _compiled(pattern: str):
    try:
        return compiled(pattern)
    except Refused as refusal:
        if refusal.is_too_large:
            raise BadPattern("the regular expression is too large") from None
        # What follows the colon may be a piece of a secret.
        said = str(refusal).partition(":")[0]
        raise BadPattern(f"the regular expression is not valid: {said}") from None
