"""`/api-keys`: managing keys by REST."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditEvent
from echopoint.keys_api.serializers import (
    RotationPlaceSerializer,
    RotationVerdictSerializer,
)


@pytest.fixture
def people(api, alice):
    """Return alice's client."""
    return api(user=alice)


def create(client, **overrides):
    return client.post(
        "/api-keys", {"name": "ci", "permissions": ["flows:read"]} | overrides
    )


def first_error(response):
    return response.json()["errors"][0]


def test_a_new_key_comes_with_its_secret_and_opens_the_api(people, api, acme):
    response = create(people)

    assert response.status_code == 201
    body = response.json()
    assert set(body) == {
        "id", "name", "status", "created_at", "expires_at", "last_used_at",
        "permissions", "allowed_networks", "owner_email", "description",
        "contact_email", "secret",
    }  # fmt: skip
    assert body["permissions"] == ["flows:read"]
    assert (
        api(secret=body["secret"], organization=acme).get("/flows").status_code == 200
    )


def test_the_secret_is_in_no_later_answer(people):
    secret = create(people).json()["secret"]

    key = ApiKey.objects.get()
    answers = [
        people.get("/api-keys"),
        people.get(f"/api-keys/{key.rest_id}"),
        people.post("/api-keys/search"),
    ]

    for answer in answers:
        assert answer.status_code == 200
        assert secret not in answer.content.decode()
        assert "secret" not in answer.json().get("items", [answer.json()])[0]


def test_without_an_expiry_the_policys_default_applies(people):
    body = create(people).json()

    lifetime = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < lifetime <= timedelta(days=90)


def test_no_expiry_is_refused_until_the_policy_allows_it(people, acme):
    refused = create(people, expires_in_days=None)
    acme.allow_non_expiring = True
    acme.save()
    allowed = create(people, expires_in_days=None)

    assert refused.status_code == 400
    assert first_error(refused)["field"] == "expires_in_days"
    assert "365" in first_error(refused)["message"]
    assert allowed.status_code == 201
    assert allowed.json()["expires_at"] is None


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": 5}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"permissions": []}, "permissions"),
        ({"permissions": "flows:read"}, "permissions"),
        ({"permissions": ["flows:fly"]}, "permissions"),
        ({"permissions": [1]}, "permissions[0]"),
        ({"permissions": ["api_key:create"]}, "permissions"),
        ({"permissions": [f"flows:{n}" for n in range(10_000)]}, "permissions"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 366}, "expires_in_days"),
        ({"expires_in_days": True}, "expires_in_days"),
        ({"expires_in_days": "30"}, "expires_in_days"),
        ({"expires_in_days": 1.5}, "expires_in_days"),
        ({"expires_in_days": 2**31}, "expires_in_days"),
        ({"scopes": ["flows:read"]}, "scopes"),
        ({"expires_at": "2027-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_field(people, values, field):
    response = create(people, **values)

    assert response.status_code == 400
    assert first_error(response)["code"] == "VALIDATION_ERROR"
    assert first_error(response)["field"] == field
    assert not ApiKey.objects.exists()


def test_an_unknown_scope_is_named(people):
    response = create(people, permissions=["flows:read", "flows:fly"])

    assert '"flows:fly"' in first_error(response)["message"]


def test_scopes_are_matched_in_any_case_and_kept_in_the_catalogs(people):
    response = create(people, permissions=["FLOWS:Read", "flows:read"])

    assert response.json()["permissions"] == ["flows:read"]


def test_a_name_in_use_is_refused_in_any_case(people):
    create(people, name="Deploy")

    response = create(people, name="deploy")

    assert response.status_code == 400
    assert first_error(response)["field"] == "name"
    assert ApiKey.objects.count() == 1


def test_a_revoked_keys_name_is_free(people):
    created = create(people).json()
    people.delete(f"/api-keys/{created['id']}")

    assert create(people).status_code == 201


def test_a_revoked_key_stops_leaves_the_list_and_stays_in_the_record(people, api, acme):
    created = create(people).json()
    key = api(secret=created["secret"], organization=acme)
    assert key.get("/flows").status_code == 200

    response = people.delete(f"/api-keys/{created['id']}")

    assert response.status_code == 204
    assert first_error(key.get("/flows"))["code"] == "API_KEY_REVOKED"
    assert people.get("/api-keys").json()["items"] == []
    assert people.post("/api-keys/search").json()["items"] == []
    record = people.get(f"/api-keys/{created['id']}").json()
    assert record["status"] == "revoked"


def test_revoking_twice_is_one_event(people):
    id = create(people).json()["id"]

    answers = [people.delete(f"/api-keys/{id}").status_code for _ in range(2)]

    assert answers == [204, 204]
    assert AuditEvent.objects.filter(action="api_key.revoked").count() == 1


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("id", ["key_000000000000", "nothing", "key_", "%00", "key_é"])
def test_an_unknown_key_is_not_found(people, method, id):
    response = people(method, f"/api-keys/{id}")

    assert response.status_code == 404
    assert first_error(response)["code"] == "NOT_FOUND"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_another_organizations_key_is_as_unknown(people, method, issue, globex):
    key, _ = issue(organization=globex)

    theirs = people(method, f"/api-keys/{key.rest_id}")
    nobodys = people(method, "/api-keys/key_000000000000")

    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.content == nobodys.content
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_member_reads_keys_and_makes_none(api, bob, issue):
    key, _ = issue()
    member = api(user=bob)

    assert member.get("/api-keys").json()["total"] == 1
    assert create(member).status_code == 403
    assert member.delete(f"/api-keys/{key.rest_id}").status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None


def test_the_list_is_the_organizations_own_newest_first(people, issue, globex):
    older, newer = issue()[0], issue()[0]
    issue(organization=globex)

    body = people.get("/api-keys").json()

    assert body["total"] == body["count"] == 2
    assert [item["id"] for item in body["items"]] == [newer.rest_id, older.rest_id]


@pytest.fixture
def three(issue):
    """Return three keys used an hour apart, and one never used."""
    keys = [issue(name=name)[0] for name in ("Alpha_1", "beta%", "Gamma", "unused")]
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for hours, key in enumerate(keys[:3]):
        key.last_used_at = noon + timedelta(hours=hours)
        key.save()
    return keys


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ({}, ["unused", "Gamma", "beta%", "Alpha_1"]),
        ({"sort_direction": "ASC"}, ["Alpha_1", "beta%", "Gamma", "unused"]),
        ({"sort_by": "last_used_at"}, ["Gamma", "beta%", "Alpha_1", "unused"]),
        (
            {"sort_by": "last_used_at", "sort_direction": "ASC"},
            ["Alpha_1", "beta%", "Gamma", "unused"],
        ),
        ({"full_text_search": "ALPHA"}, ["Alpha_1"]),
        ({"full_text_search": "%"}, ["beta%"]),
        ({"full_text_search": "_"}, ["Alpha_1"]),
        ({"filter": {"names": ["Gamma", "gamma"]}}, ["Gamma"]),
        ({"filter": {"names": []}}, []),
        ({"filter": {"last_used_after": "2026-01-01T13:00:00Z"}}, ["Gamma", "beta%"]),
        ({"filter": {"last_used_before": "2026-01-01T13:00:00Z"}}, ["beta%", "Alpha_1"]),
        ({"pagination": {"limit": 1, "offset": 1}}, ["Gamma"]),
    ],
)  # fmt: skip
def test_a_search_finds(people, three, search, found):
    body = people.post("/api-keys/search", search).json()

    assert [item["name"] for item in body["items"]] == found
    assert body["count"] == len(found)


def test_a_search_by_ids_finds_only_ones_own(people, three, issue, globex):
    foreign, _ = issue(organization=globex)
    ids = [three[0].rest_id, foreign.rest_id, three[1].public_id]

    body = people.post("/api-keys/search", {"filter": {"ids": ids}}).json()

    assert [item["name"] for item in body["items"]] == ["Alpha_1"]


@pytest.mark.parametrize(
    ("search", "field"),
    [
        ({"pagination": {"limit": 0}}, "pagination.limit"),
        ({"pagination": {"limit": 101}}, "pagination.limit"),
        ({"pagination": {"offset": -1}}, "pagination.offset"),
        ({"pagination": []}, "pagination"),
        ({"sort_by": "digest"}, "sort_by"),
        ({"sort_direction": "asc"}, "sort_direction"),
        ({"filter": {"ids": "key_x"}}, "filter.ids"),
        ({"filter": {"ids": [1]}}, "filter.ids[0]"),
        ({"filter": {"last_used_after": "yesterday"}}, "filter.last_used_after"),
        ({"full_text_search": 5}, "full_text_search"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_by_field(people, search, field):
    response = people.post("/api-keys/search", search)

    assert response.status_code == 400
    assert first_error(response)["field"] == field


def test_listing_costs_the_same_for_twenty_keys_as_for_three(
    people, issue, django_assert_num_queries
):
    for _ in range(3):
        issue()
    with django_assert_num_queries(5):  # session, user, membership, count, rows
        people.get("/api-keys")
    for _ in range(17):
        issue()

    with django_assert_num_queries(5):
        response = people.get("/api-keys")

    assert response.json()["count"] == 20


def test_a_key_knows_itself_without_an_organization_header(api, issue, acme):
    key, secret = issue("webhooks:read")
    caller = api(secret=secret, organization=acme)

    answer = caller.get("/api-keys/self", X_Organization_Id=None).json()

    assert answer.pop("rate_limit")["requests_per_minute"] == 600
    assert answer == {
        "api_key_id": key.rest_id,
        "organization_id": acme.pk,
        "permissions": ["webhooks:read"],
    }


@pytest.mark.parametrize("organization", ["org_other", "", " "])
def test_the_header_is_checked_where_it_is_optional(api, organization):
    response = api("flows:read").get("/api-keys/self", X_Organization_Id=organization)

    assert response.status_code in {400, 403}


def test_a_key_is_rotated_and_both_work(people, api, acme):
    old = create(people).json()

    response = people.post(f"/api-keys/{old['id']}/rotate", {"overlap_seconds": 3600})

    new = response.json()
    assert response.status_code == 201
    assert set(new) == set(old)
    assert (new["name"], new["permissions"]) == (old["name"], old["permissions"])
    for body in (old, new):
        key = api(secret=body["secret"], organization=acme)
        assert key.get("/flows").status_code == 200
    assert people.get(f"/api-keys/{old['id']}").json()["status"] == "retiring"


def test_a_rotation_says_which_permissions_left_the_catalog(people):
    old = create(people).json()
    ApiKey.objects.update(scopes=[*old["permissions"], "webhooks:fly"])

    new = people.post(f"/api-keys/{old['id']}/rotate").json()

    assert new["permissions"] == old["permissions"]
    assert new["dropped_permissions"] == ["webhooks:fly"]


def test_a_key_whose_permissions_all_left_the_catalog_is_not_rotated(people):
    id = create(people).json()["id"]
    ApiKey.objects.update(scopes=["webhooks:fly"])

    response = people.post(f"/api-keys/{id}/rotate")

    assert response.status_code == 400
    assert first_error(response)["field"] == "permissions"
    assert "Create a key" in first_error(response)["message"]


def test_a_second_rotation_is_a_conflict(people):
    id = create(people).json()["id"]
    people.post(f"/api-keys/{id}/rotate")

    response = people.post(f"/api-keys/{id}/rotate")

    assert response.status_code == 409
    assert first_error(response)["code"] == "ROTATION_IN_PROGRESS"
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"overlap_seconds": -1}, "overlap_seconds"),
        ({"overlap_seconds": 7 * 86400 + 1}, "overlap_seconds"),
        ({"overlap_seconds": "1h"}, "overlap_seconds"),
        ({"permissions": ["webhooks:read"]}, "permissions"),
        ({"permissions": []}, "permissions"),
        ({"expires_in_days": 366}, "expires_in_days"),
        ({"expires_in_days": None}, "expires_in_days"),
        ({"name": "other"}, "name"),
    ],
)
def test_a_rotation_that_cannot_be_is_refused_by_field(people, values, field):
    id = create(people).json()["id"]

    response = people.post(f"/api-keys/{id}/rotate", values)

    assert response.status_code == 400
    assert first_error(response)["field"] == field
    assert ApiKey.objects.get().retire_at is None


def test_another_organizations_key_is_not_rotated(people, issue, globex):
    key, _ = issue(organization=globex)

    response = people.post(f"/api-keys/{key.rest_id}/rotate")

    assert response.status_code == 404
    assert ApiKey.objects.count() == 1


def test_a_search_finds_a_key_by_its_id_and_by_the_beginning_of_it(people, three):
    key = three[1]

    for text in (key.public_id, key.rest_id, key.public_id[:8], key.rest_id[:10]):
        found = people.post("/api-keys/search", {"full_text_search": text}).json()

        assert [item["id"] for item in found["items"]] == [key.rest_id]
    body = {"full_text_search": f"{key.public_id}x"}
    assert people.post("/api-keys/search", body).json()["items"] == []


@pytest.fixture
def rotating(issue, api, acme):
    """Return (old key, caller with it, caller with its successor)."""
    key, secret = issue("flows:read")
    _, new = key.rotate(by=Actor.command("test"))
    callers = [api(secret=text, organization=acme) for text in (secret, new)]
    return key, *callers


def rotation(key, person):
    write_buffers.flush()
    return person.get(f"/api-keys/{key.rest_id}").json()["rotation"]


def test_the_verdict_on_a_rotation_is_told_with_its_places(rotating, api, alice):
    key, old, new = rotating
    person = api(user=alice)
    old.get("/flows", User_Agent="curl/8")
    old.get("/flows", User_Agent="wget/1")
    unused = rotation(key, person)
    new.get("/flows", User_Agent="curl/9")

    one_moved = rotation(key, person)
    new.get("/flows", User_Agent="wget/2")
    moved = rotation(key, person)

    assert (unused["verdict"], unused["until"]) == ("not_yet", None)
    assert [place["state"] for place in unused["places"]] == ["waiting", "waiting"]
    assert one_moved["verdict"] == "wait"
    assert one_moved["until"] == one_moved["places"][0]["silent_until"]
    assert [(p["place"], p["state"]) for p in one_moved["places"]] == [
        ("wget from 127.0.0.1", "waiting"),
        ("curl from 127.0.0.1", "moved"),
    ]
    assert (moved["verdict"], moved["until"]) == ("safe", None)
    assert moved["sentence"].startswith("Safe to retire: 2 places have moved")
    place = moved["places"][0]
    assert (place["kind"], place["requests"]) == ("client", 1)
    assert place["seen_with_successor_at"] > place["last_seen_at"]


def test_uses_from_before_places_are_told_as_uncounted(rotating, api, alice):
    key, _, new = rotating
    since = timezone.now() - timedelta(days=9)
    uses = {"first_used_at": since, "last_used_at": since + timedelta(days=8)}
    ApiKey.objects.filter(pk=key.pk).update(**uses)
    new.get("/flows")

    told = rotation(key, api(user=alice))

    assert told["verdict"] == "wait"
    kinds = [(place["kind"], place["requests"]) for place in told["places"]]
    assert ("earlier", None) in kinds
    place = RotationPlaceSerializer().fields
    assert {kind for kind, _ in kinds} <= set(place["kind"].choices)
    assert place["requests"].allow_null
    assert set(told["places"][0]) == set(place)


def test_the_verdict_is_never_safe_once_a_moved_place_uses_the_old_key(
    rotating, api, alice
):
    key, old, new = rotating
    for caller in (old, new, old, new):
        caller.get("/flows")

    told = rotation(key, api(user=alice))

    assert told["verdict"] == "not_yet"
    assert told["places"][0]["state"] == "both"


def test_a_refused_request_with_the_new_key_is_no_reason_to_retire(
    rotating, api, alice
):
    key, old, new = rotating
    old.get("/flows")
    new.get("/webhooks")
    new.post("/api-keys", {})

    assert rotation(key, api(user=alice))["verdict"] == "not_yet"


def test_a_key_in_no_rotation_has_none(rotating, api, alice, issue):
    key, *_ = rotating
    person = api(user=alice)

    assert rotation(issue()[0], person) is None
    assert rotation(key.successor, person) is None
    key.retire(by=Actor.command("test"))
    assert rotation(key, person) is None


def test_the_list_of_keys_tells_no_verdicts(rotating, api, alice):
    (item, *_) = api(user=alice).get("/api-keys").json()["items"]

    assert "rotation" not in item


def test_the_verdict_is_told_as_the_document_says(rotating, api, alice):
    key, old, new = rotating
    old.get("/flows")
    told = rotation(key, api(user=alice))

    assert list(told) == list(RotationVerdictSerializer().fields)
    assert list(told["places"][0]) == list(RotationPlaceSerializer().fields)


def test_keys_without_a_use_come_last_on_every_page(people, issue):
    now = timezone.now()
    keys = [issue()[0] for _ in range(7)]
    for minutes, key in enumerate(keys[:4]):
        at = now - timedelta(minutes=minutes)
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=at)
    expected = [key.rest_id for key in keys[:4] + keys[:3:-1]]

    for offset in range(9):
        for limit in (1, 3, 20):
            pagination = {"offset": offset, "limit": limit}
            search = {"sort_by": "last_used_at", "pagination": pagination}
            body = people.post("/api-keys/search", search).json()

            assert body["total"] == 7
            found = [item["id"] for item in body["items"]]
            assert found == expected[offset : offset + limit]


def test_a_family_is_revoked_together(api, alice, issue):
    old, _ = issue(name="CI")
    other, _ = issue(name="other")
    successor, _ = old.rotate(by=Actor.command("test"))
    old.revoke(by=Actor.command("test"))
    admin = api(user=alice)

    response = admin.post(f"/api-keys/{old.rest_id}/revoke-family")

    assert response.status_code == 204
    assert [key.pk for key in ApiKey.objects.unrevoked()] == [other.pk]
    assert admin.post(f"/api-keys/{old.rest_id}/revoke-family").status_code == 204
    assert admin.post("/api-keys/key_none/revoke-family").status_code == 404
