"""Regular expressions as runners take them: RE2's grammar, as Go has it, within bounds.

The site judges with it what the command's engine runs with it.
"""

import re

import re2

MAX_LENGTH = 10_000  # characters
MAX_MEMORY = 8 * 1024 * 1024  # bytes, of one pattern
# RE2 for C++ takes these and Go's does not: single bytes, numbers beyond its range, and
# a name for two groups. A quoted or escaped character is skipped first.
TOKENS = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\[^C]"
    r"|(?P<foreign>\\C|\{[0-9]{9,}(?:,[0-9]*)?\}|\{[0-9]+,[0-9]{9,}\})"
    r"|\(\?P?<(?P<name>\w+)>",
    re.DOTALL,
)
TOO_LARGE = "pattern too large"


class Refused(ValueError):
    """A pattern that is none, or is too large.

    After a colon, the text repeats a piece of the pattern, which may be one of a secret.
    """

    @property
    def is_too_large(self) -> bool:
        return "too large" in str(self)


def compiled(pattern: str):
    """Return the compiled pattern, which matches bytes of UTF-8; raise `Refused`."""
    if len(pattern) > MAX_LENGTH:
        raise Refused(TOO_LARGE)
    if reason := _foreign(pattern):
        raise Refused(reason)
    try:
        return re2.compile(encoded(pattern), _options())
    except re2.error as error:
        raise Refused(error.args[0].decode(errors="replace")) from None
    finally:
        # The library keeps 128 patterns, each with its memory.
        re2.purge()


def encoded(text: str) -> bytes:
    """Return the text as UTF-8, with U+FFFD for half a surrogate pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def _foreign(pattern: str) -> str:
    """Return why Go's RE2 would not take what RE2 for C++ does, or an empty string."""
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
    # Groups are never asked for, and keeping them takes much memory.
    options.never_capture = True
    return options
