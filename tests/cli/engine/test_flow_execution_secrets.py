"""The values of secret inputs are nowhere but where they were meant to go."""

import asyncio
import base64
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from echopoint.cli.engine import run_flow
from tests.cli.engine.flows import assertion, chain, node, package, request, variables

CANARY = 'C4NARY "quoted" \\ +/&=zażółć'
SECRETS = {
    "key": CANARY,
    "token": "t0ken-C4NARY-plain",
    "number": 8675309,
    "user": {"name": "C4NARY-user", "password": "C4NARY-pass"},
}
INPUTS = {**SECRETS, "open": "an open value", "copy": f"copied: {CANARY}"}
PLAIN = [CANARY, "t0ken-C4NARY-plain", "8675309", "C4NARY-user", "C4NARY-pass"]


def traces(text):
    """Return in which forms secrets are in the text."""
    found = []
    for secret in PLAIN:
        forms = {
            secret,
            quote(secret),
            quote(secret, safe=""),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            json.dumps(json.dumps(secret)[1:-1])[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            base64.b64encode(secret.encode()).decode(),
            base64.b64encode(secret.encode()).decode()[:8],
        }
        found += [form for form in forms if form in text]
    return found


def decoded(document):
    """Return all texts of a document: of what is base64, what it stands for, too."""
    bodies = [
        base64.b64decode(result["response_body"]).decode(errors="replace")
        for result in document["result"]["execution_results"].values()
        if "response_body" in result
    ]
    return "\n".join(
        [json.dumps(document), json.dumps(document, ensure_ascii=False), *bodies]
    )


def leaky_flow(url):
    """Return a flow that sends the secrets everywhere, to a service that echoes it."""
    basic = base64.b64encode(f"ada:{CANARY}".encode()).decode()
    everywhere = request(
        "everywhere",
        f"{url}/echo?raw={{{{token}}}}&{{{{number}}}}",
        method="POST",
        headers={
            "Authorization": "Bearer {{token}}",
            "X-Key": "{{token}}-{{number}}",
            "X-Basic": basic,
        },
        query_params={"q": "{{key}}", "list": ["{{key}}", "{{copy}}"]},
        body={"deep": [{"key": "{{key}}", "user": "{{{user}}}", "n": "{{{number}}}"}]},
        outputs={
            "headers": "$.headers",
            "query": "$.query.q[0]",
            "body": "$.body",
            "auth": "$.headers.authorization",
        },
        assertions=[
            assertion("contains", "{{token}}", kind="body"),
            assertion(
                "equals", "Bearer {{token}}", kind="jsonPath", path="$..authorization"
            ),
            assertion("notContains", "{{key}}", kind="header", header_name="X-Echo"),
        ],
    )
    return chain(
        variables("set", again="{{key}}", whole="{{{user}}}", n="{{{number}}}"),
        everywhere,
        # Later nodes read the real value of outputs.
        request(
            "again",
            f"{url}/echo",
            method="PUT",
            headers={"Authorization": "{{everywhere.auth}}"},
            body="{{set.again}} {{set.whole.password}} {{everywhere.query}}",
        ),
    )


def told_of(definition):
    """Return the document of a run, and all that was told on the way."""
    told = []
    ready = package(definition, inputs=INPUTS, secrets=SECRETS)
    document = asyncio.run(run_flow(ready, progress=told.append))
    return document, json.dumps(told)


@pytest.fixture
def log(caplog):
    """Return what is logged, from the lowest level on, whatever the logger says."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    return caplog


def test_no_secret_comes_back_from_a_service_that_echoes_everything(service, log):
    document, told = told_of(leaky_flow(service.url))

    assert document["status"] == "completed"
    sent = json.dumps(service.seen)
    assert "t0ken-C4NARY-plain" in sent
    assert service.seen[1]["headers"]["authorization"] == "Bearer t0ken-C4NARY-plain"
    assert service.seen[1]["body"] == f"{CANARY} C4NARY-pass {CANARY}"
    assert traces(decoded(document)) == []
    assert "C4NARY" not in decoded(document)
    assert traces(told) == []
    assert traces(log.text) == []
    result = document["result"]["execution_results"]["everywhere"]
    assert result["request_headers"]["authorization"] == "***"
    assert result["request_headers"]["x-basic"] == "***"
    assert result["inputs"]["key"] == "***"
    assert result["inputs"]["copy"] == "copied: ***"
    assert result["request_body"] == {
        "deep": [{"key": "***", "user": "***", "n": "***"}]
    }
    assert "an open value" not in decoded(document)


def test_what_is_open_stays_readable(service):
    one = request("a", f"{service.url}/echo", body="{{open}}", outputs={"b": "$.body"})

    document, _ = told_of(chain(one))

    assert document["result"]["final_outputs"] == {"a.b": "an open value"}


def test_a_secret_too_common_to_search_for_is_hidden_where_it_is_rendered(service):
    """`true` is everywhere; what a template makes of it is not told all the same."""
    one = request(
        "a",
        f"{service.url}/echo?{{{{flag}}}}",
        method="POST",
        headers={"X-Flag": "{{flag}}"},
        body=["{{{flag}}}"],
        assertions=[
            assertion("notContains", "{{flag}}", kind="header", header_name="Date")
        ],
    )

    ready = package(chain(one), inputs={"flag": True}, secrets=["flag"])
    document = asyncio.run(run_flow(ready))

    result = document["result"]["execution_results"]["a"]
    assert service.seen[0]["body"] == "[true]"
    assert result["inputs"] == {"flag": "***"}
    assert result["request_url"].endswith("?***")
    assert result["request_headers"]["x-flag"] == "***"
    assert result["request_body"] == ["***"]
    assert result["assertion_results"][0]["expected"] == "***"


def test_a_secret_in_a_message_that_is_cut_is_hidden_before(service):
    url = "no-url:" + "x" * 1975 + "{{token}}"

    document, _ = told_of(chain(request("a", url)))

    assert document["error_message"].endswith("more characters)")
    assert "t0ken" not in decoded(document)


FAILING = {
    "header name": request("a", "{url}/echo", headers={"X-{{key}}": "x"}),
    "header value": request("a", "{url}/echo", headers={"X": "{{key}}\n{{token}}"}),
    "url": request("a", "{{token}}://{{number}}"),
    "host": request("a", "http://{{token}}.invalid/{{key}}"),
    "port": request("a", "http://127.0.0.1:{{token}}/"),
    "refused": request("a", "http://ada:{{token}}@127.0.0.1:1/{{key}}"),
    "timeout": request("a", "{url}/silent?{{key}}", timeout=100),
    "redirect": request("a", "{url}/redirect-to?url=ftp://{{token}}"),
    "assertion": request(
        "a",
        "{url}/echo?{{token}}",
        assertions=[assertion("equals", "{{key}}", kind="body")],
    ),
    "number": request(
        "a", "{url}/echo", assertions=[assertion("greaterThan", "{{key}}")]
    ),
    "pattern": request(
        "a", "{url}/echo", assertions=[assertion("regex", "({{token}}", kind="body")]
    ),
    "header": request(
        "a",
        "{url}/headers?name=X-Token&value={{token}}",
        assertions=[assertion("empty", kind="header", header_name="X-Token")],
    ),
    "output": request("a", "{url}/echo?{{token}}", outputs={"x": "$.none"}),
    "inputs": node(
        "assert", "a", {}, assertions=[assertion("equals", "no", kind="body")]
    ),
    "target": node(
        "assert",
        "a",
        {"target": ["{{key}}", "{{{user}}}"]},
        assertions=[assertion("empty", kind="body")],
    ),
}


@pytest.mark.parametrize("failing", FAILING)
def test_a_failure_message_contains_no_secret(service, log, failing):
    text = json.dumps(FAILING[failing]).replace("{url}", service.url)

    document, told = told_of(chain(json.loads(text), variables("skipped")))

    assert document["status"] == "failed"
    assert traces(decoded(document)) == []
    assert "C4NARY" not in decoded(document)
    assert traces(told) == []
    assert traces(log.text) == []


def test_a_secret_is_hidden_before_a_body_is_cut(service):
    """At whichever place the cut falls, no half of a secret is left."""
    filler = "x" * (256 * 1024 - 10)
    one = request(
        "a", f"{service.url}/answer", method="POST", body=filler + "{{token}}"
    )

    document, _ = told_of(chain(one))

    result = document["result"]["execution_results"]["a"]
    assert base64.b64decode(result["response_body"])[-10:] == b"xxxxxxx***"
    assert traces(decoded(document)) == []
    assert "t0ken" not in decoded(document)
