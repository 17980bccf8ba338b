"""Decimal numbers in texts. Unlike float(): no underscores, other digits or Infinity."""

import re

NUMERAL = re.compile(
    r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?(?P<exponent>[0-9]+))?"
)


def numeral(text: str) -> re.Match[str] | None:
    """Match a text that is one number, with or without spaces around it."""
    return NUMERAL.fullmatch(text.strip())
