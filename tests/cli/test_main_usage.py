"""Flags, environment, and what is said when they are wrong."""

import os
import subprocess
import sys

import pytest

from tests.cli.api_key import KEY
from tests.paths import ROOT

ECHOPOINT = [sys.executable, "-m", "echopoint.cli"]


def test_the_command_starts_without_what_only_some_commands_need():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, echopoint.cli.main; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.split()

    heavy = {"django", "httpx", "rich", "yaml", "jsonpath_rfc9535", "re2", "regex"}
    assert "click" in loaded
    assert "echopoint.cli.main" in loaded
    assert not heavy & set(loaded)
    assert "echopoint.cli.engine" not in loaded


@pytest.mark.parametrize(
    "arguments",
    [
        ["-o", "json", "whoami"],
        ["whoami", "-o", "json"],
        ["whoami", "--output=json"],
        ["-o", "yaml", "whoami", "-o", "json"],
    ],
)
def test_flags_stand_before_the_noun_or_after_the_verb(echopoint, api, arguments):
    ended = echopoint(*arguments)

    assert ended.code == 0
    assert ended.json["api_key_id"] == "key_1"


def test_flags_come_before_the_environment(echopoint, api, monkeypatch):
    monkeypatch.setenv("ECHOPOINT_OUTPUT_FORMAT", "yaml")
    monkeypatch.setenv("ECHOPOINT_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("ECHOPOINT_ORGANIZATION_ID", "org_environment")
    url = api.url
    monkeypatch.setenv("ECHOPOINT_API_URL", "http://127.0.0.1:1")

    ended = echopoint(
        *("--api-url", f"{url}/", "--api-key", "key-of-the-flag", "--organization-id"),
        *("org_flag", "-o", "json", "whoami"),
    )

    headers = api.seen[0]["headers"]
    assert ended.json["organization_id"] == "org_acme"
    assert headers["X-Api-Key"] == "key-of-the-flag"
    assert headers["X-Organization-Id"] == "org_flag"
    assert api.seen[0]["path"] == "/api-keys/self"


def test_the_environment_alone_is_enough(echopoint, api, monkeypatch):
    monkeypatch.setenv("ECHOPOINT_OUTPUT_FORMAT", "json")

    ended = echopoint("whoami")

    assert ended.json["api_key_id"] == "key_1"
    assert api.seen[0]["headers"]["X-Api-Key"] == KEY


def test_whoami_needs_no_organization_and_others_do(echopoint, api, monkeypatch):
    monkeypatch.setenv("ECHOPOINT_ORGANIZATION_ID", "")

    who, flows = echopoint("whoami"), echopoint("flows", "list")

    assert (who.code, flows.code) == (0, 3)
    assert "ECHOPOINT_ORGANIZATION_ID" in flows.err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("API_KEY", "", "Set ECHOPOINT_API_KEY"),
        ("API_KEY", f"{KEY}\n", "Copy the complete"),
        ("API_KEY", f" {KEY}", "Copy the complete"),
        ("API_KEY", "ключ", "Copy the complete"),
        ("ORGANIZATION_ID", "org_a\r\nX-Evil: 1", "Copy the complete"),
        ("API_URL", "api.echopoint.dev", "API URL is not valid"),
        ("API_URL", "ftp://x", "API URL is not valid"),
        ("API_URL", "https://", "API URL is not valid"),
        ("API_URL", "https://x:99999", "API URL is not valid"),
        ("API_URL", "https://[::1", "API URL is not valid"),
        ("API_URL", "https://a b", "API URL is not valid"),
        ("API_URL", "https://user:pass@x", "Leave out user"),
        ("API_URL", "https://x/?key=1", "Leave out user"),
        ("OUTPUT_FORMAT", "xml", "Use table, json or yaml"),
        ("RETRY_PAUSE", "soon", "not a number of seconds"),
        ("REQUEST_TIMEOUT", "-1", "not a number of seconds"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_to_do(
    echopoint, api, monkeypatch, variable, value, said
):
    monkeypatch.setenv(f"ECHOPOINT_{variable}", value)

    ended = echopoint("flows", "list")

    assert ended.code == 3
    assert said in ended.err
    assert "kkkk" not in ended.err
    assert ended.err.count("\n") == 1
    assert api.seen == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["flows", "nonsense"],
        ["flows", "run", "--nonsense"],
        ["flows", "run", "x", "--parallel", "0"],
        ["flows", "run", "x", "--parallel", "many"],
        ["flows", "run", "x", "--match-mode", "some"],
        ["flows", "run", "../x"],
        ["flows", "run", ""],
        ["flows", "get", "a/b"],
        ["flows", "list", "--limit", "101"],
        ["flows", "list", "--limit", "0"],
        ["flows", "list", "--offset", "-1"],
        ["permissions", "--type", "all"],
        ["webhooks", "requests"],
        ["-o", "xml", "whoami"],
        ["-o", "json"],
    ],
)
def test_wrong_use_ends_with_3_before_anything_is_sent(echopoint, api, arguments):
    ended = echopoint(*arguments)

    assert ended.code == 3
    assert "Usage: echopoint" in ended.err
    assert ended.out == "" or ended.json["exit_code"] == 3
    assert api.seen == []


@pytest.mark.parametrize(
    "time", ["", "30", "m", "-5m", "0s", "30 m", "1h 30m", "5d", "169h", "1m1", "é"]
)
def test_a_time_is_written_as_go_writes_it(echopoint, api, time):
    ended = echopoint("flows", "run", "x", "--poll-timeout", time)

    assert ended.code == 3
    assert "Use a value such as 30m, 90s or 1h30m" in ended.err


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("30m", 1800), ("90s", 90), ("1h30m", 5400), ("1.5h", 5400), ("250ms", 0.25)],
)
def test_times_are_understood(time, seconds):
    from echopoint.cli.options import Duration

    assert Duration().convert(time, None, None) == seconds


def test_wrong_use_is_told_to_programs_too(echopoint):
    ended = echopoint("flows", "run", "-o", "json")

    assert ended.json == {
        "status": "error",
        "success": False,
        "exit_code": 3,
        "error_message": "Select flows either by id or by --tag.",
    }


def test_a_key_pasted_in_the_wrong_place_is_not_repeated(echopoint):
    for arguments in ([KEY], ["flows", "run", f"{KEY}!"], ["-o", KEY, "whoami"]):
        ended = echopoint(*arguments)

        assert ended.code == 3
        assert "epk_live_AAAAAAAAAAAA_…" in ended.err
        assert "kkkk" not in ended.err + ended.out


def test_plain_http_is_warned_of_unless_it_stays_here(echopoint, api, monkeypatch):
    local = echopoint("whoami")
    monkeypatch.setenv("ECHOPOINT_API_URL", "http://api.invalid")

    remote = echopoint("whoami")

    assert "plain http" not in local.err
    assert "plain http" in remote.err


def test_debug_tells_of_requests_and_of_nothing_in_them(echopoint, api):
    ended = echopoint("flows", "list", "--limit", "77", "--debug")

    assert "debug: GET /flows 404 request-1" in ended.err
    assert "77" not in ended.err
    assert KEY not in ended.err
    assert "org_acme" not in ended.err


def test_an_api_that_repeats_the_key_does_not_make_the_command_repeat_it(
    echopoint, api, monkeypatch
):
    monkeypatch.setenv("ECHOPOINT_API_KEY", "another-form-of-key-0123456789")
    message = "The key another-form-of-key-0123456789 is unknown."
    error = {"code": "UNAUTHENTICATED", "message": message}
    api.fail("/flows$", (401, {"errors": [error]}))

    ended = echopoint("flows", "list", "-o", "json")

    assert ended.code == 3
    assert "another-form" not in ended.err + ended.out
    assert "The key *** is unknown." in ended.err


def test_a_mistake_in_the_command_shows_no_value(echopoint, api, monkeypatch):
    def fail(*arguments):
        raise RuntimeError(f"a careless message with {KEY}")

    monkeypatch.setattr("echopoint.cli.commands.keys.key_document", fail)

    plain, debug = echopoint("whoami"), echopoint("whoami", "--debug")

    assert (plain.code, debug.code) == (3, 3)
    assert "RuntimeError" in plain.err
    assert "Traceback" not in plain.err + debug.err
    assert "in whoami" in debug.err
    assert "careless" not in plain.err + debug.err


def test_the_version_is_told(echopoint):
    ended = echopoint("--version")

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("echopoint ")


def test_help_is_no_error(echopoint):
    ended = echopoint("flows", "run", "--help")

    assert ended.code == 0
    assert "--poll-timeout" in ended.out


@pytest.mark.parametrize("arguments", [[], ["flows"], ["executions"], ["webhooks"]])
def test_a_command_that_is_only_begun_shows_its_help(echopoint, api, arguments):
    begun, asked = echopoint(*arguments), echopoint(*arguments, "--help")

    assert (begun.code, begun.err) == (0, "")
    assert begun.out == asked.out
    assert begun.out.startswith(" ".join(["Usage: echopoint", *arguments, "[OPTIONS]"]))
    assert "Commands:" in begun.out


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["flows"], ["flows", "run"], ["whoami"]])
def test_every_command_has_help(echopoint, command, flag):
    ended = echopoint(*command, flag)

    assert (ended.code, ended.err) == (0, "")
    assert "Show this message and exit." in ended.out


@pytest.mark.parametrize("name", ["plain", "C"])
def test_any_text_can_be_shown_on_any_terminal(api, name):
    api.add_flow("Grün ☃ \x1b[31m")
    environment = os.environ | {
        "ECHOPOINT_API_URL": api.url,
        "PYTHONIOENCODING": "ascii" if name == "C" else "utf-8",
    }

    ended = subprocess.run(
        [*ECHOPOINT, "flows", "run", "--tag", "nothing-has-it"],
        capture_output=True,
        env=environment,
        cwd=ROOT,
        check=False,
    )

    assert ended.returncode == 3
    assert b"Traceback" not in ended.stderr
