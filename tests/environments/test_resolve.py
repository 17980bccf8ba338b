"""The inputs of a flow: organization, environment and flow override each other."""

import pytest
from django.db import connection

from echopoint.environments.exceptions import UnknownEnvironment
from echopoint.environments.resolve import resolve


def test_nothing_set_resolves_to_nothing(flow):
    assert resolve(flow) == ({}, [])


def test_a_higher_layer_wins(flow, put, environment):
    staging = environment("staging")
    for key in ("base", "overlaid", "own", "both"):
        put(key, "organization")
    for key in ("overlaid", "both"):
        put(key, "environment", environment=staging)
    for key in ("own", "both"):
        put(key, "flow", flow=flow)

    assert resolve(flow, "staging").values == {
        "base": "organization",
        "both": "flow",
        "overlaid": "environment",
        "own": "flow",
    }
    assert resolve(flow).values == {
        "base": "organization",
        "both": "flow",
        "overlaid": "organization",
        "own": "flow",
    }


def test_only_the_named_environment_overrides(flow, put, environment):
    put("url", "staging", environment=environment("staging"))
    put("url", "production", environment=environment("production"))

    assert resolve(flow, "production").values == {"url": "production"}
    assert resolve(flow).values == {}


@pytest.mark.parametrize(("lower", "higher"), [(True, False), (False, True)])
def test_an_input_is_secret_if_the_winning_variable_is(flow, put, lower, higher):
    put("b", "lower", secret=lower)
    put("a", "secret", secret=True)
    put("b", "higher", flow=flow, secret=higher)

    inputs = resolve(flow)

    assert inputs.values == {"a": "secret", "b": "higher"}
    assert inputs.secret_keys == (["a", "b"] if higher else ["a"])


def test_neither_another_flow_nor_another_organization_is_in_it(
    flow, foreign_flow, put, globex, environment
):
    put("theirs", "x", flow=foreign_flow, organization=globex)
    put("theirs_too", "x", organization=globex)
    put("over", "x", organization=globex, environment=environment("staging", globex))
    environment("staging")

    assert resolve(flow, "staging").values == {}
    assert set(resolve(foreign_flow, "staging").values) == {
        "theirs",
        "theirs_too",
        "over",
    }


@pytest.mark.parametrize(
    "name", ["production", "Staging", "staging\n", " staging", "a\x00", "x" * 256, "."]
)
def test_an_unknown_environment_is_refused_by_field(flow, environment, name):
    environment("staging")

    with pytest.raises(UnknownEnvironment) as caught:
        resolve(flow, name)

    assert (caught.value.field, caught.value.status) == ("environment_key", 400)


def test_another_organizations_environment_is_as_unknown(flow, environment, globex):
    environment("theirs", globex)

    with pytest.raises(UnknownEnvironment):
        resolve(flow, "theirs")


def test_printing_the_inputs_shows_no_value(flow, put):
    put("token", "canary-7f3a", secret=True)

    inputs = resolve(flow)

    assert inputs.values["token"] == "canary-7f3a"
    assert repr(inputs) == str(inputs) == f"{inputs}"
    assert "canary" not in repr(inputs)
    assert "token" in repr(inputs)


def test_an_environment_deleted_concurrently_is_not_resolved_without_its_variables(
    flow, put, environment
):
    staging = environment("staging")
    put("url", "organization")
    put("url", "environment", environment=staging)

    def delete_before(execute, sql, params, many, context):
        if "environments_variable" in sql and "SELECT" in sql and staging.pk:
            staging.delete()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(delete_before), pytest.raises(UnknownEnvironment):
        resolve(flow, "staging")


def test_many_variables_cost_three_queries(
    flow, put, environment, django_assert_num_queries
):
    staging = environment("staging")
    for number in range(20):
        put(f"k{number}", "v", environment=staging)

    with django_assert_num_queries(3):  # the environment, twice, the variables
        assert len(resolve(flow, "staging").values) == 20
