"""Every route that makes changes × a session that signed in an hour ago.

Keys and policies change only after a fresh sign-in, whatever the way in. What is exempt
is listed with its reason, so that a new route is decided on.
"""

import inspect
import json

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import get_resolver, reverse

from apikeys import freezing, policy
from apikeys.actors import Actor
from apikeys.exceptions import FreshSignInRequired
from apikeys.models import AccessReview, ApiKey, AuditEvent, NetworkRange, ReviewedKey
from apikeys.models.manager import ApiKeyManager, ApiKeyQuerySet
from echopoint.api.operations import operations
from echopoint.organizations.models import Membership, Organization, User
from tests.page_table import (
    CHANGES,
    KEY_PAGES,
    PAGES,
    RANGE_PAGES,
    REVIEW_PAGES,
    prepare_key,
    prepare_organization,
    prepare_range,
    prepare_review,
)
from tests.signing_in import sign_in
from tests.url_paths import paths

HOUR = 3600
SYSTEM = Actor.command("test")
CONTENT = "what keys reach, not keys; open to a member's session by its role"
# Request bodies of REST operations; None means no body.
GUARDED_OPERATIONS = {
    "createAPIKey": {"name": "new", "permissions": ["flows:read"]},
    "deleteAPIKey": None,
    "rotateAPIKey": {},
    "revokeAPIKeyFamily": None,
    "freezeAPIKeys": {},
    "unfreezeAPIKeys": {},
    "updateAPIKey": {"allowed_networks": None},
    "updateNetworkRange": {"networks": ["198.51.100.0/24"]},
}
BEFORE_OPERATIONS = {
    "unfreezeAPIKeys": lambda key: freezing.freeze(key.organization, by=SYSTEM)
}
EXEMPT_OPERATIONS = {
    "createNetworkRange": "no key refers to it yet",
    "deleteNetworkRange": "no key may refer to it any more",
    "checkAPIKey": "reads",
    "searchAPIKeys": "reads",
    "searchFlows": "reads",
    "searchWebhooks": "reads",
    "searchWebhookRequests": "reads",
} | dict.fromkeys(
    [
        "createWebhook",
        "deleteWebhook",
        "createFlow",
        "updateFlow",
        "deleteFlow",
        "launchFlow",
        "cancelExecution",
        "completeEphemeralExecution",
        "createCollection",
        "updateCollection",
        "deleteCollection",
        "addFolder",
        "updateFolder",
        "deleteFolder",
        "addRequest",
        "updateRequest",
        "deleteRequest",
        "setFlowVariable",
        "deleteFlowVariable",
        "deleteFlowVariables",
        "setOrganizationVariable",
        "deleteOrganizationVariable",
        "deleteOrganizationVariables",
        "setEnvironmentVariable",
        "deleteEnvironmentVariable",
        "createEnvironment",
        "deleteEnvironment",
    ],
    CONTENT,
)
EXEMPT_PAGES = {
    "apikeys:find": "reads; by POST, as a whole key may be pasted",
    "apikeys:audit_export": "reads, and records that it did",
    "apikeys:audit_verify": "reads",
    "apikeys:range_new": "no key refers to it yet",
    "apikeys:range_delete": "no key may refer to it any more",
}
VERBS = {
    "issue": lambda key, by: ApiKey.objects.issue(
        organization=key.organization, name="new", scopes=["flows:read"], by=by
    ),
    "rotate": lambda key, by: key.rotate(by=by),
    "retire": lambda key, by: key.retire(by=by),
    "unretire": lambda key, by: key.unretire(by=by),
    "cancel_rotation": lambda key, by: key.cancel_rotation(by=by),
    "suspend": lambda key, by: key.suspend(by=by),
    "resume": lambda key, by: key.resume(by=by),
    "revoke": lambda key, by: key.revoke(by=by),
    "report_leak": lambda key, by: key.report_leak(by=by, source="api"),
    "limit_requests": lambda key, by: key.limit_requests(40, by=by),
    "set_owner": lambda key, by: key.set_owner("olive@acme.example", by=by),
    "set_ownership": lambda key, by: key.set_ownership(
        owner_email="olive@acme.example", contact_email="a@b.example", by=by
    ),
    "rename": lambda key, by: key.rename("other", by=by),
    "set_description": lambda key, by: key.set_description("Deploys", by=by),
    "set_contact_email": lambda key, by: key.set_contact_email("a@b.example", by=by),
    "give_to": lambda key, by: ApiKey.objects.give_to(
        key.organization, "olive@acme.example", by=by
    ),
    # Only a wider list needs it: `BEFORE` restricts the key.
    "set_allowed_networks": lambda key, by: key.set_allowed_networks(
        ["192.0.2.1"] if by is SYSTEM else None, by=by
    ),
    "revoke selected": lambda key, by: ApiKey.objects.all().revoke(by=by),
    "policy": lambda key, by: policy.change(
        key.organization, by=by, max_overlap_days=1
    ),
    "freeze": lambda key, by: freezing.freeze(key.organization, by=by),
    "unfreeze": lambda key, by: freezing.unfreeze(key.organization, by=by),
}
BEFORE = {
    "retire": ["rotate"],
    "unretire": ["rotate", "retire"],
    "cancel_rotation": ["rotate"],
    "resume": ["suspend"],
    "unfreeze": ["freeze"],
    "set_allowed_networks": ["set_allowed_networks"],
}


def snapshot():
    """Return the rows that the guarded changes could write."""
    return [
        list(ApiKey.objects.order_by("pk").values()),
        list(NetworkRange.objects.order_by("pk").values()),
        list(AccessReview.objects.order_by("pk").values()),
        list(ReviewedKey.objects.order_by("pk").values()),
        list(Organization.objects.order_by("pk").values()),
        list(Membership.objects.order_by("pk").values()),
        list(User.objects.order_by("pk").values("pk", "email", "password", "is_staff")),
        AuditEvent.objects.count(),
    ]


@pytest.fixture
def key(issue):
    return issue("flows:read")[0]


@pytest.fixture
def stale(olive):
    """Return a client in which olive signed in an hour ago."""
    client = Client()
    sign_in(client, olive, ago=HOUR)
    return client


@pytest.fixture
def signed_in_now(olive):
    client = Client()
    sign_in(client, olive)
    return client


def changing_operations():
    """Return the operations with an unsafe method that sessions may call."""
    return {
        operation.operation_id: operation
        for operation in operations()
        if operation.method != "GET" and Membership in operation.view.accepts
    }


def test_every_operation_is_guarded_or_exempt_with_a_reason():
    decided = GUARDED_OPERATIONS.keys() | EXEMPT_OPERATIONS.keys()

    assert set(changing_operations()) == decided, "decide on the new operation here"
    assert not GUARDED_OPERATIONS.keys() & EXEMPT_OPERATIONS.keys()


@pytest.fixture
def office(acme):
    """Return a range, which can be made wider."""
    return NetworkRange.objects.add(
        acme, name="Office", networks=["192.0.2.1"], by=SYSTEM
    )


def send(client, operation, row, body):
    """Send the operation on the key or range, as a member of its organization."""
    return client.generic(
        operation.method,
        operation.path.replace("{id}", getattr(row, "rest_id", str(row.pk))),
        json.dumps(body) if body is not None else "",
        content_type="application/json",
        headers={"X-Organization-Id": row.organization_id},
    )


@pytest.mark.parametrize("name", GUARDED_OPERATIONS)
def test_the_api_asks_for_a_fresh_sign_in_and_says_where(
    stale, signed_in_now, key, office, name
):
    operation, body = changing_operations()[name], GUARDED_OPERATIONS[name]
    if prepare := BEFORE_OPERATIONS.get(name):
        prepare(key)
    row = office if "Range" in name else key
    # A key without a list could not be used from more addresses than now.
    key.set_allowed_networks(["Office"], by=SYSTEM)
    before = snapshot()

    refused = send(stale, operation, row, body)

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"]) == (403, "FRESH_SIGN_IN_REQUIRED")
    url = "http://testserver/accounts/reauthenticate/"
    assert error["metadata"] == {"sign_in_url": url}
    assert url in error["message"]
    assert snapshot() == before
    assert send(signed_in_now, operation, row, body).status_code in {200, 201, 204}
    assert snapshot() != before


def test_a_stale_session_is_told_so_before_the_state_of_the_key(stale, key):
    key.rotate(by=SYSTEM)

    refused = send(stale, changing_operations()["rotateAPIKey"], key, {})

    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"]) == (403, "FRESH_SIGN_IN_REQUIRED")


@pytest.mark.parametrize("page", sorted(set(CHANGES) - EXEMPT_PAGES.keys()))
def test_a_page_asks_for_a_fresh_sign_in(stale, key, acme, page):
    prepare_organization(page, acme)
    prepare_key(page, key)
    args = [acme.pk]
    if page in KEY_PAGES:
        args.append(key.public_id)
    if page in RANGE_PAGES:
        args.append(prepare_range(acme).pk)
    if page in REVIEW_PAGES:
        args.append(prepare_review(acme).number)
    before = snapshot()
    form = {"key": key.public_id, "name": "new", "networks": "198.51.100.7"}

    asked = stale.post(reverse(page, args=args), form)

    assert asked.status_code == 302
    assert asked["Location"].startswith("/accounts/reauthenticate/?")
    assert snapshot() == before


def test_exempt_pages_are_pages():
    assert EXEMPT_PAGES.keys() <= PAGES.keys()


def console_routes():
    """Yield (path, whether it is a row's page) for every route of the console."""
    for path, pattern in paths(get_resolver().url_patterns):
        if path.startswith("admin/") and getattr(pattern.callback, "__wrapped__", None):
            yield path


@pytest.fixture
def boss(olive):
    """Give olive access to the console."""
    User.objects.filter(pk=olive.pk).update(is_staff=True, is_superuser=True)


def test_a_change_in_the_console_asks_for_a_fresh_sign_in(
    boss, stale, key, monkeypatch
):
    # The list of models at the side takes most of the time, and is not looked at.
    monkeypatch.setattr(admin.site, "get_app_list", lambda *args: [])
    routes = set(console_routes())
    before = snapshot()
    for path in routes - {"admin/logout/", "admin/login/"}:
        url = "/" + path.replace("<path:object_id>", "1").replace(
            "<int:content_type_id>", "1"
        )
        url = url.replace("<path:url>", "").replace("<id>", "1")

        asked = stale.post(url, {"action": "revoke", "post": "yes"})

        assert asked.status_code == 403, url
        assert "Nothing was changed yet" in asked.text, url
        assert 'href="/accounts/reauthenticate/"' in asked.text
    assert len(routes) > len(admin.site._registry)
    assert snapshot() == before


def test_the_console_changes_keys_after_a_fresh_sign_in(boss, signed_in_now, key):
    sent = {"action": "revoke", "_selected_action": [key.pk], "reason": "a test"}

    signed_in_now.post("/admin/apikeys/apikey/", sent)

    key.refresh_from_db()
    assert key.revoked_at


def test_cancelling_without_a_successor_needs_a_fresh_sign_in_too(key, olive):
    key.rotate(by=SYSTEM)[0].revoke(by=SYSTEM)

    with pytest.raises(FreshSignInRequired):
        key.cancel_rotation(by=Actor.person(olive, via="test"))


def test_signing_out_of_the_console_needs_no_fresh_sign_in(boss, stale):
    assert stale.post("/admin/logout/").status_code == 302


def verbs_by():
    """Return the names of all methods of keys and the policy that take `by`."""
    return {
        name
        for owner in (ApiKey, ApiKeyManager, ApiKeyQuerySet)
        for name, member in inspect.getmembers(owner, inspect.isfunction)
        if "by" in inspect.signature(member).parameters and not name.startswith("_")
    }


def test_every_verb_is_in_the_table():
    # `record` appends the audit event of a verb, in its transaction.
    assert verbs_by() - {"record"} <= VERBS.keys(), "add the new verb to VERBS"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_refuses_a_person_who_signed_in_long_ago(verb, key, olive):
    for step in BEFORE.get(verb, ()):
        VERBS[step](key, SYSTEM)
    before = snapshot()
    long_ago = Actor.person(olive, via="test", sign_in_url="https://keys.example/in")

    with pytest.raises(FreshSignInRequired, match="https://keys.example/in"):
        VERBS[verb](key, long_ago)

    assert snapshot() == before
    VERBS[verb](key, Actor.person(olive, via="test", is_fresh=True))
    assert snapshot() != before
