"""Tables, and their colours, on a terminal and where there is none."""

import sys

import pytest

from echopoint.cli.main import run_command
from tests.cli.engine.flows import node
from tests.cli.terminals import read_all, shown_on_a_terminal, terminal

GREEN = "\x1b[32m"


@pytest.fixture
def nasty(api):
    """Keep two flows, one with a name of all that a table must not break at."""
    items = [
        {"id": "f-1", "name": "Tab\there\nnew line\x1b[31m", "tags": ["a", "b"]},
        {"id": "f-2", "name": "x" * 300, "version": "2"},
    ]
    page = {"total": 2, "count": 2, "items": items}
    api.fail("^/flows$", (200, page), times=2)
    return items


def test_a_program_reads_one_line_for_each_row_and_no_header(echopoint, nasty):
    ended = echopoint("flows", "list")

    assert ended.code == 0
    assert [line.split("\t") for line in ended.out.splitlines()] == [
        ["f-1", "Tab here new line\ufffd[31m", "", "a, b", ""],
        ["f-2", "x" * 300, "2", "", ""],
    ]


def test_an_empty_list_is_no_line_at_all(echopoint, api):
    api.fail("^/flows$", (200, {"total": 0, "count": 0, "items": []}))

    assert echopoint("flows", "list").out == ""


def test_the_facts_of_one_thing_are_all_there(echopoint, api):
    api.fail("^/flows/f-1$", (200, {"id": "f-1", "name": "Smoke"}))

    lines = echopoint("flows", "get", "f-1").out.splitlines()

    assert lines[:2] == ["ID\tf-1", "Name\tSmoke"]


def test_a_person_reads_aligned_columns_with_their_names(api, nasty):
    lines = shown_on_a_terminal("flows", "list").splitlines()

    assert "\t" not in "".join(lines)
    assert lines[0].startswith("\x1b[1mID ")
    assert "NAME" in lines[0]
    assert len(lines) > 5, "the long name is folded"
    assert max(map(len, lines[1:])) <= 100


def test_facts_have_their_title_on_a_terminal_too(api):
    api.fail("^/flows/f-1$", (200, {"id": "f-1", "name": "Smoke"}))

    shown = shown_on_a_terminal("flows", "get", "f-1", NO_COLOR="1")

    assert [line.split() for line in shown.splitlines()[:2]] == [
        ["ID", "f-1"],
        ["Name", "Smoke"],
    ]


def test_the_result_of_a_run_is_one_line_with_the_reasons_below(echopoint, api):
    checks = [
        {
            "extractor_type": "jsonPath",
            "extractor_data": {"path": "$.a"},
            "operator_type": "equals",
            "operator_data": {"value": "2"},
        }
    ]
    failing = node("assert", "check", {"target": {"a": 1}}, assertions=checks)
    flow = api.add_flow("Check\tout", nodes=[failing])

    first, *rest = echopoint("flows", "run", flow).out.splitlines()

    assert first.split("\t")[:3] == ["Check out", "✗ failed", "0 of 1"]
    assert "    jsonPath equals: expected 2, got 1" in rest


ON_A_TERMINAL, ALWAYS, NEVER = "on a terminal", "always", "never"
COLOURS = [
    ({}, ON_A_TERMINAL),
    ({"NO_COLOR": "1"}, NEVER),
    ({"NO_COLOR": "0"}, NEVER),
    ({"NO_COLOR": ""}, ON_A_TERMINAL),
    ({"CLICOLOR": "0"}, NEVER),
    ({"CLICOLOR": "1"}, ON_A_TERMINAL),
    ({"CLICOLOR": ""}, ON_A_TERMINAL),
    ({"CLICOLOR_FORCE": "1"}, ALWAYS),
    ({"CLICOLOR_FORCE": "0"}, ON_A_TERMINAL),
    ({"CLICOLOR_FORCE": ""}, ON_A_TERMINAL),
    ({"FORCE_COLOR": "1"}, ALWAYS),
    ({"FORCE_COLOR": "true"}, ALWAYS),
    ({"FORCE_COLOR": "0"}, NEVER),
    ({"FORCE_COLOR": ""}, ON_A_TERMINAL),
    ({"TERM": "dumb"}, NEVER),
    ({"TERM": "dumb", "FORCE_COLOR": "1"}, ALWAYS),
    ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, NEVER),
    ({"NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, NEVER),
    ({"NO_COLOR": "", "FORCE_COLOR": "1"}, ALWAYS),
    ({"CLICOLOR": "0", "CLICOLOR_FORCE": "1"}, ALWAYS),
    ({"CLICOLOR": "0", "FORCE_COLOR": "1"}, ALWAYS),
    ({"FORCE_COLOR": "0", "CLICOLOR_FORCE": "1"}, NEVER),
]


@pytest.mark.parametrize(("environment", "expected"), COLOURS)
def test_colours_follow_their_conventions(
    echopoint, api, monkeypatch, environment, expected
):
    for name, value in ({"TERM": "xterm", "COLUMNS": "100"} | environment).items():
        monkeypatch.setenv(name, value)
    arguments = ["flows", "run", api.add_flow("Smoke")]

    with monkeypatch.context() as patch, terminal() as (shown, end):
        with open(end, "w") as stdout:
            patch.setattr(sys, "stdout", stdout)
            assert run_command(arguments) == 0
        on_terminal = read_all(shown)
    in_a_pipe = echopoint(*arguments)

    assert "Smoke" in on_terminal
    assert "Smoke" in in_a_pipe.out
    assert (GREEN in on_terminal) == (expected != NEVER)
    assert ("\x1b" in on_terminal) == (expected != NEVER)
    assert (GREEN in in_a_pipe.out) == ("\x1b" in in_a_pipe.out) == (expected == ALWAYS)
    assert in_a_pipe.out.count("\t") == 3
    assert "\x1b" not in in_a_pipe.err


OTHER_KEY = "a-key-'of\"-another-form-" + "0123456789" * 6


@pytest.mark.parametrize("width", ["40", "60"])
def test_a_key_that_a_terminal_breaks_is_hidden_all_the_same(api, width):
    check = node("assert", "check", {"target": OTHER_KEY})
    check["outputs"] = [
        {"name": OTHER_KEY, "extractor": {"type": "jsonPath", "path": "$.none"}}
    ]
    flow = api.add_flow(OTHER_KEY, nodes=[check])

    shown = shown_on_a_terminal(
        *("flows", "run", flow), ECHOPOINT_API_KEY=OTHER_KEY, COLUMNS=width
    )

    assert "***" in shown
    assert "0123456789" not in shown


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_key_that_a_document_quotes_is_hidden_all_the_same(
    echopoint, api, monkeypatch, form
):
    monkeypatch.setenv("ECHOPOINT_API_KEY", OTHER_KEY)
    wait = node("delay", "wait", {"duration": 1}) | {"display_name": OTHER_KEY}
    flow = api.add_flow(nodes=[wait])

    ended = echopoint("flows", "run", flow, "-o", form)

    assert ended.code == 0, ended.err
    assert "***" in ended.out
    assert "0123456789" not in ended.out


@pytest.mark.parametrize("flags", [[], ["--api-key", "{key}"], ["--api-key={key}"]])
def test_a_key_in_a_refused_argument_is_hidden(echopoint, monkeypatch, flags):
    key = "a/key/of/another/form/0123456789"
    monkeypatch.setenv("ECHOPOINT_API_KEY", "" if flags else key)
    given = [flag.format(key=key) for flag in flags]

    ended = echopoint("flows", "get", *given, key, "-o", "json")

    assert ended.code == 3
    assert "is not a valid id" in ended.err
    assert "0123456789" not in ended.out + ended.err
