"""Check the regular expressions of a flow, with advice for each refusal."""

import re

from echopoint.core.json_paths import quote
from echopoint.regular_expressions.re2_grammar import PatternRejected, compile_pattern

# RE2 program size of all patterns of a flow together. Compiling that much takes half a
# second; without the limit, one request could occupy a worker for minutes.
MAX_STEPS = 1_000_000
# (pattern found in an RE2 message, advice). The first match counts.
ADVICE = (
    (
        r"\(\?<?[=!]",
        "RE2 has no lookahead and no lookbehind. Match the text itself, or put the "
        "condition into a separate assertion.",
    ),
    (
        r"\\[1-9gk]$",
        "RE2 has no backreferences. Write out the repeated text, or compare it in a "
        "separate assertion.",
    ),
    (
        r"\(\?>|[*+?}]\+$",
        "RE2 has no atomic groups and no possessive repeats. It never backtracks, so "
        "use plain ones.",
    ),
    (r"\\Z$", r"Write \z for the end of the text."),
    (r"\\u$", r"Write \x{00e9} for a character by its number."),
    (
        r"repetition size",
        "A repeat count may be at most 1000, multiplied by the repeats inside it.",
    ),
    (r"duplicate", "Give each group a different name."),
    (r"", "Use RE2's grammar: https://github.com/google/re2/wiki/Syntax."),
)
TOO_LARGE = (
    "The regular expression is too large. Make it shorter, with smaller repeats."
)


class Patterns:
    """The regular expressions of one flow; each is compiled once."""

    def __init__(self):
        self.steps = 0
        self.complaints: dict[str, str | None] = {}

    def complaint(self, pattern: str) -> str | None:
        """Return a message with the reason and the advice, or None for a valid pattern."""
        if pattern not in self.complaints:
            self.complaints[pattern] = self._complaint(pattern)
        return self.complaints[pattern]

    def _complaint(self, pattern: str) -> str | None:
        try:
            self.steps += compile_pattern(pattern).programsize
        except PatternRejected as refusal:
            return _message(refusal)
        if self.steps > MAX_STEPS:
            return (
                "The regular expressions of this flow are too large together. Use "
                "smaller repeats, or fewer expressions."
            )
        return None


def _message(refusal: PatternRejected) -> str:
    if refusal.is_too_large:
        return TOO_LARGE
    reason = str(refusal)
    advice = next(text for found, text in ADVICE if re.search(found, reason))
    return f"The regular expression is not valid: {quote(reason)}. {advice}"
