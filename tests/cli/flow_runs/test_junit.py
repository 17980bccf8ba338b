"""`flows run --junit`: what CI systems read of a run."""

import json
import os
import signal
from xml.etree import ElementTree

import pytest

from tests.cli.api_key import KEY
from tests.cli.command_process import started
from tests.cli.engine.flows import node
from tests.cli.runner_programs import FAILS, PASSES, SLEEPS
from tests.cli.secret_values import ODD_SECRET, PLAIN_SECRET, has_secret

# The elements and attributes that readers know, as in the schema of Jenkins; the first
# ones of an element are required.
KNOWN = {
    "testsuites": (["tests", "failures", "errors"], ["name", "time"]),
    "testsuite": (
        ["name", "tests", "failures", "errors"],
        ["skipped", "time", "timestamp"],
    ),
    "properties": ([], []),
    "property": (["name", "value"], []),
    "testcase": (["name", "classname", "time"], []),
    "failure": (["type", "message"], []),
    "error": (["type", "message"], []),
    "skipped": (["message"], []),
}
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"failure", "error", "skipped"},
}


@pytest.fixture
def path(tmp_path):
    folder = tmp_path / "reports"
    folder.mkdir()
    return folder / "junit.xml"


@pytest.fixture
def junit(path):
    """Return a reader of the report, which refuses what a CI system would not take."""

    def junit():
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - it is our own
        check(root)
        return root

    return junit


def check(root):
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional = KNOWN[element.tag]
        assert set(required) <= set(element.attrib) <= {*required, *optional}
        assert {child.tag for child in element} <= INSIDE.get(element.tag, set())
    for suite in root:
        for name, tag in (("failures", "failure"), ("errors", "error")):
            assert int(suite.get(name)) == len(suite.findall(f"testcase/{tag}"))
        assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))
        assert int(suite.get("tests")) == len(suite.findall("testcase")) > 0
    for name in ("tests", "failures", "errors"):
        assert int(root.get(name)) == sum(int(suite.get(name)) for suite in root)


def cases(suite):
    """Return what each case says: None for one that passed."""
    return {
        case.get("name"): (case[0].tag, case[0].get("message")) if len(case) else None
        for case in suite.findall("testcase")
    }


def test_a_flow_is_a_suite_and_a_node_is_a_case(echopoint, api, runner, path, junit):
    flow = api.add_flow("Checkout")

    ended = echopoint(
        *("flows", "run", flow, "--runner-binary", runner(FAILS)),
        *("--junit", str(path), "-o", "json"),
    )

    (suite,) = junit()
    assert ended.code == ended.json["exit_code"] == 1
    assert (suite.get("name"), suite.get("time")) == ("Checkout", "1.500")
    assert suite.get("timestamp") == "2030-01-01T00:00:00"
    assert cases(suite) == {
        "Login": None,
        "Cart": ("failure", "An assertion failed."),
        "Pay": ("skipped", "A node failed."),
    }
    case = suite.find("testcase[@name='Cart']")
    assert (case.get("classname"), case.get("time")) == ("Checkout", "0.007")
    assert case[0].get("type") == "ASSERTION_FAILED"
    assert case[0].text.splitlines() == [
        "An assertion failed.",
        "statusCode equals: expected 200, got 500",
    ]
    told = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert told == {
        "execution_id": ended.json["execution_id"],
        "flow_id": flow,
        "replayed": "false",
    }


def test_several_flows_are_one_report_also_where_one_is_an_error(
    echopoint, api, runner, path, junit
):
    unknown = "00000000-0000-0000-0000-000000000000"
    flows = [api.add_flow("A"), unknown, api.add_flow("B"), api.add_flow("B")]

    ended = echopoint(
        *("flows", "run", *flows, "--runner-binary", runner(PASSES)),
        *("--junit", str(path)),
    )

    suites = {suite.get("name"): cases(suite) for suite in junit()}
    assert ended.code == 3
    assert list(suites) == ["A", unknown, f"B ({flows[2]})", f"B ({flows[3]})"]
    assert suites["A"] == {"Login": None}
    tag, message = suites[unknown]["flow"]
    assert tag == "error"
    assert "There is no such flow." in message


def test_an_unpublished_result_is_an_error_and_keeps_its_nodes(
    echopoint, api, runner, path, junit
):
    api.fail("/complete$", (403, {"errors": [{"code": "FORBIDDEN", "message": "No."}]}))

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", runner(PASSES)),
        *("--junit", str(path)),
    )

    (suite,) = junit()
    assert ended.code == 3
    assert list(cases(suite)) == ["flow", "Login"]
    assert "was not published" in cases(suite)["flow"][1]
    assert cases(suite)["Login"] is None


def test_a_flow_that_fails_without_a_failed_node_is_not_green(
    echopoint, api, runner, path, junit
):
    program = runner('result("failed", [node("login")], error_message="It broke.")')

    echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--junit", str(path)),
    )

    assert cases(junit()[0]) == {"flow": ("failure", "It broke."), "Login": None}


def test_a_timeout_is_an_error(echopoint, api, runner, path, junit):
    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", runner("time.sleep(60)")),
        *("--poll-timeout", "500ms", "--cleanup-timeout", "0s", "--junit", str(path)),
    )

    error = junit()[0].find("testcase/error")
    assert ended.code == 4
    assert error.get("type") == "timeout"
    assert "did not end within 0.5 s" in error.get("message")


def test_a_cancelled_run_is_reported(api, runner, path, junit):
    flows = [api.add_flow("A"), api.add_flow("B")]
    program = runner(*SLEEPS)
    arguments = [*flows, "--runner-binary", program, "--junit", str(path)]

    with started(*arguments, until="running") as process:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    first, second = junit()
    assert process.returncode == 2
    assert first.find("testcase/error").get("type") == "cancelled"
    assert "before this flow was launched" in cases(second)[second[1].get("name")][1]


def test_a_run_that_quits_at_once_leaves_no_report_of_an_earlier_one(
    api, runner, path, junit
):
    path.write_text("<testsuites/>")
    arguments = ["--runner-binary", runner(*SLEEPS), "--junit", str(path)]

    with started(api.add_flow(), *arguments, until="running") as process:
        process.send_signal(signal.SIGINT)
        for line in process.stderr:
            if "Cancelling" in line:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert process.returncode == 2
    assert cases(junit()[0])["flow"] == ("error", "The run was cancelled.")


def test_a_command_that_finds_no_flow_is_reported(echopoint, api, path, junit):
    ended = echopoint("flows", "run", "--tag", "none", "--junit", str(path))

    assert ended.code == 3
    tag, message = cases(junit()[0])["flow"]
    assert tag == "error"
    assert "No flow has any of the tags none" in message


def test_a_replay_says_that_it_is_one(echopoint, api, runner, path, junit):
    arguments = ["flows", "run", api.add_flow(), "--idempotency-key", "once"]
    arguments += ["--runner-binary", runner(FAILS), "--junit", str(path)]
    echopoint(*arguments)
    first = cases(junit()[0])

    echopoint(*arguments)

    suite = junit()[0]
    assert suite.find("properties/property[@name='replayed']").get("value") == "true"
    assert cases(suite)["Cart"] == first["Cart"]


def test_a_replay_without_nodes_has_a_case_all_the_same(
    echopoint, api, runner, path, junit
):
    api.scopes = {"flows:execute", "runner:complete"}
    arguments = ["flows", "run", api.add_flow(), "--idempotency-key", "once"]
    arguments += ["--runner-binary", runner(PASSES), "--junit", str(path)]
    echopoint(*arguments)

    echopoint(*arguments)

    assert cases(junit()[0]) == {"flow": None}


def test_what_xml_cannot_hold_is_replaced(echopoint, api, runner, path, junit):
    program = runner(
        r'bad = "a\x00b\x1b[31m\ufffe<c>&\"d\ne"',
        'result("failed", [node("x", display_name=bad, error_code="E",',
        "    error_message=bad)])",
    )
    flow = api.add_flow("Grün \x01\ud800 ]]> <flow>")

    echopoint("flows", "run", flow, "--runner-binary", program, "--junit", str(path))

    (suite,) = junit()
    (case,) = suite.findall("testcase")
    assert suite.get("name") == "Grün \ufffd\ufffd ]]> <flow>"
    assert case.get("name") == 'a\ufffdb\ufffd[31m\ufffd<c>&"d e'
    assert case[0].text == case.get("name")


@pytest.mark.parametrize(
    "fields",
    [
        "duration_ms='long'",
        "duration_ms=-1",
        "duration_ms=True",
        "duration_ms=1e308 * 10",
        "display_name=None",
        "display_name={'a': 1}",
        "error_code='E', assertion_results=5",
        "error_code=7, error_message=['x'], assertion_results=[5, {}]",
        "skip_reason=['x']",
        "duration_ms=10**400",
        "missing_inputs=5",
        "missing_inputs='x'",
        "missing_inputs={'x': 1}",
        "missing_inputs=[5, None, {'x': 1}, ['y']]",
    ],
)
def test_a_runner_may_say_anything_of_a_node(
    echopoint, api, runner, path, junit, fields
):
    program = runner(f'result("completed", [node("a", {fields}), node("b")])')

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--junit", str(path)),
    )

    is_failed, is_refused = "error_code" in fields, "1e308" in fields
    assert ended.code == (3 if is_refused else 1 if is_failed else 0)
    assert "Internal error" not in ended.err
    assert "b" in [name.lower() for name in cases(junit()[0])] or is_refused


def test_no_secret_is_in_the_report(echopoint, api, runner, path, monkeypatch):
    monkeypatch.setenv("ECHOPOINT_API_KEY", 'a-key-of-<another>-form-"0123456789"')
    api.inputs = {"token": ODD_SECRET, "other": PLAIN_SECRET}
    api.secret_keys = ["token", "other"]
    program = runner(
        "t, o = package['inputs']['token'], package['inputs']['other']",
        f"k = '{KEY} ' + 'a-key-of-<another>-form-\"0123456789\"'",
        "checked = {'extractor': 'body', 'operator': 'equals', 'expected': t, 'actual': [t]}",
        "result('failed', [node('x', display_name=t, error_code='E', error_message=t + k + o,",
        "    assertion_results=[checked | {'passed': False, 'error': t}]),",
        "    node('y', skip_reason=t + k)], error_message=t)",
    )

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--junit", str(path)),
    )

    text = path.read_text()
    assert ended.code == 1
    assert "***" in text
    assert not has_secret(text)
    assert "kkkk" not in text
    assert "0123456789" not in text


@pytest.mark.parametrize(
    "name", ["missing/junit.xml", "", ".", "reports/", "x" * 300, "file/junit.xml"]
)
def test_a_path_that_cannot_be_written_is_refused_before_anything_is_sent(
    echopoint, api, path, name, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")

    ended = echopoint("flows", "run", api.add_flow(), "--junit", name, "-o", "json")

    assert ended.code == 3
    assert "junit" in ended.json["error_message"].lower()
    assert ended.err.count("\n") == 1
    assert api.seen == []


def test_a_device_is_not_replaced(echopoint, api, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    ended = echopoint("flows", "run", api.add_flow(), "--junit", str(tmp_path / "pipe"))

    assert ended.code == 3
    assert "is not a file" in ended.err
    assert api.seen == []


def test_a_report_that_cannot_be_written_in_the_end_is_an_error_with_results(
    echopoint, api, runner, path
):
    program = runner(
        "import shutil", f"shutil.rmtree({str(path.parent)!r})", *PASSES.splitlines()
    )

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--junit", str(path), "-o", "json"),
    )

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert json.loads(ended.out)["status"] == execution["status"] == "completed"
    assert ended.err.count("The JUnit report cannot be written") == 1


def test_the_report_replaces_the_file_and_leaves_no_other(
    echopoint, api, runner, path, junit
):
    path.write_text("an earlier report")
    link = path.parent / "link.xml"
    link.symlink_to(path)

    echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", runner(PASSES)),
        *("--junit", str(link)),
    )

    assert cases(junit()[0]) == {"Login": None}
    assert sorted(os.listdir(path.parent)) == ["junit.xml", "link.xml"]
    assert link.is_symlink()


def test_a_time_that_is_in_no_year_of_utc_is_left_out(
    echopoint, api, runner, path, junit
):
    program = runner("result(started_at='0001-01-01T00:00:00+14:00')")

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--junit", str(path)),
    )

    assert ended.code == 0, ended.err
    assert junit()[0].get("timestamp") is None


EARLIER = "<testsuites name='an earlier run'/>"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--env-file", "/no/such/file"], "does not exist"),
        (["--env-file", "{wrong}"], "line 1 of"),
        (["--var", "s3cret"], "the form name=value"),
        (["--var"], "requires an argument"),
        (["--nonsense"], "No such option"),
        (["--nonsense", "x"], "No such option"),
        (["--parallel", "0"], "--parallel"),
        (["--poll-timeout", "soon"], "not a valid duration"),
        (["--runner-binary", "/no/such/file"], "does not exist"),
        (["../x"], "not a valid id"),
        (["--tag", "a"], "either by id or by --tag"),
        (["--runner-binary", "{program}", "--strict-variables"], "--runner-binary"),
        (["--ca-cert", "/no/such/file"], "--ca-cert"),
        (["--client-key", "/no/such/file"], "--client-cert"),
        (["--idempotency-key", "ü"], "visible ASCII"),
        (["--api-url", "nowhere"], "API URL"),
        (["--api-url", "http://127.0.0.1:1"], "127.0.0.1"),
        (["-o", "xml"], "xml"),
    ],
)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_run_that_does_not_begin_leaves_no_report_of_an_earlier_one(
    echopoint, api, runner, path, junit, tmp_path, arguments, said, place
):
    path.write_text(EARLIER)
    (wrong := tmp_path / "wrong").write_text("not a line")
    program = runner(PASSES)
    words = [a.format(wrong=wrong, program=program) for a in arguments]
    report = ["--junit", str(path)]

    ended = echopoint(
        *("flows", "run", api.add_flow()),
        *(words + report if place == "before" and len(words) != 1 else report + words),
    )

    tag, message = next(iter(cases(junit()[0]).values()))
    assert ended.code == 3
    assert tag == "error"
    assert said in message
    assert "s3cret" not in path.read_text()
    assert os.listdir(path.parent) == ["junit.xml"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("API_KEY", "No API key"), ("ORGANIZATION_ID", "No organization id")],
)
def test_a_run_without_credentials_is_reported(
    echopoint, api, path, junit, monkeypatch, name, said
):
    path.write_text(EARLIER)
    monkeypatch.setenv(f"ECHOPOINT_{name}", "")

    ended = echopoint("flows", "run", api.add_flow(), "--junit", str(path))

    assert ended.code == 3
    assert said in cases(junit()[0])["flow"][1]


@pytest.mark.parametrize(
    "before",
    [
        ["-o", "xml", "flows", "run"],
        ["--nonsense", "flows", "run"],
        ["--nonsense", "x", "flows", "run"],
        ["flows", "--nonsense", "run"],
    ],
)
def test_a_wrong_flag_before_the_command_is_reported(echopoint, path, junit, before):
    path.write_text(EARLIER)

    ended = echopoint(*before, "an-id", f"--junit={path}")

    assert ended.code == 3
    assert cases(junit()[0])["flow"][0] == "error"


@pytest.mark.parametrize(
    "arguments",
    [
        ["flows", "run", "--tag", "--junit", "{path}", "--nonsense"],
        ["flows", "run", "--nonsense", "--", "--junit", "{path}"],
        ["flows", "list", "--junit", "{path}"],
        ["webhooks", "flows", "run", "--junit", "{path}"],
        ["flows", "run", "--help", "--junit", "{path}"],
    ],
)
def test_a_file_that_is_no_report_of_a_run_is_left_as_it_is(echopoint, path, arguments):
    path.write_text(EARLIER)

    echopoint(*(argument.format(path=path) for argument in arguments))

    assert path.read_text() == EARLIER


def test_a_wrong_use_does_not_replace_a_device(echopoint, tmp_path):
    os.mkfifo(tmp_path / "pipe")

    ended = echopoint("flows", "run", "../x", "--junit", str(tmp_path / "pipe"))

    assert ended.code == 3
    assert "not a valid id" in ended.err
    assert (tmp_path / "pipe").is_fifo()


def test_a_key_in_a_refused_argument_is_not_in_the_report(echopoint, path, monkeypatch):
    key = "a/key/of/another/form/0123456789"
    monkeypatch.setenv("ECHOPOINT_API_KEY", key)

    echopoint("flows", "run", f"{key} {KEY}", "--junit", str(path))

    assert "is not a valid id" in path.read_text()
    assert "0123456789" not in path.read_text()
    assert "kkkk" not in path.read_text()


def test_a_run_that_is_killed_leaves_no_report_of_an_earlier_one(api, path, junit):
    path.write_text(EARLIER)
    flow = api.add_flow(nodes=[node("delay", "wait", {"duration": 60_000})])

    with started(flow, "--junit", str(path), until="launched as") as process:
        process.kill()
        process.communicate(timeout=30)

    tag, message = cases(junit()[0])["flow"]
    assert tag == "error"
    assert "wrote no results" in message


def test_a_report_can_be_read_by_others_as_any_file(echopoint, api, runner, path):
    before = os.umask(0o022)
    try:
        echopoint(
            *("flows", "run", api.add_flow(), "--runner-binary", runner(PASSES)),
            *("--junit", str(path)),
        )
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o644
