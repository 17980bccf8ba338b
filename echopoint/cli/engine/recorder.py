"""What is kept of a run: without secrets, of bounded size, and such as can be stored."""

import base64
import json
import math
import re

from echopoint.cli.engine.values import compact, is_deep
from echopoint.masking.mask import Mask

MAX_BODY = 256 * 1024  # bytes of a response's body
MAX_VALUE = 64 * 1024  # characters of JSON
MAX_TEXT = 2000  # characters of a message
MAX_NODE = 2 * 1024 * 1024  # characters of JSON, as the next two
# With what nodes take once this is full, a document is below the API's 8 MiB.
MAX_DOCUMENT = 5 * 1024 * 1024
MIN_NODE = 4 * 1024
SHORT, SHORTEST = 1000, 60  # characters of a value in a node that is too large
# What no column of a database holds: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
VALUES = ("inputs", "outputs", "request_headers", "response_headers")


class Recorder:
    """Keeps values as they may be shown and stored; knows how much room is left."""

    def __init__(self, mask: Mask):
        self.mask = mask
        self.left = MAX_DOCUMENT

    def text(self, text: str) -> str:
        """Return a message without secrets, cut where it is too long."""
        return _cut(storable(self.mask.text(text)), MAX_TEXT)

    def value(self, value: object) -> object:
        """Return a JSON value without secrets; one that is too large becomes text.

        What is cut is cut after the secrets are hidden: none is left by half.
        """
        return _bounded(storable(self.mask.value(value)), MAX_VALUE)

    def values(self, values: dict) -> dict:
        """Return an object whose names are the flow's, with its values recorded."""
        return {storable(name): self.value(value) for name, value in values.items()}

    def body(self, body: bytes) -> dict:
        """Return the fields that hold the body of a response, in base64."""
        hidden = self.mask.body(body)
        fields = {"response_body": base64.b64encode(hidden[:MAX_BODY]).decode()}
        if len(hidden) > MAX_BODY:
            fields["response_body_truncated"] = True
        return fields

    def fit(self, result: dict) -> dict:
        """Return the result of a node, made as small as the document asks.

        No node takes more than half of what is left, so that those after it find room.
        """
        most = max(min(MAX_NODE, self.left // 2), MIN_NODE)
        for shrink in (_as_it_is, _without_body, _with_short_values, _bare):
            result = shrink(result)
            # Outputs are told twice, by their node and in the final outputs.
            size = _size(result) + _size(result["outputs"])
            if size <= most:
                break
        self.left -= size
        return result


def _size(value: object) -> int:
    return len(json.dumps(value))


def storable(value: object) -> object:
    """Return a JSON value with � for what no column of a database holds.

    A number that JSON has no spelling for becomes text.
    """
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


def _bounded(value: object, most: int) -> object:
    if isinstance(value, str):
        return _cut(value, most)
    if isinstance(value, dict | list) and (is_deep(value) or _size(value) > most):
        return _cut(compact(value), most)
    return value


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most} more characters)"


def _as_it_is(result: dict) -> dict:
    return result


def _without_body(result: dict) -> dict:
    if "response_body" not in result:
        return result
    result = result | {"response_body": "", "response_body_truncated": True}
    result.pop("response_body_parsed", None)
    return result


def _with_short_values(result: dict) -> dict:
    return _shortened(result, SHORT) | {"record_truncated": True}


def _bare(result: dict) -> dict:
    """Keep what tells how the node ended: its codes, message and last assertion."""
    result = _shortened(result, SHORTEST) | {"record_truncated": True}
    result |= {name: {} for name in VALUES if name in result}
    if results := result.get("assertion_results"):
        result["assertion_results"] = results[-1:]
    return result


def _shortened(result: dict, most: int) -> dict:
    result = dict(result)
    for name in VALUES:
        if name in result:
            values = result[name].items()
            result[name] = {key: _bounded(value, most) for key, value in values}
    for name in ("request_url", "request_body", "error_message"):
        if name in result:
            result[name] = _bounded(result[name], most)
    if "assertion_results" in result:
        result["assertion_results"] = [
            {key: _bounded(value, most) for key, value in one.items()}
            for one in result["assertion_results"]
        ]
    return result
