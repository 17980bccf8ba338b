"""Random secrets, in all spellings, do not appear in stored rows."""

import base64

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from echopoint.executions.jobs.events import mask_payload
from echopoint.executions.models import Execution, NodeResult
from echopoint.executions.result_masking import (
    FIELDS,
    STRUCTURE,
    Masker,
)
from echopoint.masking.result_mask import MIN_PLAIN_LENGTH
from tests.masking.writers import AROUND, SECRETS, TABLE, WAYS, from_base64

pytestmark = pytest.mark.slow

few = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def node(**fields):
    return {"execution_results": {"pay": {"node_id": "pay"} | fields}}


def asserted(**fields):
    return node(assertion_results=[{"index": 0, "operator": "equals"} | fields])


PLACES = {
    "inputs": lambda text: node(inputs={"a": text}),
    "outputs": lambda text: node(outputs={"a": [{"deep": text}]}),
    "name in an output": lambda text: node(outputs={"a": {text: 1}}),
    "final outputs": lambda text: {"final_outputs": {"pay.a": text}},
    "body": lambda text: node(response_body=encoded(text)),
    "body, plain": lambda text: node(response_body=text),
    "parsed body": lambda text: node(response_body_parsed={"a": text, text: [text]}),
    "request body": lambda text: node(request_body=text),
    "url": lambda text: node(request_url=f"https://x.example/?a={text}"),
    "message": lambda text: node(error_message=text),
    "message of the result": lambda text: {"error_message": text},
    "header": lambda text: node(request_headers={"X-A": text}),
    "name of a header": lambda text: node(response_headers={text: "a"}),
    "skip reason": lambda text: node(skip_reason=text),
    "display name": lambda text: node(display_name=text),
    "expected": lambda text: asserted(expected=text),
    "actual": lambda text: asserted(actual={"a": text}, error=text),
    "unknown": lambda text: {"anything": text, text: {}},
}


def texts_of(value, name=""):
    """Yield all texts of a JSON value but structure, and what a body stands for."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in FIELDS:
                yield key
            if key not in STRUCTURE:
                yield from texts_of(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str):
        yield value
        if name == "response_body":
            try:
                yield base64.b64decode(value).decode(errors="replace")
            except ValueError:
                return


def leaks(stored, secret, read):
    """Return the texts of what is stored in which a secret can be read."""
    return [
        text
        for text in texts_of(stored)
        if secret in text or secret in read(text) or secret in from_base64(read(text))
    ]


@pytest.mark.parametrize("place", PLACES)
@given(secret=SECRETS, before=AROUND, after=AROUND, way=st.sampled_from(sorted(WAYS)))
@few
def test_a_secret_cannot_be_read_in_any_place_of_a_result(
    place, secret, before, after, way
):
    # A shorter one is in real base64 by chance.
    assume(place != "body, plain" or len(secret) >= MIN_PLAIN_LENGTH)
    write, read = WAYS[way]
    result = PLACES[place](write(before + secret + after))
    masker = Masker([secret])

    masked = masker.result(result)

    assert leaks(result, secret, read)
    assert leaks(masked, secret, read) == []
    assert masker.result(masked) == masked


@pytest.mark.parametrize("place", PLACES)
@given(secret=SECRETS, user=st.text(max_size=9), table=st.sampled_from(sorted(TABLE)))
@few
def test_a_credential_cannot_be_read_in_any_place_of_a_result(
    place, secret, user, table
):
    token = TABLE[table](f"{user}:{secret}".encode(errors="replace")).decode()

    masked = Masker([secret]).result(PLACES[place](f"Basic {token}"))

    assert leaks(masked, secret, str) == []


@given(secret=SECRETS, before=AROUND, after=AROUND, way=st.sampled_from(sorted(WAYS)))
@few
def test_a_secret_cannot_be_read_in_an_event(secret, before, after, way):
    write, read = WAYS[way]
    text = write(before + secret + after)
    masker = Masker([secret])
    payload = {"nodeId": "pay", "error": text, "result": {"outputs": {"a": text}}}
    payload["more"] = {"result": {text: text}}

    masked = mask_payload(payload, masker)

    assert leaks(masked, secret, read) == []
    assert mask_payload(masked, masker) == masked
    assert masked["nodeId"] == "pay"


@given(secret=SECRETS, before=AROUND, after=AROUND, way=st.sampled_from(sorted(WAYS)))
@settings(few, max_examples=15)
def test_a_secret_cannot_be_read_in_what_a_completion_stores(
    launch, publish, variables, secret, before, after, way
):
    variables("/organization/variables", SECRET_A=secret)
    execution = launch()
    write, read = WAYS[way]
    text = write(before + secret + after)
    record = {"node_id": "pay"}
    for name in PLACES.keys() - {"body, plain"}:
        result = PLACES[name](text)
        record |= result.get("execution_results", {}).get("pay", {})
    result = {"execution_results": {"pay": record}, "final_outputs": {"pay.a": text}}

    response = publish(execution, result=result, error_message=text)

    assert response.status_code == 200
    (execution,) = Execution.objects.filter(pk=execution["id"])
    (kept,) = NodeResult.objects.filter(execution=execution)
    stored = [execution.result, execution.error_message, kept.result, kept.display_name]
    stored += [kept.error_message, kept.skip_reason]
    assert leaks(stored, secret, read) == []


def test_a_body_of_letters_that_only_looks_like_base64_is_masked_as_text():
    masked = Masker(["abcdefgh"]).result(node(response_body="abcdefgh1234"))

    assert masked == node(response_body="***1234")


def test_a_short_secret_that_is_in_base64_by_chance_leaves_a_body_as_it_is():
    result = node(response_body=base64.b64encode(bytes(range(128, 256))).decode())

    assert "gIGC" in str(result)
    assert Masker(["gIGC"]).result(result) == result
