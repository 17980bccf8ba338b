"""`check --deploy` warns about a server that other machines can reach."""

import logging
import runpy
import socket
from types import SimpleNamespace

import pytest

from echopoint.checks import check_bind
from tests.paths import ROOT

CONFIGURATION = ROOT / "gunicorn.conf.py"


@pytest.mark.parametrize(
    "place",
    [
        "0.0.0.0:8000",
        "[::]:8000",
        ":8000",
        "10.0.0.4:80",
        "site.example:80",
        "10.0.0.4",
    ],
)
def test_an_address_that_others_reach_is_warned_of(settings, place):
    settings.BIND = f"127.0.0.1:1, {place}"

    (warning,) = check_bind(None)

    assert warning.id == "echopoint.W001"
    assert place in warning.msg


@pytest.mark.parametrize(
    "place", ["127.0.0.1:8000", "[::1]:8000", "localhost:80", "unix:/run/echopoint"]
)
def test_an_address_of_this_machine_is_not(settings, place):
    settings.BIND = place

    assert check_bind(None) == []


@pytest.mark.parametrize(
    "option", ["-b 0.0.0.0:80", "--bind=0.0.0.0:80", "-b0.0.0.0:80"]
)
def test_the_options_of_gunicorn_win(settings, option):
    settings.BIND = "127.0.0.1:8000"
    settings.GUNICORN_CMD_ARGS = f"--workers 2 {option}"

    assert [warning.id for warning in check_bind(None)] == ["echopoint.W001"]


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])  # noqa: S104
def test_the_server_says_itself_that_others_reach_it(host, warned, caplog):
    when_ready = runpy.run_path(CONFIGURATION)["when_ready"]

    with socket.create_server((host, 0)) as listener:
        log = logging.getLogger("tests.server")
        when_ready(SimpleNamespace(LISTENERS=[listener], log=log))

    assert ("which other machines may reach" in caplog.text) is warned
