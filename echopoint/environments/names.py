"""Rules for the names of variables and environments."""

import re

KEY_PATTERN = "[A-Za-z_][A-Za-z0-9_-]*"
NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]*"
MAX_NAME_LENGTH = 255

KEY_RULE = (
    "A variable's key starts with a letter or _, followed by letters, digits, _ and -."
    f" It has at most {MAX_NAME_LENGTH} characters."
)
NAME_RULE = (
    "An environment's name starts with a letter or digit, followed by letters, digits, _"
    f" and -. It has at most {MAX_NAME_LENGTH} characters."
)


def is_key(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and bool(re.fullmatch(KEY_PATTERN, text))


def is_name(text: str) -> bool:
    return len(text) <= MAX_NAME_LENGTH and bool(re.fullmatch(NAME_PATTERN, text))
