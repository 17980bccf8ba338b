"""Search text with somebody's regular expression, within bounds of time and memory."""

import re
import threading
import warnings

# Parsing tells of errors and of size, in time linear in the pattern.
from re import _constants as codes
from re import _parser as parser

import regex

MAX_SECONDS = 1.0
# Repeats are unrolled when a pattern is compiled: a{1000} takes the space of 1000.
MAX_SIZE = 50_000
LOCK = threading.Lock()
# What `re` has no word for; it stands for one character.
PROPERTY = re.compile(r"\\[pP]\{[^{}]*\}")


class BadPattern(ValueError):
    """The regular expression is not one, or takes more than we give it."""


def search(pattern: str, text: str) -> bool:
    """Whether the pattern occurs anywhere in the text; raises BadPattern."""
    return _run(pattern, "search", text)


def fullmatch(pattern: str, text: str) -> bool:
    """Whether the pattern is that of the whole text; raises BadPattern."""
    return _run(pattern, "fullmatch", text)


def _run(pattern: str, how: str, text: str) -> bool:
    try:
        compiled = _compiled(pattern)
        return bool(getattr(compiled, how)(text, timeout=MAX_SECONDS))
    except TimeoutError:
        raise BadPattern(
            f"the regular expression took longer than {MAX_SECONDS:g} s; "
            "make it simpler, without repeats inside repeats"
        ) from None
    except RecursionError:
        raise BadPattern("the regular expression is nested too deep") from None
    except (re.error, regex.error, OverflowError, MemoryError) as error:
        raise BadPattern(f"the regular expression is not valid: {error}") from None


def _compiled(pattern: str) -> regex.Pattern:
    # Odd patterns that are right make warnings, which are the process's to set: one
    # thread at a time.
    with LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if len(pattern) > MAX_SIZE or _size_of(pattern) > MAX_SIZE:
            raise BadPattern("the regular expression is too large")
        return regex.compile(pattern)


def _size_of(pattern: str) -> int:
    """Return how many steps the pattern has once its repeats are unrolled."""
    return _steps(parser.parse(PROPERTY.sub("p", pattern)))


def _steps(part: object) -> int:
    """Return the steps of a parsed pattern, or of any part of one."""
    if isinstance(part, parser.SubPattern):
        return sum(map(_step, part))
    if isinstance(part, list | tuple):
        return sum(map(_steps, part))
    return 1


def _step(step: tuple) -> int:
    code, argument = step
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, most, inner = argument
        times = least if most is codes.MAXREPEAT else most
        return max(times, 1) * max(_steps(inner), 1)
    return 1 + _steps(argument)
