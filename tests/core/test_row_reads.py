"""Reading one row, past Django's cursor unless something watches it."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from echopoint.core.row_reads import read_row

pytestmark = pytest.mark.django_db


def test_the_first_row_or_none():
    assert read_row(connection, "SELECT 1, 'a' WHERE 1 = %s", [1]) == (1, "a")
    assert read_row(connection, "SELECT 1 WHERE 1 = %s", [2]) is None


def test_wrappers_see_the_statement(statements):
    with statements() as seen:
        assert read_row(connection, "SELECT 3 WHERE 1 = %s", [1]) == (3,)

    assert seen == ["SELECT 3 WHERE 1 = %s"]


def test_logged_statements_are_complete(django_assert_num_queries):
    with django_assert_num_queries(1) as logged:
        read_row(connection, "SELECT 4 WHERE 1 = %s", [1])

    assert "SELECT 4" in logged.captured_queries[0]["sql"]


def test_errors_are_djangos():
    with pytest.raises(DatabaseError), transaction.atomic():
        read_row(connection, "SELECT nothing FROM nowhere WHERE 1 = %s", [1])


def test_a_failed_transaction_is_not_read():
    with transaction.atomic():
        transaction.set_rollback(True)

        with pytest.raises(TransactionManagementError):
            read_row(connection, "SELECT 1 WHERE 1 = %s", [1])
