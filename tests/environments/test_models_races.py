"""Concurrent changes: one waits for the other, without duplicates or server errors."""

import pytest

from echopoint.environments.models import Environment, Variable, VariableSet
from echopoint.flows.models import Flow
from tests.environments.actor import SYSTEM

pytestmark = pytest.mark.postgresql

ENVIRONMENT = "/organization/environments/staging"


@pytest.fixture
def key(api):
    scopes = [f"environment:{action}" for action in ("create", "update", "delete")]
    return api(*scopes, "flows:update", "flows:delete")


def keys_of(variable_set):
    return sorted(variable_set.variables.values_list("key", flat=True))


def test_two_concurrent_first_variables_are_in_one_set(meanwhile, key, put):
    answer = meanwhile(
        lambda: put("one", "1"),
        lambda: key.put("/organization/variables/two", {"value": "2"}),
    )

    assert answer.status_code == 200
    assert keys_of(VariableSet.objects.get()) == ["one", "two"]
    assert list(answer.json()["base"]) == ["one", "two"]


def test_two_concurrent_first_variables_of_a_flow_are_in_one_set(
    meanwhile, key, put, flow
):
    answer = meanwhile(
        lambda: put("one", "1", flow=flow),
        lambda: key.put(f"/flows/{flow.pk}/variables/two", {"value": "2"}),
    )

    assert answer.status_code == 200
    assert keys_of(VariableSet.objects.get()) == ["one", "two"]


def test_a_variable_is_set_twice_and_is_there_once(meanwhile, key, put):
    put("other", "v")

    answer = meanwhile(
        lambda: put("k", "first"),
        lambda: key.put("/organization/variables/k", {"value": "second"}),
    )

    assert answer.status_code == 200
    assert Variable.objects.get(key="k").value.decrypt() == "second"


def test_a_concurrent_update_does_not_make_a_new_secret_plain(meanwhile, key, put):
    put("k", "plain")

    answer = meanwhile(
        lambda: put("k", "hidden", secret=True),
        lambda: key.put("/organization/variables/k", {"value": "plain again"}),
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "secret"
    assert Variable.objects.get().value.decrypt() == "hidden"


def test_a_variable_of_an_environment_that_is_deleted_concurrently_is_not_found(
    meanwhile, key, environment, acme
):
    environment("staging")

    answer = meanwhile(
        lambda: Environment.objects.discard(acme, "staging", by=SYSTEM),
        lambda: key.put(f"{ENVIRONMENT}/variables/k", {"value": "v"}),
    )

    assert answer.status_code == 404
    assert not Variable.objects.exists()


def test_an_environment_is_deleted_with_a_variable_that_is_set_concurrently(
    meanwhile, key, environment, put
):
    staging = environment("staging")

    answer = meanwhile(
        lambda: put("k", "v", environment=staging),
        lambda: key.delete(ENVIRONMENT),
    )

    assert answer.status_code == 204
    assert not Environment.objects.exists()
    assert not Variable.objects.exists()


def test_concurrent_requests_create_one_environment_of_a_name(
    meanwhile, key, environment
):
    answer = meanwhile(
        lambda: environment("staging"),
        lambda: key.post("/organization/environments", {"name": "staging"}),
    )

    assert answer.status_code == 409
    assert Environment.objects.count() == 1


def test_a_flow_is_deleted_with_a_variable_that_is_set_concurrently(
    meanwhile, key, put, flow
):
    def lock_and_put():
        Flow.objects.select_for_update().get(pk=flow.pk)
        put("k", "v", flow=flow)

    answer = meanwhile(lock_and_put, lambda: key.delete(f"/flows/{flow.pk}"))

    assert answer.status_code == 204
    assert not Flow.objects.exists()
    assert not Variable.objects.exists()


def test_a_variable_of_a_flow_that_is_deleted_concurrently_is_not_found(
    meanwhile, key, flow
):
    path = f"/flows/{flow.pk}/variables/k"

    answer = meanwhile(
        lambda: Flow.objects.get(pk=flow.pk).delete(),
        lambda: key.put(path, {"value": "v"}),
    )

    assert answer.status_code == 404
    assert not VariableSet.objects.exists()


def test_the_second_of_two_concurrent_deletes_finds_nothing(meanwhile, key, put, acme):
    put("k", "v")

    answer = meanwhile(
        lambda: VariableSet.objects.lock(acme).remove("k", by=SYSTEM),
        lambda: key.delete("/organization/variables/k"),
    )

    assert answer.status_code == 404
