"""Search text with somebody's regular expression, in RE2's grammar.

RE2 takes time linear in the text, whatever the pattern. The server judges patterns with
the same library, grammar and bounds, so what it accepts runs here.
"""

import re
from functools import lru_cache

import re2

MAX_LENGTH = 10_000  # characters
MAX_MEMORY = 8 * 1024 * 1024  # bytes
# RE2 for C++ takes these and Go's does not: single bytes, numbers beyond its range, and
# a name for two groups. A quoted or escaped character is skipped first.
TOKENS = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\[^C]"
    r"|(?P<foreign>\\C|\{[0-9]{9,}(?:,[0-9]*)?\}|\{[0-9]+,[0-9]{9,}\})"
    r"|\(\?P?<(?P<name>\w+)>",
    re.DOTALL,
)


class BadPattern(ValueError):
    """The regular expression is not one, or takes more than we give it."""


def search(pattern: str, text: str) -> bool:
    """Whether the pattern occurs anywhere in the text; raises BadPattern."""
    return bool(_compiled(pattern).search(_encoded(text)))


def fullmatch(pattern: str, text: str) -> bool:
    """Whether the pattern is that of the whole text; raises BadPattern."""
    return bool(_compiled(pattern).fullmatch(_encoded(text)))


# The library keeps 128 patterns, each with its memory; so many are never needed at once.
@lru_cache(maxsize=8)
def _compiled(pattern: str):
    if len(pattern) > MAX_LENGTH:
        raise BadPattern("the regular expression is too large")
    if reason := _foreign(pattern):
        raise BadPattern(f"the regular expression is not valid: {reason}")
    try:
        return re2.compile(_encoded(pattern), _options())
    except re2.error as error:
        raise BadPattern(_reason(error)) from None
    finally:
        re2.purge()


def _foreign(pattern: str) -> str:
    """Return why Go's RE2 would not take what RE2 for C++ does, or an empty string."""
    names = set()
    for token in TOKENS.finditer(pattern):
        name = token["name"]
        if token["foreign"]:
            return "invalid escape sequence or repetition size"
        if name and name in names:
            return "duplicate group name"
        names.add(name)
    return ""


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False  # a pattern may hold what is in no log
    # Groups are never asked for, and keeping them takes much memory.
    options.never_capture = True
    return options


def _encoded(text: str) -> bytes:
    """Return the text as UTF-8, with U+FFFD for half a surrogate pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _reason(error: re2.error) -> str:
    # After the colon, a piece of the pattern follows, which may be a piece of a secret.
    said = error.args[0].decode(errors="replace").partition(":")[0]
    if "too large" in said:
        return "the regular expression is too large"
    return f"the regular expression is not valid: {said}"
