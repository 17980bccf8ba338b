"""Every API action × the right scopes, every other scope, no key, another's key, people."""

import uuid

import pytest
from django.urls import get_resolver

from apikeys.models import ApiKey
from apikeys.scopes import SCOPES
from echopoint.api.operations import operations
from echopoint.organizations import roles
from echopoint.organizations.models import Membership
from tests.url_paths import paths

# What answers outside of the API's viewsets, and why it may.
OUTSIDE = {
    "": "a redirect to the pages",
    "openapi.json": "the document, public",
    "api-keys/leaked": "reports of leaked keys, keyless",
    "api-keys/leaked/github": "the same, signed by GitHub",
    "leaked/": "the same, for people, signed in or not",
    "leaked": "the same, as people type it",
    "docs/": "the document, for people",
    "docs": "the same, as people type it",
    "admin": "the console, as people type it",
    "webhook/<str:id>": "the public receiver, keyless",
    "webhook/<str:id><subpath:subpath>": "the same, for paths below the id",
}
PAGES = ("orgs/", "accounts/", "admin/")

OPERATIONS = [
    pytest.param(operation, id=operation.operation_id) for operation in operations()
]
KEYED = [p for p in OPERATIONS if ApiKey in p.values[0].view.accepts]
SCOPED = [p for p in KEYED if p.values[0].scopes]
SESSIONED = [p for p in OPERATIONS if Membership in p.values[0].view.accepts]
BODY_METHODS = {"POST", "PUT"}


def call(client, operation, **headers):
    """Call the operation with ids that name nothing and a body that is no object."""
    path = operation.path
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + str(uuid.uuid4()) + path[end + 1 :]
    body = [] if operation.method in BODY_METHODS else None
    return client(operation.method, path, body, **headers)


def passed_the_gate(response):
    """Whether the caller was let in: what comes after are errors of its request."""
    return response.status_code in {200, 201, 202, 204, 400, 404}


def code(response):
    return response.json()["errors"][0]["code"]


def test_every_view_is_the_api_or_a_known_exception():
    known = {operation.view for operation in operations()}

    strays = [
        path
        for path, pattern in paths(get_resolver().url_patterns)
        if getattr(pattern.callback, "cls", None) not in known
        and path not in OUTSIDE
        and not path.startswith(PAGES)
    ]

    assert strays == []


def test_the_operations_are_those_of_the_contract():
    # That each is declared is for the system checks of the actions to say.
    assert len(operations()) >= 33


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_is_required_by_an_operation(scope):
    required = {name for operation in operations() for name in operation.scopes}

    assert scope in required, (
        f"A key with {scope} can do no more than one without: declare it in the"
        " Action(scopes=[…]) of an operation, or remove it from apikeys/scopes.py."
    )


@pytest.mark.parametrize("operation", SCOPED)
def test_the_declared_scopes_are_enough(operation, api):
    response = call(api(*operation.scopes), operation)

    assert passed_the_gate(response), response.content


@pytest.mark.parametrize(
    "operation", [p for p in SCOPED if p.values[0].method == "GET"]
)
def test_head_answers_as_get_does(operation, api):
    caller = api(*operation.scopes)

    head = call(caller, operation._replace(method="HEAD"))

    assert head.status_code == call(caller, operation).status_code
    assert head.content == b""


@pytest.mark.parametrize("operation", SCOPED)
def test_all_other_scopes_together_are_not(operation, api):
    others = set(SCOPES) - set(operation.scopes)

    response = call(api(*others), operation)

    assert response.status_code == 403
    assert code(response) == "MISSING_REQUIRED_SCOPES"
    metadata = response.json()["errors"][0]["metadata"]
    assert metadata["missing_scopes"] == sorted(operation.scopes)
    assert metadata["required_scopes"] == sorted(operation.scopes)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_credential_is_not_enough(operation, api, acme, client):
    caller = api("flows:read")

    response = call(caller, operation, X_Api_Key=None)

    assert response.status_code == 401
    assert code(response) == "UNAUTHENTICATED"
    assert response["WWW-Authenticate"].startswith('ApiKey realm="echopoint"')


@pytest.mark.parametrize("operation", KEYED)
def test_another_tenants_key_is_refused(operation, api, globex, acme):
    foreign = api(*SCOPES, organization=globex)

    response = call(foreign, operation, X_Organization_Id=acme.pk)

    assert response.status_code == 403
    assert code(response) == "ORGANIZATION_MISMATCH"


@pytest.mark.parametrize(
    "operation", [p for p in OPERATIONS if ApiKey not in p.values[0].view.accepts]
)
def test_no_key_does_what_is_kept_for_people(operation, api):
    response = call(api(*SCOPES), operation)

    assert response.status_code == 403
    assert code(response) == "FORBIDDEN"


@pytest.mark.parametrize(
    "operation", [p for p in OPERATIONS if p.values[0].view.accepts == (ApiKey,)]
)
def test_no_session_does_what_is_kept_for_keys(operation, api, alice):
    response = call(api(user=alice), operation)

    assert response.status_code == 401
    assert code(response) == "UNAUTHENTICATED"


@pytest.mark.parametrize("operation", SESSIONED)
def test_an_admin_may_do_all_that_people_may(operation, api, alice):
    response = call(api(user=alice), operation)

    assert passed_the_gate(response), response.content


@pytest.mark.parametrize("operation", SESSIONED)
def test_a_member_may_do_what_the_role_holds(operation, api, bob):
    allowed = set(operation.session_scopes) <= roles.PERMISSIONS["member"]

    response = call(api(user=bob), operation)

    assert passed_the_gate(response) == allowed, response.content
    assert allowed or code(response) == "MISSING_REQUIRED_SCOPES"


@pytest.mark.parametrize("operation", SESSIONED)
def test_a_stranger_is_told_nothing(operation, api, mallory, globex, acme):
    stranger = api(user=mallory, organization=acme)

    response = call(stranger, operation)

    assert response.status_code == 403
    assert code(response) == "ORGANIZATION_MISMATCH"
