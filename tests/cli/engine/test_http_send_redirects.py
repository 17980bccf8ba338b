"""What goes along when a service sends a request elsewhere."""

import json

import pytest

from tests.cli.engine.flows import request, run_node

HEADERS = {
    "Authorization": "Bearer literal",
    "Cookie": "a=1",
    "Proxy-Authorization": "Basic literal",
    "X-Key": "{{key}}",
    "X-Plain": "plain",
}


def redirected(service, to, **data):
    """Return the result of a node that is redirected, and what came at the end."""
    url = f"{service.url}/redirect-to"
    one = request(
        "call",
        url,
        headers=HEADERS,
        query_params={"url": f"{to.url}/echo", "status": data.pop("status", 302)},
        **data,
    )
    return run_node(one, inputs={"key": "CANARY-1"}, secrets=["key"])


def test_on_a_redirect_to_another_origin_nothing_secret_goes_along(
    service, other_service
):
    result = redirected(service, other_service)

    assert "error_code" not in result
    first, second = service.seen[0]["headers"], other_service.seen[0]["headers"]
    names = {name.lower() for name in HEADERS}
    assert names <= set(first)
    assert names & set(second) == {"x-plain"}
    assert "CANARY-1" not in json.dumps(other_service.seen)
    assert second["host"] == f"127.0.0.1:{other_service.port}"


def test_on_a_redirect_within_the_origin_all_headers_go_along(service):
    redirected(service, service)

    second = service.seen[1]["headers"]
    assert second["authorization"] == "Bearer literal"
    assert second["cookie"] == "a=1"
    assert second["x-key"] == "CANARY-1"


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_body_with_a_secret_is_not_sent_to_another_origin(
    service, other_service, method
):
    data = {"method": method, "status": 307}

    refused = redirected(service, other_service, body={"k": "{{key}}"}, **data)
    allowed = redirected(service, other_service, body={"k": "public"}, **data)

    assert refused["error_code"] == "REQUEST_FAILED"
    assert (
        "would send a secret in the body to another origin" in refused["error_message"]
    )
    assert "error_code" not in allowed
    assert [seen["body"] for seen in other_service.seen] == ['{"k":"public"}']
