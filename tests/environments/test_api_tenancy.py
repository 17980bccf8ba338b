"""Organizations cannot read or change the variables or environments of others."""

import pytest

from echopoint.environments.models import Environment, Variable

FLOWS = ["flows:read", "flows:update", "flows:delete"]
OWN = [f"environment:{action}" for action in ("read", "create", "update", "delete")]
BODY = {"value": "stolen"}


@pytest.fixture
def key(api):
    return api(*FLOWS, *OWN)


@pytest.fixture
def theirs(foreign_flow, globex, put, environment):
    """The other organization's variables in all three layers."""
    put("k", "theirs", organization=globex)
    over = environment("theirs", globex)
    put("k", "theirs", organization=globex, environment=over)
    put("k", "theirs", organization=globex, flow=foreign_flow)
    return f"/flows/{foreign_flow.pk}/variables"


def untouched():
    values = [variable.value.decrypt() for variable in Variable.objects.all()]
    return values == ["theirs"] * 3 and Environment.objects.get().name == "theirs"


@pytest.mark.parametrize(
    ("method", "end"), [("GET", ""), ("DELETE", ""), ("PUT", "/k"), ("DELETE", "/k")]
)
def test_variables_of_another_organizations_flow_are_not_found(
    key, theirs, flow, put, method, end
):
    response = key(method, theirs + end, BODY if method == "PUT" else None)

    assert response.status_code == 404
    assert untouched()
    put("k", "mine", flow=flow)
    own = f"/flows/{flow.pk}/variables{end}"
    assert key(method, own, BODY if method == "PUT" else None).status_code < 300


@pytest.mark.parametrize(
    ("method", "end"), [("DELETE", ""), ("PUT", "/variables/k"), ("DELETE", "/variables/k")]
)  # fmt: skip
def test_another_organizations_environment_is_not_found(key, theirs, method, end):
    path = f"/organization/environments/theirs{end}"

    response = key(method, path, BODY if method == "PUT" else None)

    assert response.status_code == 404
    assert untouched()


def test_nothing_of_another_organization_is_read_or_deleted(key, theirs):
    body = key.get("/organization/variables").json()
    listed = key.get("/organization/environments").json()
    deleted = key.delete("/organization/variables")
    unknown = key.delete("/organization/variables/k")

    assert (body["base"], body["environments"], listed) == ({}, {}, {"items": []})
    assert (deleted.status_code, unknown.status_code) == (204, 404)
    assert untouched()


def test_setting_the_same_key_changes_ones_own(key, theirs, api, globex):
    key.put("/organization/variables/k", {"value": "mine"})

    answer = api(*OWN, organization=globex).get("/organization/variables").json()

    assert answer["base"]["k"]["value"] == "theirs"
