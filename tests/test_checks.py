"""System checks warn about a server that others can reach, and about a wrong replica."""

import logging
import runpy
import socket
from types import SimpleNamespace

import pytest

from echopoint.checks import check_bind, check_replica
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


def ids_of_replica(databases=("default",)):
    return [found.id for found in check_replica(None, databases)]


def test_a_hot_standby_of_the_database_is_a_replica(replica):
    assert ids_of_replica() == []


def test_a_server_that_is_none_is_refused(replica):
    replica.is_standby = False
    assert ids_of_replica() == ["echopoint.E001"]

    replica.is_standby, replica.database = True, "another/1"
    assert ids_of_replica() == ["echopoint.E001"]


def test_a_replica_that_is_away_does_not_stop_the_start(replica):
    with replica.outage():
        (found,) = check_replica(None, ["default"])

    assert found.id == "echopoint.W002"
    assert not found.is_serious()


def test_the_replica_is_not_called_unless_databases_are_checked(replica):
    replica.is_standby = False

    assert ids_of_replica(None) == []
