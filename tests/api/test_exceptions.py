"""The error envelope."""

import json
import tracemalloc
from types import SimpleNamespace

import pytest
from django.test import Client

from echopoint.api.actions import Action
from echopoint.api.parsers import StrictJSONParser
from echopoint.flows.api import FlowViewSet
from echopoint.flows.models import Flow

FLOWS = ["flows:read", "flows:create"]


def assert_envelope(response, status, code):
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    first = response.json()["errors"][0]
    assert first["code"] == code
    assert first["message"]
    assert response["X-Request-Id"]
    return first


@pytest.mark.parametrize("path", ["/nowhere", "/flows/", "/api-keys/x/y", "/flows//x"])
def test_an_unknown_path_is_not_found(client, path):
    response = client.get(path)

    assert_envelope(response, 404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["/orgs/nowhere", "/accounts/nowhere", "/docs/nowhere"]
)
def test_an_unknown_page_is_a_page(client, path):
    response = client.get(path)

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_a_method_that_is_not_served_is_refused(api, method):
    response = api("flows:read")(method, "/flows")

    assert_envelope(response, 405, "METHOD_NOT_ALLOWED")
    assert "GET" in response["Allow"]


def test_a_fault_of_ours_tells_nothing_of_itself(api, monkeypatch, caplog):
    def fail(*args):
        raise RuntimeError("the inside story")

    monkeypatch.setattr("echopoint.flows.api.FlowViewSet.list", fail)

    response = api("flows:read").get("/flows")

    assert_envelope(response, 500, "UNEXPECTED_ERROR")
    assert b"inside story" not in response.content
    assert "inside story" in caplog.text


@pytest.mark.parametrize(
    "declarations",
    [
        {},
        {"create": Action(id="createFlow", session_scopes=["flows:read"])},
        {"create": Action(id="createFlow", scopes=[])},
        {"create": Action(id="createFlow", scopes="")},
    ],
)
def test_an_undeclared_action_is_a_fault_not_an_open_door(
    api, acme, alice, monkeypatch, caplog, declarations
):
    monkeypatch.setattr(FlowViewSet, "api_actions", declarations)

    for caller in (api("flows:create"), api(user=alice)):
        response = caller.post("/flows", {"name": "smoke"})

        assert_envelope(response, 500, "UNEXPECTED_ERROR")
    assert "ImproperlyConfigured: FlowViewSet.api_actions declares no" in caplog.text
    assert not Flow.objects.for_org(acme).exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "JSON"),
        (b"", "JSON"),
        (b'{"name": NaN}', "JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[" * 100_000, "JSON"),
        (b'{"name": ' + b"9" * 5000 + b"}", "JSON"),
    ],
)
def test_a_body_that_does_not_parse_is_a_bad_request(api, body, said):
    response = api(*FLOWS).post("/flows", body)

    error = assert_envelope(response, 400, "BAD_REQUEST")
    assert said in error["message"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\x00b", "Null"),
        (b'{"name": "\\ud800"}', "surrogates"),
        (b'{"name": 1e999}', "too large"),
    ],
)
def test_what_no_column_can_hold_is_refused_by_field(api, value, said):
    body = value if isinstance(value, bytes) else {"name": value}

    response = api(*FLOWS).post("/flows", body)

    error = assert_envelope(response, 400, "VALIDATION_ERROR")
    assert error["field"] == "name"
    assert said in error["message"]


def test_deep_json_is_refused(api):
    body = {"metadata": {}}
    inner = body["metadata"]
    for _ in range(70):
        inner["a"] = {}
        inner = inner["a"]

    response = api(*FLOWS).post("/flows", body)

    error = assert_envelope(response, 400, "VALIDATION_ERROR")
    assert "deeper" in error["message"]


@pytest.mark.parametrize("body", [[], "text", 1, None, True])
def test_a_body_of_another_type_is_refused(api, body):
    response = api(*FLOWS)("POST", "/flows", json_bytes(body))

    assert_envelope(response, 400, "VALIDATION_ERROR")


def json_bytes(value):
    return json.dumps(value).encode()


def test_a_body_over_the_limit_is_too_large(api):
    body = b'{"name": "' + b"x" * 2 * 1024 * 1024 + b'"}'

    response = api(*FLOWS).post("/flows", body)

    error = assert_envelope(response, 413, "PAYLOAD_TOO_LARGE")
    assert "1048576" in error["message"]


def test_a_body_that_is_not_json_is_told_so(api):
    caller = api(*FLOWS)

    response = caller.client.generic(
        "POST",
        "/flows",
        b"a=1",
        "application/x-www-form-urlencoded",
        headers=caller.headers,
    )

    error = assert_envelope(response, 415, "UNSUPPORTED_MEDIA_TYPE")
    assert "application/json" in error["message"]


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1.5", "limit=%00",
     "offset=-1", "offset=x", "offset=99999999999999999999", "limit=%EF%BC%91"],
)  # fmt: skip
def test_a_page_out_of_range_is_refused(api, query):
    response = api("flows:read").get(f"/flows?{query}")

    error = assert_envelope(response, 400, "VALIDATION_ERROR")
    assert error["field"] == query.partition("=")[0]


@pytest.mark.parametrize("query", ["", "limit=1", "limit=100", "offset=2147483647"])
def test_a_page_in_range_is_served(api, query):
    response = api("flows:read").get(f"/flows?{query}")

    assert response.status_code == 200
    assert response.json() == {"total": 0, "count": 0, "items": []}


def test_a_host_that_is_not_ours_is_refused(client):
    response = client.get("/flows", headers={"Host": "evil.example"})

    assert_envelope(response, 400, "BAD_REQUEST")


def test_a_session_without_its_csrf_token_changes_nothing(acme, alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    response = client.post(
        "/api-keys",
        {"name": "x", "permissions": ["flows:read"]},
        "application/json",
        headers={"X-Organization-Id": acme.pk},
    )

    assert_envelope(response, 403, "FORBIDDEN")
    assert not acme.api_keys.exists()


def test_a_field_that_is_there_twice_is_refused(api):
    response = api(*FLOWS).post("/flows", b'{"name": "a", "name": "b"}')

    error = assert_envelope(response, 400, "BAD_REQUEST")
    assert '"name" is sent twice' in error["message"]


def test_a_name_that_no_answer_can_hold_is_refused_when_it_is_there_twice(api):
    response = api(*FLOWS).post("/flows", b'{"\\ud800": 1, "\\ud800": 2}')

    error = assert_envelope(response, 400, "BAD_REQUEST")
    assert '"\N{REPLACEMENT CHARACTER}" is sent twice' in error["message"]


def test_a_long_name_over_a_long_list_costs_little_memory():
    body = b'{"' + b"k" * 30_000 + b'": [' + b"0," * 50_000 + b"0]}"
    stream = SimpleNamespace(body=body)

    tracemalloc.start()
    StrictJSONParser().parse(stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20 * len(body)


@pytest.mark.parametrize("accept", ["text/html", "", "application/xml", "*/*"])
def test_the_answer_is_json_whatever_is_accepted(api, accept):
    response = api("flows:read").get("/flows", Accept=accept)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/flows/%00", "/orgs/%00/api-keys/", "/api-keys/key_%00"]
)
def test_nothing_is_at_a_path_with_a_null_character(api, alice, path):
    response = api(user=alice).get(path)

    assert response.status_code == 404


def test_a_cookie_with_a_null_character_is_no_session(client):
    response = client.get("/flows", headers={"Cookie": 'sessionid="\\000aaaa"'})

    assert_envelope(response, 401, "UNAUTHENTICATED")
