"""Conditions for a text in a folded column, as trigram indexes can find it."""

import re

from django.db.models import Lookup, Q

from echopoint.core.characters import fold
from echopoint.core.fields import Folded, FoldedField

ALPHANUMERIC = r"[^\W_]"
SEPARATORS = " -_./:@(["


@FoldedField.register_lookup
class StartsWord(Folded, Lookup):
    """A text at the start of a word.

    One pattern on PostgreSQL: the trigram index would be scanned for each separator, with the
    same result, as all of them are spaces to it.
    """

    lookup_name = "starts_word"

    def as_sql(self, compiler, connection):
        column, parameters = self.process_lhs(compiler, connection)
        separators = "".join(f"\\{separator}" for separator in SEPARATORS)
        pattern = f"(^|[{separators}]){re.escape(self.rhs)}"
        return f"{column} ~ %s", (*parameters, pattern)

    def as_sqlite(self, compiler, connection):
        column, parameters = self.process_lhs(compiler, connection)
        found = [f"INSTR({column}, %s) > 0"] * len(SEPARATORS)
        sql = " OR ".join([f"INSTR({column}, %s) = 1", *found])
        texts = [self.rhs, *(f"{separator}{self.rhs}" for separator in SEPARATORS)]
        return f"({sql})", [value for text in texts for value in (*parameters, text)]


def holds(column, text):
    """Return the condition for a text. A short one matches the start of words only."""
    text = fold(text)
    return Q(**{f"{column}__{'starts_word' if is_short(text) else 'contains'}": text})


def is_short(text):
    """Whether a text is too short for the trigram index to find it within words."""
    return bool(re.match(ALPHANUMERIC, text)) and not has_trigrams(text)


def has_trigrams(text):
    """Whether the trigram index finds the text within words."""
    return bool(text and re.search(f"{ALPHANUMERIC}{{3}}", text))
