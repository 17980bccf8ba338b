"""What is stored of a definition, however it is spelled."""

import json

import pytest

from echopoint.flows.definition.spelling import canonical, in_both_spellings
from echopoint.flows.definition.validation import problems
from echopoint.flows.models import Flow
from tests.flows.definition.definitions import (
    JUNK,
    assertion,
    changed,
    everything,
    fields,
    flow,
    loop,
    node,
    request,
)

SPELLINGS = [("query_params", "queryParams"), ("header_name", "headerName")]


@pytest.fixture
def key(api):
    return api("flows:read", "flows:create", "flows:update")


def written(definition):
    """Return the definition as it would be stored."""
    sound, differing = canonical(definition)
    assert problems(sound) == []
    assert differing == []
    return in_both_spellings(sound)


def in_camel_case(assertion):
    names = {
        "extractor_type": "extractorType",
        "extractor_data": "extractorData",
        "operator_type": "operatorType",
        "operator_data": "operatorData",
    }
    return {names[name]: value for name, value in assertion.items()}


def test_a_definition_in_both_spellings_stays_as_it_is():
    both = in_both_spellings(everything())

    assert written(both) == both
    assert both != everything()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", None),
        ("nodes[0].outputs", None),
        ("nodes[0].assertions", None),
        ("nodes[0].run_when", None),
        ("nodes[0].run_when", ""),
        ("nodes[0].display_name", None),
        ("nodes[0].display_name", ""),
        ("nodes[0].data.headers", None),
        ("nodes[0].data.query_params", None),
        ("nodes[0].data.queryParams", None),
        ("nodes[0].data.timeout", None),
        ("nodes[0].outputs[0].extractor.header_name", None),
        ("nodes[5].data.default", None),
        ("nodes[6].data.item_var", None),
        ("nodes[6].data.body.edges", None),
        ("nodes[6].data.body.nodes[0].display_name", ""),
        ("nodes[8].data.method", None),
        ("edges[0].source_handle", None),
    ],
)
def test_what_runners_read_as_absent_is_accepted(field, value):
    written(changed(field, value))


def test_a_node_without_a_display_name_gets_its_id():
    nameless = request("a")
    del nameless["display_name"]
    outer = loop("b", nameless)

    stored = written(flow(nameless, outer))

    assert stored["nodes"][0]["display_name"] == "a"
    assert stored["nodes"][1]["data"]["body"]["nodes"][0]["display_name"] == "a"
    assert "display_name" not in nameless


@pytest.mark.parametrize("edges", [{}, {"edges": None}])
def test_absent_edges_are_none(edges):
    definition = {"name": "F", "version": "1", "nodes": [], **edges}

    assert written(definition)["edges"] == []


def test_an_empty_run_when_is_on_success():
    stored = written(flow(request("a") | {"run_when": ""}))

    assert stored["nodes"][0]["run_when"] == "on_success"


def test_a_null_that_means_something_stays():
    body = request("a", body=None, color=None)
    value = assertion("equals", value=None)

    stored = written(flow(body | {"assertions": [value]}))

    assert stored["nodes"][0]["data"] == body["data"]
    assert stored["nodes"][0]["assertions"] == [value]


@pytest.mark.parametrize("place", ["assertions", "cases"])
def test_an_assertion_in_camel_case_is_stored_in_snake_case(place):
    ours = assertion("equals", "statusCode", value=200)

    def definition(one):
        if place == "assertions":
            return flow(request("a") | {"assertions": [one]})
        case = {"when": one, "target": "b"}
        branch = node("branch", "a", {"cases": [case]})
        edges = [{"id": "e", "source": "a", "target": "b", "type": "success"}]
        return flow(branch, request("b"), edges=edges)

    assert written(definition(in_camel_case(ours))) == written(definition(ours))
    assert written(definition(ours)) == definition(ours)


def test_an_assertion_needs_no_empty_data():
    bare = {"extractorType": "statusCode", "operatorType": "notEmpty"}

    stored = written(flow(request("a") | {"assertions": [bare]}))

    assert stored["nodes"][0]["assertions"] == [assertion("notEmpty")]


@pytest.mark.parametrize("given", [["query_params"], ["queryParams"], [*SPELLINGS[0]]])
def test_query_parameters_are_stored_under_both_names(given):
    data = dict.fromkeys(given, {"page": 1})

    stored = written(flow(request("a", **data), loop("b", request("c", **data))))

    inner = stored["nodes"][1]["data"]["body"]["nodes"][0]
    for each in (stored["nodes"][0], inner):
        assert each["data"]["query_params"] == {"page": 1}
        assert each["data"]["queryParams"] == {"page": 1}


@pytest.mark.parametrize("given", ["header_name", "headerName"])
def test_a_header_is_stored_under_both_names(given):
    both = dict.fromkeys(SPELLINGS[1], "Date")
    output = {"name": "at", "extractor": {"type": "header", given: "Date"}}
    checked = assertion("notEmpty", "header", {given: "Date"})

    stored = written(
        flow(request("a") | {"outputs": [output], "assertions": [checked]})
    )

    one = stored["nodes"][0]
    assert one["outputs"][0]["extractor"] == {"type": "header", **both}
    assert one["assertions"][0]["extractor_data"] == both


def test_other_nodes_and_extractors_get_no_second_name():
    plain = flow(node("delay", "a", {"duration": 1}), request("b", outputs=["id"]))

    assert written(plain) == plain


def test_where_spellings_differ_ours_counts_and_it_is_told():
    data = {"query_params": {"page": 1}, "queryParams": {"page": 2}}
    checked = {"extractor_type": "header", "operatorType": "empty"} | {
        "extractor_data": {"header_name": "A", "headerName": "B"},
        "operator_type": "notEmpty",
    }

    sound, differing = canonical(flow(request("a", **data) | {"assertions": [checked]}))

    stored = in_both_spellings(sound)["nodes"][0]
    assert stored["data"]["queryParams"] == {"page": 1}
    assert stored["assertions"][0]["extractor_data"]["headerName"] == "A"
    assert stored["assertions"][0]["operator_type"] == "notEmpty"
    assert [each.field for each in differing] == [
        "nodes[0].data.queryParams",
        "nodes[0].assertions[0].operatorType",
        "nodes[0].assertions[0].extractor_data.headerName",
    ]
    assert differing[0].message == (
        "query_params and queryParams differ. The value of query_params was stored "
        "for both. Change query_params, or send only one of the two."
    )


def test_what_was_given_is_not_changed():
    given = flow(request("a", queryParams={}) | {"run_when": "", "outputs": None})
    before = json.dumps(given)

    in_both_spellings(canonical(given)[0])

    assert json.dumps(given) == before


@pytest.mark.slow
def test_junk_at_any_place_is_left_to_the_checks():
    for field in fields(everything()):
        for junk in JUNK:
            sound, _ = canonical(changed(field, junk))
            if not problems(sound):
                in_both_spellings(sound)
    for junk in JUNK:
        assert canonical(junk)[0] == junk or isinstance(junk, dict)


def test_bodies_nested_without_end_are_read_to_their_end():
    deep = request("core", queryParams={})
    for _ in range(10_000):
        deep = loop("loop", deep)

    canonical(flow(deep))


def test_a_flow_is_stored_and_answered_in_both_spellings(key):
    nameless = request("a", queryParams={"page": 1}) | {"display_name": ""}
    definition = flow(nameless | {"run_when": "", "outputs": None}) | {"edges": None}

    response = key.post("/flows", {"name": "f", "flow_definition": definition})

    assert response.status_code == 201, response.content
    stored = Flow.objects.get().flow_definition
    assert stored == response.json()["flow_definition"]
    assert stored["nodes"][0]["data"]["query_params"] == {"page": 1}
    assert stored["nodes"][0]["display_name"] == "a"


def test_to_put_what_was_got_changes_nothing(key):
    made = {"name": "f", "flow_definition": everything()}
    id = key.post("/flows", made).json()["id"]
    got = key.get(f"/flows/{id}").json()

    answer = key.put(f"/flows/{id}", {"flow_definition": got["flow_definition"]}).json()

    assert answer["flow_definition"] == got["flow_definition"]
    assert key.get(f"/flows/{id}").json()["flow_definition"] == got["flow_definition"]


def test_a_flow_from_before_a_rule_can_be_got_and_put_but_not_spread(key, acme):
    old = flow(
        request("a", queryParams={})
        | {"assertions": [assertion("regex", value=r"(a)\1(?=b)")]}
    )
    row = Flow.objects.create(organization=acme, name="f", flow_definition=old)
    path = f"/flows/{row.pk}"

    got = key.get(path).json()["flow_definition"]
    same = key.put(path, {"name": "g", "flow_definition": got})
    other = key.put(path, {"flow_definition": old | {"version": "2"}})

    assert got == old
    assert (same.status_code, same.json()["flow_definition"]) == (200, old)
    assert other.status_code == 400
    assert "RE2 has no" in other.json()["errors"][0]["message"]
