"""Unicode versions of SQLite's LOWER and LIKE, which only know ASCII letters.

PostgreSQL compares in upper case to ignore case, so we do too.
"""

import re
from functools import lru_cache

WILD = {"%": ".*", "_": "."}
ANYTHING = ("%", True)


def fold_all_letters(connection, **kwargs):
    """Replace the functions on a new SQLite connection."""
    if connection.vendor == "sqlite":
        create = connection.connection.create_function
        create("LOWER", 1, lower, deterministic=True)
        create("LIKE", 3, like, deterministic=True)


def lower(text):
    """Lower-case a string; non-text values are returned unchanged."""
    return text.lower() if isinstance(text, str) else text


def like(pattern, value, escape):
    """Return `value LIKE pattern ESCAPE escape`, ignoring case; None if one is NULL.

    Django writes every LIKE with ESCAPE. Called for each row, so the pattern is compiled
    once and cached.
    """
    if pattern is None or value is None or escape is None:
        return None
    return matcher(as_text(pattern), escape)(as_text(value).upper())


def as_text(value):
    """Convert a value to text as SQLite's LIKE does."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=256)
def matcher(pattern, escape):
    """Return a function that matches upper-case text against a pattern."""
    parts = [(part[-1].upper(), part in WILD) for part in tokens(pattern, escape)]
    at_start = parts[:1] != [ANYTHING]
    at_end = parts[-1:] != [ANYTHING]
    inner = parts[0 if at_start else 1 : None if at_end else -1]
    if any(is_wild for _, is_wild in inner):
        return matcher_of_wild(parts)
    text = "".join(letter for letter, _ in inner)
    if at_start and at_end:
        return lambda value: value == text
    if at_start:
        return lambda value: value.startswith(text)
    return lambda value: value.endswith(text) if at_end else text in value


def tokens(pattern, escape):
    """Split a pattern into letters; an escaped letter includes its escape."""
    return re.findall(rf"{re.escape(escape)}.|.", pattern, re.DOTALL)


def matcher_of_wild(parts):
    """Return the matcher of a pattern with wildcards between letters."""
    expression = "".join(
        WILD[letter] if is_wild else re.escape(letter) for letter, is_wild in parts
    )
    compiled = re.compile(expression, re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None
