import base64
import io

import pytest
from django.contrib.auth import get_user
from django.db import IntegrityError
from django.test import Client

from echopoint.webhooks.models import CapturedRequest, Webhook

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
ALLOWED = "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS"
LIMIT = 1024 * 1024


def code(response):
    return response.json()["errors"][0]["code"]


@pytest.mark.parametrize("method", METHODS)
def test_anyone_may_send_with_any_method(send, webhook, method):
    response = send(method, b"hello")

    captured = webhook.requests.get()
    assert response.status_code == 200
    assert set(response.json()) == {"message", "request_id", "received_at"}
    assert response.json()["request_id"] == captured.pk
    assert (captured.method, captured.body) == (method, "hello")


def test_the_answer_is_not_cached_and_sets_no_cookie(send):
    response = send()

    assert response["Cache-Control"] == "no-store"
    assert response["Content-Type"] == "application/json"
    assert not response.cookies


def test_a_capture_costs_three_queries(send, django_assert_num_queries):
    send()  # what the organization keeps is summed up once a minute

    with django_assert_num_queries(3):
        send(body=b"x", query="a=1")


def test_a_head_request_is_captured_and_answered_without_a_body(send, webhook):
    response = send("HEAD")

    assert (response.status_code, response.content) == (200, b"")
    assert webhook.requests.get().method == "HEAD"


def test_a_plain_options_request_gets_an_allow_header(send):
    assert send("OPTIONS")["Allow"] == ALLOWED


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND"])
def test_other_methods_are_refused_with_those_allowed(send, webhook, method):
    response = send(method)

    assert response.status_code == 405
    assert response["Allow"] == ALLOWED
    assert code(response) == "METHOD_NOT_ALLOWED"
    assert not webhook.requests.exists()


@pytest.mark.parametrize(
    "id",
    ["wh_unknown", "x", "wh_", "wh_a%00", "wh_a%0A", "wh_%C3%A9", "wh_" + "a" * 38],
)
def test_an_address_that_is_no_webhooks_is_not_found(send, id):
    response = send(id=id)

    assert response.status_code == 404
    assert code(response) == "NOT_FOUND"
    assert not CapturedRequest.objects.exists()


def test_a_webhook_deleted_while_a_request_comes_in_is_not_found(
    send, webhook, monkeypatch
):
    def gone(self, **values):
        raise IntegrityError

    monkeypatch.setattr(Webhook, "capture", gone)

    assert send().status_code == 404


def test_a_body_of_exactly_the_limit_is_stored(captured):
    assert len(captured(body=b"a" * LIMIT).body) == LIMIT


def test_a_body_over_the_limit_is_refused_and_not_stored(send, webhook):
    response = send(body=b"a" * (LIMIT + 1))

    assert response.status_code == 413
    assert code(response) == "PAYLOAD_TOO_LARGE"
    assert not webhook.requests.exists()


def test_a_length_over_the_limit_is_refused_before_anything_is_read(send):
    stream = io.BytesIO(b"a" * (LIMIT + 1))

    response = send(**{"CONTENT_LENGTH": str(LIMIT + 1), "wsgi.input": stream})

    assert response.status_code == 413
    assert stream.tell() == 0


def test_a_body_that_ends_before_its_length_is_refused(send, webhook):
    response = send(**{"CONTENT_LENGTH": "5", "wsgi.input": io.BytesIO(b"abc")})

    assert response.status_code == 400
    assert not webhook.requests.exists()


@pytest.mark.parametrize("length", ["", "x", "-1", "1.5"])
def test_a_length_that_is_no_number_counts_as_no_body(captured, length):
    assert captured(CONTENT_LENGTH=length).body == ""


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\x00b", b"\xed\xa0\x80", bytes(256)])
def test_a_body_that_is_not_text_is_stored_in_base64(captured, body):
    row = captured(body=body, content_type="application/octet-stream")

    assert row.body_is_base64
    assert base64.b64decode(row.body) == body


@pytest.mark.parametrize("text", ["plain", '{"a": "ü"}', "\N{SNOWMAN}", "\ufffd\r\n"])
def test_a_body_that_is_text_is_stored_as_it_is(captured, text):
    row = captured(body=text.encode())

    assert row.body == text
    assert not row.body_is_base64


def test_headers_keep_their_values_and_a_canonical_name(captured):
    headers = {
        "x-github-EVENT": "push",
        "authorization": "Bearer t",
        "connection": "close",
    }

    row = captured(headers=headers, HTTP_USER_AGENT="curl/8")

    assert row.headers["X-Github-Event"] == "push"
    assert row.headers["Authorization"] == "Bearer t"
    assert row.headers["Connection"] == "close"
    assert row.user_agent == row.headers["User-Agent"] == "curl/8"


def test_the_content_type_of_a_body_is_stored(captured):
    row = captured(body=b"<a/>", content_type="application/xml; charset=utf-8")

    assert row.content_type == "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(b"caf\xc3\xa9", "café"), (b"caf\xe9", "café"), (b"a\x00b", "a\ufffdb")],
)
def test_a_header_in_any_bytes_is_stored_as_text(captured, sent, kept):
    row = captured(HTTP_X_NAME=sent.decode("latin-1"))

    assert row.headers["X-Name"] == kept


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", {}),
        ("a=1&b=&c", {"a": "1", "b": "", "c": ""}),
        ("a=1&a=2&b=3", {"a": "1, 2", "b": "3"}),
        ("a%00b=c%00d", {"a\ufffdb": "c\ufffdd"}),
        ("a=%FF%ED%A0%80", {"a": "\ufffd" * 4}),
        ("a=%C3%BC&b=1+2", {"a": "ü", "b": "1 2"}),
    ],
)
def test_the_query_is_stored_as_a_map_of_texts(captured, query, kept):
    assert captured(query=query).query_params == kept


def test_more_parameters_than_a_form_may_have_are_stored(captured):
    query = "&".join(f"p{n}=1" for n in range(1500))

    assert len(captured(query=query).query_params) == 1500


def test_the_address_of_the_sender_is_stored(captured):
    assert captured(REMOTE_ADDR="203.0.113.7").ip_address == "203.0.113.7"


@pytest.mark.parametrize("address", ["", "unix", "fe80::1%" + "z" * 500])
def test_an_address_that_is_none_or_too_long_is_no_error(captured, address):
    assert len(captured(REMOTE_ADDR=address).ip_address) <= 64


def test_a_key_is_stored_nowhere(captured, issue):
    _, secret = issue()
    row = captured(
        body=f'{{"key": "{secret}"}}'.encode(),
        query=f"key={secret}&{secret}=1",
        HTTP_X_API_KEY=secret,
        HTTP_USER_AGENT=f"tool {secret}",
        content_type=f"text/plain; key={secret}",
    )

    texts = [str(value) for value in vars(row).values()]
    assert not [text for text in texts if secret in text or secret[30:] in text]
    assert row.headers["X-Api-Key"].startswith("epk_live_")
    assert row.body.startswith('{"key": "epk_live_')


def test_a_key_in_a_body_that_is_not_text_is_not_stored_either(captured, issue):
    _, secret = issue()
    row = captured(body=b"\xff" + secret.encode() + b"\xfe")

    kept = base64.b64decode(row.body)
    assert secret.encode()[30:] not in kept
    assert kept.startswith(b"\xffepk_live_")
    assert kept.endswith(b"\xfe")


def test_a_visitors_session_is_not_handed_to_the_webhooks_owner(webhook, alice):
    browser = Client()
    browser.force_login(alice)
    browser.cookies["theme"] = "dark"
    session = browser.cookies["sessionid"].value

    browser.get(f"/webhook/{webhook.pk}", headers={"X-Seen": "yes"})

    row = webhook.requests.get()
    assert session not in str(vars(row))
    assert "theme=dark" in row.headers["Cookie"]
    assert get_user(browser) == alice


@pytest.mark.parametrize(
    "cookie",
    ["sessionid=S3", "a=1; sessionid=S3; b=2", "a=1,sessionid=S3", "a=1;sessionid =S3"],
)
def test_a_session_is_hidden_wherever_it_is_among_the_cookies(captured, cookie):
    kept = captured(HTTP_COOKIE=cookie).headers["Cookie"]

    assert "S3" not in kept
    assert "a=1" in kept or cookie == "sessionid=S3"


def test_a_cookie_with_a_similar_name_is_stored(captured):
    kept = captured(HTTP_COOKIE="my_sessionid=A; sessionid2=B").headers["Cookie"]

    assert kept == "my_sessionid=A; sessionid2=B"


def test_a_sender_needs_no_csrf_token(webhook):
    client = Client(enforce_csrf_checks=True)

    assert client.post(f"/webhook/{webhook.pk}", {"a": "1"}).status_code == 200


def test_a_wrong_key_does_not_keep_a_sender_out(captured):
    assert captured(HTTP_X_API_KEY="nonsense", HTTP_X_ORGANIZATION_ID="org_x")


def test_a_parameter_is_decoded_once(captured):
    row = captured(query="x=%C3%83%C2%A9")

    assert row.query_params == {"x": "\u00c3\u00a9"}
