"""Describe a response for the result of its node."""

from contextlib import suppress
from typing import Any

from echopoint.cli.engine.extractors import NodeResponse
from echopoint.cli.engine.recorder import MAX_BODY, Recorder
from echopoint.cli.engine.values import text_of


def response_fields(response: NodeResponse, recorder: Recorder) -> dict[str, Any]:
    """Return the result fields of the response, masked and truncated."""
    fields = {
        "response_status_code": response.status_code,
        "response_headers": _headers(response, recorder),
        **recorder.body(response.content),
    }
    if response.is_json and response.content and len(response.content) <= MAX_BODY:
        # Invalid JSON is in response_body, and assertions report the parse error.
        with suppress(ValueError):
            fields["response_body_parsed"] = recorder.value(response.parsed)
    if cookies := response.header_values("set-cookie"):
        fields["response_set_cookies"] = [recorder.value(c) for c in cookies]
    # Decoding the text adds notes on its charset, so it is read first.
    if response.content and response.text and response.notes:
        fields["response_notes"] = [recorder.text(note) for note in response.notes]
    return fields


def _headers(response: NodeResponse, recorder: Recorder) -> dict[str, str]:
    """Return the headers, with repeated ones joined as in RFC 9110, section 5.3."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        name = recorder.text(name)
        masked = text_of(recorder.value(value))
        headers[name] = f"{headers[name]}, {masked}" if name in headers else masked
    return headers
