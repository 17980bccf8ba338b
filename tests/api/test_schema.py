"""The OpenAPI document: generated, valid, and true."""

import http.client
import json
import socket
import uuid

import jsonschema
import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from openapi_spec_validator import validate

from echopoint import error_views
from echopoint.api.checks import check_actions
from echopoint.api.operations import operations
from echopoint.core import rate_limits
from echopoint.core.gunicorn_errors import write_refusal
from tests.frozen_time import clock_at

CONTRACT_IDS = {
    "getMe", "listAPIKeys", "createAPIKey", "searchAPIKeys", "getAPIKey", "deleteAPIKey",
    "getAPIKeyFreeze", "freezeAPIKeys", "unfreezeAPIKeys", "revokeAPIKeyFamily",
    "getCurrentAPIKey", "listPermissions", "rotateAPIKey", "updateAPIKey",
    "checkAPIKey",
    "listNetworkRanges", "createNetworkRange", "getNetworkRange", "updateNetworkRange",
    "deleteNetworkRange",
    "listFlows", "createFlow", "searchFlows", "listFlowTags", "getFlow", "updateFlow",
    "deleteFlow",
    "listWebhooks", "createWebhook", "getWebhook", "deleteWebhook", "searchWebhooks",
    "searchWebhookRequests",
    "listCollections", "createCollection", "getCollection", "updateCollection",
    "deleteCollection", "listCollectionFolders", "addFolder", "updateFolder",
    "deleteFolder", "listCollectionRequests", "addRequest", "getCollectionRequest",
    "updateRequest", "deleteRequest",
    "getFlowVariables", "deleteFlowVariables", "setFlowVariable", "deleteFlowVariable",
    "getOrganizationVariables", "deleteOrganizationVariables",
    "setOrganizationVariable", "deleteOrganizationVariable", "listEnvironments",
    "createEnvironment", "deleteEnvironment", "setEnvironmentVariable",
    "deleteEnvironmentVariable",
    "launchFlow", "completeEphemeralExecution", "listExecutions", "listFlowExecutions",
    "getExecution", "getExecutionById", "cancelExecution", "getExecutionNodeResults", "getNodeExecutionResult",
    "getNodeExecutionHistory",
    "nextRunnerJob", "heartbeatRunnerJobs", "sendRunnerJobEvents", "completeRunnerJob",
    "listLiveRunners",
}  # fmt: skip
LEAK_IDS = {"reportLeakedAPIKeys", "reportLeakedAPIKeysFromGitHub"}
RECEIVER_IDS = {
    f"receiveWebhook{method}"
    for method in ("Get", "Post", "Put", "Patch", "Delete", "Head", "Options")
}


@pytest.fixture(scope="module")
def document(django_db_blocker):
    if faults := check_actions(None):
        # test_action_checks fails, once, and names them.
        pytest.skip(f"There is no document: {faults[0].msg}")
    return Client().get("/openapi.json").json()


def operations_of(document):
    return {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    }


def test_the_document_is_openapi_3_1_and_valid(document):
    assert document["openapi"].startswith("3.1")
    validate(document)


@pytest.mark.slow
def test_generating_it_warns_of_nothing(capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


def test_every_operation_is_there_by_its_id(document):
    ids = {operation["operationId"] for operation in operations_of(document).values()}

    assert ids == CONTRACT_IDS | RECEIVER_IDS | LEAK_IDS


@pytest.mark.parametrize("operation", operations(), ids=lambda o: o.operation_id)
def test_an_operation_states_its_scopes_its_answers_and_its_errors(document, operation):
    stated = operations_of(document)[operation.method, operation.path]

    needed = {"ApiKey": operation.scopes, "Session": operation.session_scopes}
    for requirement in stated["security"]:
        ((kind, scopes),) = requirement.items()
        assert scopes == list(needed[kind])
    kinds = {kind for requirement in stated["security"] for kind in requirement}
    assert kinds <= {"ApiKey", "Session"}
    assert kinds
    statuses = set(stated["responses"])
    assert statuses & {"200", "201", "202", "204"}
    assert {"400", "401", "403", "500"} <= statuses
    assert ("404" in statuses) == ("{" in operation.path)
    assert ("requestBody" in stated) == bool(operation.declared.body)
    for status, answer in stated["responses"].items():
        assert answer["description"]
        if status >= "400":
            schema = answer["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ApiErrorResponse"}
        elif status != "204":
            assert answer["content"]["application/json"]["schema"]


def test_the_headers_of_an_expiry_are_stated_where_a_key_may_call(document):
    stated = operations_of(document)

    headers = stated["GET", "/flows"]["responses"]["200"]["headers"]
    assert set(headers) == {"X-Api-Key-Expires-At", "X-Api-Key-Expires-In-Days"}
    assert set(document["components"]["headers"]) == set(headers)
    assert "headers" not in stated["GET", "/me"]["responses"]["200"]
    assert "headers" not in stated["GET", "/flows"]["responses"]["401"]


def test_the_components_have_the_names_that_clients_know(document):
    known = {
        "ApiKey", "ApiKeyCreateRequest", "ApiKeyCreateResponse", "ApiKeyListResponse",
        "ApiKeySearchRequest", "ApiKeyFilter", "ApiKeyIdentity", "Permission",
        "PermissionListResponse", "ApiError", "ApiErrorResponse", "CurrentUserResponse",
        "Flow", "WrittenFlow", "FlowWarning", "FlowWarningCode", "FlowListResponse", "FlowDefinition", "CreateFlowRequest",
        "UpdateFlowRequest", "FlowSearchRequest", "FlowSearchItem",
        "FlowTagListResponse", "FlowSearchResponse", "SortDirection", "FlowMetadata", "Webhook", "WebhookListResponse",
        "CreateWebhookRequest", "WebhookSearchRequest", "WebhookRequestSearchRequest",
        "Collection", "CollectionListResponse", "CollectionFolder", "CollectionRequest",
        "CreateCollectionRequest", "CreateFolderRequest", "CreateRequestRequest",
        "Variable", "VariableSet", "SetVariableRequest", "Environment",
        "CreateEnvironmentRequest", "EnvironmentListResponse",
        "FlowExecution", "FlowExecutionListResponse", "FlowExecutionActivity",
        "FlowExecutionActivityListResponse", "LaunchFlowRequest",
        "LaunchFlowAcceptedResponse", "EphemeralCompletionRequest",
        "EphemeralCompletionResponse", "NodeExecutionResult",
        "NodeExecutionHistoryResponse", "TriggerMetadata",
        "ReferencedFlows", "RunnerInputs", "ExecutionStatus", "RunnerType",
        "RunnerJobNextRequest", "RunnerJobPayload", "RunnerJobHeartbeatRequest",
        "RunnerJobHeartbeatResult", "RunnerJobHeartbeatStatus", "RunnerJobEventsRequest",
        "RunnerJobProgressEvent", "RunnerJobProgressEventType",
        "RunnerJobProgressEventPayload", "RunnerJobEventsResponse",
        "RunnerJobCompletionRequest", "RunnerJobTerminalStatus", "SecretInputKeys",
        "LiveRunner", "LiveRunnerJob", "LiveRunnerListResponse",
    }  # fmt: skip

    assert known <= set(document["components"]["schemas"])


def conforms(document, name, value):
    """Raise unless the value is what the document says of the component."""
    schema = document | {"$ref": f"#/components/schemas/{name}"}
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(value)))


def test_answers_are_what_the_document_says(document, api, alice, issue):
    issue()
    people = api(user=alice)
    definition = {"name": "f", "version": "1", "nodes": [], "edges": []}
    flow = people.post("/flows", {"name": "f", "flow_definition": definition}).json()

    conforms(document, "Flow", flow)
    conforms(document, "WrittenFlow", flow)
    conforms(document, "FlowListResponse", people.get("/flows").json())
    path = f"/flows/{flow['id']}/variables"
    people.post("/organization/environments", {"name": "staging"})
    people.put(f"{path}/base_url", {"value": "https://shop.example"})
    people.put("/organization/environments/staging/variables/k", {"value": "v"})

    conforms(document, "VariableSet", people.get(path).json())
    conforms(document, "VariableSet", people.get("/organization/variables").json())
    environments = people.get("/organization/environments").json()
    conforms(document, "EnvironmentListResponse", environments)
    conforms(document, "ApiKeyListResponse", people.get("/api-keys").json())
    conforms(document, "PermissionListResponse", people.get("/permissions").json())
    conforms(document, "CurrentUserResponse", people.get("/me").json())
    conforms(document, "ApiErrorResponse", people.get("/nowhere").json())


def test_the_documentation_page_is_public(client):
    response = client.get("/docs/")

    assert response.status_code == 200
    assert b"swagger-ui" in response.content


def test_an_operation_has_a_name_for_people(document):
    names = {o["operationId"]: o["summary"] for o in operations_of(document).values()}

    assert names["createAPIKey"] == "Create API key"
    assert names["getNodeExecutionHistory"] == "Get node execution history"
    assert names["receiveWebhookPost"] == "Capture a POST request"


WITH_A_BODY = [operation for operation in operations() if operation.declared.body]


@pytest.mark.parametrize("operation", WITH_A_BODY, ids=lambda o: o.operation_id)
def test_a_body_that_is_shown_would_be_taken(document, operation, rf):
    stated = operations_of(document)[operation.method, operation.path]
    (content,) = stated["requestBody"]["content"].values()
    shown = content["example"]

    serializer = operation.declared.body(data=shown, context={"request": rf.post("/")})

    assert serializer.is_valid(), serializer.errors
    assert set(shown) <= set(serializer.fields)
    name = content["schema"]["$ref"].removeprefix("#/components/schemas/")
    conforms(document, name, shown)


def without_database(request):
    try:
        raise OperationalError("the server closed the connection")
    except OperationalError:
        return error_views.unexpected(request)


def too_many(api, monkeypatch):
    """Return the refusal of a request beyond the limit, 17 s before the minute ends."""
    with monkeypatch.context() as patched:
        patched.setattr(
            rate_limits.process_counts, "increment", lambda window, name: 601
        )
        patched.setattr(rate_limits, "time", clock_at(43))
        return api("flows:read").get("/flows")


def test_limits_are_stated_where_they_can_be_reached(document):
    stated = {
        operation["operationId"]: set(operation["responses"])
        for operation in operations_of(document).values()
    }

    limited = {"createWebhook", "createFlow", "updateFlow", "createCollection"}
    limited |= {"addRequest", "updateRequest", "launchFlow", "receiveWebhookPost"}
    assert all("409" in stated[name] for name in limited)
    assert "409" not in stated["updateCollection"] | stated["listFlows"]
    # People manage keys, and have no such limit.
    assert {n for n in stated if "429" not in stated[n]} == {
        *("listAPIKeys", "createAPIKey", "searchAPIKeys", "getAPIKey", "deleteAPIKey"),
        *("revokeAPIKeyFamily", "reportLeakedAPIKeysFromGitHub"),
        *("getAPIKeyFreeze", "freezeAPIKeys", "unfreezeAPIKeys"),
        *("rotateAPIKey", "updateAPIKey", "checkAPIKey", "getMe"),
        *("listNetworkRanges", "createNetworkRange", "getNetworkRange"),
        *("updateNetworkRange", "deleteNetworkRange"),
    }


def answered_by_the_server(status):
    """Return what is answered to a request that never reaches the site."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        write_refusal(ours, status, "", "")
        answer = http.client.HTTPResponse(theirs)
        answer.begin()
        return HttpResponse(answer.read(), status=answer.status)


def test_a_refusal_that_is_shown_is_one_that_comes(
    document, api, alice, rf, monkeypatch
):
    people = api(user=alice)
    refusals = {
        "400": people.post("/api-keys", {"permissions": ["flows:read"]}),
        "401": Client().get("/flows"),
        "403": api("webhooks:read").get("/flows"),
        "404": people.get(f"/flows/{uuid.uuid4()}"),
        "413": people.post("/flows", {"name": "x" * 1_100_000}),
        "414": answered_by_the_server(414),
        "415": people("POST", "/flows", b"x", Content_Type="text/plain"),
        "429": too_many(api, monkeypatch),
        "431": answered_by_the_server(431),
        "500": error_views.unexpected(rf.get("/flows")),
        "503": without_database(rf.get("/flows")),
    }

    shown = {
        status: answer["content"]["application/json"]["example"]
        for operation in operations_of(document).values()
        if operation["security"]
        for status, answer in operation["responses"].items()
        if status in refusals
    }
    assert shown == {status: json.loads(r.content) for status, r in refusals.items()}
