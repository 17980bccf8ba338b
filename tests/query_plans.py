"""Fixtures for the plans that PostgreSQL makes of queries."""

import json

import pytest
from django.db import connection, transaction


@pytest.fixture(scope="module")
def transaction_of_module(django_db_setup, django_db_blocker):
    """Roll back after the tests of a module what its fixtures wrote; those of a test nest."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def explained():
    """Return a function that runs another, and returns the plans of its queries."""

    def explained(call):
        plans = []

        def explain(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}", params)
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
            return result

        with connection.execute_wrapper(explain):
            call()
        return plans

    return explained


def nodes_of(plan):
    """Yield the nodes of a plan."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


@pytest.fixture
def rows_read():
    """Return a function that runs another, and returns (rows read, nodes) of a table.

    Rows that a filter removed were read too.
    """

    def rows_read(table, call):
        nodes = []

        def explain(execute, sql, params, many, context):
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                [(plans,)] = cursor.fetchall()
            plans = json.loads(plans) if isinstance(plans, str) else plans
            nodes.extend(nodes_of(plans[0]["Plan"]))
            return execute(sql, params, many, context)

        with connection.execute_wrapper(explain):
            call()
        nodes = [node for node in nodes if node.get("Relation Name") == table]
        removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        read = sum(
            (node["Actual Rows"] + sum(node.get(name, 0) for name in removed))
            * node["Actual Loops"]
            for node in nodes
        )
        return read, [
            f"{node['Node Type']} {node.get('Index Name', '')}" for node in nodes
        ]

    return rows_read
