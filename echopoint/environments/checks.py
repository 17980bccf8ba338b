"""System checks of ENCRYPTION_KEYS."""

from django.conf import settings
from django.core import checks
from django.db import connections
from django.db.models.functions import Left
from django.db.utils import DatabaseError

from echopoint.environments.encrypted_text import encrypted_fields
from echopoint.environments.keyring import LABEL_LENGTH, key_bytes, keyring, read_keys

HINT = (
    "Set ENCRYPTION_KEYS to one or more keys, comma-separated; the first encrypts. Create"
    " one with: python3 -c 'import base64, os;"
    " print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


@checks.register(checks.Tags.security)
def check_encryption_keys(app_configs, **kwargs):
    """Check that the keys are valid, distinct and not the SECRET_KEY."""
    try:
        keys = read_keys(settings.ENCRYPTION_KEYS)
    except ValueError as error:
        return [checks.Error(str(error), hint=HINT, id="environments.E001")]
    errors = []
    if len({key_bytes(key) for key in keys}) < len(keys):
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
                "An encryption key equals SECRET_KEY. If one leaks, so does the other.",
                hint=HINT,
                id="environments.E003",
            )
        )
    return errors


@checks.register(checks.Tags.database)
def check_encryption_keys_in_use(app_configs, databases, **kwargs):
    """Check that the setting has all keys that stored values are encrypted with."""
    try:
        known = set(keyring().labels)
    except ValueError:
        return []  # reported as E001
    missing = set()
    for alias in databases or ():
        missing |= labels_in_use(alias) - known
    if not missing:
        return []
    return [
        checks.Error(
            "Stored values need the encryption keys whose SHA-256 begins with"
            f" {', '.join(sorted(missing))}. ENCRYPTION_KEYS does not contain them.",
            hint=(
                "Add them to the end of ENCRYPTION_KEYS, and run manage.py reencrypt before"
                " you remove them. If a new .env was created for an existing database,"
                " restore the earlier .env. If a key is lost, so are its values: delete"
                " these variables, or set them again."
            ),
            id="environments.E004",
        )
    ]


def labels_in_use(alias):
    """Return the labels of the keys that stored values are encrypted with."""
    labels = set()
    try:
        tables = connections[alias].introspection.table_names()
        for model, field in encrypted_fields():
            if model._meta.db_table in tables:  # else not migrated yet
                rows = model._base_manager.using(alias).exclude(**{field.name: None})
                start = Left(field.name, LABEL_LENGTH)
                labels |= set(rows.values_list(start, flat=True).distinct())
    except DatabaseError:
        pass  # Django has its own check of the connection
    return labels
