"""The URL of a captured request: the path below the id, and the raw URL."""

import pytest

from echopoint.webhooks.models import CapturedRequest


@pytest.mark.parametrize("below", ["", "/", "/orders/7", "/a//b/", "/a b"])
def test_requests_below_the_id_are_captured_with_their_path(captured, webhook, below):
    row = captured(below=below.replace(" ", "%20"))

    assert row.webhook == webhook
    assert row.path == below


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("/a%2Fb", "/a/b"), ("/%C3%BC", "/ü"), ("/%FF", "/%FF"), ("/a%0Ab", "/a\nb")],
)
def test_a_path_below_is_decoded(captured, sent, kept):
    assert captured(below=sent).path == kept


def test_an_unknown_id_with_a_path_below_is_not_found(send):
    response = send(id="wh_unknown", below="/orders")

    assert response.status_code == 404
    assert not CapturedRequest.objects.exists()


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize("origin", ["", "http://localhost:8000", "HTTPS://x"])
def test_the_address_is_stored_as_it_was_sent(captured, webhook, name, origin):
    target = f"/webhook/{webhook.pk}/a%2fb?x=%41+b&&y"

    row = captured(below="/a%2fb", query="x=%41+b&&y", **{name: f"{origin}{target}"})

    assert row.raw_path == f"/webhook/{webhook.pk}/a%2fb"
    assert row.raw_query == "x=%41+b&&y"


def test_raw_path_is_null_if_the_server_does_not_pass_it(captured):
    row = captured(below="/a%2fb", query="x=%41")

    assert row.raw_path is None
    assert row.raw_query == "x=%41"


@pytest.mark.parametrize("is_encoded", [False, True])
def test_a_key_in_an_address_is_stored_nowhere(captured, webhook, issue, is_encoded):
    _, secret = issue()
    sent = "".join(f"%{ord(c):02x}" for c in secret) if is_encoded else secret

    row = captured(
        below=f"/{sent}",
        query=f"key={sent}",
        RAW_URI=f"/webhook/{webhook.pk}/{sent}?key={sent}",
    )

    texts = [str(value) for value in vars(row).values()]
    assert not [t for t in texts if secret[30:] in t or sent[-20:] in t]
    assert row.raw_path.startswith(f"/webhook/{webhook.pk}/epk_live_")
    assert row.raw_query.startswith("key=epk_live_")


def test_a_path_is_found_by_search(captured, webhook):
    row = captured(below="/orders/7")
    captured(below="/orders/8")

    assert list(webhook.requests.containing("ORDERS/7")) == [row]


def test_all_values_of_a_parameter_come_beside_the_joined_ones(api, captured, webhook):
    captured(query="a=1&b=2&a=3,%204&a=")

    (item,) = requests_of(api, webhook)

    assert item["query_params"] == {"a": "1, 3, 4, ", "b": "2"}
    assert item["query_params_all"] == {"a": ["1", "3, 4", ""], "b": ["2"]}


def test_requests_captured_before_have_only_joined_values(api, webhook):
    webhook.capture(method="GET", query_params={"a": "1, 2"}, headers={"A": "1"})

    (item,) = requests_of(api, webhook)

    assert item["query_params_all"] is item["headers_all"] is None
    assert item["raw_path"] is item["raw_query"] is None


def requests_of(api, webhook):
    path = f"/webhooks/{webhook.pk}/requests/search"
    return api("webhooks:read").post(path, {}).json()["items"]
