import asyncio
import json
import re
import time
from urllib.parse import quote

import pytest

from echopoint.cli.engine import UnsupportedFlow, run_flow
from echopoint.cli.engine.node_execution import ACTIONS
from tests.cli.engine.flows import (
    assertion,
    chain,
    edge,
    flow,
    node,
    package,
    request,
    run,
    run_node,
    variables,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def fails(name, **rest):
    return node(
        "assert",
        name,
        {"target": "no"},
        assertions=[assertion("equals", "yes", kind="body")],
        **rest,
    )


def always(name):
    return variables(name, ran="yes") | {"run_when": "always"}


def outcomes(document):
    """Return in order which nodes ran, failed or were skipped."""
    return {
        name: result.get("error_code", "done")
        for name, result in document["result"]["execution_results"].items()
    }


def test_a_passing_flow_has_the_result_document_of_a_runner(service):
    document = run(
        chain(
            variables("set", who="{{name}}", count="{{{n}}}"),
            request(
                "call",
                f"{service.url}/echo",
                method="POST",
                body={"who": "{{set.who}}", "n": "{{{set.count}}}"},
                outputs={"body": "$.body"},
                assertions=[assertion("equals", "200")],
            ),
            node("delay", "wait", {"duration": 10}),
        ),
        inputs={"name": "Ada", "n": 3},
    )

    assert list(document) == [
        "status",
        "started_at",
        "completed_at",
        "duration_ms",
        "result",
    ]
    assert document["status"] == "completed"
    assert TIME.fullmatch(document["started_at"])
    assert document["started_at"] <= document["completed_at"]
    assert document["duration_ms"] >= 10
    result = document["result"]
    assert result["success"] is True
    assert "error_code" not in result
    assert result["final_outputs"] == {
        "set.who": "Ada",
        "set.count": 3,
        "call.body": '{"who":"Ada","n":3}',
    }
    call = result["execution_results"]["call"]
    varies = {"duration_ms": 0, "started_at": "", "executed_at": ""}
    assert call["started_at"] <= call["executed_at"]
    assert call | varies | {"response_headers": {}} == {
        "node_id": "call",
        "display_name": "Call",
        "node_type": "request",
        "inputs": {"set.who": "Ada", "set.count": 3},
        "outputs": {"body": '{"who":"Ada","n":3}'},
        "started_at": "",
        "executed_at": "",
        "duration_ms": 0,
        "request_method": "POST",
        "request_url": f"{service.url}/echo",
        "request_headers": call["request_headers"],
        "request_body": {"who": "Ada", "n": 3},
        "response_status_code": 200,
        "response_headers": {},
        "response_body": call["response_body"],
        "response_body_parsed": service.seen[0],
        "assertion_results": [
            {
                "index": 0,
                "extractor": "statusCode",
                "operator": "equals",
                "expected": "200",
                "actual": 200,
                "passed": True,
            }
        ],
    }


def test_a_failed_node_ends_the_phase_and_the_always_nodes_run():
    document = run(
        chain(
            variables("first"),
            fails("second"),
            variables("third"),
            always("clean-up"),
            fails("clean-up-too", run_when="always"),
            always("last"),
        )
    )

    assert outcomes(document) == {
        "first": "done",
        "second": "ASSERTION_FAILED",
        "third": "NODE_SKIPPED",
        "clean-up": "done",
        "clean-up-too": "ASSERTION_FAILED",
        "last": "done",
    }
    result = document["result"]
    assert document["status"] == "failed"
    assert result["success"] is False
    assert result["error_code"] == document["error_code"] == "ASSERTION_FAILED"
    assert document["error_message"] == (
        'Assertion 1 failed: body equals "yes", but it is "no".'
    )
    skipped = result["execution_results"]["third"]
    assert skipped["skip_reason"] == "aborted_after_failure"
    assert skipped["error_message"] == 'The node "Second" failed before this one.'


def test_the_flow_fails_for_its_first_failure():
    later = node("assert", "later", {"target": "x"}, run_when="always")
    later["outputs"] = [{"name": "a", "extractor": {"type": "statusCode"}}]

    document = run(flow(fails("first"), later))

    assert outcomes(document)["later"] == "OUTPUT_EXTRACTION_FAILED"
    assert document["error_code"] == "ASSERTION_FAILED"
    assert document["error_message"].startswith("Assertion 1 failed")


def test_always_nodes_come_last_even_when_they_lead_the_flow():
    document = run(chain(always("set-up"), variables("work"), always("clean-up")))

    assert list(outcomes(document)) == ["set-up", "work", "clean-up"]


def test_always_nodes_without_edges_come_last():
    document = run(flow(always("clean-up"), variables("a"), variables("b")))

    assert list(outcomes(document)) == ["a", "b", "clean-up"]


def test_what_waits_for_an_always_node_that_fails_is_skipped():
    document = run(chain(fails("set-up", run_when="always"), variables("work")))

    assert outcomes(document) == {"set-up": "ASSERTION_FAILED", "work": "NODE_SKIPPED"}


def test_an_always_node_runs_after_predecessors_that_were_skipped():
    document = run(chain(fails("a"), variables("b"), always("c")))

    assert outcomes(document) == {
        "a": "ASSERTION_FAILED",
        "b": "NODE_SKIPPED",
        "c": "done",
    }


def test_an_always_node_that_fails_alone_fails_the_flow():
    document = run(flow(variables("a"), fails("clean-up", run_when="always")))

    assert outcomes(document) == {"a": "done", "clean-up": "ASSERTION_FAILED"}
    assert document["status"] == "failed"


def test_the_order_is_that_of_the_edges_then_of_the_definition():
    nodes = [variables(name) for name in "dcba"]
    edges = [edge("a", "d"), edge("b", "d", "failure")]

    document = run(flow(*nodes, edges=edges))

    assert list(outcomes(document)) == ["c", "b", "a", "d"]


def test_nodes_that_are_ready_run_together():
    slow = [node("delay", id, {"duration": 250}) for id in "abcd"]

    document = run(flow(*slow))

    results = document["result"]["execution_results"].values()
    assert max(r["started_at"] for r in results) < min(
        r["executed_at"] for r in results
    )
    assert list(outcomes(document)) == ["a", "b", "c", "d"]


def test_no_more_run_at_once_than_the_bound(service, monkeypatch):
    monkeypatch.setattr("echopoint.cli.engine.flow_execution.MAX_CONCURRENT", 2)
    told = []

    run(
        flow(*(node("delay", id, {"duration": 5}) for id in "abcdef")),
        progress=told.append,
    )

    running = most = 0
    for event in told:
        running += {"node.started": 1, "node.completed": -1}.get(event["type"], 0)
        most = max(most, running)
    assert (most, running) == (2, 0)


def test_a_node_that_waited_for_its_turn_does_not_count_the_waiting(monkeypatch):
    monkeypatch.setattr("echopoint.cli.engine.flow_execution.MAX_CONCURRENT", 1)

    document = run(flow(*(node("delay", id, {"duration": 200}) for id in "abc")))

    results = list(document["result"]["execution_results"].values())
    assert max(one["duration_ms"] for one in results) < 500
    assert results[1]["started_at"] >= results[0]["executed_at"]


def test_what_runs_beside_a_failure_ends_and_what_follows_is_skipped():
    slow = node("delay", "slow", {"duration": 200})
    edges = [edge("slow", "after"), edge("quick", "after too")]

    document = run(
        flow(
            fails("quick"),
            slow,
            variables("after"),
            variables("after too"),
            edges=edges,
        )
    )

    assert outcomes(document) == {
        "quick": "ASSERTION_FAILED",
        "slow": "done",
        "after": "NODE_SKIPPED",
        "after too": "NODE_SKIPPED",
    }


def test_of_two_failures_beside_each_other_the_first_of_the_flow_counts():
    slow = node("delay", "slow", {"duration": 100})
    slow["outputs"] = [{"name": "a", "extractor": {"type": "statusCode"}}]

    document = run(flow(slow, fails("quick")))

    assert outcomes(document)["quick"] == "ASSERTION_FAILED"
    assert document["error_code"] == "OUTPUT_EXTRACTION_FAILED"


def test_nodes_that_run_together_do_not_read_each_other():
    reads = variables("b", x="{{a.x}}")

    beside = run(flow(variables("a", x="1"), reads))
    after = run(chain(variables("a", x="1"), reads))

    outputs = [
        d["result"]["execution_results"]["b"]["outputs"] for d in (beside, after)
    ]
    assert outputs == [{"x": "{{a.x}}"}, {"x": "1"}]


@pytest.mark.parametrize(
    ("read", "reason"),
    [("a", "dependency_failed"), ("b", "dependency_skipped")],
)
def test_an_always_node_that_reads_what_has_no_outputs_is_skipped(read, reason):
    reads = variables("reads", x=f"{{{{{read}.x}}}}") | {"run_when": "always"}

    document = run(chain(fails("a"), variables("b", x="1"), reads, always("c")))

    result = document["result"]["execution_results"]["reads"]
    assert (result["error_code"], result["skip_reason"]) == ("NODE_SKIPPED", reason)
    assert f'"{read.title()}"' in result["error_message"]
    assert result["missing_inputs"] == [f"{read}.x"]
    assert outcomes(document)["c"] == "done"


def test_assertions_stop_at_the_first_that_fails_and_nothing_is_extracted():
    one = node(
        "assert",
        "check",
        {"target": {"n": "{{{n}}}"}},
        assertions=[
            assertion("equals", 5, kind="jsonPath", path="$.n"),
            assertion("greaterThan", "{{{limit}}}", kind="jsonPath", path="$.n"),
            assertion("equals", 5, kind="jsonPath", path="$.n"),
        ],
        outputs=[{"name": "n", "extractor": {"type": "body"}}],
    )

    result = run_node(one, inputs={"n": 5, "limit": 7})

    assert [each["passed"] for each in result["assertion_results"]] == [True, False]
    assert result["assertion_results"][1]["expected"] == 7
    assert result["error_message"] == (
        "Assertion 2 failed: jsonPath $.n greaterThan 7, but it is 5."
    )
    assert result["inputs"] == {"n": 5, "limit": 7}
    assert result["outputs"] == {}


def test_an_assertion_that_cannot_be_evaluated_has_a_reason():
    one = node(
        "assert", "check", {"target": "x"}, assertions=[assertion("greaterThan", 1)]
    )

    result = run_node(one)

    [told] = result["assertion_results"]
    assert told["error"] == "only a request node has a status code"
    assert result["error_message"].endswith("only a request node has a status code.")


def test_an_output_that_is_not_there_fails_the_node(service):
    result = run_node(request("a", f"{service.url}/echo", outputs={"x": "$.no"}))

    assert result["error_code"] == "OUTPUT_EXTRACTION_FAILED"
    assert result["error_message"] == (
        'The output "x" could not be extracted: nothing is at the path $.no.'
    )


def test_without_a_target_the_inputs_are_asserted_and_secrets_stay_hidden():
    checks = [
        assertion("equals", "CANARY", kind="jsonPath", path="$.key"),
        assertion("equals", "{{key}}", kind="jsonPath", path="$.key"),
    ]

    result = run_node(
        node("assert", "check", {}, assertions=checks),
        inputs={"key": "CANARY"},
        secrets=["key"],
    )

    assert [each["passed"] for each in result["assertion_results"]] == [True, True]
    assert "CANARY" not in json.dumps(result)


def test_progress_is_reported_as_events():
    told = []

    run(chain(variables("a"), fails("b"), variables("c")), progress=told.append)

    assert [(each["type"], each["payload"].get("nodeId")) for each in told] == [
        ("flow.started", None),
        ("node.started", "a"),
        ("node.completed", "a"),
        ("node.started", "b"),
        ("node.failed", "b"),
    ]
    started, node_started, completed, _, failed = (each["payload"] for each in told)
    assert set(started) == {"execution_id", "flowName", "timestamp"}
    assert set(node_started) == {"nodeId", "displayName", "nodeType", "timestamp"}
    assert completed["success"] is True
    assert completed["duration"] >= 0
    assert failed["error"].startswith("Assertion 1 failed")
    assert all(TIME.fullmatch(each["payload"]["timestamp"]) for each in told)


def test_nothing_runs_of_a_flow_that_is_not_supported(service):
    told = []
    definition = chain(request("a", f"{service.url}/echo"), node("loop", "b", {}))

    with pytest.raises(UnsupportedFlow, match="--runner-binary"):
        run(definition, progress=told.append)

    assert (told, service.seen) == ([], [])


@pytest.mark.parametrize("path", ["silent", "drip", "delay"])
def test_a_cancelled_run_ends_wherever_it_is(service, path):
    slow = request("slow", f"{service.url}/{path}")
    if path == "delay":
        slow = node("delay", "slow", {"duration": 60_000})
    definition = chain(variables("a"), slow, variables("b"), always("c"))

    async def cancel_soon():
        cancelled = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, cancelled.set)
        return await run_flow(package(definition), cancelled=cancelled)

    began = time.monotonic()
    document = asyncio.run(cancel_soon())

    assert time.monotonic() - began < 20
    assert outcomes(document) == {
        "a": "done",
        "slow": "CANCELLED",
        "b": "NODE_SKIPPED",
        "c": "NODE_SKIPPED",
    }
    assert document["status"] == "failed"
    assert document["error_code"] == document["result"]["error_code"] == "CANCELLED"
    assert document["error_message"] == "The run was cancelled."
    results = document["result"]["execution_results"]
    assert results["c"]["skip_reason"] == "cancelled"
    assert results["c"]["error_message"] == "The run was cancelled."


def cancelled_run(definition, *, cleanup):
    """Return the document of a run that is cancelled, and may clean up for a while."""

    async def run():
        cancelled, over = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, cancelled.set)
        asyncio.get_running_loop().call_later(0.3 + cleanup, over.set)
        return await run_flow(
            package(definition), cancelled=cancelled, cleanup_over=over
        )

    return asyncio.run(run())


def test_nodes_that_always_run_do_so_when_a_run_is_cancelled(service):
    slow = node("delay", "slow", {"duration": 60_000})
    tidy = request("tidy", f"{service.url}/echo", outputs={"path": "$.path"})
    read = request("read", service.url + "{{tidy.path}}") | {"run_when": "always"}
    definition = chain(slow, variables("b"), tidy | {"run_when": "always"}, read)

    document = cancelled_run(definition, cleanup=20)

    assert outcomes(document) == {
        "slow": "CANCELLED",
        "b": "NODE_SKIPPED",
        "tidy": "done",
        "read": "done",
    }
    assert document["error_code"] == "CANCELLED"


def test_a_node_that_always_runs_and_was_running_goes_on(service):
    slow = node("delay", "slow", {"duration": 500}) | {"run_when": "always"}

    document = cancelled_run(flow(slow, variables("b")), cleanup=20)

    # The other node runs first: `run_when: always` nodes run last.
    assert outcomes(document) == {"b": "done", "slow": "done"}
    # A cancelled run has not passed.
    assert (document["status"], document["error_code"]) == ("failed", "CANCELLED")


def test_cleaning_up_ends_with_its_time(service):
    slow = node("delay", "slow", {"duration": 60_000})
    tidy = [
        request(id, f"{service.url}/silent") | {"run_when": "always"} for id in "abc"
    ]

    document = cancelled_run(chain(slow, *tidy), cleanup=0.3)

    assert outcomes(document) == {
        "slow": "CANCELLED",
        "a": "CANCELLED",
        "b": "NODE_SKIPPED",
        "c": "NODE_SKIPPED",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:99999/",
        "http://localhost:-1/",
        "http://localhost:x/",
        "http://\ud800.example/",
        "http://a..b/",
        "http://xn--/",
        "http://xn--a-ecp.ru/",
        f"http://{'a' * 64}.example/",
        "http://[::1/",
        "http://[1::2::3]/",
        "http://\x00/",
        "http://localhost/\ud800",
        "http://" + "a" * 100_000,
        "http://☃☃☃.☃/",
        "http://٣/",
        "http://%41/",
        "http://a b/",
    ],
)
def test_whatever_a_url_is_fails_its_node_alone(service, url):
    tidy = request("tidy", f"{service.url}/echo") | {"run_when": "always"}

    document = run(flow(request("odd", url), tidy))

    results = document["result"]["execution_results"]
    assert results["odd"]["error_code"] in {"REQUEST_FAILED", "DNS_RESOLUTION_FAILED"}
    assert results["odd"]["error_message"]
    assert "error_code" not in results["tidy"]


@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:70000/",
        "http://localhost:x/",
        "http://[::1/",
        "//",
        "http://a..b/",
        "http://xn--/",
        "ftp://localhost/",
        "http://[v1.x]/",
    ],
)
def test_wherever_a_redirect_leads_fails_its_node_alone(service, location):
    odd = request("odd", f"{service.url}/redirect-to?url={quote(location, safe='')}")
    tidy = request("tidy", f"{service.url}/echo") | {"run_when": "always"}

    document = run(flow(odd, tidy))

    results = document["result"]["execution_results"]
    assert results["odd"]["error_code"] in {"REQUEST_FAILED", "DNS_RESOLUTION_FAILED"}
    assert "error_code" not in results["tidy"]


def test_a_fault_of_the_engine_fails_the_node_alone(monkeypatch):
    async def broken(self):
        raise RuntimeError("no such thing: s3cret-value.")

    monkeypatch.setitem(ACTIONS, "delay", broken)
    definition = chain(
        node("delay", "odd", {"duration": 1}), variables("c"), always("tidy")
    )

    document = run(definition, inputs={"k": "s3cret-value"}, secrets=["k"])

    assert outcomes(document) == {
        "odd": "NODE_ERROR",
        "c": "NODE_SKIPPED",
        "tidy": "done",
    }
    message = document["result"]["execution_results"]["odd"]["error_message"]
    assert message == "The node failed: RuntimeError: no such thing: ***."


def test_a_run_cancelled_before_it_starts_runs_nothing(service):
    async def cancelled_run():
        cancelled = asyncio.Event()
        cancelled.set()
        definition = flow(request("a", f"{service.url}/echo"))
        return await run_flow(package(definition), cancelled=cancelled)

    document = asyncio.run(cancelled_run())

    assert outcomes(document) == {"a": "NODE_SKIPPED"}
    assert document["error_code"] == "CANCELLED"
    assert service.seen == []


def test_a_run_whose_caller_gives_up_leaves_nothing_behind(service):
    async def give_up():
        async with asyncio.timeout(0.3):
            await run_flow(package(flow(request("a", f"{service.url}/silent"))))

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())


def test_two_runs_go_on_side_by_side(service):
    told = []

    async def both():
        slow = package(flow(request("a", f"{service.url}/slow?ms=300")))
        runs = (run_flow(slow, progress=told.append) for _ in range(2))
        return await asyncio.gather(*runs)

    first, second = asyncio.run(both())

    assert first["status"] == second["status"] == "completed"
    nodes = [event["type"] for event in told if event["type"] != "flow.started"]
    assert nodes == ["node.started"] * 2 + ["node.completed"] * 2
