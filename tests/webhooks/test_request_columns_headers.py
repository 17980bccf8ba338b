"""Headers as the client sent them, through gunicorn's parser with our configuration."""

import runpy

import pytest
from django.test.client import ClientHandler
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

from echopoint.core.header_lines import CARRIER, HEADER_LINES, HeaderLines
from tests.paths import ROOT

CONFIGURATION = ROOT / "gunicorn.conf.py"
CLIENT = ("127.0.0.1", 4000)


@pytest.fixture(scope="module")
def configuration():
    config = Config()
    for name, value in runpy.run_path(str(CONFIGURATION)).items():
        if name in config.settings:
            config.set(name, value)
    return config


@pytest.fixture
def environ_of(configuration):
    """Return what WSGI gets of a request with these header lines."""

    def environ_of(path, *lines, method="GET"):
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", *lines]
        sent = "\r\n".join([*head, "", ""]).encode("latin-1")
        request = next(RequestParser(configuration, iter([sent]), CLIENT))
        configuration.pre_request(None, request)
        return create(request, None, CLIENT, ("127.0.0.1", 8000), configuration)[1]

    return environ_of


@pytest.fixture
def ask(db, environ_of):
    """Return a caller of the site that answers with the status."""
    handler = ClientHandler()

    def ask(*args, **options):
        application = HeaderLines(lambda environ, start: handler(environ))
        return application(environ_of(*args, **options), None).status_code

    return ask


@pytest.fixture
def sent(ask, webhook):
    """Return a sender of header lines to the webhook that answers with the row."""

    def sent(*lines, below=""):
        assert ask(f"/webhook/{webhook.pk}{below}", *lines) == 200
        return webhook.requests.get()

    return sent


def test_a_header_with_an_underscore_is_stored_under_its_own_name(sent):
    row = sent("X_Signature: a", "X-Signature: b", "x-under_SCORE: c")

    assert row.headers["X_Signature"] == "a"
    assert row.headers["X-Signature"] == "b"
    assert row.headers["X-Under_Score"] == "c"


def test_repeated_headers_are_stored_as_lists(sent, api, webhook):
    sent("X-A: 1", "X-B: 2", "X-A: 3, 4", "X_C: 5", "X_C: 6")

    path = f"/webhooks/{webhook.pk}/requests/search"
    (item,) = api("webhooks:read").post(path, {}).json()["items"]
    assert item["headers"]["X-A"] == "1,3, 4"
    assert item["headers"]["X_C"] == "5,6"
    assert item["headers_all"] == {
        "Host": ["localhost"],
        "X-A": ["1", "3, 4"],
        "X-B": ["2"],
        "X_C": ["5", "6"],
    }


@pytest.mark.parametrize(
    ("name", "status"), [("X-Api-Key", 200), ("X_Api_Key", 401), ("X-Api_Key", 401)]
)
def test_a_key_counts_under_its_exact_name_only(ask, issue, acme, name, status):
    _, secret = issue(scopes=["flows:read"])

    lines = (f"{name}: {secret}", f"X-Organization-Id: {acme.pk}")

    assert ask("/flows", *lines) == status


@pytest.mark.parametrize("name", ["X_Organization_Id", "X-Organization_Id"])
def test_an_organization_counts_under_its_exact_name_only(ask, issue, acme, name):
    _, secret = issue(scopes=["flows:read"])

    assert ask("/flows", f"X-Api-Key: {secret}", f"{name}: {acme.pk}") == 400


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X-Forwarded_For"])
def test_an_address_is_not_believed_under_another_name(sent, settings, name):
    settings.TRUSTED_PROXIES = 1

    row = sent("X-Forwarded-For: 203.0.113.7", f"{name}: 198.51.100.1")

    assert row.ip_address == "203.0.113.7"
    assert "198.51.100.1" in row.headers.values()


def test_a_client_cannot_move_the_root_of_the_site(sent, webhook):
    """gunicorn believes these of a proxy on the same machine, as our nginx is."""
    row = sent("SCRIPT_NAME: /webhook", "PATH_INFO: /flows", below="/a")

    assert row.path == "/a"
    assert row.raw_path == f"/webhook/{webhook.pk}/a"


def test_a_session_cookie_is_hidden_in_all_columns(sent, api, webhook):
    row = sent("Cookie: sessionid=S3CRET", "Cookie: a=1; sessionid=S3CRET")

    assert "S3CRET" not in str(vars(row))
    assert "a=1" in str(row.repeated_headers["Cookie"])


def test_a_key_is_stored_in_no_header_line(sent, issue):
    _, secret = issue()

    row = sent(f"X_Key: {secret}", f"{secret}: 1", f"X-Key: {secret}", "X-Key: 2")

    texts = [str(value).lower() for value in vars(row).values()]
    assert not [text for text in texts if secret[30:].lower() in text]
    assert row.headers["X_Key"].startswith("epk_live_")


def test_a_null_character_never_comes_in_a_line(captured):
    row = captured(**{HEADER_LINES: (("X_A", "a\x00b"), ("X_B", "caf\xc3\xa9"))})

    assert row.headers["X_A"] == "a\N{REPLACEMENT CHARACTER}b"
    assert row.headers["X_B"] == "café"


def test_the_lines_are_no_header_of_the_request(sent):
    row = sent("X_A: 1")

    assert set(row.headers) == {"Host", "X_A"}


def test_lines_of_other_requests_are_not_passed(environ_of):
    environ = environ_of("/flows", "X_A: 1", "X-B: 2")

    assert f"HTTP_{CARRIER}" not in environ
    assert "HTTP_X_A" not in environ
    assert environ["HTTP_X_B"] == "2"


def test_lines_that_a_client_made_up_are_not_believed():
    seen = []
    application = HeaderLines(lambda environ, start: seen.append(environ))

    application({f"HTTP_{CARRIER}": "x"}, None)

    assert seen == [{}]
