import re
import time

import pytest

from echopoint.flows.definition.schemas import NODE_SCHEMAS
from echopoint.flows.definition.validation import problems
from tests.flows.definition.definitions import (
    JUNK,
    asserting,
    assertion,
    chain,
    changed,
    edge,
    everything,
    fields,
    flow,
    loop,
    node,
    request,
    sole,
)


def test_a_definition_with_every_node_type_and_field_is_valid():
    assert {each["type"] for each in everything()["nodes"]} == set(NODE_SCHEMAS)
    assert problems(everything()) == []


def test_a_flow_without_nodes_is_valid():
    assert problems(flow()) == []


def test_a_node_id_given_twice_is_refused_at_the_second():
    field, message = sole(flow(request("a"), request("b"), request("a")))

    assert field == "nodes[2].id"
    assert message == (
        'The id "a" is already used by an earlier entry of nodes. Make each id unique.'
    )


def test_an_edge_id_given_twice_is_refused_at_the_second():
    nodes = request("a"), request("b"), request("c")
    twice = [edge("a", "b", id="e"), edge("b", "c", id="e")]

    assert sole(flow(*nodes, edges=twice)) == (
        "edges[1].id",
        'The id "e" is already used by an earlier entry of edges. Make each id unique.',
    )
    assert problems(flow(*nodes, edges=[edge("a", "b"), edge("b", "c", id="e")])) == []


@pytest.mark.parametrize("end", ["source", "target"])
def test_an_edge_to_an_unknown_node_is_refused_by_name(end):
    edges = [edge("a", "b") | {end: "z"}]

    field, message = sole(flow(request("a"), request("b"), edges=edges))

    assert field == f"edges[0].{end}"
    assert message == 'No node here has the id "z". Use the id of an existing node.'


def test_an_edge_from_a_node_to_itself_is_refused():
    field, message = sole(flow(request("a"), edges=[edge("a", "a")]))

    assert field == "edges[0].target"
    assert message == 'The edge connects "a" to itself. Connect it to another node.'


def test_a_cycle_is_refused_and_named():
    nodes = [request(name) for name in "abcd"]
    edges = [edge("d", "a"), edge("a", "b"), edge("b", "c"), edge("c", "a")]

    field, message = sole(flow(*nodes, edges=edges))

    assert field == "edges"
    assert message == ("The edges form a cycle: a → b → c → a. Remove one of them.")
    assert problems(flow(*nodes, edges=edges[:-1])) == []


def test_paths_that_join_again_are_not_a_cycle():
    nodes = [request(name) for name in "abcd"]
    edges = [edge("a", "b"), edge("a", "c"), edge("b", "d"), edge("c", "d")]

    assert problems(flow(*nodes, edges=edges)) == []


def test_a_long_cycle_is_named_in_part():
    names = [f"n{place}" for place in range(400)]
    edges = map(edge, names, [*names[1:], names[0]])

    _, message = sole(flow(*map(request, names), edges=edges))

    assert message.count("→") == 7
    assert " → … → " in message


def test_a_branch_leads_to_known_nodes_only():
    for field in ("nodes[5].data.cases[0].target", "nodes[5].data.default"):
        assert sole(changed(field, "z")) == (
            field,
            'No node here has the id "z". Use the id of an existing node.',
        )
        assert problems(changed(field, "sse")) == []


def test_a_branch_only_follows_its_edges():
    for field in ("nodes[5].data.cases[0].target", "nodes[5].data.default"):
        assert sole(changed(field, "poll")) == (
            field,
            'No edge leads from "branch" to "poll". Add one: a branch can only follow '
            "its edges.",
        )
    assert problems(changed("nodes[5].data.default", "")) == []


@pytest.mark.parametrize("place", [6, 7])
def test_a_body_is_checked_as_a_flow_is(place):
    body = f"nodes[{place}].data.body"

    assert sole(changed(f"{body}.nodes[0].type", "x")).field == f"{body}.nodes[0].type"
    target = f"{body}.edges[0].target"
    assert sole(changed(target, "z")).field == target
    repeated = changed(f"{body}.nodes", [request("a"), request("a")])
    assert sole(changed(f"{body}.edges", [], repeated)).field == f"{body}.nodes[1].id"


def test_a_body_cannot_refer_to_outer_nodes():
    inside = edge("in", "out")

    assert problems(flow(loop("out", request("out")), request("in"))) == []
    assert sole(flow(loop("out", request("in"), edges=[inside]))).field == (
        "nodes[0].data.body.edges[0].target"
    )
    assert sole(flow(loop("out", request("in")), edges=[inside])).field == (
        "edges[0].source"
    )


def test_bodies_may_be_nested_ten_deep_and_no_deeper():
    ten = request("core")
    for depth in range(10):
        ten = loop(f"loop{depth}", ten)

    assert problems(flow(ten)) == []
    field, message = sole(flow(loop("eleventh", ten)))
    assert field == "nodes[0].data.body" + ".nodes[0].data.body" * 10
    assert message.startswith("Bodies may be nested at most 10 deep.")


@pytest.mark.parametrize(("field", "most"), [("nodes", 500), ("edges", 2000)])
def test_a_flow_has_its_limits_bodies_included(field, most):
    nodes = [request(f"n{place}") for place in range(most if field == "nodes" else 2)]
    edges = [edge("n0", "n1", id=f"e{place}") for place in range(2000)]
    inner = loop("n0", request("x"), request("y"), edges=[edge("x", "y")])
    refusal = f"A flow may have at most {most} {field}, including those in loop and poll bodies"

    assert problems(flow(*nodes, edges=edges)) == []
    found = dict(problems(flow(inner, *nodes[1:], edges=edges)))
    assert found[field].startswith(refusal)


def test_a_flow_over_the_limits_gets_no_other_problem():
    assert [each.field for each in problems(flow(*[None] * 501))] == ["nodes"]
    assert [each.field for each in problems(flow(*[None] * 9))][0] == "nodes[0]"


def test_only_the_cycle_of_a_cyclic_flow_is_reported():
    nodes = request("a", "{{b.id}}", ["id"]), request("b", "{{a.id}}", ["id"])

    assert sole(flow(*nodes, edges=[edge("a", "b"), edge("b", "a")])).field == "edges"


def test_the_number_of_problems_is_limited():
    broken = flow(*[{}] * 30)

    assert len(problems(broken)) == 20
    assert problems(broken, limit=3) == problems(broken)[:3]
    assert len(problems(broken, limit=1000)) == 90


@pytest.mark.parametrize(
    "definition",
    [
        flow(node("x" * 999, "a", {})),
        flow(request("a", method="x" * 999)),
        flow(request("a", headers={"x" * 999: 1})),
        flow(request("y" * 200), request("y" * 200)),
        flow(request("a"), edges=[edge("x" * 999, "a", id="e")]),
        asserting("regex", value=f"(?P<a{'x' * 999}>a)(?P<a{'x' * 999}>a)"),
        chain(
            request("a", outputs=["y" * 999]), request("b", "{{a.%s}}" % ("x" * 999))
        ),
    ],
)
def test_a_problem_repeats_no_long_value(definition):
    assert not re.search("x{61}|y{61}", "".join(sole(definition)))
    assert len(sole(definition).field) < 100


@pytest.mark.parametrize("letter", ["\0", "\n", "\ud800", "\u202e"])
def test_a_problem_can_be_encoded_and_printed(letter):
    for problem in (
        sole(flow(node(letter, "a", {}))),
        sole(flow(request("a", headers={letter: 1}))),
    ):
        assert "\ufffd" in "".join(problem)
        assert "".join(problem).isprintable()


@pytest.mark.slow
def test_junk_at_any_place_is_never_too_much():
    for field in fields(everything()):
        for junk in JUNK:
            for problem in problems(changed(field, junk), limit=1000):
                assert isinstance(problem.field, str)
                assert problem.message.endswith(".")


@pytest.mark.parametrize(
    "field", ["name", "nodes[0]", "nodes[0].type", "nodes[0].data"]
)
def test_a_value_nested_without_end_is_refused_as_any_other(field):
    deep = []
    for _ in range(100_000):
        deep = [deep]

    assert field in dict(problems(changed(field, deep)))


def test_a_value_that_is_not_of_json_is_refused_as_any_other():
    assert sole(changed("name", ("F",))).message == "This must be a string, not tuple."


def test_a_body_nested_without_end_is_read_to_its_end():
    deep = "{{sse.last}}"
    for _ in range(100_000):
        deep = [deep]

    definition = changed("nodes[0].data.body", deep)
    definition["nodes"][0]["run_when"] = "on_success"

    field, message = sole(definition)

    assert field.startswith("nodes[0].data.body[0][0][0]")
    assert len(field) < 600
    assert message.startswith('"last" of node "sse" is read here')


@pytest.mark.slow
def test_loops_nested_without_end_are_refused():
    deep = request("core")
    for _ in range(100_000):
        deep = loop("loop", deep)

    assert sole(flow(deep)).message.startswith("Bodies may be nested at most 10 deep.")


def test_a_flow_at_its_limits_is_checked_fast():
    names = [f"n{place}" for place in range(500)]
    one = assertion("regex", "jsonPath", {"path": "$.id"}, value="^ord_[a-z0-9]+$")
    nodes = [
        request(n, "{{base}}/{{n0.id}}", ["id"]) | {"assertions": [one]} for n in names
    ]
    nodes[0]["data"]["url"] = "{{base}}"
    edges = [
        edge(source, target)
        for step in (1, 2, 3, 4)
        for source, target in zip(names, names[step:] + ["n499"] * step, strict=True)
        if source != "n499"
    ]
    edges = list({each["id"]: each for each in edges}.values())

    started = time.process_time()
    found = problems(flow(*nodes, edges=edges))

    # It takes a thirtieth of that; the margin is for slow machines.
    assert time.process_time() - started < 2
    assert found == []
    assert len(edges) > 1980


@pytest.mark.parametrize(
    "definition",
    [
        asserting("regex", value="(?i)" + "[\0-\uffff]" * 2000),
        asserting("between", value=[1, "1" * 200_000 + "x"]),
        flow(request("a", "{{" * 200_000)),
        flow(request("a", "{{a" * 200_000)),
        flow(request("a", "{{a" + "." * 200_000 + "}}", ["b"])),
        flow(request("a", headers={str(place): "" for place in range(50_000)})),
        flow(request("a"), edges=[edge("a", "z")] * 2000),
        flow(*[None] * 100_000),
    ],
    ids=["regex", "numeral", "braces", "opened", "dots", "headers", "edges", "nodes"],
)
def test_nothing_takes_long_to_read(definition):
    started = time.process_time()
    problems(definition)

    assert time.process_time() - started < 2
