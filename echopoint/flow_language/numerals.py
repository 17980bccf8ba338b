"""Texts that are numbers: no underscores, no digits of other scripts, no Infinity."""

import re

NUMERAL = re.compile(
    r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?(?P<exponent>[0-9]+))?"
)


def numeral(text: str) -> re.Match | None:
    """Return the match of a text that is one number, spaces around it aside."""
    return NUMERAL.fullmatch(text.strip())
