"""A system check of the database: whether its searches ignore the case of all letters."""

from django.core import checks
from django.db import connections
from django.db.utils import DatabaseError

IGNORES_CASE = "SELECT upper('é') = 'É'"


@checks.register(checks.Tags.database)
def check_letters(app_configs, databases, **kwargs):
    """Return the databases that cannot ignore the case of all letters."""
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
    """Whether the database ignores case in all alphabets; SQLite has functions of ours."""
    if connection.vendor == "sqlite":
        return True
    try:
        with connection.cursor() as cursor:
            cursor.execute(IGNORES_CASE)
            return cursor.fetchone()[0]
    except DatabaseError:
        return True  # the database is checked by Django itself
