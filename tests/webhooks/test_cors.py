"""CORS: pages of any origin send to a webhook and read the response."""

import pytest
from django.db import OperationalError

from echopoint.webhooks import capture

ASKS = {
    "HTTP_ORIGIN": "https://shop.example",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
}


@pytest.mark.parametrize("below", ["", "/", "/orders/7"])
def test_a_preflight_is_allowed_and_not_captured(send, webhook, below):
    response = send("OPTIONS", below=below, **ASKS)

    assert (response.status_code, response.content) == (204, b"")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "PUT" in response["Access-Control-Allow-Methods"]
    assert int(response["Access-Control-Max-Age"]) > 0
    assert "Access-Control-Allow-Credentials" not in response
    assert not webhook.requests.exists()


@pytest.mark.parametrize("absent", list(ASKS))
def test_an_options_request_that_is_no_preflight_is_captured(captured, absent):
    asks = {name: value for name, value in ASKS.items() if name != absent}

    assert captured("OPTIONS", **asks).method == "OPTIONS"


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("authorization, X-Signature", "authorization, X-Signature"),
        ("x-a,x_b", "x-a, x_b"),
        ("a b, c\u00e9, x-ok, d:e, <f>", "x-ok"),
        ("x" * 101, None),
        ("", None),
    ],
)
def test_only_names_of_headers_are_echoed(send, asked, allowed):
    asks = ASKS | {"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": asked}

    response = send("OPTIONS", **asks)

    assert response.get("Access-Control-Allow-Headers") == allowed


def test_no_more_than_a_hundred_names_are_echoed(send):
    asked = ",".join(f"x-{n}" for n in range(500))

    response = send("OPTIONS", HTTP_ACCESS_CONTROL_REQUEST_HEADERS=asked, **ASKS)

    assert len(response["Access-Control-Allow-Headers"].split(",")) == 100


def test_a_preflight_discloses_no_ids_and_runs_no_query(
    send, django_assert_num_queries
):
    with django_assert_num_queries(0):
        known = send("OPTIONS", **ASKS)
        unknown = send("OPTIONS", id="wh_unknown", **ASKS)

    assert unknown.status_code == known.status_code
    assert set(unknown.headers) == set(known.headers)


def test_a_page_can_read_an_answer(send):
    response = send(HTTP_ORIGIN="https://shop.example")

    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"id": "wh_unknown"}, 404),
        ({"id": "wh_a%00"}, 404),
        ({"body": b"a" * 1_100_000}, 413),
        ({"method": "PROPFIND"}, 405),
    ],
)
def test_a_page_can_read_a_refusal(send, sent, status):
    response = send(**sent)

    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == "*"


def test_a_page_can_read_of_a_database_that_is_away(send, monkeypatch):
    def fail(*_):
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(capture, "store_request", fail)

    response = send()

    assert response.status_code == 503
    assert response["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/webhooks", "/flows", "/webhooks/search"])
def test_no_page_of_another_origin_reads_the_api(client, path):
    response = client.get(path, headers={"Origin": "https://shop.example"})

    assert "Access-Control-Allow-Origin" not in response
