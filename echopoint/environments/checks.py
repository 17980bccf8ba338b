"""System checks: encryption keys that do not protect, or that are missing, are named."""

from django.conf import settings
from django.core import checks
from django.db import connections
from django.db.models.functions import Left
from django.db.utils import DatabaseError

from echopoint.environments.keyring import LABEL_LENGTH, keyring, raw, read_keys
from echopoint.environments.sealed import sealed_fields

HINT = (
    "Set ENCRYPTION_KEYS to one key or several, comma-separated; the first encrypts. Make"
    " one with: python3 -c 'import base64, os;"
    " print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


@checks.register(checks.Tags.security)
def check_encryption_keys(app_configs, **kwargs):
    """Return what is wrong with ENCRYPTION_KEYS."""
    try:
        keys = read_keys(settings.ENCRYPTION_KEYS)
    except ValueError as error:
        return [checks.Error(str(error), hint=HINT, id="environments.E001")]
    errors = []
    if len({raw(key) for key in keys}) < len(keys):
        errors.append(
            checks.Error(
                "ENCRYPTION_KEYS has the same key twice.",
                hint=HINT,
                id="environments.E002",
            )
        )
    if {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS} & set(keys):
        errors.append(
            checks.Error(
                "An encryption key equals SECRET_KEY; a leak of one would be a leak of"
                " both.",
                hint=HINT,
                id="environments.E003",
            )
        )
    return errors


@checks.register(checks.Tags.database)
def check_encryption_keys_in_use(app_configs, databases, **kwargs):
    """Return the keys that stored values need and the setting lacks."""
    try:
        known = set(keyring().labels)
    except ValueError:
        return []  # E001 has said so
    missing = set()
    for alias in databases or ():
        missing |= labels_in_use(alias) - known
    if not missing:
        return []
    return [
        checks.Error(
            "Stored values need the encryption keys whose SHA-256 begins with"
            f" {', '.join(sorted(missing))}, which ENCRYPTION_KEYS does not have.",
            hint=(
                "Put them back at its end, and run manage.py reencrypt before they go. If"
                " .env was made again beside an older database, restore the earlier .env."
                " If a key is lost, so are the values: delete these variables, or set them"
                " again."
            ),
            id="environments.E004",
        )
    ]


def labels_in_use(alias):
    """Return the labels of the keys that stored values are sealed with."""
    labels = set()
    try:
        tables = connections[alias].introspection.table_names()
        for model, field in sealed_fields():
            if model._meta.db_table in tables:  # else it is before its migration
                rows = model._base_manager.using(alias).exclude(**{field.name: None})
                start = Left(field.name, LABEL_LENGTH)
                labels |= set(rows.values_list(start, flat=True).distinct())
    except DatabaseError:
        pass  # the database is checked by Django itself
    return labels
