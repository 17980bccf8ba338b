"""SQLite's functions for text, which know ASCII's letters alone, for all alphabets.

PostgreSQL compares in upper case when it is to ignore case, so that is done here too.
"""

import re
from functools import lru_cache

WILD = {"%": ".*", "_": "."}
ANYTHING = ("%", True)


def fold_all_letters(connection, **kwargs):
    """Give a new connection to SQLite our functions in the place of its own."""
    if connection.vendor == "sqlite":
        create = connection.connection.create_function
        create("LOWER", 1, lower, deterministic=True)
        create("LIKE", 3, like, deterministic=True)


def lower(text):
    """Return the text in lower case; what is no text stays as it is."""
    return text.lower() if isinstance(text, str) else text


def like(pattern, value, escape):
    """Whether `value LIKE pattern ESCAPE escape`, in any case; None if one is NULL.

    Django writes every LIKE with ESCAPE. Called for each row: what can be known of the
    pattern alone is known before.
    """
    if pattern is None or value is None or escape is None:
        return None
    return matcher(as_text(pattern), escape)(as_text(value).upper())


def as_text(value):
    """Return what SQLite takes a value for that is compared with a pattern."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


@lru_cache(maxsize=256)
def matcher(pattern, escape):
    """Return the function that says whether a text in upper case matches a pattern."""
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
    """Return the letters of a pattern, those that stand for themselves with their escape."""
    return re.findall(rf"{re.escape(escape)}.|.", pattern, re.DOTALL)


def matcher_of_wild(parts):
    """Return the function for a pattern with wildcards between letters."""
    expression = "".join(
        WILD[letter] if is_wild else re.escape(letter) for letter, is_wild in parts
    )
    compiled = re.compile(expression, re.DOTALL)
    return lambda value: compiled.fullmatch(value) is not None
