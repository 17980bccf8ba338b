"""System checks of the database: second factors that cannot be decrypted, and letters."""

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core import checks
from django.db import connections
from django.db.utils import DatabaseError

from echopoint.accounts.adapters import vault

ENCRYPTED = {
    Authenticator.Type.TOTP: "secret",
    Authenticator.Type.RECOVERY_CODES: "seed",
}
IGNORES_CASE = "SELECT upper('é') = 'É'"


@checks.register(checks.Tags.database)
def check_second_factors(app_configs, databases, **kwargs):
    """Return how many people cannot sign in because SECRET_KEY was changed.

    It is a warning: SECRET_KEY may be changed on purpose, after a leak.
    """
    people = sum(len(locked_out(alias)) for alias in databases or ())
    if not people:
        return []
    return [
        checks.Warning(
            f"SECRET_KEY cannot decrypt the second factors of {people}"
            f" {'person' if people == 1 else 'people'}, who cannot sign in with them.",
            hint=(
                "Put the earlier SECRET_KEY back. If it is lost or was changed on purpose,"
                " delete these people's authenticators in the console. They then sign in"
                " with their password, and add an authenticator again."
            ),
            id="organizations.W001",
        )
    ]


def locked_out(alias):
    """Return the ids of people with a second factor that SECRET_KEY does not decrypt."""
    try:
        tables = connections[alias].introspection.table_names()
        if Authenticator._meta.db_table not in tables:
            return set()  # before the first migration
        rows = Authenticator.objects.using(alias).filter(type__in=ENCRYPTED)
        rows = list(rows.values_list("user_id", "type", "data"))
    except DatabaseError:
        return set()  # the database is checked by Django itself
    cipher = vault()
    return {
        user
        for user, type, data in rows
        if ENCRYPTED[type] in data and not decrypts(cipher, data[ENCRYPTED[type]])
    }


def decrypts(cipher, text):
    try:
        cipher.decrypt(text.encode())
    except InvalidToken:
        return False
    return True


@checks.register(checks.Tags.database)
def check_letters(app_configs, databases, **kwargs):
    """Return the databases that cannot ignore the case of all letters."""
    return [
        checks.Warning(
            f"The database {alias!r} knows no upper case but that of ASCII, so searches"
            " for other letters find them in one case alone.",
            hint="Move to a database that was made with a locale of UTF-8, for example"
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
