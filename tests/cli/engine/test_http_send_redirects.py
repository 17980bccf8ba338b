"""What goes along when a service sends a request elsewhere."""

import json
from base64 import b64encode
from urllib.parse import urlencode

import pytest

from tests.cli.engine.flows import assertion, chain, request, run, run_node

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


def setting(service, name, **attributes):
    """Return a request node that gets a cookie from the service, into the run's jar."""
    query = {"name": "Set-Cookie", "value": cookie(name, **attributes)}
    return request(name, f"{service.url}/headers", query_params=query)


def cookie(name, value="jar", **attributes):
    pairs = {"Path": "/"} | {key.replace("_", "-"): v for key, v in attributes.items()}
    return "; ".join([f"{name}={value}", *map("=".join, pairs.items())])


def answering(service, to, *cookies, own=None, status=302):
    """Return a node whose answer sets these cookies and redirects to /echo of `to`."""
    headers = [("Set-Cookie", one) for one in cookies]
    headers.append(("Location", f"{to.url}/echo"))
    query = urlencode([("status", status)] + pairs_of(headers))
    return request(
        "redirected",
        f"{service.url}/headers?{query}",
        headers={"Cookie": own} if own else {},
    )


def pairs_of(headers):
    return [pair for n, v in headers for pair in (("name", n), ("value", v))]


def cookies_at(service):
    """Return the cookies that came with the last request."""
    cookies = service.seen[-1]["headers"].get("cookie", "")
    return sorted(one for one in cookies.split("; ") if one)


DELETIONS = [{"Max_Age": "0"}, {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT"}]


@pytest.mark.parametrize("deletion", DELETIONS)
@pytest.mark.parametrize("own", [None, "b=own"])
def test_a_cookie_that_the_redirect_deletes_is_not_sent(service, deletion, own):
    one = answering(service, service, cookie("a", "", **deletion), own=own)

    run(chain(setting(service, "a"), one))

    assert cookies_at(service) == ([own] if own else [])


@pytest.mark.parametrize("deletion", DELETIONS)
def test_a_cookie_of_the_node_that_the_redirect_deletes_is_not_sent(service, deletion):
    run_node(answering(service, service, cookie("a", "", **deletion), own="a=1; b=2"))

    assert cookies_at(service) == ["b=2"]


def test_a_cookie_that_the_redirect_sets_replaces_the_one_of_the_node(service):
    run_node(answering(service, service, cookie("a", "new"), own="a=1; b=2"))

    assert cookies_at(service) == ["a=new", "b=2"]


def test_the_cookies_of_the_node_come_with_those_of_the_run_and_win(service):
    one = answering(service, service, cookie("c"), own="a=own; b=own")

    run(chain(setting(service, "a"), setting(service, "d"), one))

    assert cookies_at(service) == ["a=own", "b=own", "c=jar", "d=jar"]


def test_the_cookies_of_the_node_go_along_on_each_redirect_within_the_origin(service):
    url = f"{service.url}/redirect/3"

    run_node(request("a", url, headers={"cookie": "a=1;b=2"}))

    assert [one["headers"]["cookie"] for one in service.seen[1:]] == ["a=1; b=2"] * 3


def test_another_origin_gets_the_cookies_of_the_run_for_it_and_not_the_nodes(
    service, other_service
):
    # Cookies apply to a host with any port, and may be limited to a path (RFC 6265).
    one = answering(service, other_service, cookie("c"), own="a=own; b=own")
    first = [
        setting(service, "a"),
        setting(other_service, "d"),
        setting(service, "elsewhere", Path="/elsewhere"),
    ]

    run(chain(*first, one))

    assert service.seen[-1]["headers"]["cookie"] == "a=own; b=own"
    assert cookies_at(other_service) == ["a=jar", "c=jar", "d=jar"]


def test_a_secure_cookie_is_not_sent_over_plain_http(service, other_service):
    with_secure = cookie("s") + "; Secure"

    run_node(answering(service, other_service, with_secure))

    assert cookies_at(other_service) == []


def test_what_stayed_behind_is_not_sent_when_the_first_origin_comes_again(
    service, other_service
):
    back = f"{other_service.url}/redirect-to?" + urlencode(
        {"url": f"{service.url}/echo"}
    )
    url = f"{service.url}/redirect-to?" + urlencode({"url": back})

    run_node(request("call", url, headers=HEADERS | {"X-Key": "x"}))

    assert [one["path"] for one in service.seen] == ["/redirect-to", "/echo"]
    last = service.seen[-1]["headers"]
    assert last["x-plain"] == "plain"
    assert not {"authorization", "cookie", "proxy-authorization"} & set(last)


@pytest.mark.parametrize(
    ("method", "status", "after"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "GET"),
        ("HEAD", 303, "HEAD"),
    ],
)
def test_the_method_and_body_after_a_redirect_are_those_of_a_browser(
    service, method, status, after
):
    url = f"{service.url}/redirect-to?url=/echo&status={status}"

    result = run_node(request("call", url, method=method, body="text"))

    last = service.seen[-1]
    assert "error_code" not in result
    assert (last["path"], last["method"]) == ("/echo", after)
    is_kept = after == method
    assert last["body"] == ("text" if is_kept else "")
    assert last["headers"].get("content-length") == ("4" if is_kept else None)


def test_a_user_and_password_in_a_location_are_sent_as_basic_credentials(
    service, other_service
):
    to = other_service.url.replace("//", "//ada:pw%40@") + "/echo"

    run_node(request("call", service.url + "/redirect-to?" + urlencode({"url": to})))

    headers = other_service.seen[0]["headers"]
    assert headers["authorization"] == "Basic " + b64encode(b"ada:pw@").decode()
    assert headers["host"] == f"127.0.0.1:{other_service.port}"


UNFOLLOWABLE = [
    ("", "its Location is empty"),
    ("mailto:", 'its Location has the scheme "mailto"'),
    ("mailto:someone@example.com", 'its Location has the scheme "mailto"'),
    ("javascript:alert(1)", 'its Location has the scheme "javascript"'),
    ("file:///etc/passwd", 'its Location has the scheme "file"'),
    ("http://", "its Location has no host"),
    ("https:///hidden", "its Location has no host"),
    ("http://hidden.test:70000/", "its Location has a port above 65535"),
    ("http://hidden.test:port/", "its Location is not a valid URL"),
    ("http://[::1/hidden", "its Location is not a valid URL"),
    ("http://xn--/hidden", "its Location is not a valid URL"),
]


@pytest.mark.parametrize(("location", "says"), UNFOLLOWABLE)
def test_a_location_that_cannot_be_followed_fails_the_node(service, location, says):
    result = run_node(locating(service, location))

    assert result["error_code"] == "REQUEST_FAILED"
    message = result["error_message"]
    assert message.startswith(f"The redirect (HTTP 302) cannot be followed: {says}")
    assert "set follow_redirects to false" in message
    assert "hidden" not in message
    assert len(service.seen) == 1


@pytest.mark.parametrize("location", [location for location, _ in UNFOLLOWABLE])
def test_a_redirect_that_is_not_followed_may_have_any_location(service, location):
    one = locating(
        service,
        location,
        follow_redirects=False,
        assertions=[
            assertion("equals", 302),
            assertion("equals", location, kind="header", header_name="Location"),
        ],
    )

    result = run_node(one)

    assert "error_code" not in result
    assert result["response_status_code"] == 302
    assert result["response_headers"]["location"] == location


def test_several_locations_are_not_followed_unless_they_are_the_same(service):
    def redirected_to(*locations):
        pairs = pairs_of([("Location", one) for one in locations])
        query = urlencode([("status", 302), *pairs])
        return run_node(request("call", f"{service.url}/headers?{query}"))

    assert "several different Location" in redirected_to("/echo", "/b")["error_message"]
    assert redirected_to("/echo", "/echo")["response_status_code"] == 200


@pytest.mark.parametrize("status", [300, 304, 302])
def test_an_answer_that_leads_nowhere_is_the_answer(service, status):
    query = [("status", status)] + (
        pairs_of([("Location", "/echo")]) if status != 302 else []
    )

    result = run_node(request("call", f"{service.url}/headers?{urlencode(query)}"))

    assert result["response_status_code"] == status


def locating(service, location, **data):
    query = urlencode([("status", 302), *pairs_of([("Location", location)])])
    return request("call", f"{service.url}/headers?{query}", **data)
