"""Truncation of JSON that is too deep or too large."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echopoint.api.truncation import SHORT_BUDGET, Truncator, Unreadable

NAMES = st.text(st.characters(codec="utf-8"), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
)  # fmt: skip


def read(text, room=10**6, max_string=10**6):
    return Truncator(room, max_string).read(io.BytesIO(text.encode()))


def nested(depth):
    return "[" * depth + "]" * depth


@given(VALUES)
@pytest.mark.slow
def test_a_body_that_fits_is_unchanged(value):
    assert read(json.dumps(value)) == value


@given(VALUES, st.integers(0, 200))
def test_values_that_do_not_fit_are_left_out_and_the_rest_is_complete(value, room):
    body = {"result": {"execution_results": {"a": {"node_id": "a", "b": value}}}}

    result = read(json.dumps(body), room=room, max_string=20)["result"]

    record = result["execution_results"]["a"]
    assert record["node_id"] == "a"
    is_whole = record == {"node_id": "a", "b": value}
    assert is_whole == ("truncated" not in record) == ("truncated" not in result)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "[NaN]", "1 2", "9" * 5000])
def test_other_text_is_unreadable(text):
    with pytest.raises(Unreadable):
        read(text)


def test_a_body_of_countless_values_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr("echopoint.api.truncation.MAX_PARSE_EVENTS", 100)

    with pytest.raises(Unreadable, match="more than 100 parts"):
        read(json.dumps([1] * 200))
    assert read(json.dumps([1] * 90)) == [1] * 90


def test_values_are_stored_up_to_the_maximum_depth():
    assert read(nested(64)) == json.loads(nested(64))
    assert read(nested(65)) == json.loads(nested(64))


def test_each_left_out_value_is_named_where_it_was():
    record = '{"a": {"b": [1, "LONG"]}, "c": "LONG"}'.replace("LONG", "x" * 30)

    result = read(
        f'{{"result": {{"execution_results": {{"n": {record}}}}}}}', max_string=20
    )["result"]

    assert result == {
        "execution_results": {
            "n": {
                "a": {"b": [1]},
                "truncated": True,
                "truncated_fields": ["a.b[1]", "c"],
            }
        },
        "truncated": True,
    }


def test_what_nodes_say_of_themselves_outlasts_the_room():
    record = {"node_id": "n", "response_body": "x" * 300, "error_code": "E"}
    body = {"result": {"execution_results": {str(n): record for n in range(9)}}}

    result = read(json.dumps(body), room=100)["result"]

    cut = {"truncated": True, "truncated_fields": ["response_body"]}
    kept = {"node_id": "n", "error_code": "E"} | cut
    assert result["execution_results"] == {str(n): kept for n in range(9)}


def test_short_values_have_an_end_too():
    body = {"result": {str(n): "x" * 200 for n in range(SHORT_BUDGET // 200)}}

    result = read(json.dumps(body), room=0)["result"]

    assert len(json.dumps(result)) < 1.1 * SHORT_BUDGET
    assert result["truncated"] is True
    assert len(result["truncated_fields"]) == 20


def test_a_text_of_the_body_itself_says_that_it_was_left_out():
    assert read('{"error_message": "xxx"}', max_string=2) == {
        "error_message": "[truncated]"
    }
