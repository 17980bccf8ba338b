"""System checks of the peppers: weak, changed or missing ones stop the start."""

from django.conf import settings
from django.core import checks
from django.db import connections
from django.db.utils import DatabaseError

from apikeys import tokens
from apikeys.models import ApiKey, PepperFingerprint

HINT = "Set API_KEY_PEPPERS to 1:<secret>,2:<secret>; the highest version is current."


@checks.register(checks.Tags.security)
def check_peppers(app_configs, **kwargs):
    """Check the form and the strength of API_KEY_PEPPERS."""
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
    """Report pepper versions whose secret differs from the one used for existing keys.

    Without this check a wrong .env would refuse every key, with no hint why.
    """
    try:
        peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    except ValueError:
        return []  # reported by E001
    changed = set()
    for alias in databases or ():
        changed |= differing_versions(alias, peppers)
    return [changed_secret(version, peppers) for version in sorted(changed)]


def changed_secret(version, peppers):
    unused = max(pepper.version for pepper in peppers) + 1
    return checks.Error(
        f"The secret of version {version} in API_KEY_PEPPERS differs from the one that this"
        f" database was used with. All keys of version {version} would be refused.",
        hint=(
            "Restore the earlier secret. If .env was created again for an existing"
            " database, restore the earlier .env, or start with an empty database. If"
            " the secret is lost, its keys can never authenticate again: use the version"
            f" {unused} for the new secret ({unused}:<secret>), remove version {version},"
            f" run {revoke_command(version)}, and issue new keys."
        ),
        id="apikeys.E007",
    )


def revoke_command(version):
    return (
        f"manage.py revoke_api_key --pepper-version {version}"
        ' --reason "The pepper is lost."'
    )


def differing_versions(alias, peppers):
    """Return the versions whose recorded fingerprint differs."""
    try:
        tables = connections[alias].introspection.table_names()
        if PepperFingerprint._meta.db_table not in tables:
            return set()  # its migration has not run
        return set(PepperFingerprint.objects.using(alias).differing(peppers))
    except DatabaseError:
        return set()  # Django checks the database


@checks.register(checks.Tags.database)
def check_peppers_in_use(app_configs, databases, **kwargs):
    """Report pepper versions that keys need and the setting lacks."""
    try:
        known = {p.version for p in tokens.read_peppers(settings.API_KEY_PEPPERS)}
    except ValueError:
        return []  # reported by E001
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
                "Restore them: a key moves to the current pepper when it is used. If one is"
                " lost, its keys can never authenticate again: run"
                f" {revoke_command(min(missing))}, and issue new keys."
            ),
            id="apikeys.E006",
        )
    ]


def versions_in_use(alias):
    """Return the pepper versions of unrevoked keys."""
    try:
        if ApiKey._meta.db_table not in connections[alias].introspection.table_names():
            return set()  # the first migration has not run
        unrevoked = ApiKey.objects.using(alias).unrevoked()
        return set(unrevoked.values_list("pepper_version", flat=True).distinct())
    except DatabaseError:
        return set()  # Django checks the database
