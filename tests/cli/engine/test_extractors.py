import time

import pytest

from echopoint.cli.engine.extractors import NodeResponse, NothingFound, Source, extract
from tests.cli.engine.flows import (
    assertion,
    chain,
    node,
    request,
    run,
    run_node,
    variables,
)

JSON = [("Content-Type", "application/json; charset=utf-8")]
BODY = b'{"id": 7, "tags": ["a", "b"], "none": null, "users": [{"n": "x"}, {"n": "y"}]}'


def answer(body=BODY, headers=JSON, status=200):
    return NodeResponse(status, headers, body)


def at(path, source):
    return extract("jsonPath", {"path": path}, source)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.id", 7),
        ("$.tags", ["a", "b"]),
        ("$.tags[*]", ["a", "b"]),
        ("$.tags[0]", "a"),
        ("$.none", None),
        ("$..n", ["x", "y"]),
        ("$.users[?@.n == 'y'].n", "y"),
        ("$.users[?match(@.n, '[xz]')].n", "x"),
        ("$.users[?search(@.n, '.')].n", ["x", "y"]),
        ("$.users[?match(@.n, 'x|(')].n", None),
    ],
)
def test_a_path_finds_what_is_there(path, value):
    if value is None and "(" in path:
        with pytest.raises(NothingFound, match="nothing is at the path"):
            at(path, answer())
    else:
        assert at(path, answer()) == value


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("$.missing", BODY, r"nothing is at the path \$\.missing"),
        ("$.tags[9]", BODY, "nothing is at the path"),
        ("$[", BODY, "cannot be followed"),
        ("", BODY, "cannot be followed"),
        ("$.{{x}}", BODY, "cannot be followed"),
        ("$", b"<html>", "the body is not valid JSON"),
        ("$", b"", "the body is not valid JSON"),
        ("$", b'{"a": NaN}', "NaN is not JSON"),
    ],
)
def test_a_path_that_leads_nowhere_is_an_error(path, body, reason):
    with pytest.raises(NothingFound, match=reason):
        at(path, answer(body))


def test_a_path_with_a_catastrophic_pattern_takes_no_time():
    body = b'[{"n": "' + b"a" * 100_000 + b'bc"}]'
    began = time.process_time()

    with pytest.raises(NothingFound, match="nothing is at the path"):
        at("$[?match(@.n, '(a|aa|aaa)*(a|aa)*c')]", answer(body))

    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$[?match(@, 'a.')]", ["ab", "aé"]),
        ("$[?match(@, 'a')]", "a"),
        ("$[?search(@, 'ab')]", ["ab", "xab"]),
        ("$[?match(@, '[.]b|\\\\.c')]", [".b", ".c"]),
        (r"$[?match(@, '\\p{Lu}+')]", "ÄB"),
    ],
)
def test_a_pattern_in_a_path_is_an_i_regexp(path, found):
    values = ["a", "ab", "xab", "a\n", "aé", ".b", ".c", "ÄB"]

    assert at(path, Source(values)) == found


def test_the_status_code_is_a_number():
    assert extract("statusCode", {}, answer(status=503)) == 503


@pytest.mark.parametrize("spelling", ["header_name", "headerName"])
def test_of_a_header_the_first_value_is_taken_whatever_its_case(spelling):
    source = answer(headers=[("X-Id", "first"), ("x-id", "second")])

    assert extract("header", {spelling: "x-ID"}, source) == "first"
    with pytest.raises(NothingFound, match='no header "X-Other"'):
        extract("header", {spelling: "X-Other"}, source)


@pytest.mark.parametrize(
    ("kind", "body", "value"),
    [
        ("application/json", b'{"a": 1}', {"a": 1}),
        ("application/problem+json; charset=utf-8", b"[1]", [1]),
        ("APPLICATION/JSON", b"1", 1),
        ("application/json", b"", ""),
        ("application/json", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("text/plain", b'{"a": 1}', '{"a": 1}'),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; charset="utf-8"', b"\xc3\xa9", "é"),
        ("text/plain; charset=no-such", b"\xc3\xa9", "é"),
        ("text/plain", b"\xff", "\ufffd"),
        ("application/jsonx", b"1", "1"),
    ],
)
def test_a_body_is_parsed_when_its_type_is_json(kind, body, value):
    assert extract("body", {}, answer(body, [("Content-Type", kind)])) == value


def test_a_body_of_type_json_that_is_not_json_is_an_error():
    with pytest.raises(NothingFound, match="the body is not valid JSON"):
        extract("body", {}, answer(b"<html>"))


def test_what_is_no_answer_has_a_body_and_nothing_else():
    source = Source({"a": [1]})

    assert extract("body", {}, source) == {"a": [1]}
    assert at("$.a[0]", source) == 1
    assert at("$.a", Source('{"a": 2}')) == 2
    assert at("$", Source("just text")) == "just text"
    with pytest.raises(NothingFound, match="only a request node has a status"):
        extract("statusCode", {}, source)
    with pytest.raises(NothingFound, match="only a request node has headers"):
        extract("header", {"header_name": "X"}, source)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", b'\xef\xbb\xbf{"a": 1}'),
        ("application/json; charset=utf-8", b'\xef\xbb\xbf{"a": 1}'),
        ("APPLICATION/Problem+JSON", b'{"a": 1}'),
        ("application/json; charset=utf-16", '{"a": 1}'.encode("utf-16")),
        ("application/json; charset=utf-16le", '\ufeff{"a": 1}'.encode("utf-16le")),
        ("application/json; charset=odd", b'{"a": 1}'),
        ("application/json; charset=utf-32", b'{"a": 1}'),
        ("application/json; charset=hex", b'{"a": 1}'),
        ("application/json; charset=idna", b'{"a": 1}'),
        ("application/json; charset=undefined", b'{"a": 1}'),
    ],
)
def test_json_is_read_whatever_mark_or_charset_it_has(kind, content):
    answer = NodeResponse(200, [("Content-Type", kind)], content)

    assert answer.body() == {"a": 1}


def test_a_wrong_charset_is_noted():
    answer = NodeResponse(
        200, [("Content-Type", "text/plain; charset=utf-16")], b"abc\xff\xff"
    )

    assert answer.text == "abc\ufffd\ufffd"
    (note,) = answer.notes
    assert '"utf-16"' in note


def test_a_charset_that_fits_needs_no_word():
    answer = NodeResponse(
        200, [("Content-Type", "text/plain; charset=latin-1")], b"\xe9"
    )

    assert (answer.text, answer.notes) == ("é", [])


ABSENCES = [
    ("jsonPath", {"path": "$.a"}, {"path": "$.none"}),
    ("header", {"header_name": "X-A"}, {"header_name": "X-None"}),
]


@pytest.mark.parametrize(("kind", "there", "not_there"), ABSENCES)
def test_absence_can_be_asserted(service, kind, there, not_there):
    url = f"{service.url}/answer?type=application/json&body=%7B%22a%22:null%7D"
    if kind == "header":
        url = f"{service.url}/headers?name=X-A&value=1"

    def result_of(operator, data):
        checks = [assertion(operator, kind=kind, **data)]
        return run_node(request("a", url, assertions=checks))

    for operator, passes, fails in (
        ("exists", there, not_there),
        ("notExists", not_there, there),
    ):
        assert "error_code" not in result_of(operator, passes)
        failed = result_of(operator, fails)
        assert failed["error_code"] == "ASSERTION_FAILED"
        assert "error" not in failed["assertion_results"][0]
        assert operator in failed["error_message"]


UNKNOWN = [
    ("{{name}}", "body", {}),
    ("{{ name }}", "body", {}),
    ("{{{name}}}", "body", {}),
    (" {{name}}", "body", {}),
    ("{{name}}", "jsonPath", {"path": "$"}),
    ("{{name}}", "jsonPath", {"path": "$.a"}),
    ("{{name}}", "xmlPath", {"path": "/a"}),
    ({"a": "{{name}}"}, "jsonPath", {"path": "$.a"}),
    ({"a": ["{{{name}}}", "{{other.x}}"]}, "jsonPath", {"path": "$.a[*]"}),
]
KNOWN = [
    ("{{known}}", "body", {}),
    ("{{{nothing}}}", "body", {}),
    ("x{{name}}", "body", {}),
    ("{{$uuid}}", "body", {}),
    ({"a": ["{{name}}"]}, "jsonPath", {"path": "$.a"}),
    ({"a": ["{{name}}", "{{known}}"]}, "jsonPath", {"path": "$.a[*]"}),
]


@pytest.mark.parametrize(
    ("target", "kind", "data", "is_resolved"),
    [(*each, False) for each in UNKNOWN] + [(*each, True) for each in KNOWN],
)
def test_a_name_that_nothing_is_known_as_does_not_exist(
    target, kind, data, is_resolved
):
    def passes(operator):
        checks = [assertion(operator, kind=kind, **data)]
        one = node("assert", "check", {"target": target}, assertions=checks)
        inputs = {"known": "{{name}}", "nothing": None}
        return "error_code" not in run_node(one, inputs=inputs)

    assert passes("exists") is is_resolved
    assert passes("notExists") is not is_resolved


@pytest.mark.parametrize("read", ["{{set.x}}", "{{{set.x}}}"])
def test_a_variable_set_to_an_unknown_name_does_not_exist_later(read):
    checks = [assertion("notExists", kind="body")]
    check = node("assert", "check", {"target": read}, assertions=checks)

    document = run(chain(variables("set", x="{{name}}"), check))

    assert document["status"] == "completed", document


def test_the_text_of_an_unknown_name_is_compared_as_it_is_written():
    checks = [assertion("equals", "{{name}}", kind="body")]
    one = node("assert", "check", {"target": "{{name}}"}, assertions=checks)

    result = run_node(one)

    assert "error_code" not in result
    assert type(result["assertion_results"][0]["actual"]) is str


@pytest.mark.parametrize("operator", ["exists", "notExists"])
def test_an_unreadable_body_does_not_count_as_an_absent_value(service, operator):
    checks = [assertion(operator, kind="jsonPath", path="$.a")]
    url = f"{service.url}/answer?type=text/plain&body=%3Chtml"

    result = run_node(request("a", url, assertions=checks))

    assert result["error_code"] == "ASSERTION_FAILED"
    assert "not valid JSON" in result["assertion_results"][0]["error"]
