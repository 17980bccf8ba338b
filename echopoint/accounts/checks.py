"""A system check for second factors that SECRET_KEY cannot decrypt."""

from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core import checks
from django.db import connections
from django.db.utils import DatabaseError

from echopoint.accounts.adapters import get_cipher

ENCRYPTED = {
    Authenticator.Type.TOTP: "secret",
    Authenticator.Type.RECOVERY_CODES: "seed",
}


@checks.register(checks.Tags.database)
def check_second_factors(app_configs, databases, **kwargs):
    """Warn about users who cannot sign in because SECRET_KEY was changed.

    Only a warning, because SECRET_KEY may have been changed on purpose after a leak.
    """
    people = sum(len(locked_out(alias)) for alias in databases or ())
    if not people:
        return []
    return [
        checks.Warning(
            f"SECRET_KEY cannot decrypt the second factors of {people}"
            f" {'person' if people == 1 else 'people'}, who cannot sign in with them.",
            hint=(
                "Restore the earlier SECRET_KEY. If it is lost or was changed on purpose,"
                " delete these people's authenticators in the console. They then sign in"
                " with their password, and add an authenticator again."
            ),
            id="organizations.W001",
        )
    ]


def locked_out(alias):
    """Return the ids of users with a second factor that SECRET_KEY cannot decrypt."""
    try:
        tables = connections[alias].introspection.table_names()
        if Authenticator._meta.db_table not in tables:
            return set()  # before the first migration
        rows = Authenticator.objects.using(alias).filter(type__in=ENCRYPTED)
        rows = list(rows.values_list("user_id", "type", "data"))
    except DatabaseError:
        return set()  # reported by Django's own database checks
    cipher = get_cipher()
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
