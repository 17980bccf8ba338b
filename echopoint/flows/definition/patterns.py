"""Judge the regular expressions of a flow, and say what to do about those refused."""

import re

from echopoint.core.json_paths import quote
from echopoint.regular_expressions.re2_grammar import Refused, compiled

# Of all patterns of a flow together, once they are compiled; it takes half a second.
MAX_STEPS = 1_000_000
# What RE2 says, and what to do about it.
ADVICE = (
    (
        r"\(\?<?[=!]",
        "RE2 has no lookahead and no lookbehind. Match the text itself, or put the "
        "condition into an assertion of its own.",
    ),
    (
        r"\\[1-9gk]$",
        "RE2 has no backreferences. Write out what repeats, or compare it in an "
        "assertion of its own.",
    ),
    (
        r"\(\?>|[*+?}]\+$",
        "RE2 has no atomic groups and no possessive repeats. It never backtracks, so "
        "plain ones do.",
    ),
    (r"\\Z$", r"Write \z for the end of the text."),
    (r"\\u$", r"Write \x{00e9} for a character by its number."),
    (r"repetition size", "A repeat counts to 1000 at most, those inside it included."),
    (r"duplicate", "Give each group a name of its own."),
    (r"", "Use RE2's grammar: https://github.com/google/re2/wiki/Syntax."),
)
TOO_LARGE = (
    "The regular expression is too large. Make it shorter, with smaller repeats."
)


class Patterns:
    """Judges the regular expressions of one flow, each once."""

    def __init__(self):
        self.steps = 0
        self.judged: dict[str, str | None] = {}

    def complaint(self, pattern: str) -> str | None:
        """Return what is wrong with a pattern, and what to do; None for a sound one."""
        if pattern not in self.judged:
            self.judged[pattern] = self._complaint(pattern)
        return self.judged[pattern]

    def _complaint(self, pattern: str) -> str | None:
        try:
            self.steps += compiled(pattern).programsize
        except Refused as refusal:
            return _advised(refusal)
        if self.steps > MAX_STEPS:
            return (
                "The regular expressions of this flow are too large together. Use "
                "smaller repeats, or fewer of them."
            )
        return None


def _advised(refusal: Refused) -> str:
    if refusal.is_too_large:
        return TOO_LARGE
    reason = str(refusal)
    advice = next(text for found, text in ADVICE if re.search(found, reason))
    return f"The regular expression is not valid: {quote(reason)}. {advice}"
