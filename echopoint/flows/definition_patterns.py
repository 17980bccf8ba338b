"""Judge regular expressions by RE2's grammar: that of the command and of the runners.

The command's engine (echopoint/cli/engine/patterns.py) has the same bounds. A test holds
the two together, as neither may import the other.
"""

import re

import re2

from echopoint.core.json_paths import quote

MAX_LENGTH = 10_000  # characters
MAX_MEMORY = 8 * 1024 * 1024  # bytes, of one pattern
# Of all patterns of a flow together, once they are compiled; it takes half a second.
MAX_STEPS = 1_000_000
# RE2 for C++ takes these and Go's does not: single bytes, numbers beyond its range, and
# a name for two groups. A quoted or escaped character is skipped first.
TOKENS = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\[^C]"
    r"|(?P<foreign>\\C|\{[0-9]{9,}(?:,[0-9]*)?\}|\{[0-9]+,[0-9]{9,}\})"
    r"|\(\?P?<(?P<name>\w+)>",
    re.DOTALL,
)
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
        if len(pattern) > MAX_LENGTH:
            return TOO_LARGE
        if reason := _foreign(pattern):
            return _advised(reason)
        try:
            self.steps += re2.compile(_encoded(pattern), _options()).programsize
        except re2.error as error:
            return _advised(error.args[0].decode(errors="replace"))
        finally:
            # The library keeps 128 patterns, each with its memory.
            re2.purge()
        if self.steps > MAX_STEPS:
            return (
                "The regular expressions of this flow are too large together. Use "
                "smaller repeats, or fewer of them."
            )
        return None


def _foreign(pattern: str) -> str:
    names = set()
    for token in TOKENS.finditer(pattern):
        name, foreign = token["name"], token["foreign"]
        if foreign:
            kind = "repetition size" if foreign[0] == "{" else "escape sequence"
            return f"invalid {kind}: {foreign}"
        if name and name in names:
            return f"duplicate group name: {name}"
        names.add(name)
    return ""


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False  # a pattern may hold what is in no log
    options.never_capture = True
    return options


def _encoded(text: str) -> bytes:
    """Return the text as UTF-8, with U+FFFD for half a surrogate pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _advised(reason: str) -> str:
    if "too large" in reason:
        return TOO_LARGE
    advice = next(text for found, text in ADVICE if re.search(found, reason))
    return f"The regular expression is not valid: {quote(reason)}. {advice}"
