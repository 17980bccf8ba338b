"""JSON as RFC 8259 means it, and nothing that the databases cannot store."""

import json
import math

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 64


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class StrictJSONParser(BaseParser):
    """Parse a JSON body, or say what keeps it from being one.

    `stream.body` applies DATA_UPLOAD_MAX_MEMORY_SIZE, which reading the stream would not.
    """

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            text = stream.body.decode()
        except UnicodeDecodeError:
            raise ParseError(
                "The body is not UTF-8. Encode the JSON as UTF-8."
            ) from None
        try:
            data = json.loads(text, parse_constant=refuse_constant)
        except (ValueError, RecursionError) as error:
            place = f" at line {error.lineno}" if hasattr(error, "lineno") else ""
            raise ParseError(f"The body is not valid JSON{place}.") from None
        for path, message in unstorable(data):
            raise ValidationError({path or "body": [message]})
        return data


def unstorable(data):
    """Yield (path, message) for what no column of ours can hold."""
    waiting = [("", data, 1)]
    while waiting:
        path, value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            yield path[:100], f"This is nested deeper than {MAX_DEPTH} levels."
        elif isinstance(value, str):
            if complaint := text_complaint(value):
                yield path, complaint
        elif isinstance(value, float) and not math.isfinite(value):
            yield path, "This number is too large."
        elif isinstance(value, list):
            waiting += [(f"{path}[{i}]", v, depth + 1) for i, v in enumerate(value)]
        elif isinstance(value, dict):
            for name, inner in value.items():
                if complaint := text_complaint(name):
                    yield path, f"A field's name is not storable. {complaint}"
                waiting.append((f"{path}.{name}" if path else name, inner, depth + 1))


def text_complaint(text):
    """Return why the databases cannot hold this text, or an empty string."""
    if "\x00" in text:
        return "Null characters are not allowed."
    if any("\ud800" <= character <= "\udfff" for character in text):
        return "Unpaired surrogates are not allowed."
    return ""
