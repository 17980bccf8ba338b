"""JSON as RFC 8259 means it, and nothing that the databases cannot store."""

import json
import math
import re

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

SURROGATES = re.compile("[\ud800-\udfff]")
MAX_DEPTH = 64
MAX_PATH = 100  # characters


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class RepeatedName(Exception):
    """An object that names a field twice, so that one of the values would be lost."""


def once_each(pairs):
    """Return the object with these fields."""
    data = dict(pairs)
    if len(data) < len(pairs):
        seen = set()
        # add() returns None, so this is the first name that was there before.
        repeated = next(n for n, _ in pairs if n in seen or seen.add(n))
        raise RepeatedName(f'The field "{repeated[:60]}" is there twice. Send it once.')
    return data


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
            data = json.loads(
                text, parse_constant=refuse_constant, object_pairs_hook=once_each
            )
        except RepeatedName as error:
            raise ParseError(str(error)) from None
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
            yield path, f"This is nested deeper than {MAX_DEPTH} levels."
        elif complaint := value_complaint(value):
            yield path, complaint
        # A path is built for what has parts of its own, and for complaints: a list of
        # a million numbers must not cost a million paths.
        elif isinstance(value, list):
            waiting += [
                (extended(path, f"[{place}]"), inner, depth + 1)
                for place, inner in enumerate(value)
                if is_suspect(inner)
            ]
        elif isinstance(value, dict):
            for name, inner in value.items():
                if complaint := text_complaint(name):
                    yield path, f"A field's name is not storable. {complaint}"
                elif is_suspect(inner):
                    step = f".{name}" if path else name
                    waiting.append((extended(path, step), inner, depth + 1))


def is_suspect(value):
    """Whether a value has parts, or cannot be stored."""
    return isinstance(value, (list, dict)) or bool(value_complaint(value))


def extended(path, step):
    """Return the path of a part, cut where it is too long to be read."""
    return path if len(path) > MAX_PATH else path + step[:MAX_PATH]


def value_complaint(value):
    """Return why the databases cannot hold this string or number, or an empty string."""
    if isinstance(value, str):
        return text_complaint(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "This number is too large."
    return ""


def text_complaint(text):
    """Return why the databases cannot hold this text, or an empty string."""
    if "\x00" in text:
        return "Null characters are not allowed."
    if SURROGATES.search(text):
        return "Unpaired surrogates are not allowed."
    return ""
