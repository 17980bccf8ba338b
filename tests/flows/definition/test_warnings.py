"""`warnings`: what not every engine runs."""

import time

import pytest

from echopoint.cli.engine.dynamic_variables import GENERATORS
from echopoint.cli.engine.extractors import EXTRACTORS
from echopoint.cli.engine.operators import OPERATORS
from echopoint.cli.engine.validation import CHECKS
from echopoint.flow_language.dynamic import DYNAMIC_NAMES
from echopoint.flow_language.words import EXTRACTORS as ACCEPTED_EXTRACTORS
from echopoint.flow_language.words import OPERATORS as ACCEPTED_OPERATORS
from echopoint.flows.definition import warnings
from echopoint.flows.definition.validation import problems
from echopoint.flows.definition.warnings import CODES, warnings_of
from tests.flows.definition.definitions import (
    assertion,
    chain,
    edge,
    everything,
    flow,
    loop,
    node,
    request,
)
from tests.paths import ROOT

RUNNER_OPERATORS = (
    *("equals", "notEquals", "contains", "notContains", "startsWith", "endsWith"),
    *("regex", "empty", "notEmpty", "greaterThan", "lessThan"),
    *("greaterThanOrEqual", "lessThanOrEqual", "between"),
)


@pytest.fixture
def key(api):
    return api("flows:read", "flows:create", "flows:update", "environment:create")


def warned(definition, *inputs):
    """Return the (code, field) of each warning of a definition without problems."""
    assert problems(definition) == []
    return [(each.code, each.field) for each in warnings_of(definition, inputs)]


def test_a_flow_that_every_engine_runs_has_no_warnings():
    login = request("login", "{{base}}/{{$uuid}}", ["id"])
    reader = request("b", "{{login.id}}/{{login.id.x}}")

    assert warned(chain(login, reader), "base") == []


def test_every_code_is_listed_and_given():
    codes = {value for name, value in vars(warnings).items() if name == value}
    dotted = chain(request("a.b", outputs=["id"]), request("c", "{{a.b.id}}{{$.x}}"))
    late = flow(request("r", "{{s.id}}"), request("s", outputs=["id"]))
    late["edges"] = [edge("s", "r")]

    apart = flow(request("a", follow_redirects=False))
    flows = (dotted, late, apart, everything())
    given = {code for each in flows for code, _ in warned(each)}

    assert codes == set(dict(CODES))
    # That one is of what was sent, not of the definition that came of it.
    assert given == codes - {"SPELLINGS_DIFFER"}


def test_every_warning_is_a_sentence_that_says_what_to_do():
    for each in warnings_of(everything(), ()):
        assert each.message.endswith(".")
        assert each.message.count(". ") >= 1


def test_a_node_listed_before_its_source_is_warned_of():
    late = flow(request("r", "{{s.id}}/{{s.id}}"), request("s", outputs=["id"]))
    late["edges"] = [edge("s", "r")]

    assert warned(late) == [("LISTED_BEFORE_SOURCE", "nodes[0].data.url")]
    assert warned(late | {"nodes": late["nodes"][::-1]}) == []
    late["nodes"][0]["run_when"] = "always"
    assert warned(late) == []


def test_a_node_may_be_listed_before_one_that_it_only_follows():
    assert warned(flow(request("b"), request("a"), edges=[edge("a", "b")])) == []


def test_reading_a_node_with_a_dot_in_its_id_is_warned_of():
    dotted = request("a.b", outputs=["id"])

    assert warned(chain(dotted, request("c"))) == []
    assert warned(chain(dotted, request("c", "{{a.b.id}}"))) == [
        ("DOTTED_NODE_ID", "nodes[1].data.url")
    ]


def test_a_node_with_a_dot_in_its_id_is_read_as_any_other_is():
    dotted, reader = request("a.b", outputs=["id"]), request("c", "{{a.b.key}}")

    assert 'declares no output "key"' in problems(chain(dotted, reader))[0].message
    reader = request("c", "{{a.b.id}}")
    assert "is read here" in problems(flow(dotted, reader))[0].message


@pytest.mark.parametrize(
    "text", ["{{$uuid}}", "{{$int:1:100}}", "{{{ $float:0.5:1.5 }}}"]
)
def test_a_dynamic_variable_is_known(text):
    assert warned(flow(request("a", text))) == []


@pytest.mark.parametrize("text", ["{{$}}", "{{$.path}}", "{{$1}}", "{{$a-b}}"])
def test_what_begins_as_a_dynamic_variable_is_warned_of(text):
    assert warned(flow(request("a", text))) == [
        ("UNKNOWN_DYNAMIC_VARIABLE", "nodes[0].data.url")
    ]


@pytest.mark.parametrize("text", ["{{$guid}}", "{{ $UUID }}", "{{$guid:1.5}}"])
def test_an_unknown_dynamic_variable_is_refused_as_no_engine_runs_it(text):
    (problem,) = problems(flow(request("a", text)))

    assert problem.field == "nodes[0].data.url"
    assert "There is no dynamic variable" in problem.message


def test_there_are_59_dynamic_variables():
    assert len(set(DYNAMIC_NAMES)) == len(DYNAMIC_NAMES) == 59


@pytest.mark.parametrize("text", ["{{base}}", "{{ base.url.0 }}", "{{{base}}}"])
def test_an_unknown_input_is_warned_of(text):
    definition = flow(request("a", text))

    assert warned(definition, "base") == []
    assert warned(definition, "bases") == [("UNKNOWN_INPUT", "nodes[0].data.url")]


def test_an_input_is_warned_of_once():
    nodes = request("a", "{{base}}", body="{{base}}"), request("b", "{{base}}")

    assert warned(flow(*nodes)) == [("UNKNOWN_INPUT", "nodes[0].data.url")]


def test_in_a_loop_the_item_and_the_index_are_known():
    inner = loop("inner", request("a", "{{item.id}}{{index}}{{one}}{{place}}"))
    outer = loop("outer", inner)
    outer["data"] |= {"item_var": "one", "index_var": "place"}
    named = [code for code, _ in warned(flow(outer))]

    assert "UNKNOWN_INPUT" not in named
    beside = [code for code, _ in warned(flow(outer, request("b", "{{item}}")))]
    assert "UNKNOWN_INPUT" in beside


@pytest.mark.parametrize("kind", ["module", "branch", "loop", "poll", "sse"])
def test_a_node_that_only_runners_run_is_warned_of(kind):
    nodes = {each["type"]: each for each in everything()["nodes"]}
    one = node(
        kind, "a", nodes[kind]["data"] | ({"cases": []} if kind == "branch" else {})
    )
    one["data"].pop("default", None)

    assert ("NEEDS_RUNNER", "nodes[0].type") in warned(flow(one))


def test_the_public_runner_knows_the_operators_of_the_first_version_alone():
    since = set(ACCEPTED_OPERATORS) - set(RUNNER_OPERATORS)

    assert since == warnings.COMMAND_OPERATORS, (
        "Add the operator to COMMAND_OPERATORS in echopoint/flows/definition/warnings.py,"
        " so that a flow with it is stored with a warning."
    )


@pytest.mark.parametrize(
    "word", sorted(warnings.COMMAND_OPERATORS | warnings.COMMAND_EXTRACTORS)
)
def test_the_readme_names_what_the_public_runner_does_not_know(word):
    rows = (ROOT / "README.md").read_text().splitlines()
    unknown = [row for row in rows if row.endswith("| supported | not supported |")]

    assert any(f"`{word}`" in row for row in unknown), (
        "Name it in README.md, in the table of what this command and the public runner do."
    )


@pytest.mark.parametrize("operator", sorted(warnings.COMMAND_OPERATORS))
def test_an_operator_that_only_the_command_knows_is_warned_of(operator):
    checked = assertion(operator, "jsonPath", {"path": "$.a"}, value=1)
    one = request("a") | {"assertions": [checked]}

    assert warned(flow(one)) == [
        ("NEEDS_COMMAND", "nodes[0].assertions[0].operator_type")
    ]


@pytest.mark.parametrize("follow", [True, False])
def test_a_redirect_that_is_not_followed_is_for_the_command_alone(follow):
    one = request("a", follow_redirects=follow)

    expected = [("NEEDS_COMMAND", "nodes[0].data.follow_redirects")]
    assert warned(flow(one)) == ([] if follow else expected)


def test_what_the_command_runs_is_what_its_engine_runs():
    assert set(CHECKS) == warnings.BUILT_IN_NODES
    assert set(GENERATORS) == set(DYNAMIC_NAMES)


def test_an_extractor_that_only_the_command_has_is_warned_of():
    xml = {"type": "xmlPath", "path": "/a"}
    checked = assertion("notEmpty", "xmlPath", {"path": "/a"})
    one = request("a") | {"outputs": [{"name": "id", "extractor": xml}]}

    assert warned(flow(one)) == [
        ("NEEDS_COMMAND", "nodes[0].outputs[0].extractor.type"),
    ]
    assert warned(flow(request("a") | {"assertions": [checked]})) == [
        ("NEEDS_COMMAND", "nodes[0].assertions[0].extractor_type"),
    ]
    case = "nodes[5].data.cases[0].when.extractor_type"
    assert ("NEEDS_COMMAND", case) in warned(everything())


def test_what_is_accepted_is_what_the_command_knows():
    assert set(ACCEPTED_EXTRACTORS) == set(EXTRACTORS)
    assert set(ACCEPTED_OPERATORS) == set(OPERATORS)


def test_a_message_repeats_no_long_name():
    for text in ("{{$-%s}}", "{{%s}}"):
        (warning,) = warnings_of(flow(request("a", text % ("x" * 900))), ())
        assert "x" * 61 not in warning.message


def test_there_are_at_most_fifty_warnings():
    texts = [f"{{{{name{place}}}}}" for place in range(99)]

    assert len(warnings_of(flow(request("a", body=texts)), ())) == 50


def test_an_answer_has_at_most_fifty_warnings(key):
    both = {"queryParams": {"a": 1}, "query_params": {}}
    nodes = [request(str(place), "{{base}}", **both) for place in range(60)]

    made = key.post("/flows", {"name": "f", "flow_definition": flow(*nodes)})

    assert len(made.json()["warnings"]) == 50


@pytest.mark.parametrize(
    "text",
    ["{{a}}" * 100_000, "{{a." + "." * 300_000 + "}}", "{{$" + "x" * 300_000 + "}}"],
    ids=["many", "dots", "long"],
)
def test_warnings_take_no_time(text):
    definition = flow(request("b"), request("c", text))
    started = time.process_time()

    warnings_of(definition, ())

    # Work that grows with the square of the text would take minutes.
    assert time.process_time() - started < 20


def test_the_answers_to_writing_a_flow_have_warnings(key):
    definition = flow(request("a", "{{base}}", queryParams={"a": 1}, query_params={}))

    made = key.post("/flows", {"name": "f", "flow_definition": definition}).json()
    path = f"/flows/{made['id']}"
    renamed = key.put(path, {"name": "g"}).json()
    again = key.put(path, {"flow_definition": made["flow_definition"]}).json()

    assert [(each["code"], each["field"]) for each in made["warnings"]] == [
        ("SPELLINGS_DIFFER", "flow_definition.nodes[0].data.queryParams"),
        ("UNKNOWN_INPUT", "flow_definition.nodes[0].data.url"),
    ]
    assert renamed["warnings"] == []
    assert [each["code"] for each in again["warnings"]] == ["UNKNOWN_INPUT"]
    assert "warnings" not in key.get(path).json()


def test_variables_of_the_organization_its_environments_and_the_flow_are_known(
    api, globex
):
    key = api(
        "flows:create", "flows:update", "environment:create", "environment:update"
    )
    texts = ["{{base}}{{staged}}{{own}}{{theirs}}"]
    definition = flow(request("a", body=texts))
    id = key.post("/flows", {"name": "f", "flow_definition": definition}).json()["id"]
    key.put("/organization/variables/base", {"value": "x"})
    key.post("/organization/environments", {"name": "staging"})
    key.put("/organization/environments/staging/variables/staged", {"value": "x"})
    key.put(f"/flows/{id}/variables/own", {"value": "x"})
    theirs = api("environment:update", organization=globex)
    assert (
        theirs.put("/organization/variables/theirs", {"value": "x"}).status_code == 200
    )

    answer = key.put(f"/flows/{id}", {"flow_definition": definition}).json()

    (warning,) = answer["warnings"]
    assert (warning["code"], '"theirs"' in warning["message"]) == (
        "UNKNOWN_INPUT",
        True,
    )
