"""The system checks of the encryption keys, each by its id."""

import base64

import pytest
from django.core.checks import registry
from django.db import OperationalError, connection

from echopoint.environments.checks import (
    check_encryption_keys,
    check_encryption_keys_in_use,
)

ONE, TWO = (base64.urlsafe_b64encode(byte * 32).decode() for byte in (b"1", b"2"))
# The last character before the padding carries four bits that count and two that do not.
SAME = base64.urlsafe_b64encode(bytes(32)).decode()
SAME_AGAIN = f"{SAME[:-2]}B="


def ids(errors):
    return [error.id for error in errors]


def in_use(databases=("default",)):
    return check_encryption_keys_in_use(None, databases=databases)


def test_the_checks_are_registered():
    registered = registry.registry.get_checks(include_deployment_checks=True)

    assert {check_encryption_keys, check_encryption_keys_in_use} <= set(registered)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (ONE, []),
        (f"{ONE},{TWO}", []),
        (f"{ONE}, {TWO}", []),
        ("", ["environments.E001"]),
        (f"{ONE},", ["environments.E001"]),
        (ONE[:-1], ["environments.E001"]),
        (ONE[:-2] + "==", ["environments.E001"]),
        (f"{ONE} {TWO}", ["environments.E001"]),
        (f"1:{ONE}", ["environments.E001"]),
        ("\N{SNOWMAN}" * 44, ["environments.E001"]),
        (f"{ONE},{ONE}", ["environments.E002"]),
        (f"{SAME},{SAME_AGAIN}", ["environments.E002"]),
    ],
)
def test_keys_that_do_not_protect_are_named(settings, keys, expected):
    settings.ENCRYPTION_KEYS = keys

    errors = check_encryption_keys(None)

    assert ids(errors) == expected
    for error in errors:
        assert "ENCRYPTION_KEYS" in error.hint
        assert ONE[:-2] not in str(error)


@pytest.mark.parametrize("keys", [TWO, f"{ONE},{TWO}"])
def test_an_encryption_key_must_not_be_the_secret_key(settings, keys):
    settings.ENCRYPTION_KEYS = keys
    settings.SECRET_KEY = TWO

    assert ids(check_encryption_keys(None)) == ["environments.E003"]


def test_an_encryption_key_must_not_be_a_secret_key_that_still_counts(settings):
    settings.ENCRYPTION_KEYS = ONE
    settings.SECRET_KEY_FALLBACKS = [ONE]

    assert ids(check_encryption_keys(None)) == ["environments.E003"]


def test_keys_in_use_must_be_configured(put, settings, encryption_keys):
    put("before", "v")
    old, new = settings.ENCRYPTION_KEYS, encryption_keys()
    put("after", "v")
    assert in_use() == []

    settings.ENCRYPTION_KEYS = new

    (error,) = in_use()
    assert error.id == "environments.E004"
    assert old not in str(error)
    settings.ENCRYPTION_KEYS = f"{ONE},{old},{new}"
    assert in_use() == []


def test_keys_that_cannot_be_read_are_reported_once(put, settings):
    put("key", "v")
    settings.ENCRYPTION_KEYS = ""

    assert in_use() == []
    assert ids(check_encryption_keys(None)) == ["environments.E001"]


def test_no_database_is_asked_unless_it_is_named(put, settings):
    put("key", "v")
    settings.ENCRYPTION_KEYS = ONE

    assert in_use(databases=None) == []
    assert ids(in_use()) == ["environments.E004"]


def test_a_database_before_its_first_migration_needs_no_key(put, settings, monkeypatch):
    put("key", "v")
    settings.ENCRYPTION_KEYS = ONE
    monkeypatch.setattr(connection.introspection, "table_names", lambda: [])

    assert in_use() == []


def test_a_database_that_does_not_answer_is_not_this_checks_to_report(put, settings):
    put("key", "v")
    settings.ENCRYPTION_KEYS = ONE

    def fail(execute, sql, params, many, context):
        raise OperationalError("no answer")

    with connection.execute_wrapper(fail):
        assert in_use() == []
