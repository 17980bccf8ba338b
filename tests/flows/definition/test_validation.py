import json
import re
import time

import pytest
import re2
from jsonschema import Draft202012Validator, FormatChecker, validators

from echopoint.cli.engine import bounded_regex
from echopoint.flow_language.words import EXTRACTORS, HTTP_METHODS, OPERATORS
from echopoint.flows.definition import patterns
from echopoint.flows.definition.schemas import NODE_SCHEMAS, SCHEMAS
from echopoint.flows.definition.shapes import shape_problems
from echopoint.flows.definition.validation import Problem, problems

UUID = "2f1b7a0e-5c52-4d0b-9d4e-0a6f6c1f7d11"
MISSING = "This field is missing. Add it."
REMOVED = object()
JUNK = [None, True, 0, -1, 1.5, 10**400, "", "x", "{{x}}", [], [[]], {}, {"id": []}]


def node(kind, name, data, **rest):
    return {"id": name, "display_name": name, "type": kind, "data": data, **rest}


def request(name, url="https://api.test/", outputs=(), **data):
    listed = [{"name": output, "extractor": {"type": "body"}} for output in outputs]
    return node("request", name, {"method": "GET", "url": url, **data}, outputs=listed)


def loop(name, *nodes, edges=()):
    body = {"nodes": list(nodes), "edges": list(edges)}
    return node("loop", name, {"items": [1], "body": body})


def edge(source, target, **rest):
    name = f"{source}-{target}"
    return {"id": name, "source": source, "target": target, "type": "success", **rest}


def flow(*nodes, edges=()):
    return {"name": "F", "version": "1", "nodes": list(nodes), "edges": list(edges)}


def chain(*nodes):
    names = [each["id"] for each in nodes]
    return flow(*nodes, edges=map(edge, names, names[1:]))


def assertion(operator="empty", extractor="statusCode", data=None, **operand):
    return {
        "extractor_type": extractor,
        "extractor_data": data or {},
        "operator_type": operator,
        "operator_data": operand,
    }


def asserting(*args, **operand):
    return flow(request("a") | {"assertions": [assertion(*args, **operand)]})


def everything():
    """Return a flow with a node of each type and every optional field."""
    on_path = {"type": "jsonPath", "path": "$.id"}
    on_header = {"type": "header", "header_name": "Date"}
    case = {
        "when": assertion("between", "xmlPath", {"path": "/a"}, value=[1, 2]),
        "target": "loop",
    }
    body = {
        "nodes": [request("inner"), request("last")],
        "edges": [edge("inner", "last")],
    }
    data = {
        "request": {
            "method": "POST",
            "url": "{{base}}/orders",
            "headers": {"Accept": "*/*"},
            "query_params": {"page": 1},
            "body": {"name": ["{{name}}", None]},
            "timeout": 5000,
        },
        "delay": {"duration": 0},
        "module": {
            "flow_id": UUID,
            "input_bindings": {"order": "{{order}}"},
            "output_bindings": {"token": "login.token"},
        },
        "set_variable": {"variables": {"greeting": "Hi {{name}}"}},
        "assert": {"target": "{{{module.token}}}"},
        "branch": {"target": "{{name}}", "cases": [case], "default": "sse"},
        "loop": {
            "items": "{{items}}",
            "body": body,
            "item_var": "one",
            "index_var": "place",
            "max_iterations": 9,
            "continue_on_error": True,
        },
        "poll": {"body": body, "max_attempts": 3, "interval_ms": 9, "timeout_ms": 99},
        "sse": {
            "url": "https://api.test/events",
            "method": "GET",
            "headers": {"Accept": "text/event-stream"},
            "max_events": 5,
            "timeout_ms": 100,
            "completion_event": "done",
            "stop_on_assertion_failure": False,
        },
    }
    rest = {
        "run_when": "always",
        "outputs": [
            {"name": "id", "extractor": on_path},
            {"name": "at", "extractor": on_header},
        ],
        "assertions": [assertion("equals", value=200)],
    }
    nodes = [node(kind, kind, data[kind]) for kind in NODE_SCHEMAS]
    nodes[0] |= rest
    names = list(NODE_SCHEMAS)
    handles = {"source_handle": "out", "target_handle": "in"}
    pairs = [*zip(names, names[1:], strict=False), ("branch", "sse")]
    edges = [edge(*ends, **handles) for ends in pairs]
    return flow(*nodes, edges=edges) | {"description": "Each and all."}


def changed(field, value, definition=None):
    """Return a copy of the definition with another value at the field."""
    definition = json.loads(json.dumps(definition or everything()))
    *parents, last = (int(k) if k.isdigit() else k for k in re.findall(r"\w+", field))
    holder = definition
    for key in parents:
        holder = holder[key]
    if value is REMOVED:
        del holder[last]
    else:
        holder[last] = value
    return definition


def fields(value, field=""):
    """Yield the field of everything within the value."""
    dot = "." if field else ""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        inner = f"{field}[{key}]" if isinstance(key, int) else f"{field}{dot}{key}"
        yield inner
        if isinstance(item, dict | list):
            yield from fields(item, inner)


def sole(definition):
    """Return the only problem of a definition."""
    (problem,) = problems(definition)
    return problem


def test_a_definition_with_every_node_type_and_field_is_valid():
    assert {each["type"] for each in everything()["nodes"]} == set(NODE_SCHEMAS)
    assert problems(everything()) == []


def test_a_flow_without_nodes_is_valid():
    assert problems(flow()) == []


@pytest.mark.parametrize("value", [None, [], "x", 5, 1.5, True])
def test_what_is_no_object_is_no_flow(value):
    assert sole(value).field == ""
    assert sole(value).message.startswith("This must be an object, not ")


@pytest.mark.parametrize("holder", ["", "edges[0].", "nodes[0].", "nodes[0].data."])
def test_an_unknown_field_is_tolerated(holder):
    assert problems(changed(f"{holder}color", {"any": ["thing"]})) == []


@pytest.mark.parametrize(
    "field",
    [
        *("name", "version", "nodes", "edges"),
        *("edges[0].id", "edges[0].source", "edges[0].target", "edges[0].type"),
        *("nodes[0].id", "nodes[0].display_name", "nodes[0].type"),
        *(f"nodes[{place}].data" for place in range(9)),
        *("nodes[0].outputs[0].name", "nodes[0].outputs[0].extractor"),
        "nodes[0].outputs[0].extractor.type",
        "nodes[0].assertions[0].extractor_type",
        "nodes[0].assertions[0].extractor_data",
        "nodes[0].assertions[0].operator_type",
        "nodes[0].assertions[0].operator_data",
        *("nodes[0].data.method", "nodes[0].data.url"),
        "nodes[1].data.duration",
        "nodes[2].data.flow_id",
        "nodes[3].data.variables",
        "nodes[5].data.cases",
        *("nodes[5].data.cases[0].when", "nodes[5].data.cases[0].target"),
        "nodes[5].data.cases[0].when.operator_type",
        *("nodes[6].data.items", "nodes[6].data.body", "nodes[6].data.body.nodes"),
        "nodes[6].data.body.nodes[0].data.method",
        *("nodes[7].data.body", "nodes[7].data.body.nodes"),
        "nodes[7].data.body.nodes[0].id",
        "nodes[8].data.url",
    ],
)
def test_a_missing_field_is_named(field):
    assert Problem(field, MISSING) in problems(changed(field, REMOVED))


@pytest.mark.parametrize(
    "field",
    [
        "description",
        *("edges[0].source_handle", "edges[0].target_handle"),
        *("nodes[0].run_when", "nodes[0].outputs", "nodes[0].assertions"),
        *("nodes[0].data.headers", "nodes[0].data.query_params"),
        *("nodes[0].data.body", "nodes[0].data.timeout"),
        "nodes[2].data.input_bindings",
        "nodes[4].data.target",
        *("nodes[5].data.target", "nodes[5].data.default"),
        *("nodes[6].data.item_var", "nodes[6].data.index_var"),
        *("nodes[6].data.max_iterations", "nodes[6].data.continue_on_error"),
        *("nodes[6].data.body.edges", "nodes[7].data.max_attempts"),
        *("nodes[7].data.interval_ms", "nodes[7].data.timeout_ms"),
        *("nodes[8].data.method", "nodes[8].data.headers", "nodes[8].data.max_events"),
        *("nodes[8].data.timeout_ms", "nodes[8].data.completion_event"),
        "nodes[8].data.stop_on_assertion_failure",
    ],
)
def test_an_optional_field_may_be_left_out(field):
    assert problems(changed(field, REMOVED)) == []


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", None, "This must be a string, not null."),
        ("nodes", {}, "This must be a list, not an object."),
        ("edges", "none", "This must be a list, not a string."),
        ("nodes[8]", [], "This must be an object, not a list."),
        ("nodes[8].id", 7, "This must be a string, not a number."),
        ("edges[0]", "a", "This must be an object, not a string."),
        ("nodes[0].data.headers.Accept", 1, "This must be a string, not a number."),
        ("nodes[0].data.query_params", [], "This must be an object, not a list."),
        ("nodes[1].data.duration", 1.5, "This must be a whole number, not a decimal number."),
        ("nodes[1].data.duration", "5", "This must be a whole number, not a string."),
        ("nodes[8].data.stop_on_assertion_failure", 1, "This must be true or false, not a number."),
        ("nodes[3].data.variables", [], "This must be an object, not a list."),
        ("nodes[6].data.body", None, "This must be an object, not null."),
        ("nodes[7].data.body.edges", {}, "This must be a list, not an object."),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused(field, value, message):
    assert Problem(field, message) in problems(changed(field, value))


@pytest.mark.parametrize(
    "field",
    [
        "nodes[0].data.timeout",
        "nodes[1].data.duration",
        "nodes[6].data.max_iterations",
        "nodes[7].data.max_attempts",
        "nodes[7].data.interval_ms",
        "nodes[7].data.timeout_ms",
        "nodes[8].data.max_events",
        "nodes[8].data.timeout_ms",
    ],
)
def test_an_amount_is_a_whole_number_from_zero_on(field):
    boolean = "This must be a whole number, not a boolean."
    decimal = "This must be a whole number, not a decimal number."

    assert problems(changed(field, 0)) == []
    assert sole(changed(field, -1)) == (field, "This must be 0 or more.")
    assert sole(changed(field, True)) == (field, boolean)
    assert sole(changed(field, 5.0)) == (field, decimal)


def test_an_unknown_node_type_is_refused_and_the_known_ones_named():
    field, message = sole(flow(node("htp", "a", {})))

    assert field == "nodes[0].type"
    assert message == (
        'Unknown node type "htp". Use one of: request, delay, module, set_variable, '
        "assert, branch, loop, poll, sse."
    )


@pytest.mark.parametrize(
    ("field", "allowed"),
    [
        ("nodes[0].run_when", ["on_success", "always"]),
        ("nodes[0].data.method", HTTP_METHODS),
        ("nodes[8].data.method", HTTP_METHODS),
        ("edges[0].type", ["success", "failure"]),
        ("nodes[0].outputs[0].extractor.type", EXTRACTORS),
        ("nodes[0].assertions[0].operator_type", OPERATORS),
    ],
)
def test_an_unknown_choice_is_refused_and_the_known_ones_named(field, allowed):
    known = ", ".join(allowed)

    assert sole(changed(field, "Get")) == (
        field,
        f'Unknown value "Get". Use one of: {known}.',
    )
    for value in allowed:
        assert field not in dict(problems(changed(field, value)))


def test_the_id_of_a_called_flow_must_be_a_uuid():
    field, message = sole(changed("nodes[2].data.flow_id", UUID[:-1]))

    assert field == "nodes[2].data.flow_id"
    assert message.startswith("This must be a UUID")
    assert problems(changed("nodes[2].data.flow_id", UUID.upper())) == []
    assert problems(changed("nodes[2].data.flow_id", f"{UUID}0"))


def test_a_node_id_has_between_1_and_255_characters():
    long = "This may have 255 characters at most; it has 256."

    assert problems(flow(request("é.{ 5" * 51))) == []
    assert sole(flow(request("i" * 256))) == ("nodes[0].id", long)
    assert sole(flow(request(""))) == ("nodes[0].id", "This must not be empty.")


def test_an_edge_id_has_at_most_255_characters():
    nodes = request("a"), request("b")
    long = "This may have 255 characters at most; it has 256."

    assert problems(flow(*nodes, edges=[edge("a", "b", id="i" * 255)])) == []
    assert sole(flow(*nodes, edges=[edge("a", "b", id="i" * 256)])) == (
        "edges[0].id",
        long,
    )


def test_a_node_id_given_twice_is_refused_at_the_second():
    field, message = sole(flow(request("a"), request("b"), request("a")))

    assert field == "nodes[2].id"
    assert message == (
        'The id "a" is that of an earlier one of the nodes. Give each an id of its own.'
    )


def test_an_edge_id_given_twice_is_refused_at_the_second():
    nodes = request("a"), request("b"), request("c")
    twice = [edge("a", "b", id="e"), edge("b", "c", id="e")]

    assert sole(flow(*nodes, edges=twice)) == (
        "edges[1].id",
        'The id "e" is that of an earlier one of the edges. Give each an id of its own.',
    )
    assert problems(flow(*nodes, edges=[edge("a", "b"), edge("b", "c", id="e")])) == []


@pytest.mark.parametrize("end", ["source", "target"])
def test_an_edge_to_an_unknown_node_is_refused_by_name(end):
    edges = [edge("a", "b") | {end: "z"}]

    field, message = sole(flow(request("a"), request("b"), edges=edges))

    assert field == f"edges[0].{end}"
    assert message == 'No node here has the id "z". Use the id of one that is listed.'


def test_an_edge_from_a_node_to_itself_is_refused():
    field, message = sole(flow(request("a"), edges=[edge("a", "a")]))

    assert field == "edges[0].target"
    assert message == 'The edge leads from "a" back to it. Lead it to another node.'


def test_a_cycle_is_refused_and_named():
    nodes = [request(name) for name in "abcd"]
    edges = [edge("d", "a"), edge("a", "b"), edge("b", "c"), edge("c", "a")]

    field, message = sole(flow(*nodes, edges=edges))

    assert field == "edges"
    assert message == ("The edges lead in a circle: a → b → c → a. Remove one of them.")
    assert problems(flow(*nodes, edges=edges[:-1])) == []


def test_paths_that_meet_again_are_no_cycle():
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
            'No node here has the id "z". Use the id of one that is listed.',
        )
        assert problems(changed(field, "sse")) == []


def test_a_branch_goes_on_along_an_edge_only():
    for field in ("nodes[5].data.cases[0].target", "nodes[5].data.default"):
        assert sole(changed(field, "poll")) == (
            field,
            'No edge leads from "branch" to "poll". Add one: a branch can only go on '
            "along an edge.",
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


def test_a_body_is_a_world_of_its_own():
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
    refusal = f"A flow may have at most {most} {field}, those in loop and poll bodies"

    assert problems(flow(*nodes, edges=edges)) == []
    found = dict(problems(flow(inner, *nodes[1:], edges=edges)))
    assert found[field].startswith(refusal)


def test_of_a_flow_beyond_the_limits_nothing_else_is_said():
    assert [each.field for each in problems(flow(*[None] * 501))] == ["nodes"]
    assert [each.field for each in problems(flow(*[None] * 9))][0] == "nodes[0]"


@pytest.mark.parametrize("kind", ["jsonPath", "xmlPath"])
@pytest.mark.parametrize("path", [REMOVED, "", 5])
def test_an_extractor_by_path_needs_a_path(kind, path):
    data = {} if path is REMOVED else {"path": path}

    field, message = sole(asserting("empty", kind, data))

    assert field == "nodes[0].assertions[0].extractor_data.path"
    assert message.startswith(f"The {kind} extractor needs a path, such as ")
    assert problems(asserting("empty", kind, {"path": "$.id"})) == []


@pytest.mark.parametrize("data", [{}, {"header_name": ""}, {"headerName": None}])
def test_a_header_extractor_needs_a_name(data):
    assert sole(asserting("empty", "header", data)) == (
        "nodes[0].assertions[0].extractor_data.header_name",
        'The header extractor needs a header_name, such as "Content-Type".',
    )


@pytest.mark.parametrize("spelling", ["header_name", "headerName"])
def test_a_header_may_be_named_in_either_spelling(spelling):
    extractor = {"type": "header", spelling: "Date"}

    assert problems(asserting("empty", "header", {spelling: "Date"})) == []
    assert problems(changed("nodes[0].outputs[1].extractor", extractor)) == []


@pytest.mark.parametrize("spelling", ["query_params", "queryParams"])
def test_query_parameters_may_be_given_in_either_spelling(spelling):
    assert problems(flow(request("a", **{spelling: {"page": [1]}}))) == []
    found = sole(flow(request("a", **{spelling: []})))
    assert found.field == f"nodes[0].data.{spelling}"


@pytest.mark.parametrize("kind", ["statusCode", "body"])
def test_other_extractors_need_nothing(kind):
    assert problems(asserting("empty", kind, {"path": None})) == []


def test_extractors_of_outputs_and_branches_are_checked_too():
    output = "nodes[0].outputs[0].extractor.path"
    case = "nodes[5].data.cases[0].when.extractor_data.path"

    assert sole(changed(output, REMOVED)).field == output
    assert sole(changed(case, REMOVED)).field == case


@pytest.mark.parametrize("operator", OPERATORS)
def test_only_these_operators_need_no_value(operator):
    found = problems(asserting(operator))

    if operator in ("empty", "notEmpty", "exists", "notExists"):
        assert found == []
    else:
        field, message = found[0]
        assert field == "nodes[0].assertions[0].operator_data.value"
        assert message == f"The operator {operator} needs a value to compare with."


def test_a_value_may_be_null():
    assert problems(asserting("equals", value=None)) == []


@pytest.mark.parametrize(
    "value",
    [[1, 2], [-1.5, 10**400], ["1", " -2.5e3 "], ["{{low}}", "{{login.high}}"], [2, 1]],
)
def test_between_takes_two_numbers(value):
    assert problems(asserting("between", value=value)) == []


@pytest.mark.parametrize(
    "value",
    [5, "1,2", None, {}, [], [1], [1, 2, 3], [1, True], [1, None], [1, "two"], ["", 1]]
    + [[1, "1_0"], [1, "nan"], [1, "{{}}"], ["٣", 4], [1, [2]]],
)
def test_between_takes_nothing_else(value):
    assert sole(asserting("between", value=value)) == (
        "nodes[0].assertions[0].operator_data.value",
        "The operator between needs a list of two numbers, such as [200, 299].",
    )


@pytest.mark.parametrize(
    "pattern",
    ["", r"^ord_\d+$", "a|b", "{{pattern}}(", "[[]odd", r"(?i)[a-zé]", "a{2}", 404]
    + [r"\p{L}+", r"b\z", r"(?<year>\d{4})", r"(?P<year>\d)", r"\Qa.b(\E", "(?U)a+"]
    + [r"\p{L}{1,255}", r"\Q\C\E", r"\\C", "a" * 10_000],
)
def test_a_sound_regular_expression_is_valid(pattern):
    assert problems(asserting("regex", value=pattern)) == []


@pytest.mark.parametrize(
    ("pattern", "reason", "advice"),
    [
        ("(", "missing ): (.", "Use RE2's grammar"),
        ("*", "no argument for repetition operator: *.", "Use RE2's grammar"),
        ("{{(", "missing ): {{(.", "Use RE2's grammar"),
        ("a{1001}", "invalid repetition size: {1001}.", "A repeat counts to 1000"),
        ("a{9999999999}", "invalid repetition size: {9999999999}.", "A repeat counts"),
        ("(a{50}){50}", "invalid repetition size: {50}.", "A repeat counts to 1000"),
        ("a(?=b)", "invalid perl operator: (?=.", "RE2 has no lookahead"),
        ("a(?!b)", "invalid perl operator: (?!.", "RE2 has no lookahead"),
        (
            "(?<=a)b",
            "invalid perl operator: (?<=.",
            "RE2 has no lookahead and no lookb",
        ),
        (
            "(?<!a)b",
            "invalid perl operator: (?<!.",
            "RE2 has no lookahead and no lookb",
        ),
        (r"(a)\1", r"invalid escape sequence: \1.", "RE2 has no backreferences"),
        (r"(?<n>a)\k<n>", r"invalid escape sequence: \k.", "RE2 has no backreferences"),
        ("(?>a)", "invalid perl operator: (?>.", "RE2 has no atomic groups"),
        ("a++", "bad repetition operator: ++.", "RE2 has no atomic groups"),
        (r"a\Z", r"invalid escape sequence: \Z.", r"Write \z for the end"),
        (r"\u00e9", r"invalid escape sequence: \u.", r"Write \x{00e9} for"),
        (r"\C", r"invalid escape sequence: \C.", "Use RE2's grammar"),
        ("(?P<n>a)(?<n>b)", "duplicate group name: n.", "Give each group a name"),
    ],
)
def test_what_re2_refuses_is_refused_with_what_to_do(pattern, reason, advice):
    field, message = sole(asserting("regex", value=pattern))

    assert field == "nodes[0].assertions[0].operator_data.value"
    assert message.startswith(f"The regular expression is not valid: {reason} {advice}")


@pytest.mark.parametrize("pattern", ["a" * 10_001, r"\p{L}{999}", "(" * 20_000])
def test_a_regular_expression_has_its_limits(pattern):
    assert sole(asserting("regex", value=pattern)).message == (
        "The regular expression is too large. Make it shorter, with smaller repeats."
    )


def test_the_regular_expressions_of_a_flow_have_a_limit_together():
    large = [rf"\p{{L}}{{255}}{place}" for place in range(9)]
    nodes = [
        request(str(place)) | {"assertions": [assertion("regex", value=pattern)]}
        for place, pattern in enumerate(large)
    ]

    found = problems(flow(*nodes))

    assert found[0].field == "nodes[3].assertions[0].operator_data.value"
    assert "are too large together" in found[0].message
    assert problems(flow(*nodes[:3])) == []


def test_a_regular_expression_that_repeats_counts_once():
    one = assertion("regex", value=r"\p{L}{255}")

    assert problems(flow(request("a") | {"assertions": [one] * 100})) == []


@pytest.mark.parametrize("pattern", ["a", "("])
def test_a_judged_pattern_is_kept_nowhere(pattern):
    problems(asserting("regex", value=pattern))

    assert re2._Regexp._make.cache_info().currsize == 0


def test_a_refused_pattern_is_in_no_log(capfd):
    sole(asserting("regex", value="s3cr3t("))

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "pattern",
    [r"\p{L}", "a" * 10_000, "a" * 10_001, r"\C", "a{999999999}", "a{1001}", "(?=a)"]
    + ["(?P<n>a)(?P<n>b)", r"\p{L}{255}", r"\p{L}{999}", r"\Q\C{999999999}", "(?U)a"]
    + [r"(?<n>a)", "(", "[[]", r"\z", r"\Z", "\ud800", "a**", "(?i)K", ""],
)
def test_the_command_takes_the_patterns_that_the_server_takes(pattern):
    accepted = problems(asserting("regex", value=pattern)) == []
    try:
        bounded_regex.search(pattern, "a")
        runs = True
    except bounded_regex.BadPattern:
        runs = False

    assert accepted == runs


def test_the_command_has_the_bounds_of_the_server():
    assert bounded_regex.compiled is patterns.compiled


def test_the_condition_of_a_branch_is_checked_as_an_assertion():
    field = "nodes[5].data.cases[0].when.operator_data.value"

    assert sole(changed(field, [1])).field == field


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
        'Node "login" declares no output "id". Add it to its outputs, '
        "or read one of those it declares: token.",
    )


@pytest.mark.parametrize(("field", "data"), PLACES.items())
def test_an_output_is_read_only_downstream(field, data):
    login, reader = request("login", outputs=["id"]), request("b", **data)

    assert problems(chain(login, request("between"), reader)) == []
    found = sole(chain(reader, login))
    assert found.field == f"nodes[0].{field}"
    assert found.message == (
        '"id" of node "login" is read here, but no edges lead from that node to this '
        "one. Add them, so that it runs first."
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


def test_in_a_circle_only_the_circle_is_reported():
    nodes = request("a", "{{b.id}}", ["id"]), request("b", "{{a.id}}", ["id"])

    assert sole(flow(*nodes, edges=[edge("a", "b"), edge("b", "a")])).field == "edges"


def test_at_most_as_many_problems_as_asked_for_are_returned():
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


def test_loops_nested_without_end_are_refused():
    deep = request("core")
    for _ in range(100_000):
        deep = loop("loop", deep)

    assert sole(flow(deep)).message.startswith("Bodies may be nested at most 10 deep.")


def test_a_flow_at_its_limits_is_checked_in_no_time():
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


def test_every_schema_is_valid_and_refers_to_schemas_that_exist():
    names = re.findall(r"#/components/schemas/(\w+)", json.dumps(SCHEMAS))

    assert set(names) <= set(SCHEMAS)
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def reference(name):
    """Return a validator of another make for one of the published schemas."""
    strict = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda checker, value: type(value) is int
    )
    make = validators.extend(Draft202012Validator, type_checker=strict)
    document = {"components": {"schemas": SCHEMAS}}
    return make(
        document | {"$ref": f"#/components/schemas/{name}"},
        format_checker=FormatChecker(["uuid"]),
    )


@pytest.mark.parametrize("kind", NODE_SCHEMAS)
def test_the_checks_say_what_the_published_schemas_say(kind):
    sample = next(each for each in everything()["nodes"] if each["type"] == kind)
    other = reference(NODE_SCHEMAS[kind])
    # Nodes within are checked one by one, and the type has been looked at before.
    places = [each for each in fields(sample) if not re.search(r"\bnodes|^type$", each)]

    assert other.is_valid(sample)
    for field in places:
        for junk in [*JUNK, REMOVED]:
            given = changed(field, junk, sample)
            flaws = list(shape_problems(NODE_SCHEMAS[kind], given, ""))
            assert (not flaws) == other.is_valid(given), (field, junk, flaws)


@pytest.mark.parametrize("value", [None, 5, "text", [], {"a": 1}])
def test_a_field_without_a_name_is_one_that_no_schema_has(value):
    assert problems(flow(request("a", **{"": value}))) == []
