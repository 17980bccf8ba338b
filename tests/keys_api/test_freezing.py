"""Freezing all keys over the REST API."""

import pytest


@pytest.fixture
def admin(api, alice):
    return api(user=alice)


def test_a_freeze_refuses_keys_until_it_ends(api, admin, issue, acme):
    key, secret = issue()
    caller = api(secret=secret, organization=acme)

    frozen = admin.post("/api-keys/freeze", {"reason": "stolen laptop"})

    assert frozen.status_code == 200
    assert frozen.json()["frozen_by"] == "alice@acme.example"
    assert frozen.json()["reason"] == "stolen laptop"
    assert admin.get("/api-keys/freeze").json() == frozen.json()
    assert admin.post("/api-keys/freeze").json() == frozen.json()
    refused = caller.get("/api-keys/self")
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["code"] == "API_KEY_SUSPENDED"
    listed = admin.get("/api-keys").json()["items"]
    assert [item["status"] for item in listed] == ["suspended"]

    ended = admin.post("/api-keys/unfreeze")

    assert ended.json() == {"frozen_at": None, "frozen_by": "", "reason": ""}
    assert caller.get("/api-keys/self").status_code == 200
    assert admin.get(f"/api-keys/{key.rest_id}").json()["status"] == "active"


def test_no_key_is_created_in_a_freeze(admin, issue):
    key, _ = issue()
    admin.post("/api-keys/freeze")

    for path, body in (
        ("/api-keys", {"name": "new", "permissions": ["flows:read"]}),
        (f"/api-keys/{key.rest_id}/rotate", {}),
    ):
        refused = admin.post(path, body)

        assert refused.status_code == 409
        assert refused.json()["errors"][0]["code"] == "ORGANIZATION_FROZEN"


@pytest.mark.parametrize("body", [{"because": "x"}, {"reason": 7}, []])
def test_an_invalid_body_freezes_nothing(admin, body):
    assert admin.post("/api-keys/freeze", body).status_code == 400
    assert admin.get("/api-keys/freeze").json()["frozen_at"] is None


def test_a_list_of_keys_reads_the_organization_with_them(admin, issue, statements):
    def count():
        with statements() as found:
            assert admin.get("/api-keys").status_code == 200
        return len(found)

    issue()
    count()
    once = count()
    for _ in range(5):
        issue()

    assert count() == once
