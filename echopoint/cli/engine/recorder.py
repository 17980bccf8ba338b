"""Prepare values for the result document: masked, of limited size, and storable."""

import base64
import json
import math
import re
from typing import Any

from echopoint.cli.engine.values import compact, is_deep
from echopoint.masking.mask import Mask

MAX_BODY = 256 * 1024  # bytes of a response's body
MAX_VALUE = 64 * 1024  # characters of JSON
MAX_TEXT = 2000  # characters of a message
MAX_NODE = 2 * 1024 * 1024  # characters of JSON, as the next two
# Nodes past this limit still record MIN_NODE each; the sum stays below the API's 8 MiB.
MAX_DOCUMENT = 5 * 1024 * 1024
MIN_NODE = 4 * 1024
SHORT, SHORTEST = 1000, 60  # characters of a value in a node that is too large
# Characters that the database cannot store: NUL and lone surrogates.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
VALUES = ("inputs", "outputs", "request_headers", "response_headers")


class Recorder:
    """Records values of one run and tracks the size of its document."""

    def __init__(self, mask: Mask):
        self.mask = mask
        self.left = MAX_DOCUMENT

    def text(self, text: str) -> str:
        """Return a message, masked and truncated."""
        return _truncate(storable(self.mask.text(text)), MAX_TEXT)

    def value(self, value: object) -> object:
        """Return a JSON value, masked; a value that is too large becomes truncated text.

        Masks before it truncates, so that no part of a secret remains at the end.
        """
        return _limit(storable(self.mask.value(value)), MAX_VALUE)

    def values(self, values: dict[str, Any]) -> dict[str, Any]:
        """Record the values of an object whose names come from the flow."""
        return {storable(name): self.value(value) for name, value in values.items()}

    def body(self, body: bytes) -> dict[str, Any]:
        """Return the result fields of a response body, in base64."""
        hidden = self.mask.body(body)
        fields: dict[str, Any] = {
            "response_body": base64.b64encode(hidden[:MAX_BODY]).decode()
        }
        if len(hidden) > MAX_BODY:
            fields["response_body_truncated"] = True
        return fields

    def fit(self, result: dict[str, Any]) -> dict[str, Any]:
        """Reduce the result of a node to the size that the document has left for it.

        A node gets at most half of the remaining size, so that later nodes get some too.
        """
        most = max(min(MAX_NODE, self.left // 2), MIN_NODE)
        for shrink in (_unchanged, _without_body, _with_short_values, _minimal):
            result = shrink(result)
            # Outputs are in the document twice: in the node and in final_outputs.
            size = _size(result) + _size(result["outputs"])
            if size <= most:
                break
        self.left -= size
        return result


def _size(value: object) -> int:
    return len(json.dumps(value))


def storable(value: Any) -> Any:
    """Replace characters that the database cannot store by �.

    Numbers that JSON cannot represent become text.
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


def _limit(value: object, most: int) -> Any:
    if isinstance(value, str):
        return _truncate(value, most)
    if isinstance(value, dict | list) and (is_deep(value) or _size(value) > most):
        return _truncate(compact(value), most)
    return value


def _truncate(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most} more characters)"


def _unchanged(result: dict[str, Any]) -> dict[str, Any]:
    return result


def _without_body(result: dict[str, Any]) -> dict[str, Any]:
    if "response_body" not in result:
        return result
    result = result | {"response_body": "", "response_body_truncated": True}
    result.pop("response_body_parsed", None)
    return result


def _with_short_values(result: dict[str, Any]) -> dict[str, Any]:
    return _shorten(result, SHORT) | {"record_truncated": True}


def _minimal(result: dict[str, Any]) -> dict[str, Any]:
    """Keep only codes, message and the last assertion."""
    result = _shorten(result, SHORTEST) | {"record_truncated": True}
    result |= {name: {} for name in VALUES if name in result}
    if results := result.get("assertion_results"):
        result["assertion_results"] = results[-1:]
    return result


def _shorten(result: dict[str, Any], most: int) -> dict[str, Any]:
    result = dict(result)
    for name in VALUES:
        if name in result:
            values = result[name].items()
            result[name] = {key: _limit(value, most) for key, value in values}
    for name in ("request_url", "request_body", "error_message"):
        if name in result:
            result[name] = _limit(result[name], most)
    if "assertion_results" in result:
        result["assertion_results"] = [
            {key: _limit(value, most) for key, value in entry.items()}
            for entry in result["assertion_results"]
        ]
    return result
