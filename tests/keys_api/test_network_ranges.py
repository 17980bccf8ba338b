"""`/network-ranges`, and the networks of keys in the API."""

import uuid

import pytest

from apikeys.models import ApiKey, NetworkRange

OFFICE = {"name": "Office", "networks": ["203.0.113.0/24", "2001:db8::/32"]}


@pytest.fixture
def people(api, alice):
    return api(user=alice)


@pytest.fixture
def office(people):
    return people.post("/network-ranges", OFFICE).json()


@pytest.fixture
def create(people):
    def create(**values):
        body = {"name": "CI", "permissions": ["flows:read"]} | values
        return people.post("/api-keys", body)

    return create


def error(response):
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error.get("field")


def test_a_range_is_created_listed_changed_and_deleted(people, office):
    path = f"/network-ranges/{office['id']}"

    assert {name: office[name] for name in OFFICE} == OFFICE
    assert people.get("/network-ranges").json() == {
        "total": 1,
        "count": 1,
        "items": [office],
    }
    assert people.get(path).json() == office
    changed = people.put(path, {"networks": ["::ffff:192.0.2.1"]})
    assert changed.json() == office | {"networks": ["192.0.2.1"]}
    assert people.delete(path).status_code == 204
    assert people.get(path).status_code == 404


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "10.0.0.1"}, "name"),
        ({"name": 5}, "name"),
        ({"networks": []}, "networks"),
        ({"networks": "10.0.0.1"}, "networks"),
        ({"networks": [5]}, "networks[0]"),
        ({"networks": [""]}, "networks[0]"),
        ({"networks": ["x" * 101]}, "networks[0]"),
        ({"networks": ["10.0.0.1/8"]}, "networks"),
        ({"networks": ["Office"]}, "networks"),
        ({"networks": ["10.0.0.1"] * 51}, "networks"),
        ({"other": 1}, "other"),
    ],
)
def test_an_invalid_range_is_refused_by_field(people, values, field):
    refused = people.post("/network-ranges", OFFICE | values)

    assert error(refused) == (400, "VALIDATION_ERROR", field)
    assert not NetworkRange.objects.exists()


def test_a_range_cannot_be_renamed(people, office):
    refused = people.put(f"/network-ranges/{office['id']}", OFFICE)

    assert error(refused) == (400, "VALIDATION_ERROR", "name")


def test_a_range_in_use_is_not_deleted(people, create, office):
    create(allowed_networks=["Office"])

    refused = people.delete(f"/network-ranges/{office['id']}")

    assert error(refused) == (409, "CONFLICT", None)


def test_another_organizations_range_is_not_found(api, mallory, globex, office):
    theirs = api(user=mallory)

    assert theirs.get("/network-ranges").json()["total"] == 0
    for method, body in (
        ("GET", None),
        ("PUT", {"networks": ["::1"]}),
        ("DELETE", None),
    ):
        response = theirs(method, f"/network-ranges/{office['id']}", body)
        assert response.status_code == 404
    assert NetworkRange.objects.get().networks == OFFICE["networks"]


@pytest.mark.parametrize("id", [uuid.uuid4(), "x", "key_x"])
def test_an_unknown_range_is_not_found(people, id):
    assert people.get(f"/network-ranges/{id}").status_code == 404


def test_a_key_is_created_with_networks_and_says_them(people, create, office):
    created = create(allowed_networks=["office", "198.51.100.7/32"])

    assert created.status_code == 201
    body = created.json()
    assert body["allowed_networks"] == ["Office", "198.51.100.7"]
    (listed,) = people.get("/api-keys").json()["items"]
    assert listed["allowed_networks"] == ["Office", "198.51.100.7"]
    detail = people.get(f"/api-keys/{body['id']}").json()
    assert detail["effective_networks"] == [
        "198.51.100.7",
        "203.0.113.0/24",
        "2001:db8::/32",
    ]


@pytest.mark.parametrize("values", [{}, {"allowed_networks": None}])
def test_a_key_without_networks_is_not_restricted(people, create, values):
    body = create(**values).json()

    assert body["allowed_networks"] is None
    assert people.get(f"/api-keys/{body['id']}").json()["effective_networks"] is None


@pytest.mark.parametrize(
    ("networks", "field"),
    [
        ([], "allowed_networks"),
        ("10.0.0.1", "allowed_networks"),
        ([None], "allowed_networks[0]"),
        (["0.0.0.0/0"], "allowed_networks"),
        (["Home"], "allowed_networks"),
        (["Off\u200bice"], "allowed_networks"),
        (["10.0.0.1", "10.0.0.1"], "allowed_networks"),
    ],
)
def test_invalid_networks_of_a_key_are_refused_by_field(
    people, create, networks, field
):
    refused = create(allowed_networks=networks)
    assert error(refused) == (400, "VALIDATION_ERROR", field)
    assert not ApiKey.objects.exists()

    key = create().json()
    refused = people("PATCH", f"/api-keys/{key['id']}", {"allowed_networks": networks})
    assert error(refused) == (400, "VALIDATION_ERROR", field)
    assert not ApiKey.objects.get().is_restricted


def test_the_networks_of_a_key_are_changed(people, create):
    path = f"/api-keys/{create().json()['id']}"

    def patch(body):
        return people("PATCH", path, body)

    for networks in (["192.0.2.1"], ["192.0.2.0/24", "::1"], None):
        changed = patch({"allowed_networks": networks})
        assert changed.status_code == 200
        assert changed.json() == people.get(path).json()
        assert changed.json()["allowed_networks"] == networks
    patch({"allowed_networks": ["192.0.2.1"]})
    assert patch({}).json()["allowed_networks"] == ["192.0.2.1"]
    assert error(patch({"scopes": []})) == (400, "VALIDATION_ERROR", "scopes")
    people.delete(path)
    assert error(patch({"allowed_networks": None})) == (409, "CONFLICT", None)


def test_another_organizations_key_is_not_changed(api, mallory, globex, create):
    key = create().json()

    refused = api(user=mallory)(
        "PATCH", f"/api-keys/{key['id']}", {"allowed_networks": ["192.0.2.1"]}
    )

    assert refused.status_code == 404
    assert not ApiKey.objects.get().is_restricted
