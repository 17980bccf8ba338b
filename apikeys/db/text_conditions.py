"""Conditions for a text in a folded column, as trigram indexes can find it."""

import re

from django.db.models import Q

from echopoint.core.characters import fold

ALPHANUMERIC = r"[^\W_]"
SEPARATORS = " -_./:@(["


def holds(column, text):
    """Return the condition for a text. A short one matches the start of words only."""
    text = fold(text)
    if not is_short(text):
        return Q(**{f"{column}__contains": text})
    condition = Q(**{f"{column}__startswith": text})
    for separator in SEPARATORS:
        condition |= Q(**{f"{column}__contains": f"{separator}{text}"})
    return condition


def is_short(text):
    """Whether a text is too short for the trigram index to find it within words."""
    return bool(re.match(ALPHANUMERIC, text)) and not re.search(
        f"{ALPHANUMERIC}{{3}}", text
    )
