"""The system checks, each by its id."""

import pytest
from django.core.checks import registry
from django.db import OperationalError, connection

from apikeys.checks import (
    check_pepper_secrets,
    check_peppers,
    check_peppers_in_use,
)
from apikeys.models import ApiKey

ONE, TWO = "o" * 32, "t" * 32


def ids(errors):
    return [error.id for error in errors]


def test_the_checks_are_registered():
    registered = registry.registry.get_checks(include_deployment_checks=True)

    assert {
        check_peppers,
        check_peppers_in_use,
        check_pepper_secrets,
    } <= set(registered)


@pytest.mark.parametrize(
    ("peppers", "expected"),
    [
        (f"1:{ONE}", []),
        (f"999999999:{ONE}", []),
        (f"1:{ONE},2:{TWO}", []),
        ("", ["apikeys.E001"]),
        (ONE, ["apikeys.E001"]),
        (f"one:{ONE}", ["apikeys.E001"]),
        (f"9999999999:{ONE}", ["apikeys.E001"]),
        (f"1:{ONE[:-1]}", ["apikeys.E002"]),
        (f"1:short,2:{TWO}", ["apikeys.E002"]),
        (f"1:{ONE},1:{TWO}", ["apikeys.E003"]),
        (f"1:{ONE},01:{TWO}", ["apikeys.E003"]),
        (f"1:{ONE},2:{ONE}", ["apikeys.E003"]),
    ],
)
def test_peppers_that_do_not_protect_are_named(settings, peppers, expected):
    settings.API_KEY_PEPPERS = peppers

    errors = check_peppers(None)

    assert ids(errors) == expected
    for error in errors:
        assert "API_KEY_PEPPERS" in error.hint
        assert ONE[:-1] not in str(error)


def test_a_pepper_must_not_be_the_secret_key(settings):
    settings.API_KEY_PEPPERS = f"1:{ONE},2:{TWO}"
    settings.SECRET_KEY = TWO

    assert ids(check_peppers(None)) == ["apikeys.E004"]


def test_a_pepper_must_not_be_a_secret_key_that_still_counts(settings):
    settings.API_KEY_PEPPERS = f"1:{ONE}"
    settings.SECRET_KEY_FALLBACKS = [ONE]

    assert ids(check_peppers(None)) == ["apikeys.E004"]


def in_use(databases=("default",)):
    return check_peppers_in_use(None, databases=databases)


@pytest.fixture
def keys(issue, settings):
    """One key under pepper 1 and one under pepper 2."""
    settings.API_KEY_PEPPERS = f"1:{ONE}"
    first, _ = issue()
    settings.API_KEY_PEPPERS = f"1:{ONE},2:{TWO}"
    second, _ = issue()
    return first, second


def test_peppers_in_use_must_be_configured(keys, settings):
    assert in_use() == []

    settings.API_KEY_PEPPERS = f"2:{TWO}"

    (error,) = in_use()
    assert error.id == "apikeys.E006"
    assert "[1]" in error.msg


def test_a_pepper_of_revoked_keys_only_may_go(keys, settings):
    settings.API_KEY_PEPPERS = f"2:{TWO}"
    ApiKey.objects.filter(pk=keys[0].pk).update(revoked_at=keys[0].created_at)

    assert in_use() == []


def test_peppers_that_cannot_be_read_are_reported_once(keys, settings):
    settings.API_KEY_PEPPERS = ""

    assert in_use() == []
    assert ids(check_peppers(None)) == ["apikeys.E001"]


def test_no_database_is_asked_unless_it_is_named(keys, settings):
    settings.API_KEY_PEPPERS = f"3:{ONE}"

    assert in_use(databases=None) == []
    assert ids(in_use()) == ["apikeys.E006"]


def test_a_database_before_its_first_migration_has_no_keys(keys, settings, monkeypatch):
    settings.API_KEY_PEPPERS = f"3:{ONE}"
    monkeypatch.setattr(connection.introspection, "table_names", lambda: [])

    assert in_use() == []


def test_a_database_that_does_not_answer_is_not_this_checks_to_report(keys, settings):
    settings.API_KEY_PEPPERS = f"3:{ONE}"

    def fail(execute, sql, params, many, context):
        raise OperationalError("no answer")

    with connection.execute_wrapper(fail):
        assert in_use() == []
