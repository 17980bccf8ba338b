"""`flows run` against an API that keeps the contract, with an external runner."""

import hashlib
import json
from urllib.parse import quote

import pytest
import yaml

from tests.cli.api_key import KEY
from tests.cli.runner_programs import FAILS, PASSES


def hexed(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_flow_that_passes_is_published_and_ends_with_0(echopoint, api, runner):
    flow = api.add_flow()

    ended = echopoint(
        "flows", "run", flow, "--runner-binary", runner(PASSES), "-o", "json"
    )

    (execution,) = api.executions.values()
    assert ended.code == 0
    assert execution["status"] == "completed"
    assert ended.json == {
        "execution_id": execution["id"],
        "flow_id": flow,
        "status": "completed",
        "success": True,
        "exit_code": 0,
        "duration_ms": 1500,
        "error_message": None,
        "replayed": False,
        "execution_age_seconds": None,
        "nodes": [
            {
                "node_id": "login",
                "display_name": "Login",
                "node_type": "request",
                "status": "completed",
                "duration_ms": 7,
                "error_message": None,
            }
        ],
    }


def test_a_flow_that_fails_shows_what_was_expected_and_what_came(
    echopoint, api, runner
):
    flow = api.add_flow()

    ended = echopoint(
        "flows", "run", flow, "--runner-binary", runner(FAILS), "-o", "json"
    )

    assert ended.code == 1
    assert ended.json["status"] == "failed"
    assert ended.json["error_message"] == "Cart: an assertion failed."
    assert [n["status"] for n in ended.json["nodes"]] == [
        "completed",
        "failed",
        "skipped",
    ]
    (shown,) = ended.json["nodes"][1]["assertions"]
    assert (shown["expected"], shown["actual"]) == ("200", 500)


def test_a_person_reads_the_same_in_a_table(echopoint, api, runner):
    flow = api.add_flow("Checkout [bold]")

    ended = echopoint("flows", "run", flow, "--runner-binary", runner(FAILS))

    assert ended.code == 1
    assert "Checkout [bold]" in ended.out
    assert "✗ failed" in ended.out
    assert "1 of 3" in ended.out
    assert "statusCode equals: expected 200, got 500" in ended.out
    assert " \n" not in ended.out


def test_several_flows_are_one_document_with_the_highest_code(echopoint, api, runner):
    flows = [
        api.add_flow("A"),
        "00000000-0000-0000-0000-000000000000",
        api.add_flow("B"),
    ]
    program = runner(
        'result("failed" if package["flow_definition"]["name"] == "B" else "completed")'
    )

    ended = echopoint("flows", "run", *flows, "--runner-binary", program, "-o", "json")

    assert ended.code == 3
    assert set(ended.json) == {
        "status",
        "success",
        "exit_code",
        "duration_ms",
        "results",
    }
    assert ended.json["status"] == "error"
    assert [r["exit_code"] for r in ended.json["results"]] == [0, 3, 1]
    assert [r["flow_id"] for r in ended.json["results"]] == flows
    assert "There is no such flow." in ended.json["results"][1]["error_message"]
    assert ended.json["results"][1]["execution_id"] is None


def test_yaml_is_the_same_document(echopoint, api, runner):
    flow = api.add_flow()

    ended = echopoint(
        "-o", "yaml", "flows", "run", flow, "--runner-binary", runner(PASSES)
    )

    assert yaml.safe_load(ended.out)["nodes"][0]["node_id"] == "login"


def test_parallel_flows_run_at_the_same_time_and_others_wait(echopoint, api, runner):
    flows = [api.add_flow(name) for name in "ABCD"]
    # Each waits for another to be there, and counts how many are.
    program = runner(
        "here = os.path.dirname(sys.argv[0]) + '/here'",
        "os.makedirs(here, exist_ok=True)",
        "mine = os.path.join(here, package['execution_id'])",
        "open(mine, 'w').close()",
        "deadline = time.monotonic() + 10",
        "while len(os.listdir(here)) < 2 and time.monotonic() < deadline: time.sleep(0.01)",
        "seen = len(os.listdir(here)); time.sleep(0.3); seen = max(seen, len(os.listdir(here)))",
        "os.unlink(mine)",
        "result('completed' if seen == 2 else 'failed', error_message=f'{seen} at once')",
    )

    ended = echopoint(
        "flows",
        "run",
        *flows,
        "--parallel",
        "2",
        "--runner-binary",
        program,
        "-o",
        "json",
    )

    assert [r["error_message"] for r in ended.json["results"]] == ["2 at once"] * 4
    assert ended.code == 0


def test_the_runner_gets_the_package_and_no_api_key(
    echopoint, api, runner, monkeypatch
):
    api.inputs = {"base": "http://x", "token": "S3CRET-value"}
    api.secret_keys = ["token"]
    flow = api.add_flow()
    monkeypatch.setenv(
        "INPUT_API_KEY", f"a copy of {__import__('os').environ['ECHOPOINT_API_KEY']}"
    )
    program = runner(
        "known = 'ECHOPOINT_API_KEY' in os.environ or 'INPUT_API_KEY' in os.environ",
        "good = package['inputs']['token'] == 'S3CRET' + '-value' and 'HOME' in os.environ",
        "result(error_message=f'{sorted(package)} {known} {good}')",
    )

    ended = echopoint("flows", "run", flow, "--runner-binary", program, "-o", "json")

    names = "['execution_id', 'flow_definition', 'flow_id', 'inputs', 'referenced_flows', 'secret_input_keys']"
    assert ended.json["error_message"] == f"{names} False True"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["sys.exit(3)"], "refused the package"),
        (["sys.exit(7)"], "exit code 7"),
        (["os.kill(os.getpid(), 9)"], "exit code -9"),
        (["print('not json')"], "not one JSON object"),
        (["print('[' * 100000)"], "not one JSON object"),
        (["print('{\"status\": NaN}')"], "not one JSON object"),
        (["result('completed', status='failed')"], "status is not completed"),
        (["result('failed', status='completed')"], "status is not failed"),
        (["result(duration_ms=-1)"], "duration_ms"),
        (["result(duration_ms=True)"], "duration_ms"),
        (["result(duration_ms=10**400)"], "duration_ms"),
        (["result(started_at='yesterday')"], "started_at"),
        (["result(completed_at='2030-01-01T00:00:00')"], "completed_at"),
        (["result(result=[])"], "execution_results"),
        (["result(result={'execution_results': {'a': 1}})"], "execution_results"),
        (["result(result={'execution_results': {}, 'success': False})"], "success"),
        (["result(error_message=5)"], "error_message"),
    ],
)
def test_a_runner_that_breaks_its_contract_ends_with_3_and_is_published(
    echopoint, api, runner, lines, said
):
    flow = api.add_flow()

    ended = echopoint(
        "flows", "run", flow, "--runner-binary", runner(*lines), "-o", "json"
    )

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert said in ended.json["error_message"]
    assert (execution["status"], execution["error_code"]) == ("failed", "RUNNER_FAILED")


BREAKS = (
    'result("completed", [node("a"), node("b", error_code="E", error_message="No.")])'
)


def test_a_run_with_a_failed_node_never_passes_whatever_the_runner_says(
    echopoint, api, runner
):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--runner-binary", runner(BREAKS)]
    arguments += ["--idempotency-key", "once", "-o", "json"]

    ended, again = echopoint(*arguments), echopoint(*arguments)

    (execution,) = api.executions.values()
    said = 'The runner reported success, but the node "B" failed: No.'
    assert (ended.code, again.code) == (1, 1)
    assert (ended.json["status"], ended.json["success"]) == ("failed", False)
    assert ended.json["error_message"] == said
    assert [n["status"] for n in ended.json["nodes"]] == ["completed", "failed"]
    assert (execution["status"], execution["error_code"]) == ("failed", "E")
    assert execution["error_message"] == execution["result"]["error_message"] == said
    assert execution["result"]["success"] is False


def test_a_failed_node_on_record_does_not_pass_either(echopoint, api, runner):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--runner-binary", runner(PASSES)]
    arguments += ["--idempotency-key", "once", "-o", "json"]
    echopoint(*arguments)
    (execution,) = api.executions.values()
    recorded = execution["result"]["execution_results"]["login"]
    recorded |= {"error_code": "E", "error_message": "No."}

    ended = echopoint(*arguments)

    assert execution["status"] == "completed"
    assert ended.code == 1
    assert 'the node "Login" failed: No.' in ended.json["error_message"]


def test_the_reason_of_a_run_that_only_seemed_to_pass_holds_no_secret(
    echopoint, api, runner
):
    api.inputs, api.secret_keys = {"token": "s3cret  value\nof lines"}, ["token"]
    program = runner(
        "t = package['inputs']['token']",
        "result('completed', [node('a', display_name=t, error_message=t)])",
    )

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", program)

    sent = json.dumps(api.requests_to("/complete$"))
    assert ended.code == 1
    assert 'the node \\"***\\" failed' in sent
    assert "s3cret" not in sent + ended.out + ended.err


@pytest.mark.parametrize(
    ("failed", "tolerates", "code"),
    [("inner", True, 0), ("inner", False, 1), ("loop", True, 1), ("after", True, 1)],
)
def test_a_loop_may_tolerate_what_fails_inside_of_it_and_no_more(
    echopoint, api, runner, failed, tolerates, code
):
    inner = {"nodes": [{"id": "inner", "type": "request"}], "edges": []}
    data = {"body": inner, "continue_on_error": tolerates}
    nodes = [{"id": "loop", "type": "loop", "data": data}, {"id": "after", "data": {}}]
    program = runner(
        f"failed = {failed!r}",
        "nodes = [node(id, **({'error_code': 'E'} if id == failed else {}))",
        "         for id in ('loop', 'inner', 'after')]",
        "result('completed', nodes)",
    )

    ended = echopoint(
        "flows", "run", api.add_flow(nodes=nodes), "--runner-binary", program
    )

    assert ended.code == code


def test_a_skipped_node_does_not_fail_a_run(echopoint, api, runner):
    skipped = 'node("a", error_code="NODE_SKIPPED", skip_reason="x", error_message="y")'
    program = runner(f'result("completed", [{skipped}])')

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", program)

    assert ended.code == 0


def test_a_runner_that_is_no_program_is_refused_before_anything_is_launched(
    echopoint, api, tmp_path
):
    path = tmp_path / "runner"
    path.write_text("")

    missing = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", str(tmp_path / "x")
    )
    not_executable = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", str(path)
    )

    assert (missing.code, not_executable.code) == (3, 3)
    assert "does not exist" in missing.err
    assert "not executable" in not_executable.err
    assert api.seen == []


def test_a_runner_that_cannot_start_is_a_failed_execution(echopoint, api, tmp_path):
    path = tmp_path / "runner"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o700)

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", str(path))

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert "cannot be started" in ended.err
    assert execution["error_code"] == "RUNNER_FAILED"


def test_what_a_runner_says_is_passed_on_line_by_line(echopoint, api, runner):
    program = runner(
        "print('::set-output name=x::y', '##[group]z', chr(27) + '[2J', file=sys.stderr)",
        PASSES,
    )

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", program)

    assert "runner: ::set-output name=x::y ## [group]z �[2J" in ended.err
    assert not [line for line in ended.err.splitlines() if line.startswith("::")]


@pytest.mark.parametrize("arguments", [[], ["{flow}", "--tag", "smoke"]])
def test_ids_and_tags_exclude_each_other_and_one_is_needed(echopoint, api, arguments):
    flow = api.add_flow(tags=["smoke"])

    ended = echopoint(
        "flows", "run", *(a.format(flow=flow) for a in arguments), "-o", "json"
    )

    assert ended.code == 3
    assert ended.json["status"] == "error"
    assert "Usage: echopoint flows run" in ended.err
    assert api.seen == []


def test_tags_select_flows_with_any_or_with_all_of_them(echopoint, api, runner):
    both = api.add_flow("Both", tags=["smoke", "pay"])
    one = api.add_flow("One", tags=["smoke"])
    arguments = ["flows", "run", "--tag", "smoke", "--tag", "pay", "-o", "json"]
    program = ["--runner-binary", runner(PASSES)]

    any_of_them = echopoint(*arguments, *program)
    all_of_them = echopoint(*arguments, *program, "--match-mode", "all")

    assert {r["flow_id"] for r in any_of_them.json["results"]} == {both, one}
    assert all_of_them.json["flow_id"] == both
    (search, _) = api.requests_to("/flows/search")
    assert search["body"] == {
        "tags": ["smoke", "pay"],
        "tag_match_mode": "any",
        "pagination": {"limit": 50, "offset": 0},
    }


@pytest.mark.parametrize(("count", "said"), [(0, "No flow has"), (51, "More than 50")])
def test_no_flow_or_more_than_50_is_refused(echopoint, api, count, said):
    for _ in range(count):
        api.add_flow(tags=["smoke"])

    ended = echopoint("flows", "run", "--tag", "smoke")

    assert ended.code == 3
    assert said in ended.err
    assert api.executions == {}


def test_50_flows_are_run(echopoint, api, runner):
    for _ in range(50):
        api.add_flow(tags=["smoke"])

    ended = echopoint(
        "flows",
        "run",
        "--tag",
        "smoke",
        "--parallel",
        "8",
        "--runner-binary",
        runner(PASSES),
        "-o",
        "json",
    )

    assert ended.code == 0
    assert len(ended.json["results"]) == 50


def test_a_key_without_flows_read_runs_ids_and_no_tags(echopoint, api, runner):
    api.scopes = {"flows:execute", "runner:complete"}
    flow = api.add_flow(tags=["smoke"])
    program = ["--runner-binary", runner(PASSES)]

    by_tag = echopoint("flows", "run", "--tag", "smoke", *program)
    by_id = echopoint("flows", "run", flow, *program)

    assert by_tag.code == 3
    assert "lacks flows:read" in by_tag.err
    assert "Flow ids do not require it" in by_tag.err
    assert by_id.code == 0


def test_a_key_without_flows_execute_is_told_the_scope(echopoint, api):
    api.scopes = {"flows:read"}

    ended = echopoint("flows", "run", api.add_flow(), "-o", "json")

    assert ended.code == 3
    assert "flows:execute" in ended.json["error_message"]


def test_a_flow_named_twice_runs_once(echopoint, api, runner):
    flow = api.add_flow()

    ended = echopoint(
        "flows", "run", flow, flow, "--runner-binary", runner(PASSES), "-o", "json"
    )

    assert ended.json["flow_id"] == flow
    assert len(api.executions) == 1
    assert "is repeated" in ended.err


def test_a_launch_says_what_was_asked_for(echopoint, api, runner):
    flow = api.add_flow()

    echopoint(
        "flows",
        "run",
        flow,
        "--environment",
        "staging",
        "--version-id",
        "v-1",
        "--runner-binary",
        runner(PASSES),
    )

    (launch,) = api.requests_to("/launch$")
    assert launch["body"] == {
        "runner_type": "ephemeral",
        "environment_key": "staging",
        "version_id": "v-1",
        "trigger_type": "manual",
    }
    assert launch["headers"]["X-Organization-Id"] == "org_acme"


GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_WORKFLOW": "CI",
    "GITHUB_JOB": "smoke",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SHA": "abc",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_ACTOR": "alice",
}


@pytest.fixture
def github(monkeypatch):
    for name, value in GITHUB.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("github")
def test_in_github_actions_the_launch_tells_of_the_job(echopoint, api, runner):
    flow = api.add_flow()

    echopoint("flows", "run", flow, "--runner-binary", runner(PASSES))

    (launch,) = api.requests_to("/launch$")
    assert launch["body"]["trigger_type"] == "git"
    assert launch["body"]["trigger_metadata"] == {
        "source": "github_actions",
        "repository": "acme/shop",
        "workflow": "CI",
        "job": "smoke",
        "run_id": "77",
        "run_attempt": "2",
        "sha": "abc",
        "ref": "refs/heads/main",
        "actor": "alice",
    }
    base = "gh-" + hexed("acme/shop/CI/smoke/77/2")
    assert launch["headers"]["Idempotency-Key"] == base
    context = {request["headers"].get("X-CI-Context") for request in api.seen}
    assert context == {"repository=acme%2Fshop&workflow=CI&job=smoke"}


@pytest.mark.usefixtures("github")
def test_several_flows_have_each_a_key_of_the_same_base(echopoint, api, runner):
    flows = [api.add_flow("A"), api.add_flow("B")]

    echopoint("flows", "run", *flows, "--runner-binary", runner(PASSES))

    base = "gh-" + hexed("acme/shop/CI/smoke/77/2")
    keys = {
        r["path"]: r["headers"]["Idempotency-Key"] for r in api.requests_to("/launch$")
    }
    assert keys == {
        f"/flows/{f}/launch": f"{base}-{hexed(f'{base}:{f}')}" for f in flows
    }


def test_the_flag_comes_before_the_environment_and_that_before_github(
    echopoint, api, runner, github, monkeypatch
):
    monkeypatch.setenv("ECHOPOINT_IDEMPOTENCY_KEY", "of the environment")
    program = ["--runner-binary", runner(PASSES)]

    echopoint(
        "flows", "run", api.add_flow(), *program, "--idempotency-key", "of the flag"
    )
    echopoint("flows", "run", api.add_flow(), *program)

    keys = [r["headers"]["Idempotency-Key"] for r in api.requests_to("/launch$")]
    assert keys == ["of the flag", "of the environment"]


def test_without_a_key_each_launch_has_one_of_its_own(echopoint, api, runner):
    flow = api.add_flow()

    for _ in range(2):
        echopoint("flows", "run", flow, "--runner-binary", runner(PASSES))

    keys = {r["headers"]["Idempotency-Key"] for r in api.requests_to("/launch$")}
    assert len(keys) == len(api.executions) == 2


@pytest.mark.parametrize("key", ["x" * 256, "ümlaut", "a\nb", " "])
def test_an_idempotency_key_that_no_header_takes_is_refused(echopoint, api, key):
    ended = echopoint("flows", "run", api.add_flow(), "--idempotency-key", key)

    assert ended.code == 3
    assert "idempotency key" in ended.err
    assert api.requests_to("/launch$") == []


def test_a_second_run_with_the_key_answers_from_the_first(echopoint, api, runner):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--idempotency-key", "once", "-o", "json"]

    first = echopoint(*arguments, "--runner-binary", runner(FAILS))
    second = echopoint(*arguments, "--runner-binary", runner("sys.exit(9)"))

    assert len(api.executions) == 1
    assert (first.code, second.code) == (1, 1)
    assert second.json["execution_id"] == first.json["execution_id"]
    assert second.json["nodes"][1] == first.json["nodes"][1]
    assert "answered from execution" in second.err
    assert (first.json["replayed"], second.json["replayed"]) == (False, True)
    assert second.json["execution_age_seconds"] == 0
    assert "✗ failed (an earlier execution, 0 s old)" in second.err
    assert "launched as" not in second.err
    assert len(api.requests_to("/complete$")) == 1


def test_a_replay_is_told_in_the_table(echopoint, api, runner):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--idempotency-key", "once"]
    arguments += ["--runner-binary", runner(PASSES)]

    first, second = echopoint(*arguments), echopoint(*arguments)

    assert "earlier execution" not in first.out
    assert "an earlier execution" in " ".join(second.out.split())


def test_an_execution_that_was_abandoned_is_an_error(echopoint, api, runner):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--idempotency-key", "once", "-o", "json"]
    arguments += ["--runner-binary", runner(PASSES)]
    echopoint(*arguments)
    (execution,) = api.executions.values()
    execution |= {"status": "failed", "error_code": "EXECUTION_ABANDONED"}

    assert echopoint(*arguments).code == 3


def test_a_launch_says_how_long_it_may_take(echopoint, api, runner):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--runner-binary", runner(PASSES)]

    echopoint(*arguments)
    echopoint(*arguments, "--poll-timeout", "90.5s")

    first, second = api.requests_to("/launch$")
    # With the 30 s for cleaning up.
    assert first["headers"]["X-Execution-Timeout"] == "1830"
    assert second["headers"]["X-Execution-Timeout"] == "121"


def test_a_replay_without_flows_read_has_no_nodes_and_says_so(echopoint, api, runner):
    flow = api.add_flow()
    api.scopes = {"flows:execute", "runner:complete"}
    arguments = ["flows", "run", flow, "--idempotency-key", "once", "-o", "json"]
    echopoint(*arguments, "--runner-binary", runner(PASSES))

    second = echopoint(*arguments, "--runner-binary", runner(PASSES))

    assert (second.code, second.json["nodes"]) == (0, [])
    assert "lacks flows:read" in second.err


def test_a_replay_that_is_not_over_is_run(echopoint, api, runner):
    flow = api.add_flow()
    arguments = ["flows", "run", flow, "--idempotency-key", "once", "-o", "json"]
    api.fail("/complete$", (500, {"errors": []}), times=3)
    lost = echopoint(*arguments, "--runner-binary", runner(PASSES))

    second = echopoint(*arguments, "--runner-binary", runner(PASSES))

    (execution,) = api.executions.values()
    assert (lost.code, second.code) == (3, 0)
    assert "launched as" in lost.err
    assert "resumed as execution" in second.err
    assert execution["status"] == "completed"


def test_a_replay_with_masked_secrets_is_not_run(echopoint, api, runner):
    api.inputs, api.secret_keys = {"token": "***"}, ["token"]

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", runner(PASSES))

    (execution,) = api.executions.values()
    assert ended.code == 3
    assert "token came masked" in ended.err
    # It may well be running where it was launched.
    assert execution["status"] == "pending"


def test_an_input_of_three_stars_that_is_no_secret_is_an_input(echopoint, api, runner):
    api.inputs, api.secret_keys = {"stars": "***"}, []

    ended = echopoint("flows", "run", api.add_flow(), "--runner-binary", runner(PASSES))

    assert ended.code == 0


def test_progress_is_on_stderr_and_results_alone_on_stdout(echopoint, api, runner):
    flow = api.add_flow("Smoke\n::error::x")

    ended = echopoint(
        "flows", "run", flow, "--runner-binary", runner(PASSES), "-o", "json"
    )

    json.loads(ended.out)
    assert "[Smoke ::error::x] launched as execution" in ended.err
    assert "[Smoke ::error::x] ✓ passed" in ended.err
    assert quote(flow) not in ended.err


def test_an_empty_idempotency_key_is_refused(echopoint, api):
    ended = echopoint("flows", "run", api.add_flow(), "--idempotency-key", "")

    assert ended.code == 3
    assert "is empty" in ended.err
    assert api.requests_to("/launch$") == []


def test_a_job_that_cannot_be_told_from_others_is_warned_of(
    echopoint, api, runner, github, monkeypatch
):
    program = ["--runner-binary", runner(PASSES)]
    named = echopoint("flows", "run", api.add_flow(), *program)
    monkeypatch.delenv("GITHUB_RUN_ID")

    unnamed = echopoint("flows", "run", api.add_flow(), *program)

    assert "Warning" not in named.err
    assert "Warning: GITHUB_RUN_ID not set" in unnamed.err
    assert (named.code, unnamed.code) == (0, 0)


@pytest.mark.usefixtures("github")
def test_in_one_job_other_variables_are_another_launch(
    echopoint, api, runner, tmp_path
):
    flow = api.add_flow()
    (tmp_path / "env").write_text("pin=4711")

    def key_with(*arguments):
        echopoint("flows", "run", flow, "--runner-binary", runner(PASSES), *arguments)
        return api.requests_to("/launch$")[-1]["headers"]["Idempotency-Key"]

    one, again = (key_with("--var", "url=http://one") for _ in range(2))
    keys = [
        key_with(),
        one,
        key_with("--var", "url=http://two"),
        key_with("--env-file", str(tmp_path / "env")),
    ]

    assert one == again
    assert len(set(keys)) == 4
    assert all(key.startswith(keys[0]) for key in keys)
    assert not any("4711" in key for key in keys)


@pytest.mark.usefixtures("github")
def test_who_does_not_know_the_key_cannot_try_values_out(
    echopoint, api, runner, monkeypatch
):
    flow, keys = api.add_flow(), []

    for _ in range(2):
        echopoint(
            "flows", "run", flow, "--runner-binary", runner(PASSES), "--var", "a=1"
        )
        keys.append(api.requests_to("/launch$")[-1]["headers"]["Idempotency-Key"])
        monkeypatch.setenv("ECHOPOINT_API_KEY", "epk_live_BBBBBBBBBBBB_" + "m" * 49)

    assert keys[0] != keys[1]


def test_a_number_beyond_all_numbers_does_not_keep_a_result_from_being_published(
    echopoint, api, runner
):
    program = runner(
        "import builtins",
        "show = lambda text: builtins.print(text.replace('\"BIG\"', '-1e999'))",
        "print = show",
        "result(nodes=[node('a', outputs={'x': 'BIG'})])",
    )

    ended = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", program, "-o", "json"
    )

    assert ended.code == 0, ended.err
    (execution,) = api.executions.values()
    assert execution["result"]["execution_results"]["a"]["outputs"] == {"x": "-inf"}


def test_half_a_character_does_not_keep_a_result_from_being_published(
    echopoint, api, runner
):
    program = runner(r"result(nodes=[node('a', outputs={'x\ud800': '\ud800\x00y'})])")

    ended = echopoint(
        "flows", "run", api.add_flow(), "--runner-binary", program, "-o", "json"
    )

    assert ended.code == 0, ended.err
    (execution,) = api.executions.values()
    outputs = execution["result"]["execution_results"]["a"]["outputs"]
    assert outputs == {"x\ufffd": "\ufffd\ufffdy"}


LONG_VALUE = """result("failed", [node("cart", error_code="ASSERTION_FAILED",
    assertion_results=[{"index": 0, "extractor": "body", "operator": "equals", "passed": False,
                        "expected": "x" * 265 + "KEY", "actual": {"a": "x" * 260 + "KEY"}}])])"""


def test_a_key_is_hidden_before_a_long_value_is_cut(echopoint, api, runner, tmp_path):
    program, report = runner(LONG_VALUE.replace("KEY", KEY)), tmp_path / "junit.xml"

    ended = echopoint(
        *("flows", "run", api.add_flow(), "--runner-binary", program),
        *("--junit", str(report)),
    )

    assert ended.code == 1
    assert "xxx***" in ended.out
    assert "kkkkk" not in ended.out + ended.err + report.read_text()
