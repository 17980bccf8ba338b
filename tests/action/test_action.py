"""The GitHub Action: its inputs, what it runs, what it tells."""

import importlib.util
import json
import re
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.action.action_files import ACTION, DOCUMENT, KEY, SHELL, outputs_of

pytestmark = pytest.mark.slow

NODE = {
    "id": "wait",
    "display_name": "Wait",
    "type": "delay",
    "run_when": "on_success",
    "outputs": [],
    "assertions": [],
    "data": {"duration": 1},
}
FAILS = {
    "id": "check",
    "display_name": "Check",
    "type": "assert",
    "data": {"target": {"a": 1}},
    "assertions": [
        {
            "extractor_type": "jsonPath",
            "extractor_data": {"path": "$.a"},
            "operator_type": "equals",
            "operator_data": {"value": "2"},
        }
    ],
}
NASTY = [
    "two words",
    'it\'s "quoted"',
    "$(touch ran)",
    "`touch ran`",
    "${IFS}; touch ran #",
    "a\ntouch ran",
    "x && touch ran",
    "::set-output name=success::true",
    "--help",
    "%0A::error::x",
    "${{ github.token }}",
]
BEGINNINGS = [text for text in NASTY if text.startswith(("$(", "::", "--", "%"))]


def commands(log):
    """Return the lines that GitHub takes for commands, heeding stop-commands."""
    found, token = [], None
    for line in log.splitlines():
        if token and line == f"::{token}::":
            token = None
        elif not token and (match := re.match(r"\s*::([a-z-]+)(.*)", line)):
            found.append(line)
            if match[1] == "stop-commands":
                token = line.removeprefix("::stop-commands::")
    return found


def test_every_input_reaches_the_shell_through_its_environment_alone():
    for one in DOCUMENT["runs"]["steps"]:
        assert "${{" not in one["run"]
    (only,) = DOCUMENT["runs"]["steps"]
    assert len(only["env"]) == len(DOCUMENT["inputs"])


def test_inputs_and_outputs_are_those_of_the_contract():
    inputs = DOCUMENT["inputs"]

    assert {name for name, i in inputs.items() if i.get("required")} == {
        "api-key",
        "organization-id",
    }
    assert {name: i["default"] for name, i in inputs.items() if i.get("default")} == {
        "match-mode": "any",
        "poll-timeout": "300",
        "parallel": "1",
    }
    assert set(inputs) >= {"flow-id", "flow-ids", "tags", "environment", "version-id"}
    assert set(DOCUMENT["outputs"]) == {
        "execution-id",
        "execution-ids",
        "status",
        "success",
        "results-json",
    }


def test_a_flow_that_passes_makes_the_step_pass(step, given, api):
    flow = api.add_flow(nodes=[NODE])

    ended = step(given | {"flow-id": flow})

    (execution,) = api.executions.values()
    assert ended.code == 0, ended.log
    results = json.loads(ended.outputs.pop("results-json"))
    assert ended.outputs == {
        "execution-id": execution["id"],
        "execution-ids": execution["id"],
        "status": "completed",
        "success": "true",
    }
    assert results["nodes"][0]["display_name"] == "Wait"
    assert "passed" in ended.summary
    (between,) = re.findall(
        r"stop-commands::(\w+)\n(\[Smoke\].*?)::\1::", ended.log, re.S
    )
    assert "launched as execution" in between[1]
    (launch,) = api.requests_to("/launch$")
    assert launch["body"]["trigger_metadata"]["repository"] == "acme/shop"
    assert launch["headers"]["X-Api-Key"] == KEY
    contexts = {request["headers"].get("X-CI-Context") for request in api.seen}
    assert contexts == {"repository=acme%2Fshop&workflow=CI&job=smoke"}


def test_a_flow_that_fails_makes_the_step_fail_and_says_why(step, given, api):
    flows = [api.add_flow("A", nodes=[NODE]), api.add_flow("B", nodes=[FAILS])]

    ended = step(given | {"flow-ids": f" {flows[0]},\n{flows[1]} ", "parallel": "2"})

    assert ended.code == 1, ended.log
    assert (ended.outputs["status"], ended.outputs["success"]) == ("failed", "false")
    ids = [
        json.loads(ended.outputs["results-json"])["results"][n]["execution_id"]
        for n in (0, 1)
    ]
    assert ended.outputs["execution-ids"] == ",".join(ids)
    assert ended.outputs["execution-id"] == ids[0]
    assert "Check" in ended.summary


def test_a_key_that_ends_soon_is_a_warning_of_the_run(step, given, api):
    flow = api.add_flow(nodes=[NODE])
    ends_at = datetime.now(UTC) + timedelta(days=3, hours=1)
    api.headers = {"X-Api-Key-Expires-At": ends_at.isoformat()}

    ended = step(given | {"flow-id": flow})

    (warning,) = [line for line in commands(ended.log) if "::warning" in line]
    assert warning.startswith(
        "::warning title=Echopoint::This API key stops working in 3 days, at "
    )
    assert json.loads(ended.outputs["results-json"])["flow_id"] == flow


def test_a_key_that_ends_later_is_no_warning(step, given, api):
    flow = api.add_flow(nodes=[NODE])
    ends_at = datetime.now(UTC) + timedelta(days=15)
    api.headers = {"X-Api-Key-Expires-At": ends_at.isoformat()}

    ended = step(given | {"flow-id": flow})

    assert "::warning" not in ended.log


def test_tags_match_any_or_all(step, given, api):
    both = api.add_flow("Both", tags=["smoke", "pay now"], nodes=[NODE])
    api.add_flow("One", tags=["smoke"], nodes=[NODE])

    ended = step(given | {"tags": "smoke, pay now", "match-mode": "all"})

    assert ended.code == 0, ended.log
    assert json.loads(ended.outputs["results-json"])["flow_id"] == both


def test_the_key_is_masked_before_anything_else(step, given):
    ended = step(given | {"match-mode": "none of these"})

    assert ended.log.splitlines()[0] == f"::add-mask::{KEY}"
    assert ended.log.count(KEY) == 1


def test_a_line_break_in_the_key_begins_no_command(step, given, api):
    ended = step(
        given | {"api-key": "secret\n::set-output name=x::y\r\n100%", "flow-id": "x"}
    )

    assert ended.log.splitlines()[0] == (
        "::add-mask::secret%0A::set-output name=x::y%0D%0A100%25"
    )
    assert [c for c in commands(ended.log) if c.startswith("::set-output")] == []
    assert ended.code == 3
    assert api.seen == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, "exactly one of flow-id, flow-ids and tags"),
        ({"flow-id": " "}, "exactly one of"),
        ({"flow-id": "a", "tags": "b"}, "Currently set: flow-id, tags"),
        ({"flow-id": "a", "flow-ids": "b", "tags": "c"}, "exactly one of"),
        ({"flow-id": "a,b"}, "Use flow-ids"),
        ({"flow-ids": ",\n,"}, "has no values"),
        ({"flow-id": "../../x"}, "has an invalid flow id"),
        ({"flow-id": "a", "match-mode": "some"}, "match-mode"),
        ({"flow-id": "a", "match-mode": ""}, "match-mode"),
        ({"flow-id": "a", "parallel": "0"}, "parallel"),
        ({"flow-id": "a", "parallel": "-1"}, "parallel"),
        ({"flow-id": "a", "parallel": "1.5"}, "parallel"),
        ({"flow-id": "a", "parallel": "²"}, "parallel"),
        ({"flow-id": "a", "parallel": "1; touch ran"}, "parallel"),
        ({"flow-id": "a", "poll-timeout": "5m"}, "poll-timeout"),
        ({"flow-id": "a", "poll-timeout": ""}, "poll-timeout"),
        ({"flow-id": "a", "variables": "a=1\nno sign"}, "variables has a line"),
        ({"flow-id": "a", "variables": "=x"}, "variables has a line"),
        ({"flow-id": "a", "variables": "a\ntouch ran"}, "variables has a line"),
        ({"flow-id": "a", "api-url": "file:///etc/passwd"}, "api-url"),
        ({"flow-id": "a", "api-key": " "}, "api-key is empty"),
        ({"flow-id": "a", "organization-id": ""}, "organization-id is empty"),
    ],
)
def test_bad_inputs_are_refused_before_the_network_is_touched(
    step, given, api, inputs, said, tmp_path
):
    # Nothing can be installed from here, so that an attempt to would be seen.
    ended = step(
        given | inputs,
        RUNNER_TEMP=str(tmp_path / "new"),
        PIP_INDEX_URL="http://127.0.0.1:1",
    )

    assert ended.code == 3
    (error,) = [c for c in commands(ended.log) if c.startswith("::error")]
    assert said in error
    assert not (tmp_path / "new").exists()
    assert api.seen == []
    assert (ended.outputs["status"], ended.outputs["success"]) == ("error", "false")
    assert said in json.loads(ended.outputs["results-json"])["error_message"]


def only_our_commands(log):
    ours = ("::add-mask::", "::stop-commands::", "::error title=Echopoint::")
    return all(command.startswith(ours) for command in commands(log))


# All in one value, and those that mean something where a value begins.
@pytest.mark.parametrize("nasty", ["\n".join(NASTY), *BEGINNINGS])
def test_an_input_is_data_whatever_it_holds(step, given, api, nasty, tmp_path):
    flow = api.add_flow("F")

    ended = step(given | {"flow-id": flow, "environment": nasty, "version-id": nasty})

    (launch,) = api.requests_to("/launch$")
    assert launch["body"]["environment_key"] == nasty
    assert launch["body"]["version_id"] == nasty
    assert not list(tmp_path.glob("**/ran"))
    assert only_our_commands(ended.log)


def test_variables_are_data_whatever_they_hold(step, given, api, tmp_path):
    values = {f"v{i}": f"x{n}y" for i, n in enumerate(NASTY) if "\n" not in n}
    variables = {name: f"{{{{{name}}}}}" for name in [*values, "other"]}
    node = NODE | {"type": "set_variable", "data": {"variables": variables}}
    api.inputs = dict.fromkeys(values, "of the launch") | {"other": "kept"}
    flow = api.add_flow("F", nodes=[node])
    lines = "".join(f"\r\n  {name}={value}\n" for name, value in values.items())

    ended = step(given | {"flow-id": flow, "variables": lines})

    (execution,) = api.executions.values()
    recorded = execution["result"]["execution_results"]["wait"]
    assert ended.code == 0, ended.log
    assert recorded["inputs"] == values | {"other": "kept"}
    assert not list(tmp_path.glob("**/ran"))
    assert only_our_commands(ended.log)


def test_a_report_is_written_where_the_job_asks_for_it(step, given, api, tmp_path):
    flow = api.add_flow("F", nodes=[NODE])
    (tmp_path / "workspace" / "two words").mkdir(parents=True)

    ended = step(given | {"flow-id": flow, "junit": "two words/$(touch ran).xml"})

    report = (tmp_path / "workspace/two words/$(touch ran).xml").read_text()
    assert ended.code == 0, ended.log
    assert 'name="Wait"' in report
    assert not list(tmp_path.glob("**/ran"))


@pytest.mark.parametrize("wrong", [{"parallel": "0"}, {"api-key": ""}, {"tags": "a"}])
def test_a_refused_step_leaves_no_report_of_an_earlier_one(
    step, given, api, tmp_path, wrong
):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "two words.xml").write_text("<testsuites/>")
    (workspace / "other.xml").write_text("<testsuites/>")
    inputs = given | {"flow-id": api.add_flow(), "junit": " two words.xml\n"}

    ended = step(inputs | wrong)

    assert ended.code == 3
    assert [path.name for path in workspace.iterdir()] == ["other.xml"]


def test_a_report_in_a_folder_that_is_not_there_costs_no_run(step, given, api):
    ended = step(given | {"flow-id": api.add_flow(), "junit": "missing/junit.xml"})

    assert ended.code == 3
    assert "JUnit report cannot be written" in ended.log
    assert api.seen == []


def test_a_file_of_variables_is_passed_on(step, given, api):
    ended = step(given | {"flow-id": api.add_flow(), "env-file": "not there/.env"})

    assert ended.code == 3
    assert "'not there/.env' does not exist" in ended.log
    assert api.seen == []


def test_a_file_of_variables_is_read_and_hidden(step, given, api, tmp_path):
    (tmp_path / ".env").write_text("pin=TOPSECRET-4711\n")
    read = NODE | {"type": "set_variable", "data": {"variables": {"x": "{{pin}}"}}}
    flow = api.add_flow("F", nodes=[read])

    ended = step(given | {"flow-id": flow, "env-file": str(tmp_path / ".env")})

    assert ended.code == 0, ended.log
    (execution,) = api.executions.values()
    record = execution["result"]["execution_results"]["wait"]
    assert (record["inputs"], record["outputs"]) == ({"pin": "***"}, {"x": "***"})
    assert "TOPSECRET" not in ended.log + ended.summary + str(ended.outputs)


def test_an_idempotency_key_is_used_and_none_is_a_new_one_each_time(step, given, api):
    given |= {"flow-id": api.add_flow("F", nodes=[NODE])}

    named = [step(given | {"idempotency-key": "leg-1"}) for _ in range(2)]
    new_runs = [step(given | {"idempotency-key": "none"}) for _ in range(2)]

    keys = [r["headers"]["Idempotency-Key"] for r in api.requests_to("/launch$")]
    assert keys[:2] == ["leg-1", "leg-1"]
    assert len(set(keys)) == 3
    assert [one.code for one in named + new_runs] == [0] * 4
    assert "earlier execution" not in named[0].summary
    assert "earlier execution" in named[1].summary
    assert json.loads(named[1].outputs["results-json"])["replayed"] is True
    assert "earlier execution" not in new_runs[1].summary


def test_a_template_that_names_nothing_is_in_the_summary(step, given, api):
    odd = {"variables": {"x": "{{typo}}"}}
    node = NODE | {"type": "set_variable", "data": odd}

    ended = step(given | {"flow-id": api.add_flow("F", nodes=[node])})

    assert ended.code == 0
    assert "Warning: " in ended.summary
    assert "Wait: no value for typo" in ended.summary


def test_tags_are_data_whatever_they_hold(step, given, api, tmp_path):
    ended = step(given | {"tags": "\n".join(NASTY)})

    (search,) = api.requests_to("/search$")
    assert search["body"]["tags"] == "\n".join(NASTY).split("\n")
    assert ended.code == 3
    assert not list(tmp_path.glob("**/ran"))
    assert only_our_commands(ended.log)


@pytest.mark.parametrize("name", ["api-key", "organization-id", "flow-id"])
@pytest.mark.parametrize("nasty", [*NASTY[:4], "\n".join(NASTY)])
def test_what_can_be_no_key_and_no_id_is_refused(
    step, given, api, name, nasty, tmp_path
):
    ended = step(given | {"flow-id": "x"} | {name: nasty})

    assert ended.code == 3
    assert api.seen == []
    assert not list(tmp_path.glob("**/ran"))
    assert only_our_commands(ended.log)


def test_what_flows_say_is_no_command_and_no_markup(step, given, api):
    name = "<b>x</b> | `y` [z](http://z) \n::set-output name=success::true"
    node = FAILS | {"display_name": name}
    flow = api.add_flow(name, nodes=[node])

    ended = step(given | {"flow-id": flow})

    assert ended.code == 1
    assert ended.outputs["success"] == "false"
    assert not [c for c in commands(ended.log) if "set-output" in c]
    assert "<b>" not in ended.summary
    assert "`" not in ended.summary
    assert "[z]" not in ended.summary
    assert "&#60;b&#62;x" in ended.summary


def test_no_value_can_know_where_it_ends(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("run_flows", ACTION / "run_flows.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))

    for _ in range(2):
        script.write_outputs({"a": "x\nEOF\nb=1", "c": "end_"})

    text = (tmp_path / "output").read_text()
    assert len(set(re.findall("<<(.+)", text))) == 4
    assert outputs_of(text) == {"a": "x\nEOF\nb=1", "c": "end_"}


def test_results_are_one_output_whatever_is_in_them(step, given, api):
    name = "x\nend_0\nsuccess=true\nEOF"
    flow = api.add_flow(name, nodes=[FAILS | {"display_name": name}])

    ended = step(given | {"flow-id": flow})

    assert ended.outputs["success"] == "false"
    assert json.loads(ended.outputs["results-json"])["nodes"][0]["display_name"] == name


def test_the_repository_decides_nothing_of_what_is_imported(step, given, api, tmp_path):
    for name in ("click.py", "echopoint.py", "json.py", "venv.py", "pip.py"):
        (tmp_path / "workspace").mkdir(exist_ok=True)
        (tmp_path / "workspace" / name).write_text("raise SystemExit('hijacked')")
    flow = api.add_flow(nodes=[NODE])

    ended = step(given | {"flow-id": flow}, PYTHONPATH=str(tmp_path / "workspace"))

    assert ended.code == 0, ended.log
    assert "hijacked" not in ended.log


def test_an_old_python_is_told_what_to_do(step, given, api, tmp_path):
    program = tmp_path / "bin" / "python3"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)

    ended = step(given | {"flow-id": "x"}, PATH=f"{program.parent}:/usr/bin:/bin")

    assert ended.code == 3
    assert "actions/setup-python" in ended.log
    assert ended.outputs["status"] == "error"


def test_a_key_that_is_refused_ends_with_3(step, given, api):
    api.fail(
        "/launch$",
        (401, {"errors": [{"code": "API_KEY_REVOKED", "message": "Revoked."}]}),
    )

    ended = step(given | {"flow-id": api.add_flow(nodes=[NODE])})

    assert ended.code == 3
    assert ended.outputs["status"] == "error"
    assert "API&#95;KEY&#95;REVOKED" in ended.summary


def test_a_cancelled_job_publishes_a_failed_result(
    prepared, one_installation, given, api
):
    flow = api.add_flow(nodes=[NODE | {"data": {"duration": 60_000}}])
    env, ((script, own),), workspace = prepared(given | {"flow-id": flow})
    with one_installation(env):
        process = subprocess.Popen(
            [*SHELL, script],
            env=env | own,
            cwd=workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in process.stdout:
            if "launched as execution" in line:
                break

    process.send_signal(signal.SIGINT)

    before = time.monotonic()
    process.communicate(timeout=60)
    (execution,) = api.executions.values()
    assert process.returncode == 2
    assert time.monotonic() - before < 30
    assert execution["error_code"] == "CANCELLED"
    with open(env["GITHUB_OUTPUT"]) as file:
        assert outputs_of(file.read())["status"] == "error"
