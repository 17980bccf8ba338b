"""The owner and the contact of a key in the REST API."""

import pytest

from apikeys.models import ApiKey

NEW = {"name": "CI", "permissions": ["flows:read"]}


@pytest.fixture
def person(api, alice):
    return api(user=alice)


def error_of(response):
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error.get("field")


def test_the_owner_is_the_caller_unless_another_is_named(person, bob):
    plain = person.post("/api-keys", NEW).json()
    other = person.post(
        "/api-keys",
        NEW
        | {"name": "a", "owner_email": bob.email, "contact_email": "ops@acme.example"},
    ).json()
    nobody = person.post("/api-keys", NEW | {"name": "b", "owner_email": None}).json()

    assert (plain["owner_email"], plain["contact_email"]) == (
        "alice@acme.example",
        None,
    )
    assert other["owner_email"] == "bob@acme.example"
    assert other["contact_email"] == "ops@acme.example"
    assert nobody["owner_email"] is None


def test_owner_and_contact_change_and_other_fields_stay(person, issue, bob):
    key, _ = issue()
    path = f"/api-keys/{key.rest_id}"

    both = {"owner_email": bob.email, "contact_email": "ops@acme.example"}
    assert person("PATCH", path, both).json() | both == person.get(path).json()
    answer = person("PATCH", path, {"owner_email": None}).json()

    assert (answer["owner_email"], answer["contact_email"]) == (
        None,
        "ops@acme.example",
    )
    assert (
        person("PATCH", path, {"contact_email": None}).json()["contact_email"] is None
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"owner_email": "mallory@globex.example"}, "owner_email"),
        ({"owner_email": 7}, "owner_email"),
        ({"contact_email": "ops@acme.example\r\nBcc: a@b.example"}, "contact_email"),
        ({"contact_email": "a@b.example,c@d.example"}, "contact_email"),
        ({"contact_email": ["a@b.example"]}, "contact_email"),
        ({"allowed_networks": None, "contact_email": "x"}, "contact_email"),
    ],
)
def test_an_invalid_owner_or_contact_changes_nothing(
    person, issue, mallory, body, field
):
    key, _ = issue(allowed_networks=["192.0.2.1"])

    changed = person("PATCH", f"/api-keys/{key.rest_id}", body)
    created = person.post("/api-keys", NEW | body)

    assert error_of(changed) == (400, "VALIDATION_ERROR", field)
    assert error_of(created) == (400, "VALIDATION_ERROR", field)
    stored = ApiKey.objects.get()
    assert stored.allowed_networks == ["192.0.2.1"]
    assert (stored.owner, stored.contact_email) == (None, "")


def test_keys_are_searched_by_owner(person, issue, globex, mallory, alice, bob):
    for user in (alice, bob):
        issue(name=f"of {user}", owner_email=user.email)
    issue(name="of nobody")
    issue(name="theirs", organization=globex, owner_email=mallory.email)

    def names(*emails):
        rules = {"filter": {"owner_emails": list(emails)}}
        found = person.post("/api-keys/search", rules).json()
        assert found["total"] == len(found["items"])
        return {item["name"] for item in found["items"]}

    assert names("BOB@acme.example") == {f"of {bob}"}
    assert names(alice.email, bob.email) == {f"of {alice}", f"of {bob}"}
    assert names(mallory.email) == set()
    assert names("x") == set()


def test_a_list_reads_the_owners_with_one_query(person, issue, alice, bob, statements):
    for n in range(6):
        issue(owner_email=(alice, bob)[n % 2].email)
    person.get("/api-keys")

    with statements() as found:
        items = person.get("/api-keys").json()["items"]

    assert {item["owner_email"] for item in items} == {alice.email, bob.email}
    people = [sql for sql in found if 'FROM "organizations_user"' in sql]
    assert len(people) == 2  # of the session, and all owners


def test_a_member_changes_neither(api, issue, bob):
    key, _ = issue()
    client = api(user=bob)

    answer = client("PATCH", f"/api-keys/{key.rest_id}", {"owner_email": bob.email})

    assert answer.status_code == 403
    assert ApiKey.objects.get().owner is None


def test_a_key_of_another_organization_is_not_found(api, issue, mallory, globex):
    key, _ = issue()

    answer = api(user=mallory)(
        "PATCH", f"/api-keys/{key.rest_id}", {"owner_email": mallory.email}
    )

    assert answer.status_code == 404
    assert ApiKey.objects.get().owner is None
