"""Names and descriptions of keys in the REST API, and what the policy requires."""

import pytest

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import ApiKey, AuditEvent

SYSTEM = Actor.command("test")
NEW = {"name": "CI", "permissions": ["flows:read"]}


@pytest.fixture
def person(api, alice):
    return api(user=alice)


@pytest.fixture
def patch(person):
    return lambda key, **body: person("PATCH", f"/api-keys/{key.rest_id}", body)


@pytest.fixture
def require(acme):
    both = {"require_description": True, "require_contact": True}
    return lambda: policy.change(acme, by=SYSTEM, **both)


def error_of(response):
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error.get("field")


def test_a_key_is_created_with_a_description(person):
    plain = person.post("/api-keys", NEW).json()
    described = person.post(
        "/api-keys", NEW | {"name": "a", "description": " Deploys the shop "}
    ).json()

    assert plain["description"] is None
    assert described["description"] == "Deploys the shop"
    shown = person.get(f"/api-keys/{described['id']}").json()
    assert shown["description"] == "Deploys the shop"


def test_name_and_description_change_and_other_fields_stay(person, patch, issue):
    key, _ = issue(name="CI")
    path = f"/api-keys/{key.rest_id}"
    both = {"name": "Deploy", "description": "Deploys the shop"}
    before = person.get(path).json()

    assert patch(key, **both).json() == before | both == person.get(path).json()
    assert patch(key, description=None).json() == before | {"name": "Deploy"}
    assert patch(key, name=" CI ").json()["name"] == "CI"
    actions = AuditEvent.objects.filter(target_id=key.rest_id, actor_type="user")
    assert list(actions.order_by("sequence").values_list("action", flat=True)) == [
        "api_key.renamed",
        "api_key.description_changed",
        "api_key.description_changed",
        "api_key.renamed",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "taken"}, "name"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"description": ["x"]}, "description"),
        ({"description": "x" * 501}, "description"),
        ({"description": "a\nb"}, "description"),
        ({"description": "a\u0000b"}, "description"),
    ],
)
def test_an_invalid_name_or_description_changes_nothing(patch, issue, body, field):
    issue(name="Taken")
    key, _ = issue(name="CI", allowed_networks=["192.0.2.1"])
    valid = {"allowed_networks": None, "owner_email": "alice@acme.example"}

    response = patch(key, **valid, **({"description": "fine"} | body))

    assert error_of(response) == (400, "VALIDATION_ERROR", field)
    stored = ApiKey.objects.get(pk=key.pk)
    assert (stored.name, stored.description, stored.owner) == ("CI", "", None)
    assert stored.allowed_networks == ["192.0.2.1"]


def test_an_api_key_changes_no_key(api, issue):
    key, _ = issue(name="CI")
    program = api("flows:read")

    response = program("PATCH", f"/api-keys/{key.rest_id}", {"name": "x"})

    assert response.status_code == 403
    assert ApiKey.objects.get(pk=key.pk).name == "CI"


def test_a_member_and_another_organization_change_no_key(
    api, issue, bob, mallory, globex
):
    key, _ = issue(name="CI")
    globex.memberships.get_or_create(user=mallory)

    statuses = [
        api(user=user)("PATCH", f"/api-keys/{key.rest_id}", {"name": "x"}).status_code
        for user in (bob, mallory)
    ]

    assert statuses == [403, 404]
    assert ApiKey.objects.get(pk=key.pk).name == "CI"


def test_what_the_policy_requires_is_named_in_the_error(person, require):
    require()

    described = NEW | {"description": "Deploys the shop"}
    responses = [
        person.post("/api-keys", NEW),
        person.post("/api-keys", described | {"owner_email": None}),
    ]

    assert [error_of(r) for r in responses] == [
        (400, "VALIDATION_ERROR", "description"),
        (400, "VALIDATION_ERROR", "contact_email"),
    ]
    required = [
        r.json()["errors"][0]["metadata"]["required_by_policy"] for r in responses
    ]
    assert required == [["description"], ["owner_email", "contact_email"]]
    assert person.post("/api-keys", described).status_code == 201


def test_a_rotation_sends_what_the_key_lacks(person, issue, require):
    key, _ = issue()
    require()
    path = f"/api-keys/{key.rest_id}/rotate"
    sent = {"description": "Deploys the shop"}

    assert error_of(person.post(path, {})) == (400, "VALIDATION_ERROR", "description")
    assert error_of(person.post(path, sent))[2] == "contact_email"
    sent["contact_email"] = "ops@team.example"
    successor = person.post(path, sent).json()

    assert {name: successor[name] for name in sent} == sent
    assert successor["owner_email"] is None


def test_a_change_does_not_remove_what_is_required(patch, issue, require):
    key, _ = issue(description="Deploys the shop", contact_email="ops@team.example")
    require()

    assert error_of(patch(key, description=None))[2] == "description"
    assert error_of(patch(key, contact_email=None))[2] == "contact_email"
    other = {"contact_email": None, "owner_email": "alice@acme.example"}
    assert patch(key, **other).status_code == 200
