"""How variables and environments may be called."""

import re

KEY_PATTERN = "[A-Za-z_][A-Za-z0-9_-]*"
NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]*"
MAX_NAME_LENGTH = 255

KEY_RULE = (
    "A variable's key begins with a letter or _, goes on with letters, digits, _ and -,"
    f" and has at most {MAX_NAME_LENGTH} characters."
)
NAME_RULE = (
    "An environment's name begins with a letter or a digit, goes on with letters, digits,"
    f" _ and -, and has at most {MAX_NAME_LENGTH} characters."
)


def is_key(text: str) -> bool:
    """Whether a variable may be called this."""
    return len(text) <= MAX_NAME_LENGTH and bool(re.fullmatch(KEY_PATTERN, text))


def is_name(text: str) -> bool:
    """Whether an environment may be called this."""
    return len(text) <= MAX_NAME_LENGTH and bool(re.fullmatch(NAME_PATTERN, text))
