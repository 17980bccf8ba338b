"""Changes at the same time: one waits for the other; nothing is doubled, or a 500."""

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


def test_two_first_variables_come_to_lie_in_one_set(meanwhile, key, put):
    answer = meanwhile(
        lambda: put("one", "1"),
        lambda: key.put("/organization/variables/two", {"value": "2"}),
    )

    assert answer.status_code == 200
    assert keys_of(VariableSet.objects.get()) == ["one", "two"]
    assert list(answer.json()["base"]) == ["one", "two"]


def test_two_first_variables_of_a_flow_come_to_lie_in_one_set(
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
    assert Variable.objects.get(key="k").value.reveal() == "second"


def test_what_just_became_a_secret_does_not_become_plain(meanwhile, key, put):
    put("k", "plain")

    answer = meanwhile(
        lambda: put("k", "hidden", secret=True),
        lambda: key.put("/organization/variables/k", {"value": "plain again"}),
    )

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "secret"
    assert Variable.objects.get().value.reveal() == "hidden"


def test_a_variable_of_an_environment_that_is_just_deleted_is_not_found(
    meanwhile, key, environment, acme
):
    environment("staging")

    answer = meanwhile(
        lambda: Environment.objects.discard(acme, "staging", by=SYSTEM),
        lambda: key.put(f"{ENVIRONMENT}/variables/k", {"value": "v"}),
    )

    assert answer.status_code == 404
    assert not Variable.objects.exists()


def test_an_environment_is_deleted_with_a_variable_that_is_just_set(
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


def test_of_two_environments_of_one_name_one_is_made(meanwhile, key, environment):
    answer = meanwhile(
        lambda: environment("staging"),
        lambda: key.post("/organization/environments", {"name": "staging"}),
    )

    assert answer.status_code == 409
    assert Environment.objects.count() == 1


def test_a_flow_is_deleted_with_a_variable_that_is_just_set(meanwhile, key, put, flow):
    def lock_and_put():
        Flow.objects.select_for_update().get(pk=flow.pk)
        put("k", "v", flow=flow)

    answer = meanwhile(lock_and_put, lambda: key.delete(f"/flows/{flow.pk}"))

    assert answer.status_code == 204
    assert not Flow.objects.exists()
    assert not Variable.objects.exists()


def test_a_variable_of_a_flow_that_is_just_deleted_is_not_found(meanwhile, key, flow):
    path = f"/flows/{flow.pk}/variables/k"

    answer = meanwhile(
        lambda: Flow.objects.get(pk=flow.pk).delete(),
        lambda: key.put(path, {"value": "v"}),
    )

    assert answer.status_code == 404
    assert not VariableSet.objects.exists()


def test_of_two_deletes_at_once_the_second_finds_nothing(meanwhile, key, put, acme):
    put("k", "v")

    answer = meanwhile(
        lambda: VariableSet.objects.lock(acme).remove("k", by=SYSTEM),
        lambda: key.delete("/organization/variables/k"),
    )

    assert answer.status_code == 404
