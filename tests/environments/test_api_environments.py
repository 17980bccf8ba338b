"""`/organization/environments`."""

import pytest

from echopoint.environments.models import (
    MAX_ENVIRONMENTS,
    Environment,
    Variable,
    VariableSet,
    sets,
)

PATH = "/organization/environments"


@pytest.fixture
def key(api):
    return api(
        "environment:read", "environment:create", "environment:update",
        "environment:delete",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["staging", "1", "A_b-C", "a" * 255])
def test_an_environment_is_created_and_listed_and_overrides_the_organization(key, name):
    answer = key.post(PATH, {"name": name})

    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {"id", "name", "created_at", "updated_at"}
    assert made["name"] == name
    assert key.get(PATH).json() == {"items": [made]}
    assert key.get("/organization/variables").json()["environments"] == {name: {}}


@pytest.mark.parametrize(
    "name",
    ["", " ", "-a", "_a", "a b", " a", "a\n", "a\r\n", "é", "a/b", "a.b", "a" * 256,
     None, 1, True, [], {}, "a\u0000", "\u0661"],
)  # fmt: skip
def test_an_invalid_name_is_refused_by_field(key, name):
    answer = key.post(PATH, {"name": name})

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["field"] == "name"
    assert not Environment.objects.exists()


def test_a_name_is_asked_for(key):
    assert key.post(PATH, {}).json()["errors"][0]["field"] == "name"


def test_a_name_that_is_taken_is_a_conflict(key):
    key.post(PATH, {"name": "staging"})

    answer = key.post(PATH, {"name": "staging"})

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "CONFLICT"
    assert Environment.objects.count() == 1


@pytest.mark.parametrize("name", ["Staging", "STAGING", "sTaging"])
def test_a_name_that_differs_in_case_alone_is_a_conflict(key, name):
    key.post(PATH, {"name": "staging"})

    answer = key.post(PATH, {"name": name})

    error = answer.json()["errors"][0]
    assert (answer.status_code, error["code"]) == (409, "CONFLICT")
    assert 'an environment "staging"' in error["message"]
    assert Environment.objects.get().name == "staging"


def test_names_of_before_that_differ_in_case_go_on_side_by_side(key, acme):
    key.post(PATH, {"name": "staging"})
    at = acme.created_at
    acme.environment_set.create(name="Staging", created_at=at, updated_at=at)

    for name in ("staging", "Staging"):
        answer = key.put(f"{PATH}/{name}/variables/k", {"value": name})
        assert answer.status_code == 200

    shown = key.get("/organization/variables").json()["environments"]
    assert {name: layer["k"]["value"] for name, layer in shown.items()} == {
        "staging": "staging",
        "Staging": "Staging",
    }
    assert key.post(PATH, {"name": "STAGING"}).status_code == 409
    assert key.delete(f"{PATH}/Staging").status_code == 204
    assert [item["name"] for item in key.get(PATH).json()["items"]] == ["staging"]


def test_two_organizations_can_use_one_name(key, api, globex):
    theirs = api("environment:create", "environment:read", organization=globex)
    key.post(PATH, {"name": "staging"})

    assert theirs.post(PATH, {"name": "staging"}).status_code == 201
    assert len(key.get(PATH).json()["items"]) == 1


def test_a_deleted_environment_takes_its_variables_along(key):
    for name in ("staging", "production"):
        key.post(PATH, {"name": name})
        key.put(f"{PATH}/{name}/variables/k", {"value": name, "secret": True})
    key.put("/organization/variables/k", {"value": "base"})

    assert key.delete(f"{PATH}/staging").status_code == 204

    body = key.get("/organization/variables").json()
    assert list(body["environments"]) == ["production"]
    assert list(body["base"]) == ["k"]
    assert Variable.objects.count() == 2
    assert key.delete(f"{PATH}/staging").status_code == 404


def test_an_environment_that_is_created_again_is_empty(key):
    key.post(PATH, {"name": "staging"})
    key.put(f"{PATH}/staging/variables/k", {"value": "v"})
    key.delete(f"{PATH}/staging")

    key.post(PATH, {"name": "staging"})

    body = key.get("/organization/variables").json()
    assert body["environments"] == {"staging": {}}


@pytest.mark.parametrize("name", ["nothing", "STAGING", "staging%0A", "-", "a" * 256])
def test_an_environment_that_is_not_there_is_not_found(key, name):
    key.post(PATH, {"name": "staging"})

    answer = key.delete(f"{PATH}/{name}")

    assert answer.status_code == 404
    assert Environment.objects.count() == 1


def test_environments_have_a_limit_and_the_error_names_it(key, monkeypatch):
    monkeypatch.setattr(sets, "MAX_ENVIRONMENTS", 2)
    for name in ("a", "b"):
        key.post(PATH, {"name": name})

    answer = key.post(PATH, {"name": "c"})

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["metadata"] == {"maxItems": 2}
    key.delete(f"{PATH}/a")
    assert key.post(PATH, {"name": "c"}).status_code == 201
    assert MAX_ENVIRONMENTS == 50


def test_environments_are_listed_by_name(key):
    for name in ("b", "c", "a"):
        key.post(PATH, {"name": name})

    names = [item["name"] for item in key.get(PATH).json()["items"]]

    assert names == ["a", "b", "c"]


def test_a_refused_change_makes_no_set(key):
    key.put("/organization/variables/1", {"value": "v"})
    key.put(f"{PATH}/nothing/variables/k", {"value": "v"})

    assert not VariableSet.objects.exists()
