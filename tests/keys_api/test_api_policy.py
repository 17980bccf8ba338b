"""The limits of the policy in the API of keys."""

import pytest

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import ApiKey

SYSTEM = Actor.command("test")


@pytest.fixture
def people(api, alice):
    return api(user=alice)


@pytest.fixture
def change(acme):
    return lambda **limits: policy.change(acme, by=SYSTEM, **limits)


def create(client, *scopes, **values):
    body = {"name": "CI", "permissions": list(scopes) or ["flows:read"]} | values
    return client.post("/api-keys", body)


def error(response):
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error.get("field")


def test_the_maximum_is_a_conflict(people, change, issue, acme):
    issue()
    change(max_keys=1)

    response = create(people)

    assert error(response) == (409, "LIMIT_REACHED", None)
    assert "maximum of its policy: 1 key" in response.text
    assert acme.api_keys.count() == 1


def test_a_key_is_rotated_at_the_maximum(people, change, issue):
    key, _ = issue()
    change(max_keys=1)

    assert people.post(f"/api-keys/{key.rest_id}/rotate", {}).status_code == 201


def test_a_scope_that_the_role_may_not_grant_is_named(people, change, acme):
    change(admin_scopes=["flows:read"])

    response = create(people, "flows:read", "webhooks:read")

    assert error(response) == (400, "VALIDATION_ERROR", "permissions")
    (found,) = response.json()["errors"]
    assert "The policy of Acme does not let admins grant webhooks:read" in response.text
    assert found["metadata"]["not_allowed"] == ["webhooks:read"]
    assert not acme.api_keys.exists()
    assert create(people).status_code == 201


def test_a_rotation_leaves_out_what_the_role_may_not_grant(people, change, issue):
    key, _ = issue("flows:read", "webhooks:read")
    change(admin_scopes=["flows:read"])
    path = f"/api-keys/{key.rest_id}/rotate"

    assert error(people.post(path, {}))[2] == "permissions"
    successor = people.post(path, {"permissions": ["flows:read"]})

    assert successor.status_code == 201
    assert successor.json()["permissions"] == ["flows:read"]


def test_a_sensitive_key_needs_a_list(people, change, acme):
    change(listed_scopes=["runner:claim"])

    refused = create(people, "runner:claim")
    made = create(people, "runner:claim", allowed_networks=["192.0.2.1"])

    assert error(refused) == (400, "VALIDATION_ERROR", "allowed_networks")
    assert made.status_code == 201
    assert acme.api_keys.count() == 1


def test_the_list_of_a_sensitive_key_stays(people, change, issue):
    key, _ = issue("runner:claim", allowed_networks=["192.0.2.1"])
    change(listed_scopes=["runner:claim"])

    response = people("PATCH", f"/api-keys/{key.rest_id}", {"allowed_networks": None})

    assert error(response) == (400, "VALIDATION_ERROR", "allowed_networks")
    assert ApiKey.objects.get(pk=key.pk).is_restricted
