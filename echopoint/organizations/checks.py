"""A system check for databases whose searches are case-sensitive for some letters."""

from django.core import checks
from django.db import connections
from django.db.utils import DatabaseError

IGNORES_CASE = "SELECT upper('é') = 'É'"


@checks.register(checks.Tags.database)
def check_letters(app_configs, databases, **kwargs):
    """Warn about databases whose locale converts the case of ASCII letters only."""
    return [
        checks.Warning(
            f"The database {alias!r} converts the case of ASCII letters only, so searches"
            " for other letters are case-sensitive.",
            hint="Move to a database that was created with a UTF-8 locale, for example"
            " LC_CTYPE 'C.UTF-8'.",
            id="organizations.W002",
        )
        for alias in databases or ()
        if not ignores_case(connections[alias])
    ]


def ignores_case(connection):
    """Whether the database converts the case of all letters. SQLite uses our functions."""
    if connection.vendor == "sqlite":
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute(IGNORES_CASE)
            return cursor.fetchone()[0]
    except DatabaseError:
        return True  # reported by Django's own database checks
