"""The API accepts every result document, whatever a service returns."""

import json

import pytest

from echopoint.api.parsers import storage_problems
from tests.cli.engine.flows import chain, request, run, variables

ODD = [
    r'{"nul": "a\u0000b", "half": "\ud800", "\u0000": [1e308, -0.0]}',
    "[" * 50 + "]" * 50,
    "[" * 60 + "]" * 60,
    '{"a": 1' + "0" * 4000 + "}",
    "NaN",
    "\x00\x01\x02",
]


@pytest.mark.parametrize("body", ODD)
def test_an_unusual_response_results_in_a_publishable_document(service, body):
    one = request(
        "call",
        f"{service.url}/answer?type=application/json",
        method="POST",
        body=body,
    )
    one["outputs"] = [{"name": "all", "extractor": {"type": "body"}}]
    told = []

    document = run(
        chain(one, variables("next", copy="{{{call.all}}}", text="{{call.all}}")),
        progress=told.append,
    )

    published = json.loads(json.dumps(document, allow_nan=False))
    assert "response_status_code" in document["result"]["execution_results"]["call"]
    assert list(storage_problems(published)) == []
    assert list(storage_problems(told)) == []
    json.dumps(document, ensure_ascii=False).encode()
