"""A changed secret of a pepper is noticed before keys are refused."""

import io
import os
from subprocess import CalledProcessError

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection

from apikeys import tokens
from apikeys.checks import check_pepper_secrets
from apikeys.models import PepperFingerprint
from echopoint.management.other_database import ALIAS, connected
from tests.gunicorn_site import manage

ONE, TWO, THREE = "o" * 32, "t" * 32, "h" * 32


def changed(databases=("default",)):
    return check_pepper_secrets(None, databases=databases)


def migrate(*arguments):
    call_command("migrate", *arguments, skip_checks=False, verbosity=0)


def check():
    call_command("check", databases=["default"], stderr=io.StringIO())


@pytest.fixture
def peppers(db, settings):
    """Return a setter of the peppers; the database knows the first two."""
    PepperFingerprint.objects.all().delete()

    def peppers(text):
        settings.API_KEY_PEPPERS = text

    peppers(f"1:{ONE},2:{TWO}")
    migrate()
    return peppers


def test_a_fingerprint_tells_secrets_apart_and_reveals_none():
    one, two = tokens.Pepper(1, ONE), tokens.Pepper(1, TWO)

    assert tokens.fingerprint(one) == tokens.fingerprint(tokens.Pepper(2, ONE))
    assert tokens.fingerprint(one) != tokens.fingerprint(two)
    assert len(tokens.fingerprint(one)) == 16
    assert ONE[:4] not in tokens.fingerprint(one)


def test_the_same_secrets_are_no_error(peppers):
    assert changed() == []
    check()


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (f"1:{THREE},2:{TWO}", [1]),
        (f"1:{ONE},2:{THREE}", [2]),
        (f"1:{TWO},2:{ONE}", [1, 2]),
        (f"1:{THREE}", [1]),
    ],
)
def test_a_changed_secret_is_named_by_its_version(peppers, text, versions):
    peppers(text)

    errors = changed()

    assert [error.id for error in errors] == ["apikeys.E007"] * len(versions)
    for version, error in zip(versions, errors, strict=True):
        assert f"secret of version {version} in API_KEY_PEPPERS" in error.msg
        assert "Restore the earlier secret" in error.hint
        assert f"--pepper-version {version}" in error.hint
        assert not [s for s in (ONE, TWO, THREE) if s in str(error)]


@pytest.mark.parametrize("command", [check, migrate])
def test_the_check_and_the_migration_stop(peppers, command):
    peppers(f"1:{THREE},2:{TWO}")

    with pytest.raises(SystemCheckError, match="secret of version 1"):
        command()

    peppers(f"1:{ONE},2:{TWO}")
    command()


def test_a_stopped_migration_records_nothing(peppers):
    before = list(PepperFingerprint.objects.values())
    peppers(f"1:{THREE},2:{TWO},3:{THREE}2")

    with pytest.raises(SystemCheckError):
        migrate()

    assert list(PepperFingerprint.objects.values()) == before


def test_a_new_version_is_recorded_by_the_next_migration(peppers):
    peppers(f"1:{ONE},2:{TWO},3:{THREE}")
    assert changed() == []

    migrate()
    peppers(f"1:{ONE},2:{TWO},3:{THREE}2")

    (error,) = changed()
    assert "version 3" in error.msg


def test_a_version_that_is_away_for_a_while_is_still_known(peppers):
    peppers(f"2:{TWO}")
    migrate()

    peppers(f"1:{THREE},2:{TWO}")

    assert len(changed()) == 1


def test_a_new_version_is_recorded_with_its_first_key(peppers, issue):
    peppers(f"3:{THREE}")
    issue()
    issue()

    peppers(f"3:{ONE}")

    (error,) = changed()
    assert "version 3" in error.msg


def test_the_way_on_after_a_lost_secret_is_open(peppers, issue):
    peppers(f"1:{ONE}")
    issue()
    peppers(f"1:{THREE}")
    (error,) = changed()
    assert "use the version 2 for the new secret (2:<secret>)" in error.hint

    peppers(f"3:{THREE}")
    call_command("revoke_api_key", "--pepper-version", "1", "--reason", "lost")

    migrate()
    check()


def test_a_wrong_secret_does_not_replace_a_digest(peppers, issue, api, acme):
    peppers(f"1:{ONE}")
    key, secret = issue()
    client = api(secret=secret, organization=acme)

    peppers(f"1:{ONE},2:{THREE}")
    assert client.get("/flows").status_code == 200
    key.refresh_from_db()
    assert key.pepper_version == 1

    peppers(f"1:{ONE},2:{TWO}")
    assert client.get("/flows").status_code == 200
    key.refresh_from_db()
    assert key.pepper_version == 2


def test_a_wrong_secret_and_an_unknown_id_answer_alike(peppers, issue, api, acme):
    _, secret = issue()
    unknown = tokens.generate().text
    peppers(f"1:{ONE},2:{THREE}")

    answers = [
        api(secret=text, organization=acme).get("/flows") for text in (secret, unknown)
    ]

    first, second = (
        (a.status_code, a.content, a["WWW-Authenticate"], set(a.headers))
        for a in answers
    )
    assert first == second
    assert first[0] == 401


def test_peppers_that_cannot_be_read_are_reported_once(peppers):
    peppers("")

    assert changed() == []
    call_command("migrate", skip_checks=True, verbosity=0)


def test_no_database_is_asked_unless_it_is_named(peppers):
    peppers(f"1:{THREE}")

    assert changed(databases=None) == []
    call_command("makemigrations", check_changes=True, verbosity=0, skip_checks=False)


def test_a_database_before_its_migration_has_no_fingerprints(peppers, monkeypatch):
    peppers(f"1:{THREE}")
    monkeypatch.setattr(connection.introspection, "table_names", lambda: [])

    assert changed() == []


def test_a_database_that_does_not_answer_is_not_this_checks_to_report(peppers):
    peppers(f"1:{THREE}")

    def fail(execute, sql, params, many, context):
        raise OperationalError("no answer")

    with connection.execute_wrapper(fail):
        assert changed() == []


@pytest.mark.slow
def test_a_database_from_before_trusts_its_first_migration(settings, migrated_database):
    url = migrated_database(connection.vendor, ("apikeys", "0008_overlap_ends_at"))
    settings.API_KEY_PEPPERS = f"1:{TWO}"
    with connected(url):
        call_command("check", databases=[ALIAS])
        migrate(f"--database={ALIAS}")
        call_command("check", databases=[ALIAS])
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "s" * 60,
        "API_KEY_PEPPERS": f"1:{ONE}",
        "ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "DATABASE_URL": url,
    }

    with pytest.raises(CalledProcessError) as stopped:
        manage(environment, "migrate", "--verbosity", "0")

    assert "apikeys.E007" in stopped.value.stderr
