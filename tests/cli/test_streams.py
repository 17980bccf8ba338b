"""Ends that cannot be written or read: full, closed, or left by who read them."""

import json
import os
import subprocess
import sys

import pytest

from tests.cli.delay_node import NODE
from tests.cli.terminals import COMMAND, ROOT, buffered, run, terminal

pytestmark = pytest.mark.slow

READING = [
    ["whoami"],
    ["whoami", "-o", "json"],
    ["--help"],
    ["flows", "run", "--help"],
    ["flows"],
    ["--version"],
]


@pytest.fixture
def full():
    with open("/dev/full", "w") as file:
        yield file


@pytest.fixture
def left():
    """Return the end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.mark.parametrize("arguments", READING)
@pytest.mark.parametrize(
    ("how", "environment"),
    [
        ("full", {}),
        ("full", {"PYTHONUNBUFFERED": "1"}),
        ("left", {}),
        ("left", {"PYTHONUNBUFFERED": "1"}),
        # Python has no stream then, so nothing can be unbuffered.
        ("closed", {}),
    ],
)
def test_a_result_that_cannot_be_written_is_an_error_in_one_line(
    api, full, left, arguments, how, environment
):
    streams = {"full": {"stdout": full}, "left": {"stdout": left}}

    ended = run(
        *arguments,
        closed=[1] if how == "closed" else [],
        environment=environment,
        **streams.get(how, {}),
    )

    assert ended.code == 3
    assert ended.err.startswith("Error: The output cannot be written (")
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("form", ["table", "json"])
@pytest.mark.parametrize("how", ["full", "left", "closed"])
def test_a_run_whose_results_cannot_be_written_is_published(api, full, left, form, how):
    flow = api.add_flow(nodes=[NODE])
    streams = {"full": {"stdout": full}, "left": {"stdout": left}}

    ended = run(
        *("flows", "run", flow, "-o", form),
        closed=[1] if how == "closed" else [],
        **streams.get(how, {}),
    )

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert execution["status"] == "completed"
    assert ended.err.count("The output cannot be written") == 1


def test_a_timeout_stays_one_where_its_result_cannot_be_written(api, full):
    slow = NODE | {"data": {"duration": 60_000}}

    ended = run(
        *("flows", "run", api.add_flow(nodes=[slow]), "--poll-timeout", "300ms"),
        *("--cleanup-timeout", "0s"),
        stdout=full,
    )

    assert ended.code == 4


@pytest.mark.parametrize("arguments", [["nonsense"], ["flows", "run", "-o", "json"]])
def test_wrong_use_is_told_though_nobody_reads_stdout(api, full, arguments):
    ended = run(*arguments, stdout=full)

    assert ended.code == 3
    assert "Traceback" not in ended.err
    assert "cannot be written" not in ended.err


@pytest.mark.parametrize("how", ["full", "left", "closed"])
def test_progress_that_cannot_be_written_ends_no_run(api, full, left, how):
    flow = api.add_flow(nodes=[NODE, NODE | {"id": "second"}])
    streams = {"full": {"stderr": full}, "left": {"stderr": left}}

    ended = run(
        *("flows", "run", flow, "-o", "json", "--verbose", "--debug"),
        closed=[2] if how == "closed" else [],
        **streams.get(how, {}),
    )

    (execution,) = api.executions.values()
    assert ended.code == 0
    assert json.loads(ended.out)["status"] == execution["status"] == "completed"


@pytest.mark.parametrize("how", ["full", "left", "closed"])
def test_an_error_that_cannot_be_told_has_its_code(api, full, left, how):
    streams = {"full": {"stderr": full}, "left": {"stderr": left}}

    ended = run(
        "nonsense", closed=[2] if how == "closed" else [], **streams.get(how, {})
    )

    assert ended.code == 3


@pytest.mark.parametrize("closed", [[0], [0, 1], [0, 2], [0, 1, 2]])
def test_closed_streams_are_not_taken_for_connections(api, runner, closed):
    program = runner('result("completed", [node("login")])')
    here, there = api.add_flow(nodes=[NODE]), api.add_flow()

    first = run("flows", "run", here, "--verbose", "--debug", closed=closed)
    second = run("flows", "run", there, "--runner-binary", program, closed=closed)

    expected = 3 if 1 in closed else 0
    assert (first.code, second.code) == (expected, expected)
    assert [e["status"] for e in api.executions.values()] == ["completed"] * 2


def test_a_failed_flow_without_anyone_to_tell_is_published(api):
    broken = NODE | {"type": "assert", "data": {"target": {"a": 1}}}
    broken |= {
        "assertions": [
            {
                "extractor_type": "jsonPath",
                "extractor_data": {"path": "$.a"},
                "operator_type": "equals",
                "operator_data": {"value": "2"},
            }
        ]
    }

    told = run("flows", "run", api.add_flow(nodes=[broken]))
    untold = run("flows", "run", api.add_flow(nodes=[broken]), closed=[0, 1, 2])

    assert (told.code, untold.code) == (1, 3)
    assert [e["status"] for e in api.executions.values()] == ["failed"] * 2


def test_a_terminal_that_is_gone_ends_no_run(api):
    flow = api.add_flow(nodes=[NODE | {"data": {"duration": 500}}])
    with terminal() as (shown, end):
        process = subprocess.Popen(
            [*COMMAND, "flows", "run", flow, "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=end,
            env=buffered() | {"TERM": "xterm"},
            cwd=ROOT,
        )
        os.close(end)
        seen = b""
        while b"Wait" not in seen:
            seen += shown.read(4096)

    out, _ = process.communicate(timeout=30)

    (execution,) = api.executions.values()
    assert process.returncode == 0
    assert json.loads(out)["status"] == execution["status"] == "completed"


def test_a_long_result_is_read_by_whom_it_pleases(api):
    flow = api.add_flow(nodes=[NODE | {"id": f"n{n}"} for n in range(3)])
    process = subprocess.Popen(
        [*COMMAND, "flows", "run", flow, "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=buffered(),
        cwd=ROOT,
    )
    process.stdout.close()

    said = process.stderr.read().decode()

    process.stderr.close()
    assert process.wait(30) == 3
    assert said.count("The output cannot be written (Broken pipe).") == 1


def test_a_mistake_of_the_command_itself_ends_with_3(api, tmp_path):
    broken = tmp_path / "httpx.py"
    broken.write_text("raise SystemError('broken')")

    ended = run("whoami", environment={"PYTHONPATH": str(tmp_path)})

    assert ended.code == 3
    assert "Internal error (SystemError)" in ended.err


@pytest.mark.parametrize(
    "line",
    [
        "sys.stderr.write('a part of a line'); main.main()",
        "main.answer = lambda _: sys.stderr.write('a part of a line') * 0; main.main()",
    ],
)
def test_what_others_have_left_unwritten_does_not_change_the_code(api, full, line):
    code = f"import sys; from echopoint.cli import main; {line}"

    ended = subprocess.run(
        [sys.executable, "-c", code, "whoami"],
        stdout=subprocess.PIPE,
        stderr=full,
        env=buffered(),
        cwd=ROOT,
        timeout=60,
    )

    assert ended.returncode == 0
