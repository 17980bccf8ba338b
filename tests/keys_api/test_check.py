"""`POST /api-keys/{id}/check`: the answer is what the API does, and nothing is done."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.db.write_buffers import write_buffers
from apikeys.models import ApiKey, AuditEvent, KeyPlace, KeyUsage, Refusal
from echopoint.api.operations import operations

SYSTEM = Actor.command("test")
HERE = "127.0.0.1"
DAY = timedelta(days=1)


@pytest.fixture
def people(api, alice):
    return api(user=alice)


@pytest.fixture
def check(people):
    def check(key, operation="listFlows", **values):
        body = {"operation": operation} | values
        return people.post(f"/api-keys/{key.rest_id}/check", body)

    return check


def active(key, settings):
    pass


def restricted(key, settings):
    key.set_allowed_networks(["203.0.113.0/24"], by=SYSTEM)


def restricted_to_here(key, settings):
    key.set_allowed_networks(["127.0.0.0/8"], by=SYSTEM)


def suspended(key, settings):
    key.suspend(by=SYSTEM)


def suspended_and_restricted(key, settings):
    key.suspend(by=SYSTEM)
    restricted(key, settings)


def revoked(key, settings):
    key.revoke(by=SYSTEM)


def retired(key, settings):
    key.rotate(by=SYSTEM)
    key.retire(by=SYSTEM)


def expired(key, settings):
    ApiKey.objects.filter(pk=key.pk).update(
        created_at=timezone.now() - 2 * DAY, expires_at=timezone.now() - DAY
    )


def blocked(key, settings):
    settings.API_KEYS_BLOCKED = frozenset({key.rest_id})


STATES = [
    *(active, restricted, restricted_to_here, suspended, suspended_and_restricted),
    *(revoked, retired, expired, blocked),
]


def call(client, operation):
    """Call the operation with ids that name nothing and a body that is no object."""
    path = operation.path
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + str(uuid.uuid4()) + path[end + 1 :]
    body = [] if operation.method in {"POST", "PUT", "PATCH"} else None
    return client(operation.method, path, body)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.slow
def test_the_answer_is_the_one_that_the_api_gives(
    api, issue, acme, check, settings, state
):
    key, secret = issue("flows:read", "flows:execute", "runner:claim")
    state(key, settings)
    program = api(secret=secret, organization=acme)
    codes = set()

    for operation in operations():
        real = call(program, operation)
        answer = check(key, operation.operation_id, address=HERE).json()

        (error,) = real.json()["errors"] if real.status_code >= 400 else [None]
        refusal = error if real.status_code in {401, 403} else None
        told = answer["error"] and dict(answer["error"])
        assert (told and told.pop("status")) == (refusal and real.status_code)
        assert told == refusal, operation.operation_id
        assert answer["allowed"] == (refusal is None)
        codes.add(refusal and refusal["code"])

    expected = {None, "FORBIDDEN", "MISSING_REQUIRED_SCOPES"}
    assert (
        codes == expected if state in (active, restricted_to_here) else len(codes) == 1
    )


def test_an_answer_says_what_it_is_about(issue, check):
    key, _ = issue("flows:read", allowed_networks=["203.0.113.0/24"])

    answer = check(key, "launchFlow", address="::ffff:203.0.113.9").json()

    assert answer.pop("at")
    assert answer == {
        "allowed": False,
        "operation": "launchFlow",
        "address": "203.0.113.9",
        "error": {
            "status": 403,
            "code": "MISSING_REQUIRED_SCOPES",
            "message": "This API key lacks flows:execute. Scopes never change: create a key"
            " that has them, or use another.",
            "metadata": {
                "required_scopes": ["flows:execute"],
                "missing_scopes": ["flows:execute"],
            },
        },
        "required_permissions": ["flows:execute"],
        "missing_permissions": ["flows:execute"],
        "not_checked": ["rate_limit", "quotas", "resources"],
    }


def test_no_scope_lets_a_key_do_what_is_for_people(issue, check):
    key, _ = issue("flows:read")

    answer = check(key, "createAPIKey").json()

    assert answer["error"]["code"] == "FORBIDDEN"
    assert answer["required_permissions"] == answer["missing_permissions"] == []


@pytest.mark.parametrize(
    ("values", "address", "allowed"),
    [
        ({}, HERE, False),
        ({"address": None}, None, False),
        ({"address": "203.0.113.9"}, "203.0.113.9", True),
        ({"address": "198.51.100.7"}, "198.51.100.7", False),
    ],
)
def test_the_address_is_the_given_one_or_that_of_the_request(
    issue, check, values, address, allowed
):
    key, _ = issue(allowed_networks=["203.0.113.0/24"])

    answer = check(key, **values).json()

    assert (answer["address"], answer["allowed"]) == (address, allowed)
    assert allowed or answer["error"]["code"] == "IP_NOT_ALLOWED"


def test_a_later_time_is_judged_by_the_dates_of_the_key(issue, check):
    key, _ = issue(expires_in_days=7)

    def allowed(at):
        return check(key, at=at.isoformat()).json()["error"]

    assert allowed(key.expires_at - DAY) is None
    assert allowed(key.expires_at)["code"] == "API_KEY_EXPIRED"
    retiring, _ = issue()
    retiring.rotate(by=SYSTEM)
    error = check(retiring, at=retiring.retire_at.isoformat()).json()["error"]
    assert error["code"] == "API_KEY_RETIRED"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"operation": "flyFlows"}, "operation"),
        ({"operation": ""}, "operation"),
        ({"operation": None}, "operation"),
        ({"operation": 5}, "operation"),
        ({"address": "office"}, "address"),
        ({"address": "203.0.113.0/24"}, "address"),
        ({"address": ""}, "address"),
        ({"address": 5}, "address"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2020-01-01T00:00:00Z"}, "at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at"),
        ({"at": "9999-12-31T23:59:59-14:00"}, "at"),
        ({"at": 5}, "at"),
        ({"scope": "flows:read"}, "scope"),
    ],
)
def test_an_invalid_question_is_refused_by_field(issue, check, values, field):
    key, _ = issue()

    refused = check(key, **values)

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"]) == (400, "VALIDATION_ERROR")
    assert error["field"] == field


def test_nothing_is_counted_or_recorded(issue, check, statements, monkeypatch):
    monkeypatch.setattr(ApiKey, "count_request", None)
    key, _ = issue("flows:read", allowed_networks=["203.0.113.0/24"])
    events = AuditEvent.objects.count()

    with statements() as found:
        for operation in ("listFlows", "launchFlow", "createAPIKey"):
            for address in ("203.0.113.9", HERE):
                check(key, operation, address=address)

    write_buffers.flush()
    assert {sql.split()[0] for sql in found} == {"SELECT"}
    assert AuditEvent.objects.count() == events
    for model in (Refusal, KeyUsage, KeyPlace):
        assert not model.objects.exists()
    assert ApiKey.objects.get().last_used_at is None


def test_members_may_ask_and_keys_may_not(api, bob, issue, acme):
    key, secret = issue()
    path, body = f"/api-keys/{key.rest_id}/check", {"operation": "listFlows"}

    assert api(user=bob).post(path, body).json()["allowed"]
    refused = api(secret=secret, organization=acme).post(path, body)

    assert refused.json()["errors"][0]["code"] == "FORBIDDEN"


def test_another_organizations_key_is_not_found(api, mallory, globex, issue):
    key, _ = issue()

    answer = api(user=mallory).post(
        f"/api-keys/{key.rest_id}/check", {"operation": "listFlows"}
    )

    assert answer.status_code == 404
