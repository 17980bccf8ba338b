"""The system checks of accounts, each by its id."""

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.checks import registry
from django.db import OperationalError, connection

from echopoint.accounts.checks import check_second_factors
from echopoint.organizations import checks


def locked_out(databases=("default",)):
    return check_second_factors(None, databases=databases)


@pytest.fixture
def factors(alice, bob):
    """Give alice an app and recovery codes, and bob an app."""
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(alice)
    TOTP.activate(bob, "JBSWY3DPEHPK3PXP")


def test_the_check_is_registered():
    assert check_second_factors in registry.registry.get_checks()


def test_the_same_secret_key_is_no_warning(factors):
    assert locked_out() == []


def test_another_secret_key_is_named_with_the_people_it_locks_out(factors, settings):
    before = settings.SECRET_KEY
    settings.SECRET_KEY = "another-" + "s" * 50

    (warning,) = locked_out()
    assert warning.id == "organizations.W001"
    assert not warning.is_serious()
    assert "2 people" in warning.msg
    assert before not in str(warning)

    settings.SECRET_KEY_FALLBACKS = [before]
    assert locked_out() == []


def test_only_a_named_database_with_tables_that_answers_is_asked(
    factors, settings, monkeypatch
):
    settings.SECRET_KEY = "another-" + "s" * 50

    def fail(execute, sql, params, many, context):
        raise OperationalError("no answer")

    assert locked_out(databases=None) == []
    with connection.execute_wrapper(fail):
        assert locked_out() == []
    monkeypatch.setattr(connection.introspection, "table_names", lambda: [])
    assert locked_out() == []


DATABASES = ["default"]


def test_a_database_that_ignores_case_is_no_complaint(db):
    assert checks.check_letters(None, databases=DATABASES) == []
    assert checks.check_letters(None, databases=None) == []


@pytest.mark.postgresql
def test_a_database_that_knows_ascii_alone_is_named(db, monkeypatch):
    # As with LC_CTYPE C, which a test cannot give to the database it runs in.
    monkeypatch.setattr(
        checks, "IGNORES_CASE", """SELECT upper('é' COLLATE "C") = 'É'"""
    )

    (warning,) = checks.check_letters(None, databases=DATABASES)

    assert warning.id == "organizations.W002"
