import asyncio
import copy

import pytest

from echopoint.cli.engine import InvalidPackage, UnsupportedFlow, run_flow
from echopoint.cli.engine.graph import node_waves
from echopoint.cli.engine.validation import require_package, require_supported
from echopoint.cli.flow_runs.cancellation import Cancellation
from echopoint.cli.flow_runs.package_runner import run_package
from echopoint.cli.flow_runs.run_options import RunOptions
from echopoint.cli.settings import Settings
from tests.cli.engine.flows import (
    assertion,
    chain,
    edge,
    flow,
    node,
    package,
    request,
    variables,
)

SOUND = chain(
    request(
        "call", "http://h/", outputs={"id": "$.id"}, assertions=[assertion("empty")]
    ),
    node("delay", "wait", {"duration": 0}, run_when="always"),
    node("assert", "check", {}),
    variables("set", a=1),
)


def changed(path, value):
    """Return the sound flow with another value at the path."""
    definition = copy.deepcopy(SOUND)
    holder = definition
    *steps, last = path
    for step in steps:
        holder = holder[step]
    if value is KeyError:
        del holder[last]
    else:
        holder[last] = value
    return definition


def test_a_sound_flow_is_supported():
    assert require_supported(SOUND, {}) == SOUND


@pytest.mark.parametrize("kind", ["module", "branch", "loop", "poll", "sse", "new"])
def test_another_node_type_is_refused_with_the_way_out(kind):
    with pytest.raises(UnsupportedFlow) as refused:
        require_supported(flow(node(kind, "odd", {})), {})

    assert refused.value.message == (
        f'This flow cannot run here because of the node "odd" of type "{kind}". '
        "Use --runner-binary PATH to run it with a runner that can."
    )


def test_referenced_flows_are_checked_too():
    referenced = {"x": {"flow_definition": flow(node("sse", "inner", {}))}}

    with pytest.raises(UnsupportedFlow, match='the node "inner" of type "sse"'):
        require_supported(SOUND, referenced)
    assert require_supported(SOUND, {"x": {"flow_definition": SOUND}}) == SOUND


def test_of_many_the_first_are_named():
    nodes = [node("loop", f"l{number}", {}) for number in range(9)]

    with pytest.raises(UnsupportedFlow, match='"l4" of type "loop", and 4 more'):
        require_supported(flow(*nodes), {})


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["nodes"], None, '"nodes"'),
        (["nodes", 0], "call", "A node must be an object"),
        (["nodes", 0, "id"], 5, '"id"'),
        (["nodes", 0, "type"], KeyError, '"type"'),
        (["nodes", 0, "display_name"], 5, '"display_name"'),
        (["nodes", 0, "data"], KeyError, '"data"'),
        (["nodes", 0, "run_when"], "never", "run_when"),
        (["nodes", 0, "outputs"], {}, '"outputs"'),
        (["nodes", 0, "outputs", 0], "id", "must be an object"),
        (["nodes", 0, "outputs", 0, "extractor"], None, '"extractor"'),
        (["nodes", 0, "outputs", 0, "extractor", "type"], "css", "extractor"),
        (["nodes", 0, "outputs", 0, "extractor", "type"], [], "extractor"),
        (["nodes", 0, "outputs", 0, "extractor", "path"], 5, '"path"'),
        (["nodes", 0, "assertions", 0], None, "must be an object"),
        (["nodes", 0, "assertions", 0, "operator_type"], "like", "operator"),
        (["nodes", 0, "assertions", 0, "operator_type"], None, "operator"),
        (["nodes", 0, "assertions", 0, "operator_data"], 1, '"operator_data"'),
        (["nodes", 0, "assertions", 0, "extractor_data"], 1, '"extractor_data"'),
        (["nodes", 0, "data", "method"], "BREW", "method"),
        (["nodes", 0, "data", "url"], KeyError, '"url"'),
        (["nodes", 0, "data", "headers"], {"a": 1}, "headers"),
        (["nodes", 0, "data", "headers"], [], '"headers"'),
        (["nodes", 0, "data", "query_params"], [], '"query_params"'),
        (["nodes", 0, "data", "queryParams"], "a=1", '"queryParams"'),
        (["nodes", 0, "data", "timeout"], -1, "timeout"),
        (["nodes", 0, "data", "timeout"], 1.5, "timeout"),
        (["nodes", 0, "data", "timeout"], 10**400, "timeout"),
        (["nodes", 1, "data", "duration"], True, "duration"),
        (["nodes", 1, "data", "duration"], KeyError, "duration"),
        (["nodes", 1, "data", "duration"], 10**9, "duration"),
        (["nodes", 3, "data", "variables"], [], '"variables"'),
        (["nodes", 3, "id"], "call", "the same id"),
        (["edges"], {}, '"edges"'),
        (["edges", 0], [], "An edge must be an object"),
        (["edges", 0, "source"], None, '"source"'),
        (["edges", 0, "type"], "always", "The type of an edge is unknown"),
        (["edges", 0, "target"], "nobody", '"nobody", which is not a node'),
        (["edges", 0, "source"], "wait", "form a cycle: wait → wait"),
    ],
)
def test_an_invalid_flow_is_refused(path, value, reason):
    with pytest.raises(InvalidPackage, match=reason):
        require_supported(changed(path, value), {})


@pytest.mark.parametrize("definition", [None, [], "flow", 5])
def test_a_definition_that_is_no_object_is_refused(definition):
    with pytest.raises(InvalidPackage, match="flow_definition must be an object"):
        require_supported(definition, {})


@pytest.mark.parametrize("referenced", [[], None, {"x": 1}, {"x": {}}])
def test_referenced_flows_of_another_form_are_refused(referenced):
    with pytest.raises(InvalidPackage):
        require_supported(SOUND, referenced)


def test_a_cycle_is_refused():
    definition = flow(
        variables("a"),
        variables("b"),
        edges=[edge("a", "b"), edge("b", "a", "failure")],
    )

    with pytest.raises(InvalidPackage, match="The edges form a cycle"):
        require_supported(definition, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"execution_id": None}, '"execution_id"'),
        ({"flow_id": 5}, '"flow_id"'),
        ({"flow_definition": None}, "flow_definition"),
        ({"inputs": []}, '"inputs"'),
        ({"referenced_flows": []}, "referenced_flows"),
        ({"secret_input_keys": "key"}, '"secret_input_keys"'),
        ({"secret_input_keys": [5]}, "secret_input_key"),
    ],
)
def test_a_package_of_another_form_is_refused_before_anything_runs(change, reason):
    told = []

    with pytest.raises(InvalidPackage, match=reason):
        asyncio.run(run_flow(package(SOUND) | change, progress=told.append))

    assert told == []


def test_a_package_too_deep_to_work_with_is_refused():
    deep = "x"
    for _ in range(5000):
        deep = [deep]

    with pytest.raises(InvalidPackage, match="nested deeper than 100"):
        asyncio.run(run_flow(package(chain(variables("a", x=deep)))))


@pytest.mark.parametrize("package", [None, [], "package"])
def test_a_package_that_is_no_object_is_refused(package):
    with pytest.raises(InvalidPackage, match="package must be an object"):
        asyncio.run(run_flow(package))


def test_what_may_be_absent_is_nothing():
    ready = {
        key: value
        for key, value in package(chain(variables("a", b="{{x}}"))).items()
        if key in ("execution_id", "flow_id", "flow_definition")
    }

    document = asyncio.run(run_flow(ready | {"inputs": None}))

    assert document["result"]["final_outputs"] == {"a.b": "{{x}}"}


class Edges(list):
    """Edges that count how often they are read from the first to the last."""

    reads = 0

    def __iter__(self):
        self.reads += 1
        return super().__iter__()


def reads_of(act):
    definition = chain(variables("a", x=1), variables("b", x=2))
    edges = definition["edges"] = Edges(definition["edges"])
    act(definition)
    return edges.reads


def run_as_the_command_does(definition):
    settings, stop = Settings(api_key="x"), Cancellation(cleanup_timeout=0)
    running = run_package(
        package(definition),
        stop,
        options=RunOptions(),
        settings=settings,
        progress=[].append,
    )
    assert asyncio.run(running)["status"] == "completed"


def test_a_flow_is_checked_once_and_then_run():
    checked = reads_of(lambda definition: require_package(package(definition)))
    ordered = reads_of(lambda definition: list(node_waves(definition)))

    assert reads_of(run_as_the_command_does) == checked + ordered
