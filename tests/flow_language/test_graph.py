"""The graph of a flow: order and cycles."""

import pytest

from echopoint.flow_language.graph import (
    GraphCycle,
    predecessors,
    runs_always,
    topological_order,
)


def test_a_node_comes_behind_those_that_edges_lead_from():
    predecessors_of = predecessors("abcd", ["dc", "cb", "db", "ba", "ba"])

    assert {name: list(nodes) for name, nodes in predecessors_of.items()} == {
        "a": ["b"],
        "b": ["c", "d"],
        "c": ["d"],
        "d": [],
    }
    assert topological_order(predecessors_of) == ["d", "c", "b", "a"]


def test_nodes_without_edges_are_in_the_order_too():
    assert sorted(topological_order(predecessors("abc", []))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("edges", "names"),
    [(["aa"], ["a", "a"]), (["ab", "bc", "ca"], ["a", "b", "c", "a"])],
)
def test_a_cycle_names_its_nodes(edges, names):
    with pytest.raises(GraphCycle) as cycle:
        topological_order(predecessors("abc", edges))

    assert cycle.value.names == names
    assert str(cycle.value) == " → ".join(names)


def test_a_node_runs_always_if_run_when_is_always():
    assert runs_always({"run_when": "always"})
    assert not runs_always({"run_when": "on_success"})
    assert not runs_always({})
