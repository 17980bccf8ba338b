"""What a request node sends."""

import base64
import json

import pytest

from tests.cli.engine.flows import assertion, chain, edge, flow, request, run, run_node


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://h/", "does not start with http:// or https://"),
        ("file:///etc/passwd", "does not start with http:// or https://"),
        ("/relative", "does not start with http:// or https://"),
        ("{{base}}/users", "does not start with http:// or https://"),
        ("", "does not start with http:// or https://"),
        ("http://", "does not start with http:// or https://"),
        ("http://h:port/", "is not valid"),
        ("http://h:99999/", "."),
        ("http://h/\x00", "is not valid"),
        ("http://[::1/", "is not valid"),
        ("http://" + "a" * 300 + ".invalid/", "."),
        ("http://ex ample.invalid/", "."),
    ],
)
def test_an_invalid_url_fails_only_its_node(url, reason):
    result = run_node(request("call", url))

    assert result["error_code"] in ("REQUEST_FAILED", "DNS_RESOLUTION_FAILED")
    assert reason in result["error_message"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("X-A", "a\r\nX-Injected: yes", "headers must not contain"),
        ("X-A", "a\nb", "headers must not contain"),
        ("X-A", "a\x00b", "headers must not contain"),
        ("X-A", "half a pair \ud800", "headers must not contain"),
        ("X A", "a", "cannot have the name"),
        ("X-A:", "a", "cannot have the name"),
        ("", "a", "cannot have the name"),
        ("X-\u00e4", "a", "cannot have the name"),
        ("Content-Length", "5", "is not the body's length, which is 0"),
        ("Transfer-Encoding", "nonsense", "Only chunked is supported"),
    ],
)
def test_an_invalid_header_fails_the_node(service, name, value, reason):
    url = f"{service.url}/echo"
    result = run_node(
        request("call", url, headers={name: "{{value}}"}), inputs={"value": value}
    )

    assert result["error_code"] == "REQUEST_FAILED"
    assert reason in result["error_message"]
    assert service.seen == []


def test_a_header_is_sent_as_it_is_written(service):
    headers = {"X-A": " {{name}} ", "x-utf8": "Zoë", "User-Agent": "mine"}
    run_node(
        request("call", f"{service.url}/echo", headers=headers), inputs={"name": "Ada"}
    )

    sent = service.seen[0]["headers"]
    assert sent["x-a"] == "Ada"
    assert sent["x-utf8"].encode("latin-1").decode() == "Zoë"
    assert sent["user-agent"] == "mine"


def test_without_one_of_its_own_the_user_agent_is_ours(service):
    run_node(request("call", f"{service.url}/echo"))

    assert service.seen[0]["headers"]["user-agent"].startswith("echopoint-cli/")


@pytest.mark.parametrize("spelling", ["query_params", "queryParams"])
def test_query_parameters_follow_those_of_the_url(service, spelling):
    params = {
        "q": "{{term}}",
        "n": 1.50,
        "on": True,
        "none": None,
        "list": ["a", "{{{n}}}"],
        "object": {"b": 1},
    }
    url = f"{service.url}/echo?first=1#part"
    result = run_node(
        request("call", url, **{spelling: params}), inputs={"term": "a&b=c d", "n": 2}
    )

    assert service.seen[0]["query"] == {
        "first": ["1"],
        "q": ["a&b=c d"],
        "n": ["1.5"],
        "on": ["true"],
        "none": [""],
        "list": ["a", "2"],
        "object": ['{"b":1}'],
    }
    assert "q=a%26b%3Dc%20d" in result["request_url"]


@pytest.mark.parametrize(
    ("body", "headers", "sent", "kind"),
    [
        ({"a": "{{n}}", "b": "{{{n}}}"}, {}, '{"a":"2","b":2}', "application/json"),
        (["é"], {}, '["é"]', "application/json"),
        ("{{{list}}}", {}, "[1]", "application/json"),
        (
            {"a": 1},
            {"content-type": "application/x+json"},
            '{"a":1}',
            "application/x+json",
        ),
        ("plain {{n}}", {}, "plain 2", "text/plain; charset=utf-8"),
        (
            '{"a": {{n}}}',
            {"Content-Type": "application/json"},
            '{"a": 2}',
            "application/json",
        ),
        (
            {"a": "x y&z", "b": [1, 2.0], "c": None},
            {"Content-Type": "application/x-www-form-urlencoded"},
            "a=x+y%26z&b=1&b=2&c=",
            "application/x-www-form-urlencoded",
        ),
        (None, {}, "", None),
        (7, {}, "7", "application/json"),
    ],
)
def test_a_body_is_sent_as_its_form_asks(service, body, headers, sent, kind):
    result = run_node(
        request(
            "call", f"{service.url}/echo", method="POST", headers=headers, body=body
        ),
        inputs={"n": 2, "list": [1]},
    )

    seen = service.seen[0]
    assert "error_code" not in result
    assert seen["body"] == sent
    assert seen["headers"].get("content-type") == kind
    assert ("request_body" in result) == (body is not None)


def test_a_body_that_cannot_be_encoded_fails_the_node(service):
    one = request("call", f"{service.url}/echo", method="POST", body="\ud800")

    assert run_node(one)["error_code"] == "REQUEST_FAILED"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_all_methods_are_sent(service, method):
    result = run_node(request("call", f"{service.url}/echo", method=method))

    assert result["response_body_parsed"]["method"] == method


def test_head_has_headers_and_no_body(service):
    result = run_node(request("call", f"{service.url}/echo", method="HEAD"))

    assert result["response_status_code"] == 200
    assert result["response_body"] == ""
    assert "response_body_parsed" not in result


def test_a_status_fails_a_node_only_where_it_is_asserted(service):
    url = f"{service.url}/status/500"

    assert "error_code" not in run_node(request("call", url))
    checked = run_node(request("call", url, assertions=[assertion("lessThan", 400)]))
    assert checked["error_code"] == "ASSERTION_FAILED"


def test_cookies_are_shared_by_the_nodes_of_one_run_only(service, other_service):
    pair = "name=Set-Cookie&value={}%3D1%3B%20Path%3D/"
    set_both = f"{service.url}/headers?{pair.format('a')}&{pair.format('b')}"
    own = request("own", f"{service.url}/echo", headers={"Cookie": "own=1"})
    document = run(
        chain(request("a", set_both), request("b", f"{service.url}/echo"), own)
    )
    run(flow(request("c", f"{service.url}/echo")))

    cookies = [one["headers"].get("cookie") for one in service.seen]
    assert cookies == [None, "a=1; b=1", "own=1", None]
    first = document["result"]["execution_results"]["a"]
    assert first["response_set_cookies"] == ["a=1; Path=/", "b=1; Path=/"]


def test_nodes_that_run_together_fill_the_same_cookie_jar(service):
    def setting(name):
        pair = f"name=Set-Cookie&value={name}%3D1%3B%20Path%3D/"
        return request(name, f"{service.url}/headers?{pair}")

    last = request("last", f"{service.url}/echo")
    edges = [edge("a", "last"), edge("b", "last")]
    run(flow(setting("a"), setting("b"), last, edges=edges))

    cookies = service.seen[-1]["headers"]["cookie"].split("; ")
    assert sorted(cookies) == ["a=1", "b=1"]


@pytest.mark.parametrize(("follow", "status"), [(False, 302), (True, 200), (None, 200)])
def test_a_redirect_is_followed_unless_follow_redirects_is_false(
    service, follow, status
):
    one = request(
        "a",
        f"{service.url}/redirect/1",
        follow_redirects=follow,
        assertions=[assertion("equals", status)],
    )
    if not follow and follow is not None:
        one["assertions"].append(
            assertion("equals", "/echo", kind="header", header_name="Location")
        )

    assert "error_code" not in run_node(one)
    assert len(service.seen) == (1 if follow is False else 2)


def test_a_user_and_password_in_the_url_are_sent_as_basic_credentials(service):
    url = service.url.replace("//", "//ada:{{key}}@") + "/echo"

    result = run_node(request("call", url), inputs={"key": "pa"}, secrets=["key"])

    sent = service.seen[0]["headers"]["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"ada:pa"
    assert result["request_headers"]["authorization"] == "***"
    assert sent.removeprefix("Basic ") not in json.dumps(result)
    assert sent.encode() not in base64.b64decode(result["response_body"])
