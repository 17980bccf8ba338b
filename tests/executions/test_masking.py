"""Secrets are taken out of what runners publish, however a client writes them."""

import base64
import html
import json
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from echopoint.executions.masking import Masker
from tests.executions.conftest import completion

SIGNS = "&<>\"'/\\+= %:?#é日🔑"
SECRETS = st.text(
    st.sampled_from("abcXYZ019-_") | st.sampled_from(SIGNS), min_size=6, max_size=40
).filter(lambda text: len(text.strip()) >= 6 and sum(c.isalnum() for c in text) >= 4)


def go_json(text):
    """Return a text as Go's encoding/json writes it, without the quotes around it."""
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    for sign in "&<>\u2028\u2029":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    return written


ENCODINGS = {
    "as it is": str,
    "go": go_json,
    "php": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "capitals": lambda text: "".join(
        c if c.isascii() else "".join(f"\\u{u:04X}" for u in units(c)) for c in text
    ),
    "json": lambda text: json.dumps(text)[1:-1],
    "json twice": lambda text: json.dumps(json.dumps(text))[1:-1],
    "go twice": lambda text: go_json(go_json(text)),
    "html": html.escape,
    "html of go": lambda text: (
        text.replace("&", "&amp;")
        .replace("'", "&#39;")
        .replace('"', "&#34;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
    ),
    "url": lambda text: quote(text, safe=""),
    "path": quote,
    "query": quote_plus,
    "small hex": lambda text: lowered(quote(text, safe="")),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json in a url": lambda text: quote(json.dumps(text), safe=""),
    "read as latin-1": lambda text: text.encode().decode("latin-1"),
    "latin-1 in json": lambda text: json.dumps(text.encode().decode("latin-1"))[1:-1],
    "basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "basic, unknown user": lambda text: base64.b64encode(f"u:{text}".encode()).decode(),
    "base64 of a url": lambda text: base64.urlsafe_b64encode(
        f"xy{text}z".encode()
    ).decode(),
}


def units(letter):
    data = letter.encode("utf-16-be")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


def lowered(text):
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def result_with(text):
    """Return a result that holds the text in each place that a service can fill."""
    record = completion()["result"]["execution_results"]["pay"] | {
        "display_name": f"Pay {text}",
        "inputs": {"a": f"<{text}>"},
        "outputs": {"a": [text]},
        "request_url": f"https://h.test/{text}/x",
        "request_headers": {"x-a": text, text: "1"},
        "request_body": {"a": {"b": text}},
        "response_headers": {"x-a": f"{text}; x"},
        "response_body": base64.b64encode(f"({text})".encode()).decode(),
        "response_body_parsed": {"a": [{text: text}]},
        "error_message": f"It was {text}.",
        "assertion_results": [{"index": 0, "expected": text, "actual": {"a": text}}],
    }
    return {"execution_results": {"pay": record}, "final_outputs": {"pay.a": text}}


def texts_of(value):
    """Yield all texts of a result, a body in base64 read."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            if name == "response_body":
                yield base64.b64decode(item).decode()
            else:
                yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(secret=SECRETS)
@example(secret="p&ss/<w>'o\"rd")
@example(secret="日本語é🔑key1")
@example(secret="back\\slash\\ &1")
def test_a_secret_is_in_nothing_that_is_stored(encoding, secret):
    written = ENCODINGS[encoding](secret)

    masked = Masker([secret]).result(result_with(written))

    for text in texts_of(masked):
        assert written not in text
        assert secret not in text
        assert secret not in unquote(text)
        assert secret not in html.unescape(text)
    assert masked["execution_results"]["pay"]["node_id"] == "pay"


@settings(max_examples=200, deadline=None)
@given(secret=SECRETS, encoding=st.sampled_from(sorted(ENCODINGS)))
def test_what_is_masked_once_stays_as_it_is(secret, encoding):
    masker = Masker([secret])

    once = masker.result(result_with(ENCODINGS[encoding](secret)))

    assert masker.result(once) == once


def test_what_is_no_secret_is_not_touched():
    result = result_with("nothing of it")

    assert Masker(["s3cret-value", "another one"]).result(result) == result


def test_the_longest_secret_that_is_at_a_place_is_hidden():
    masker = Masker(["ab", "abc", "abcd", "b", "x"])

    assert masker.text("abcd abc ab b abx cx") == "*** *** *** *** ****** c***"


def test_stars_are_not_hidden_by_stars():
    assert Masker(["*", "***"]).text("* and ***") == "* and ***"
