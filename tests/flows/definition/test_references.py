import re

import pytest

from echopoint.flows.definition.validation import problems
from tests.flows.definition.definitions import (
    UUID,
    assertion,
    chain,
    edge,
    everything,
    flow,
    loop,
    node,
    request,
    sole,
)

PLACES = {
    "data.url": {"url": "{{login.id}}"},
    "data.headers.A": {"headers": {"A": "Bearer {{ login.id }}"}},
    "data.query_params.q[1]": {"query_params": {"q": [1, "{{login.id}}"]}},
    "data.queryParams.q": {"queryParams": {"q": "{{{login.id}}}"}},
    "data.body.a[0].b": {"body": {"a": [{"b": "x {{x}} {{login.id}}"}]}},
}


@pytest.mark.parametrize(("field", "data"), PLACES.items())
def test_an_output_is_read_only_if_it_is_declared(field, data):
    reader = request("b", **data)

    assert problems(chain(request("login", outputs=["id"]), reader)) == []
    assert sole(chain(request("login", outputs=["token"]), reader)) == (
        f"nodes[1].{field}",
        'Node "login" declares no output "id". Add it to the outputs of the node, '
        "or read a declared one: token.",
    )


@pytest.mark.parametrize(("field", "data"), PLACES.items())
def test_an_output_is_read_only_downstream(field, data):
    login, reader = request("login", outputs=["id"]), request("b", **data)

    assert problems(chain(login, request("between"), reader)) == []
    found = sole(chain(reader, login))
    assert found.field == f"nodes[0].{field}"
    assert found.message == (
        '"id" of node "login" is read here, but no edges lead from that node to this '
        "one. Add an edge, so that it runs first."
    )


def test_of_many_outputs_some_are_named():
    login = request("login", outputs=[f"out{place}" for place in range(50)])

    assert sole(chain(login, request("b", "{{login.id}}"))).message.count("out") < 15


def test_problems_come_in_the_order_of_the_definition():
    body = {"b": ["{{z.1}}", "{{z.2}}"], "a": "{{z.3}}{{z.4}}"}
    reader = request("a", "{{z.0}}", body=body)

    found = problems(flow(reader, request("z")))

    assert re.findall(r'output "(\d)"', str(found)) == list("01234")


def test_siblings_cannot_read_each_other():
    a, b, c = request("a"), request("b", outputs=["id"]), request("c", "{{b.id}}")
    apart = [edge("a", "b"), edge("a", "c")]

    assert "is read here" in sole(flow(a, b, c, edges=apart)).message
    assert problems(flow(a, b, c, edges=[*apart, edge("b", "c")])) == []


def test_a_node_cannot_read_itself():
    assert "is read here" in sole(flow(request("a", "{{a.id}}", ["id"]))).message


def test_a_node_that_always_runs_reads_any_other_as_it_comes_last():
    login, reader = request("login", outputs=["id"]), request("b", "{{login.id}}")
    assert sole(flow(login, reader)).field == "nodes[1].data.url"
    reader["run_when"] = "always"

    assert problems(flow(login, reader)) == []


def test_a_node_that_always_runs_cannot_read_itself_either():
    reader = request("a", "{{a.id}}", ["id"]) | {"run_when": "always"}

    assert "is read here" in sole(flow(reader)).message


def test_assertions_read_outputs_too():
    login = request("login", outputs=["id"])
    reader = request("b") | {"assertions": [assertion("equals", value="{{login.id}}")]}

    assert problems(chain(login, reader)) == []
    found = sole(flow(login, reader))
    assert found.field == "nodes[1].assertions[0].operator_data.value"


def test_the_target_of_a_branch_reads_upstream_only():
    login = request("login", outputs=["id"])
    branch = node("branch", "b", {"target": "{{login.id}}", "cases": []})

    assert problems(chain(login, branch)) == []
    assert sole(flow(login, branch)).field == "nodes[1].data.target"


@pytest.mark.parametrize(
    "text",
    [
        "{{login}}",
        "{{base.url}}",
        "{{$uuid}}",
        "{{.id}}",
        "{{login.}}",
        "{login.x}",
        "{{}}",
    ],
)
def test_what_names_no_output_of_a_node_is_left_alone(text):
    assert problems(chain(request("login"), request("b", text))) == []


def test_a_reference_may_lead_into_the_value_of_an_output():
    login = request("login", outputs=["user", "roles.all"])

    assert problems(chain(login, request("b", "{{login.user.tags.0}}"))) == []
    assert problems(chain(login, request("b", "{{login.roles.all.0}}"))) == []
    assert '"users.0"' in sole(chain(login, request("b", "{{login.users.0}}"))).message


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("module", ["token"]),
        ("set_variable", ["greeting"]),
        ("branch", ["matched", "matchedIndex"]),
        ("loop", ["results", "results.0", "count"]),
        ("poll", ["attempts", "result"]),
        ("sse", ["events", "count", "last"]),
    ],
)
def test_some_types_have_outputs_of_their_own(kind, keys):
    definition = everything()
    definition["edges"].append(edge("sse", "reader"))

    for key in keys:
        reader = request("reader", f"{{{{{kind}.{key}}}}}")
        assert problems(definition | {"nodes": [*definition["nodes"], reader]}) == []
    reader = request("reader", f"{{{{{kind}.other}}}}")
    found = sole(definition | {"nodes": [*definition["nodes"], reader]})
    assert found.message.startswith(f'Node "{kind}" declares no output "other".')


def test_a_body_reads_its_own_nodes_only():
    login, reader = request("login", outputs=["id"]), request("b", "{{login.id}}")
    own = loop("loop", login, reader, edges=[edge("login", "b")])

    assert problems(flow(own)) == []
    assert problems(flow(login, loop("loop", reader))) == []
    assert sole(flow(loop("loop", login, reader))).field == (
        "nodes[0].data.body.nodes[1].data.url"
    )


def test_the_outputs_a_module_passes_on_are_those_of_the_called_flow():
    data = {"flow_id": UUID, "output_bindings": {"id": "{{login.id}}"}}

    assert problems(flow(request("login"), node("module", "m", data))) == []
