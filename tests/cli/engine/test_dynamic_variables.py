"""Values made up for a run."""

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from echopoint.cli.engine import InvalidPackage
from echopoint.cli.engine.dynamic_variables import (
    ARGUMENTS,
    GENERATORS,
    ValueGenerator,
    require_valid_reference,
)
from tests.cli.engine.flows import assertion, chain, flow, request, run, variables

NAMES = [
    "runId",
    "timestamp",
    "isoTimestamp",
    "today",
    "futureDate",
    "pastDate",
    "weekday",
    "firstName",
    "lastName",
    "fullName",
    "username",
    "gender",
    "jobTitle",
    "ssn",
    "email",
    "phone",
    "phoneFormatted",
    "street",
    "city",
    "state",
    "stateAbbr",
    "zip",
    "country",
    "countryAbbr",
    "latitude",
    "longitude",
    "timezone",
    "creditCard",
    "creditCardCvv",
    "currency",
    "price",
    "achRouting",
    "achAccount",
    "bitcoinAddress",
    "url",
    "domain",
    "ipv4",
    "ipv6",
    "mac",
    "userAgent",
    "httpMethod",
    "emoji",
    "company",
    "productName",
    "productCategory",
    "sku",
    "word",
    "words",
    "sentence",
    "slug",
    "color",
    "hexColor",
    "int",
    "float",
    "bool",
    "digits",
    "letters",
    "string",
    "uuid",
]


@pytest.fixture
def made():
    return ValueGenerator("5c1f2a52")


def luhn(number):
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10


def test_the_names_are_those_of_the_public_runner():
    assert sorted(GENERATORS) == sorted(NAMES)
    assert len(NAMES) == 59


@pytest.mark.parametrize("name", NAMES)
def test_each_name_makes_a_value_that_fits_in_a_text(made, name):
    require_valid_reference(f"${name}")

    value = made.value(f"${name}")

    assert isinstance(value, str | int | float)
    assert str(value).strip()


@pytest.mark.parametrize(
    ("reference", "form"),
    [
        ("$runId", "[0-9a-f]{12}"),
        ("$today", r"\d{4}-\d\d-\d\d"),
        ("$futureDate", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("$email", r"[^@ ]+@[^@ ]+\.[a-z]+"),
        ("$phone", r"\d{10}"),
        ("$ssn", r"\d{9}"),
        ("$zip", r"\d{5}"),
        ("$countryAbbr", "[A-Z]{2}"),
        ("$latitude", r"-?\d{1,2}\.\d{6}"),
        ("$creditCardCvv", r"\d{3}"),
        ("$currency", "[A-Z]{3}"),
        ("$price", r"\d{1,4}\.\d\d"),
        ("$sku", "[A-Z]{4}[0-9]{4}"),
        ("$slug:2", "[a-z]+-[a-z]+"),
        ("$words:5", "([a-z]+ ){4}[a-z]+"),
        ("$sentence:2", r"[A-Z][a-z]* [a-z]+\."),
        ("$digits:4", "[0-9]{4}"),
        ("$letters:10", "[A-Za-z]{10}"),
        ("$string:0", ""),
        ("$hexColor", "#[0-9a-f]{6}"),
        ("$mac", "([0-9a-f]{2}:){5}[0-9a-f]{2}"),
        ("$bitcoinAddress", "1[1-9A-HJ-NP-Za-km-z]{33}"),
    ],
)
def test_values_have_the_form_that_is_promised(made, reference, form):
    require_valid_reference(reference)

    assert re.fullmatch(form, made.value(reference))


@pytest.mark.parametrize(
    "kind", ["", ":visa", ":mastercard", ":american-express", ":discover"]
)
def test_a_card_number_passes_its_check(made, kind):
    number = made.value(f"$creditCard{kind}")

    assert luhn(number) == 0
    assert number.startswith("4") or kind != ":visa"


def test_numbers_are_between_their_bounds(made):
    drawn = [made.value("$int:3:5") for _ in range(100)]

    assert set(drawn) == {3, 4, 5}
    assert all(0 <= made.value("$float:0:1") <= 1 for _ in range(100))
    assert made.value("$int:7:7") == 7
    assert made.value("$int:5:3") in {3, 4, 5}


def test_times_are_of_the_start_and_can_be_moved(made):
    now = made.value("$timestamp")

    assert now == int(made.started.timestamp())
    assert timedelta(0) <= datetime.now(UTC) - made.started < timedelta(minutes=10)
    assert made.value("$timestamp:+15s") - now == 15
    assert made.value("$timestamp:-1h30m") - now == -5400
    later = datetime.fromisoformat(made.value("$isoTimestamp:90m"))
    assert later - made.started < timedelta(minutes=90)


def test_an_execution_has_the_same_values_again_and_others_have_others():
    values = [ValueGenerator(id).value("$uuid") for id in ("a", "a", "b")]

    assert values[0] == values[1] != values[2]
    assert uuid.UUID(values[0]).version == 4


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("$nothing", "unknown"),
        ("$UUID", "unknown"),
        ("$uuid:4", "takes no arguments"),
        ("$int:x", "takes whole numbers"),
        ("$int:1:2:3", "takes whole numbers"),
        ("$int:1.5", "takes whole numbers"),
        ("$int:" + "9" * 16, "takes whole numbers"),
        ("$price:1e9", "takes numbers"),
        ("$digits:10001", "a number up to"),
        ("$digits:-1", "a number up to"),
        ("$timestamp:soon", "a time such as"),
        ("$creditCard:gold", "one of visa"),
        ("$words:", "a number up to"),
    ],
)
def test_an_invalid_dynamic_variable_is_refused_before_the_run(reference, says):
    definition = flow(variables("a", x=f"{{{{ {reference} }}}}"))

    with pytest.raises(InvalidPackage, match=says):
        run(definition)


def test_every_name_that_takes_arguments_refuses_wrong_ones():
    for name in ARGUMENTS:
        with pytest.raises(InvalidPackage):
            require_valid_reference(f"${name}:?")


def test_what_is_sent_is_what_is_shown_and_new_at_each_place(service):
    one = request(
        "a",
        f"{service.url}/echo?id={{{{$uuid}}}}",
        headers={"X-Id": "{{$uuid}}"},
        body={"n": "{{{$int:1:9}}}", "text": "{{$int:1:9}}", "run": "{{$runId}}"},
        method="POST",
    )

    document = run(flow(one, variables("b", run="{{$runId}}")))

    results = document["result"]["execution_results"]
    (seen,) = service.seen
    assert results["a"]["request_url"].endswith(seen["query"]["id"][0])
    assert results["a"]["request_headers"]["x-id"] == seen["headers"]["x-id"]
    assert seen["headers"]["x-id"] != seen["query"]["id"][0]
    body = results["a"]["request_body"]
    assert isinstance(body["n"], int)
    assert isinstance(body["text"], str)
    assert results["b"]["outputs"] == {"run": body["run"]}


def test_an_assertion_compares_with_what_it_shows():
    made = variables("a", x="{{$uuid}}") | {
        "assertions": [
            assertion("notEquals", "{{$uuid}}", kind="jsonPath", path="$.x"),
            assertion("equals", "{{$uuid}}", kind="jsonPath", path="$.x"),
        ]
    }

    document = run(chain(made))

    one, other = document["result"]["execution_results"]["a"]["assertion_results"]
    assert uuid.UUID(one["expected"]) != uuid.UUID(other["expected"])
    assert other["actual"] not in {one["expected"], other["expected"]}


def test_what_is_no_name_is_left_as_it_is():
    document = run(flow(variables("a", x="{{$.path}} {{$}} {{$1}}")))

    result = document["result"]["execution_results"]["a"]
    assert result["outputs"] == {"x": "{{$.path}} {{$}} {{$1}}"}
    assert result["missing_inputs"] == ["$.path", "$", "$1"]


class TestMissing:
    def test_an_unknown_reference_is_reported(self, service):
        told = []
        one = request("a", f"{service.url}/echo?x={{{{ nothing }}}}", body="{{known}}")

        document = run(flow(one), inputs={"known": "1"}, progress=told.append)

        result = document["result"]["execution_results"]["a"]
        assert result["missing_inputs"] == ["nothing"]
        assert document["status"] == "completed"
        assert told[-1]["payload"]["missingInputs"] == ["nothing"]

    def test_a_node_without_unknown_references_reports_none(self):
        told = []

        document = run(
            flow(variables("a", x="{{y}}")), inputs={"y": 1}, progress=told.append
        )

        assert "missing_inputs" not in document["result"]["execution_results"]["a"]
        assert "missingInputs" not in told[-1]["payload"]

    def test_if_strict_the_node_fails_and_sends_nothing(self, service):
        one = request(
            "a",
            f"{service.url}/echo?id={{{{$uuid}}}}",
            assertions=[assertion("equals", "{{nothing}}")],
        )

        document = run(flow(one), strict_variables=True)

        result = document["result"]["execution_results"]["a"]
        assert result["error_code"] == "NODE_INPUT_VALIDATION_FAILED"
        assert "{{nothing}}" in result["error_message"]
        assert result["missing_inputs"] == ["nothing"]
        assert service.seen == []

    def test_if_strict_a_node_that_knows_all_passes(self):
        definition = chain(variables("a", x="{{$uuid}}"), variables("b", y="{{a.x}}"))

        assert run(definition, strict_variables=True)["status"] == "completed"
