"""`/organization/variables`, those of environments, and `/flows/{id}/variables`."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from echopoint.environments.exceptions import InvalidVariable
from echopoint.environments.models import (
    MAX_TOTAL_LENGTH,
    MAX_VARIABLES,
    Environment,
    Variable,
    VariableSet,
    sets,
)
from echopoint.flows.models import Flow

CANARY = "canary-7f3a"
SECRET = {"value": CANARY, "secret": True}
PLACES = ["organization", "environment", "flow"]
BAD_KEYS = ["1a", "-a", "a.b", "a b", "é", "a%0A", "%20a", "a" * 256, "{}", "a%22"]


@pytest.fixture
def key(api):
    return api(
        "environment:read", "environment:create", "environment:update",
        "environment:delete", "flows:read", "flows:update", "flows:delete",
    )  # fmt: skip


@pytest.fixture
def at(flow, environment):
    """Return the path of a variable in a place."""
    environment("staging")
    paths = {
        "organization": "/organization/variables/{}",
        "environment": "/organization/environments/staging/variables/{}",
        "flow": f"/flows/{flow.pk}/variables/{{}}",
    }
    return lambda place, name="token": paths[place].format(name)


@pytest.fixture
def whole(flow):
    """Return the path of the set that a place is in."""
    return lambda place: (
        f"/flows/{flow.pk}/variables" if place == "flow" else "/organization/variables"
    )


def layer(answer, place):
    body = answer.json()
    return body["environments"]["staging"] if place == "environment" else body["base"]


def refused(answer, status, field=None):
    error = answer.json()["errors"][0]
    assert (answer.status_code, error.get("field")) == (status, field), error
    return error


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "value", ["https://a.test", "", " x ", "\n", "é\U0001f600", "***"]
)
def test_a_plain_variable_reads_as_it_was_set(key, at, whole, acme, place, value):
    answer = key.put(at(place), {"value": value})

    assert answer.status_code == 200
    assert answer.json() == key.get(whole(place)).json()
    shown = layer(answer, place)["token"]
    assert (shown["value"], shown["secret"]) == (value, False)
    assert shown["organization_id"] == acme.pk
    assert set(shown) == {
        "value", "secret", "organization_id", "created_at", "updated_at"
    }  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_reads_as_a_mask(key, at, whole, place):
    answers = [key.put(at(place), SECRET), key.get(whole(place))]

    for answer in answers:
        assert CANARY not in answer.content.decode()
        shown = layer(answer, place)["token"]
        assert (shown["value"], shown["secret"]) == ("***", True)
    assert Variable.objects.get().value.decrypt() == CANARY


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("body", [{"value": "x", "secret": False}, {"value": "x"}])
def test_a_secret_cannot_become_plain_by_an_update(key, at, place, body):
    key.put(at(place), SECRET)

    error = refused(key.put(at(place), body), 400, "secret")

    assert error["code"] == "VALIDATION_ERROR"
    assert "delete it first" in error["message"]
    assert Variable.objects.get().value.decrypt() == CANARY
    assert Variable.objects.get().secret


@pytest.mark.parametrize("place", PLACES)
def test_a_deleted_secret_can_be_created_again_as_a_plain_variable(key, at, place):
    key.put(at(place), SECRET)
    key.delete(at(place))

    answer = key.put(at(place), {"value": "plain"})

    assert layer(answer, place)["token"]["value"] == "plain"


def test_a_secret_is_changed_by_another_secret(key, at):
    key.put(at("flow"), SECRET)

    answer = key.put(at("flow"), {"value": "second", "secret": True})

    assert answer.status_code == 200
    assert Variable.objects.get().value.decrypt() == "second"


def test_a_plain_variable_can_become_a_secret(key, at):
    key.put(at("flow"), {"value": "plain"})

    answer = key.put(at("flow"), SECRET)

    assert layer(answer, "flow")["token"]["value"] == "***"


@pytest.mark.parametrize("before", [None, SECRET, {"value": "plain"}])
def test_writing_the_mask_back_does_not_lose_a_secret(key, at, before):
    if before:
        key.put(at("flow"), before)

    answer = key.put(at("flow"), {"value": "***", "secret": True})

    refused(answer, 400, "value")
    values = [variable.value.decrypt() for variable in Variable.objects.all()]
    assert values == ([before["value"]] if before else [])


def test_a_variable_can_be_sent_back_as_it_was_read(key, at):
    shown = layer(key.put(at("flow"), {"value": "plain"}), "flow")["token"]

    answer = key.put(at("flow"), shown | {"value": "second"})

    assert layer(answer, "flow")["token"]["value"] == "second"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "value"),
        ({"value": None}, "value"),
        ({"value": 1}, "value"),
        ({"value": ["x"]}, "value"),
        ({"value": "x" * 65_537}, "value"),
        ({"value": "a\x00"}, "value"),
        ({"value": "x", "secret": None}, "secret"),
        ({"value": "x", "secret": "true"}, "secret"),
        ({"value": "x", "secret": 1}, "secret"),
        ({"value": "x", "Secret": True}, "Secret"),
        ({"value": "x", "is_secret": True}, "is_secret"),
    ],
)
def test_an_invalid_body_is_refused_by_field(key, at, place, body, field):
    refused(key.put(at(place), body), 400, field)

    assert not Variable.objects.exists()


@pytest.mark.parametrize("body", [[], "x", 1, None, b"{", b""])
def test_a_body_that_is_no_object_is_refused(key, at, body):
    answer = key("PUT", at("flow"), body)

    assert answer.status_code == 400
    assert not Variable.objects.exists()


def test_the_model_limits_the_length_of_a_value(put):
    with pytest.raises(InvalidVariable) as caught:
        put("k", "x" * 65_537)

    assert caught.value.field == "value"
    assert put("k", "x" * 65_536).pk


def test_a_value_may_have_65536_characters(key, at):
    assert key.put(at("flow"), {"value": "é" * 65_536}).status_code == 200


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["a", "_", "A_b-1", "__proto__", "a" * 255])
def test_letters_digits_and_dashes_are_a_key(key, at, place, name):
    answer = key.put(at(place, name), {"value": "v"})

    assert layer(answer, place)[name]["value"] == "v"
    assert key.delete(at(place, name)).status_code == 204


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", BAD_KEYS)
def test_anything_else_is_no_key(key, at, place, name):
    refused(key.put(at(place, name), {"value": "v"}), 400, "key")
    refused(key.delete(at(place, name)), 404)

    assert not Variable.objects.exists()


@pytest.mark.parametrize("name", ["", "a/b", "a%00"])
def test_an_invalid_path_of_a_variable_is_not_found(key, at, name):
    assert key.put(at("flow", name), {"value": "v"}).status_code == 404


def test_keys_that_differ_in_case_are_two(key, at):
    key.put(at("flow", "Token"), {"value": "upper"})

    answer = key.put(at("flow", "token"), {"value": "lower"})

    shown = {k: v["value"] for k, v in answer.json()["base"].items()}
    assert shown == {"Token": "upper", "token": "lower"}


@pytest.mark.parametrize("place", PLACES)
def test_a_deleted_variable_is_gone_and_then_not_found(key, at, whole, place):
    key.put(at(place), SECRET)
    key.put(at(place, "other"), {"value": "stays"})

    assert key.delete(at(place)).status_code == 204
    refused(key.delete(at(place)), 404)

    assert list(layer(key.get(whole(place)), place)) == ["other"]


def test_a_variable_is_deleted_in_its_own_layer_alone(key, at, whole):
    for place in PLACES:
        key.put(at(place), {"value": place})

    key.delete(at("organization"))

    refused(key.delete(at("organization")), 404)
    assert layer(key.get(whole("environment")), "environment")
    assert layer(key.get(whole("flow")), "flow")
    assert key.get("/organization/variables").json()["base"] == {}


def test_deleting_all_variables_of_the_organization_leaves_the_environments(key, at):
    for place in PLACES:
        key.put(at(place), SECRET)

    answers = [key.delete("/organization/variables").status_code for _ in range(2)]

    assert answers == [204, 204]
    body = key.get("/organization/variables").json()
    assert (body["base"], body["environments"]) == ({}, {"staging": {}})
    assert [v.variable_set.owner_type for v in Variable.objects.all()] == ["flow"]


def test_deleting_all_variables_of_a_flow_leaves_the_others(key, at, whole):
    for place in PLACES:
        key.put(at(place), {"value": "v"})

    answers = [key.delete(whole("flow")).status_code for _ in range(2)]

    assert answers == [204, 204]
    assert key.get(whole("flow")).json()["base"] == {}
    assert Variable.objects.count() == 2


def test_a_set_without_variables_is_an_empty_one_of_its_owner(key, flow, acme):
    of_flow = key.get(f"/flows/{flow.pk}/variables").json()
    of_organization = key.get("/organization/variables").json()

    assert (of_flow["owner_type"], of_flow["owner_id"]) == ("flow", str(flow.pk))
    assert of_organization["owner_type"] == "organization"
    assert uuid.UUID(of_organization["owner_id"])
    created = timezone.datetime.fromisoformat(of_organization["created_at"])
    assert created == acme.created_at
    for body in (of_flow, of_organization):
        assert (body["base"], body["environments"]) == ({}, {})
        assert body["organization_id"] == acme.pk
        assert body["created_at"] == body["updated_at"]
    assert not VariableSet.objects.exists()


@pytest.mark.parametrize("place", ["organization", "flow"])
def test_a_set_has_the_same_ids_and_creation_time_when_filled_and_emptied(
    key, at, whole, place
):
    def fixed():
        body = key.get(whole(place)).json()
        return [body[n] for n in ("id", "owner_id", "owner_type", "created_at")]

    before = fixed()
    key.put(at(place), {"value": "v"})
    assert fixed() == before

    key.delete(whole(place))

    assert fixed() == before


def test_two_organizations_have_sets_of_different_ids(key, api, globex):
    theirs = api("environment:read", organization=globex)

    bodies = [c.get("/organization/variables").json() for c in (key, theirs)]

    for name in ("id", "owner_id", "organization_id"):
        assert bodies[0][name] != bodies[1][name]


def test_a_change_updates_the_times_of_variable_set_and_environment(
    put, environment, acme
):
    staging, first = environment(), timezone.now()
    put("k", "1", environment=staging, at=first)
    second = first + timedelta(minutes=1)

    variable = put("k", "2", environment=staging, at=second)

    assert (variable.created_at, variable.updated_at) == (first, second)
    assert VariableSet.objects.get().updated_at == second
    assert Environment.objects.get().updated_at == second


def test_a_deleted_flow_takes_its_variables_along(key, at, flow):
    key.put(at("flow"), SECRET)
    key.put(at("organization"), SECRET)

    assert key.delete(f"/flows/{flow.pk}").status_code == 204

    assert not Flow.objects.exists()
    assert [v.variable_set.flow for v in Variable.objects.all()] == [None]
    refused(key.put(at("flow"), {"value": "v"}), 404)


@pytest.mark.parametrize(
    "id", ["x", "6f8d7c9e-2b1a-4c3d-8e5f-0a1b2c3d4e5f", "organization"]
)
def test_variables_of_a_flow_that_is_not_there_are_not_found(key, id):
    path = f"/flows/{id}/variables"

    refused(key.get(path), 404)
    refused(key.delete(path), 404)
    refused(key.put(f"{path}/k", {"value": "v"}), 404)
    refused(key.delete(f"{path}/k"), 404)


@pytest.mark.parametrize("name", ["nothing", "STAGING", "staging%0A", "-", "a" * 256])
def test_variables_of_an_environment_that_is_not_there_are_not_found(key, at, name):
    path = f"/organization/environments/{name}/variables/k"

    refused(key.put(path, {"value": "v"}), 404)
    refused(key.delete(path), 404)

    assert not Variable.objects.exists()
    key.put(at("environment", "k"), {"value": "v"})
    assert Variable.objects.exists()


def test_a_set_has_a_limit_and_the_error_names_it(key, at, monkeypatch):
    monkeypatch.setattr(sets, "MAX_VARIABLES", 2)
    key.put(at("organization", "a"), {"value": "v"})
    key.put(at("environment", "a"), {"value": "v"})

    error = refused(key.put(at("organization", "b"), {"value": "v"}), 409)

    assert (error["code"], error["metadata"]) == ("CONFLICT", {"maxItems": 2})
    assert key.put(at("organization", "a"), {"value": "again"}).status_code == 200
    assert key.put(at("flow", "b"), {"value": "v"}).status_code == 200
    key.delete(at("environment", "a"))
    assert key.put(at("organization", "b"), {"value": "v"}).status_code == 200


def test_the_values_of_a_set_have_their_limit_together(key, at, monkeypatch):
    monkeypatch.setattr(sets, "MAX_TOTAL_LENGTH", 10)
    key.put(at("organization", "a"), {"value": "éé345"})

    error = refused(key.put(at("organization", "b"), {"value": "123456"}), 409)

    assert error["metadata"] == {"maxLength": 10}
    assert key.put(at("organization", "b"), {"value": "12345"}).status_code == 200
    assert key.put(at("organization", "a"), {"value": ""}).status_code == 200
    assert (MAX_VARIABLES, MAX_TOTAL_LENGTH) == (1000, 1024 * 1024)


def test_a_variable_of_an_environment_created_concurrently_is_not_in_the_base_layer(
    key, put, environment
):
    made = []

    def make(execute, sql, params, many, context):
        """Set a variable over the organization's once the environments are read."""
        answer = execute(sql, params, many, context)
        if 'FROM "environments_environment"' in sql and not made:
            made.append(True)
            put("token", "newer", environment=environment("new"))
        return answer

    put("token", "base")
    with connection.execute_wrapper(make):
        body = key.get("/organization/variables").json()

    assert made
    assert body["base"]["token"]["value"] == "base"
    assert body["environments"] == {}


def test_many_variables_cost_as_many_queries_as_one(
    key, put, environment, django_assert_num_queries
):
    for number in range(20):
        put(f"k{number}", "v", environment=environment(f"e{number}"))
    key.get("/organization/variables")

    with django_assert_num_queries(4):  # the key, the set, environments, variables
        body = key.get("/organization/variables").json()

    assert len(body["environments"]) == 20


def test_a_value_whose_key_is_missing_is_a_fault_that_shows_nothing(
    key, at, settings, encryption_keys, log
):
    key.put(at("organization", "plain"), {"value": CANARY})
    stored = Variable.objects.get().value.ciphertext
    settings.ENCRYPTION_KEYS = encryption_keys()

    answer = key.get("/organization/variables")

    error = refused(answer, 500)
    assert error["code"] == "UNEXPECTED_ERROR"
    assert "Put that key back" in log.getvalue()
    for text in (answer.content.decode(), log.getvalue()):
        assert CANARY not in text
        assert stored[9:] not in text


def test_secrets_are_listed_without_decryption(key, at, settings, encryption_keys):
    key.put(at("organization"), SECRET)
    settings.ENCRYPTION_KEYS = encryption_keys()

    answer = key.get("/organization/variables")

    assert layer(answer, "organization")["token"]["value"] == "***"


def test_a_member_sets_variables_of_flows_and_not_of_the_organization(api, bob, at):
    member = api(user=bob)

    assert member.put(at("flow"), {"value": "v"}).status_code == 200
    assert member.get("/organization/variables").status_code == 200
    for place in ("organization", "environment"):
        error = refused(member.put(at(place), {"value": "v"}), 403)
        assert error["metadata"]["missing_scopes"] == ["environment:update"]
