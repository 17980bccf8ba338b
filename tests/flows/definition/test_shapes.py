import json
import re

import pytest
from jsonschema import Draft202012Validator, FormatChecker, validators

from echopoint.flow_language.words import EXTRACTORS, HTTP_METHODS, OPERATORS
from echopoint.flows.definition.schemas import NODE_SCHEMAS, SCHEMAS
from echopoint.flows.definition.shapes import shape_problems
from echopoint.flows.definition.validation import Problem, problems
from tests.flows.definition.definitions import (
    JUNK,
    MISSING,
    REMOVED,
    UUID,
    changed,
    edge,
    everything,
    fields,
    flow,
    node,
    request,
    sole,
)


@pytest.mark.parametrize("value", [None, [], "x", 5, 1.5, True])
def test_a_flow_must_be_an_object(value):
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
    long = "This may have at most 255 characters; it has 256."

    assert problems(flow(request("é.{ 5" * 51))) == []
    assert sole(flow(request("i" * 256))) == ("nodes[0].id", long)
    assert sole(flow(request(""))) == ("nodes[0].id", "This must not be empty.")


def test_an_edge_id_has_at_most_255_characters():
    nodes = request("a"), request("b")
    long = "This may have at most 255 characters; it has 256."

    assert problems(flow(*nodes, edges=[edge("a", "b", id="i" * 255)])) == []
    assert sole(flow(*nodes, edges=[edge("a", "b", id="i" * 256)])) == (
        "edges[0].id",
        long,
    )


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
