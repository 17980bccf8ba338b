"""System checks: a pepper that does not protect is refused before it is used."""

from django.conf import settings
from django.core import checks
from django.db import connections
from django.db.utils import DatabaseError

from apikeys import tokens
from apikeys.models import ApiKey, PepperFingerprint

HINT = "Set API_KEY_PEPPERS to 1:<secret>,2:<secret>; the highest version is current."


@checks.register(checks.Tags.security)
def check_peppers(app_configs, **kwargs):
    """Return what is wrong with API_KEY_PEPPERS."""
    try:
        peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    except ValueError as error:
        return [checks.Error(str(error), hint=HINT, id="apikeys.E001")]
    secrets = [pepper.secret for pepper in peppers]
    errors = []
    if min(map(len, secrets)) < tokens.PEPPER_MIN_LENGTH:
        errors.append(
            checks.Error(
                f"A pepper is shorter than {tokens.PEPPER_MIN_LENGTH} characters.",
                hint=HINT,
                id="apikeys.E002",
            )
        )
    if len(set(secrets)) < len(peppers) or len({p.version for p in peppers}) < len(
        peppers
    ):
        errors.append(
            checks.Error(
                "Two peppers have the same version or the same secret.",
                hint=HINT,
                id="apikeys.E003",
            )
        )
    if {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS} & set(secrets):
        errors.append(
            checks.Error(
                "A pepper equals SECRET_KEY; a leak of one would be a leak of both.",
                hint=HINT,
                id="apikeys.E004",
            )
        )
    return errors


@checks.register(checks.Tags.database)
def check_pepper_secrets(app_configs, databases, **kwargs):
    """Return the pepper versions whose secret is not the one that keys were made with."""
    try:
        peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    except ValueError:
        return []  # E001 has said so
    changed = set()
    for alias in databases or ():
        changed |= differing_versions(alias, peppers)
    return [changed_secret(version, peppers) for version in sorted(changed)]


def changed_secret(version, peppers):
    unused = max(pepper.version for pepper in peppers) + 1
    return checks.Error(
        f"The secret of version {version} in API_KEY_PEPPERS is not the one that this"
        f" database was used with. All its keys of version {version} would be refused.",
        hint=(
            "Put the earlier secret back. If .env was made again beside an older"
            " database, restore the earlier .env, or start with an empty database. If"
            " the secret is lost, its keys can never authenticate again: give the new"
            f" secret the version {unused} ({unused}:<secret>) and remove version"
            f" {version}, run {revoking(version)}, and issue new keys."
        ),
        id="apikeys.E007",
    )


def revoking(version):
    return (
        f"manage.py revoke_api_key --pepper-version {version}"
        ' --reason "The pepper is lost."'
    )


def differing_versions(alias, peppers):
    """Return the versions whose recorded fingerprint is another."""
    try:
        tables = connections[alias].introspection.table_names()
        if PepperFingerprint._meta.db_table not in tables:
            return set()  # before its migration
        return set(PepperFingerprint.objects.using(alias).differing(peppers))
    except DatabaseError:
        return set()  # the database is checked by Django itself


@checks.register(checks.Tags.database)
def check_peppers_in_use(app_configs, databases, **kwargs):
    """Return the pepper versions that keys need and the setting lacks."""
    try:
        known = {p.version for p in tokens.read_peppers(settings.API_KEY_PEPPERS)}
    except ValueError:
        return []  # E001 has said so
    missing = set()
    for alias in databases or ():
        missing |= versions_in_use(alias) - known
    if not missing:
        return []
    return [
        checks.Error(
            f"Keys in use need the pepper versions {sorted(missing)}, which"
            " API_KEY_PEPPERS does not have.",
            hint=(
                "Put them back: keys move to the current pepper as they are used. If one"
                " is lost, its keys can never authenticate again: run"
                f" {revoking(min(missing))}, and issue new keys."
            ),
            id="apikeys.E006",
        )
    ]


def versions_in_use(alias):
    """Return the pepper versions of keys that may still be used."""
    try:
        if ApiKey._meta.db_table not in connections[alias].introspection.table_names():
            return set()  # before the first migration
        usable = ApiKey.objects.using(alias).unrevoked()
        return set(usable.values_list("pepper_version", flat=True).distinct())
    except DatabaseError:
        return set()  # the database is checked by Django itself
