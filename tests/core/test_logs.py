"""gunicorn's own logs, which quote client data."""

import json
import time

import pytest

from tests.core.keys import KEY
from tests.raw_http import exchange

PRIVATE = KEY[22:65]
# Requests that gunicorn rejects or logs before the site sees them.
MALFORMED = {
    "a header without a colon": f"GET / HTTP/1.1\r\nX-Api-Key {KEY}\r\n\r\n",
    "a header with spaces": f"GET / HTTP/1.1\r\n{KEY} : x\r\n\r\n",
    "an expectation": f"GET /flows HTTP/1.1\r\nHost: localhost\r\nExpect: {KEY}\r\n\r\n",
    "a method": f"{KEY} / HTTP/1.1\r\n\r\n",
    "a version": f"GET / {KEY}\r\n\r\n",
    "a line": f"{KEY}\r\n\r\n",
    "a length": f"POST / HTTP/1.1\r\nContent-Length: {KEY}\r\n\r\n",
    "a coding": f"POST / HTTP/1.1\r\nTransfer-Encoding: {KEY}\r\n\r\n",
    "a long line": f"GET /{'x' * 4094}{KEY} HTTP/1.1\r\n\r\n",
    "a folded header": f"GET / HTTP/1.1\r\nX: y\r\n {KEY}\r\n\r\n",
}
LOGGED = (
    f"GET /flows?key={KEY} HTTP/1.1\r\nHost: localhost\r\nReferer: https://x/{KEY}\r\n"
    f"User-Agent: {KEY}\r\nConnection: close\r\n\r\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def site(folder, running_site):
    options = {"GUNICORN_CMD_ARGS": f"--access-logfile {folder / 'access'}"}
    with (
        (folder / "errors").open("w") as log,
        running_site(folder, log=log, **options) as site,
    ):
        yield site


def send(site, request):
    """Send the text; return the first line of the response."""
    return exchange(site, request).partition("\r\n")[0]


def wait_for(file, text):
    """Wait until the file contains the text, or fail."""
    end = time.monotonic() + 10
    while text not in file.read_text():
        assert time.monotonic() < end, file.read_text()
        time.sleep(0.1)


@pytest.mark.slow
def test_no_log_repeats_a_key(site, folder):
    answers = {name: send(site, text) for name, text in MALFORMED.items()}
    # A name and an address alone are as private as a whole key.
    answers["logged"] = send(site, LOGGED)

    wait_for(folder / "access", "GET /flows?key=")  # it comes after the answer
    errors, access = (folder / "errors").read_text(), (folder / "access").read_text()
    refused = [name for name, line in answers.items() if " 4" in line or " 5" in line]
    assert len(refused) >= len(MALFORMED) - 1, answers
    assert errors.count("Invalid request from ip=") >= len(MALFORMED) // 2
    assert PRIVATE not in errors + access


REFUSED = {
    "a method": (400, "BAD_REQUEST"),
    "a header without a colon": (400, "BAD_REQUEST"),
    "an expectation": (417, "EXPECTATION_FAILED"),
    "a coding": (501, "NOT_IMPLEMENTED"),
    "a long line": (414, "URI_TOO_LONG"),
    "headers": (431, "HEADERS_TOO_LARGE"),
}
LARGE = f"GET / HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 10_000}\r\n\r\n"


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_gunicorn_rejects_gets_the_error_envelope(site, name):
    head, _, body = exchange(site, (MALFORMED | {"headers": LARGE})[name]).partition(
        "\r\n\r\n"
    )

    (error,) = json.loads(body)["errors"]
    assert (int(head.split()[1]), error["code"]) == REFUSED[name]
    assert "Content-Type: application/json" in head
    assert "Connection: close" in head
    assert PRIVATE not in head + body
