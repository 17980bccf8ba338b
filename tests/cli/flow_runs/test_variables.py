"""`flows run --var` and `--env-file`: inputs that are replaced on this machine."""

import json

import pytest

from echopoint.cli.flow_runs import variables
from echopoint.cli.flow_runs.run_options import RunOptions
from echopoint.cli.flow_runs.variables import Variables
from tests.cli.engine.flows import node
from tests.cli.runner_programs import PASSES
from tests.cli.secret_values import MARKER, ODD_SECRET, has_secret
from tests.cli.stored_flows import request

# Tells in its error message which inputs it was given, and which of them are secret.
TELLS = (
    "shown = dict(inputs=sorted(package['inputs']), secret=package['secret_input_keys'])",
    "print(json.dumps(shown), file=sys.stderr)",
    *PASSES.splitlines(),
)


def reads(*names):
    """Return a node whose templates read these names."""
    return node(
        "read", "set_variable", {"variables": {n: f"{{{{{n}}}}}" for n in names}}
    )


@pytest.fixture
def env_file(tmp_path):
    def env_file(text, name=".env"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    return env_file


@pytest.fixture
def given(echopoint, api, runner):
    """Return a way to run a flow that reads some names: what its runner was given."""

    def given(names, *arguments):
        flow = api.add_flow(nodes=[reads(*names)])
        ended = echopoint(
            *("flows", "run", flow, "--runner-binary", runner(*TELLS), *arguments)
        )
        assert ended.code == 0, ended.err
        (line,) = (ln for ln in ended.err.splitlines() if ln.startswith("runner: "))
        return json.loads(line.removeprefix("runner: ")), ended

    return given


def test_a_variable_replaces_an_input_where_the_flow_runs(
    echopoint,
    api,
    service,
):
    api.inputs = {"base_url": "http://127.0.0.1:1", "other": "kept"}
    flow = api.add_flow(nodes=[request("home", "{{base_url}}/echo?o={{other}}")])

    ended = echopoint("flows", "run", flow, "--var", f"base_url={service.url}")

    (execution,) = api.executions.values()
    recorded = execution["result"]["execution_results"]["home"]
    assert ended.code == 0, ended.err
    assert service.seen[0]["query"] == {"o": ["kept"]}
    assert recorded["inputs"] == {"base_url": service.url, "other": "kept"}
    assert "[Smoke] Variables replaced on the command line: base_url." in ended.err
    (launch,) = api.requests_to("/launch$")
    assert service.url not in json.dumps(launch["body"])
    assert execution["runner_inputs"]["base_url"] == "http://127.0.0.1:1"


def test_a_run_without_variables_says_nothing_of_them(echopoint, api):
    api.inputs = {"a": "1"}

    assert "ariables" not in echopoint("flows", "run", api.add_flow()).err


def test_a_variable_comes_before_a_file_and_that_before_the_launch(
    echopoint, api, env_file
):
    api.inputs = {"a": "launch", "b": "launch", "c": "launch"}
    checks = [
        {
            "extractor_type": "jsonPath",
            "extractor_data": {"path": f"$.{name}"},
            "operator_type": "equals",
            "operator_data": {"value": value},
        }
        for name, value in {"a": "flag=last", "b": "file-b", "c": "launch"}.items()
    ]
    data = {"variables": {name: f"{{{{{name}}}}}" for name in "abc"}}
    flow = api.add_flow(nodes=[node("set_variable", "all", data, assertions=checks)])
    first, second = env_file("a=file-a\nb=first\n", "1"), env_file("b=file-b\n", "2")

    ended = echopoint(
        *("flows", "run", flow, "--var", "a=flag", "--var", "a=flag=last"),
        *("--env-file", first, "--env-file", second),
    )

    assert ended.code == 0, ended.out


def test_what_a_file_holds_is_secret(echopoint, api, env_file, service):
    file = env_file(f"TOKEN='{ODD_SECRET}'\n")
    nodes = [request("echo", f"{service.url}/echo?t={{{{TOKEN}}}}", status="500")]
    flow = api.add_flow(nodes=nodes)

    ended = echopoint("flows", "run", flow, "--env-file", file, "-o", "json", "--debug")

    sent = json.dumps(api.requests_to("/complete$")[0]["body"])
    assert ended.code == 1
    assert MARKER in json.dumps(service.seen, default=str)
    assert "***" in sent
    assert not has_secret(sent + ended.out + ended.err)
    assert "Variables replaced on the command line: TOKEN." in ended.err


def test_a_secret_that_is_replaced_stays_secret(echopoint, api, service, env_file):
    api.inputs, api.secret_keys = {"token": "of-the-launch", "x": "1"}, ["token"]
    nodes = [request("echo", f"{service.url}/echo?t={{{{token}}}}&o={{{{other}}}}")]
    flow = api.add_flow(nodes=nodes)

    ended = echopoint(
        *(
            "flows",
            "run",
            flow,
            "--var",
            "token=my-own-token",
            "--var",
            "other=in-clear",
        ),
        *("--env-file", env_file("other=of-the-file")),
    )

    sent = json.dumps(api.requests_to("/complete$")[0]["body"])
    assert service.seen[0]["query"] == {"t": ["my-own-token"], "o": ["in-clear"]}
    assert "my-own-token" not in sent + ended.out + ended.err
    assert "in-clear" not in sent


def test_a_public_variable_is_shown(echopoint, api, service):
    flow = api.add_flow(nodes=[request("echo", f"{service.url}/echo?o={{{{other}}}}")])

    echopoint("flows", "run", flow, "--var", "other=in-clear")

    sent = api.requests_to("/complete$")[0]["body"]
    recorded = sent["result"]["execution_results"]["echo"]
    assert recorded["inputs"] == {"other": "in-clear"}


def test_a_runner_is_given_them_too(given, api, env_file):
    api.inputs, api.secret_keys = {"a": "1", "s": "secret-s"}, ["s"]

    package, _ = given(
        ["a", "TOKEN", "s"], "--var", "new=x", "--env-file", env_file("TOKEN=secret-t")
    )

    assert package == {"inputs": ["TOKEN", "a", "new", "s"], "secret": ["s", "TOKEN"]}


def test_what_a_flow_does_not_read_of_a_file_is_not_handed_on(given, api, env_file):
    api.inputs = {"of_launch": "1"}
    file = env_file("OTHER=x\nUSED=y\nof_launch=z\nECHOPOINT_API_KEY=w\n")

    package, ended = given(["USED.field"], "--env-file", file)

    assert package["inputs"] == ["USED", "of_launch"]
    assert "OTHER" not in ended.err


@pytest.mark.parametrize("data", [{}, {"service": None}])
@pytest.mark.parametrize("is_inside", [False, True])
def test_a_node_that_reads_all_inputs_is_given_all_of_a_file(
    echopoint, api, runner, env_file, data, is_inside
):
    check = node("assert", "check", data)
    if is_inside:
        check = node("loop", "inner", {"body": {"nodes": [check]}})
    flow = api.add_flow(nodes=[check])

    ended = echopoint(
        *("flows", "run", flow, "--runner-binary", runner(*TELLS)),
        *("--env-file", env_file("OTHER=x"), "--var", "mine=1"),
    )

    assert '"inputs": ["OTHER", "mine"]' in ended.err
    assert "no template reads" not in ended.err


def test_referenced_flows_keep_their_own_inputs(echopoint, api, runner):
    definition = {"name": "Inner", "version": "1.0", "nodes": [reads("a")], "edges": []}
    inner = {"flow_definition": definition, "input_overrides": {"a": "own"}}
    api.referenced_flows = {"inner": inner}
    program = runner(
        "print(package['referenced_flows']['inner']['input_overrides'], file=sys.stderr)",
        *PASSES.splitlines(),
    )

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--var", "a=flag", "--var", "b=flag"),
    )

    assert "runner: {'a': 'own'}" in ended.err
    assert "named b." in ended.err


def test_a_name_that_no_template_reads_is_warned_of(given, api):
    api.inputs = {"base_urll": "also an input"}

    _, ended = given(
        ["base_url.host"], *("--var", "base_url=x", "--var", "base_urll=x")
    )

    assert ended.err.count("Warning") == 1
    assert "no template reads the variables of --var named base_urll." in ended.err


def test_of_several_flows_one_that_reads_a_name_is_enough(echopoint, api, runner):
    flows = [api.add_flow(nodes=[reads(name)]) for name in ("a", "b")]
    values = ["--var", "a=1", "--var", "b=2", "--var", "c=3"]

    ended = echopoint(
        "flows", "run", *flows, *values, "--runner-binary", runner(*PASSES.splitlines())
    )

    assert ended.err.count("Warning") == 1
    assert "named c." in ended.err


def test_an_answer_from_an_earlier_execution_says_that_they_were_not_used(
    echopoint, api, runner
):
    arguments = ["flows", "run", api.add_flow(), "--idempotency-key", "once"]
    arguments += ["--runner-binary", runner(PASSES), "--var", "a=1"]
    first = echopoint(*arguments)

    second = echopoint(*arguments)

    assert "were not used" not in first.err
    assert "the variables of the command line were not used" in second.err


def test_a_masked_secret_that_is_replaced_does_not_stop_a_run(echopoint, api, service):
    api.inputs, api.secret_keys = {"token": "***"}, ["token"]
    flow = api.add_flow(nodes=[request("a", f"{service.url}/echo?t={{{{token}}}}")])

    ended = echopoint("flows", "run", flow, "--var", "token=my-own-token")

    assert ended.code == 0, ended.err
    assert service.seen[0]["query"] == {"t": ["my-own-token"]}
    assert "my-own-token" not in json.dumps(api.requests_to("/complete$"))


@pytest.mark.parametrize(
    "text", ["s3cret", "=s3cret", "", " a=s3cret", "a =s3cret", "a\udcff=s3cret"]
)
def test_what_is_no_assignment_is_wrong_use_and_is_not_repeated(echopoint, api, text):
    ended = echopoint("flows", "run", api.add_flow(), "--var", text)

    assert ended.code == 3
    assert "Usage: echopoint flows run" in ended.err
    assert "A variable" in ended.err
    assert "s3cret" not in ended.err
    assert api.seen == []


def test_a_value_may_be_empty_or_hold_any_sign(echopoint, api, service):
    flow = api.add_flow(
        nodes=[request("a", f"{service.url}/echo?a={{{{a}}}}.&b={{{{b}}}}")]
    )

    ended = echopoint("flows", "run", flow, "--var", "a=", "--var", "b=x=y -- {{a}} é")

    assert ended.code == 0, ended.err
    assert service.seen[0]["query"] == {"a": ["."], "b": ["x=y -- {{a}} é"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\nnot a line\n", "line 2 of"),
        ("A=1\nB\n", "line 2 of"),
        ("A='unquoted\n", "line 1 of"),
        (b"A=\xff\n", "not UTF-8"),
        (None, "does not exist"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_anything_is_sent(
    echopoint, api, env_file, text, said
):
    path = "/no/such/file" if text is None else env_file(text)

    ended = echopoint("flows", "run", api.add_flow(), "--env-file", path)

    assert ended.code == 3
    assert said in ended.err
    assert "unquoted" not in ended.err
    assert api.seen == []


def test_the_syntax_is_that_of_dotenv_without_expansion(env_file, monkeypatch):
    monkeypatch.setenv("HOME", "/root")
    text = "\ufeff# comment\nexport A=1 # one\r\nB=\"x y\\nz\"\n\nC='$HOME ${A}'\nD=${A}\nE=\n"

    read = Variables.read([], [env_file(text)])

    assert read.secret == {
        "A": "1",
        "B": "x y\nz",
        "C": "$HOME ${A}",
        "D": "${A}",
        "E": "",
    }


def test_no_repr_shows_a_value(env_file):
    read = Variables.read([("a", ODD_SECRET)], [env_file(f"B={ODD_SECRET}")])

    assert ODD_SECRET not in repr(RunOptions(variables=read))


def test_a_flow_nested_too_deep_is_refused_as_ever(echopoint, api):
    deep = []
    for _ in range(500):
        deep = [deep]
    flow = api.add_flow(nodes=[node("set_variable", "a", {"variables": {"a": deep}})])

    ended = echopoint("flows", "run", flow, "--var", "a=1", "-o", "json")

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert "nested deeper" in ended.json["error_message"]
    assert execution["error_code"] == "FLOW_VALIDATION_FAILED"


def test_a_definition_is_searched_for_templates_once_in_each_run(
    echopoint, api, runner, monkeypatch
):
    searched = []
    search = variables.used_names

    def counted(package):
        searched.append(package["flow_id"])
        return search(package)

    monkeypatch.setattr(variables, "used_names", counted)
    flow = api.add_flow()

    ended = echopoint(
        *("flows", "run", flow, "--var", "a=1", "--runner-binary", runner(PASSES))
    )

    assert ended.code == 0, ended.err
    assert searched == [flow]


def test_a_definition_is_not_searched_for_templates_without_variables(
    echopoint, api, runner, monkeypatch
):
    monkeypatch.setattr(variables, "used_names", None)

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", runner(PASSES))

    assert ended.code == 0, ended.err
