"""Compile regular expressions in the RE2 syntax of Go, with bounded size.

The site validates patterns with it, and the engine of the command runs them.
"""

import re
from typing import Any

import re2

MAX_LENGTH = 10_000  # characters
MAX_MEMORY = 8 * 1024 * 1024  # bytes, of one pattern
# Go's RE2 rejects three things that RE2 for C++ accepts: single bytes, repetitions out of
# range and duplicate group names. Quoted and escaped characters are skipped first.
TOKENS = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\[^C]"
    r"|(?P<foreign>\\C|\{[0-9]{9,}(?:,[0-9]*)?\}|\{[0-9]+,[0-9]{9,}\})"
    r"|\(\?P?<(?P<name>\w+)>",
    re.DOTALL,
)
TOO_LARGE = "pattern too large"


class PatternRejected(ValueError):
    """The pattern is invalid or too large.

    The text after a colon quotes a part of the pattern, which may be part of a secret.
    """

    @property
    def is_too_large(self) -> bool:
        return "too large" in str(self)


def compile_pattern(pattern: str) -> Any:
    """Compile a pattern that matches bytes in UTF-8; raise PatternRejected."""
    if len(pattern) > MAX_LENGTH:
        raise PatternRejected(TOO_LARGE)
    if reason := _foreign(pattern):
        raise PatternRejected(reason)
    try:
        return re2.compile(to_utf8(pattern), _options())
    except re2.error as error:
        raise PatternRejected(error.args[0].decode(errors="replace")) from None
    finally:
        # The library would cache 128 patterns, each with its memory.
        re2.purge()


def to_utf8(text: str) -> bytes:
    """Encode as UTF-8, with U+FFFD for lone surrogates."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _foreign(pattern: str) -> str:
    """Return why Go's RE2 rejects a pattern that RE2 for C++ accepts, or an empty string."""
    names: set[str] = set()
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
    options.log_errors = False  # a pattern may contain a secret
    # No caller reads groups, and storing them takes much memory.
    options.never_capture = True
    return options
