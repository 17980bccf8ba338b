"""Parsers for JSON bodies: strict RFC 8259, and only values that the databases can store."""

import io
import json
import math
import re
from types import SimpleNamespace

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser

from echopoint.api.actions import UNDECLARED
from echopoint.api.truncation import MAX_DEPTH, Truncator, Unreadable

SURROGATES = re.compile("[\ud800-\udfff]")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_PATH = 100  # characters

# Defaults when the parser runs outside a view.
VIEW_DEFAULTS = SimpleNamespace(declared=UNDECLARED)


class IncompleteBody(ParseError):
    """The connection ended before the whole body arrived; the client can send it again."""

    default_code = "BAD_REQUEST"
    default_detail = "The body ended too early. Send it again."


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class BodyTooLarge(RequestDataTooBig):
    """A body over the limit of its endpoint. `limit` is in bytes."""

    def __init__(self, limit):
        super().__init__(f"More than {limit} bytes.")
        self.limit = limit


class RepeatedName(Exception):
    """An object repeats a field name, so one of the values would be lost silently."""


def object_without_repeats(pairs):
    """Return a dict of the pairs; raise `RepeatedName`. An `object_pairs_hook` of json."""
    data = dict(pairs)
    if len(data) < len(pairs):
        seen = set()
        # add() returns None, so this finds the first repeated name.
        name = next(n for n, _ in pairs if n in seen or seen.add(n))
        # The response is UTF-8, which cannot encode half of a surrogate pair.
        quoted = replace_unstorable(name[:60])
        raise RepeatedName(f'The field "{quoted}" is sent twice. Send it once.')
    return data


class StrictJSONParser(BaseParser):
    """Parse a JSON body; error messages name the problem and its place."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        view = (parser_context or {}).get("view", VIEW_DEFAULTS)
        if view.declared.recording:
            return parse_recording(stream)
        # `body` enforces DATA_UPLOAD_MAX_MEMORY_SIZE. read() would not, so that a client could
        # fill the memory of the worker.
        data = parse_json(stream.body)
        for path, message in storage_problems(data):
            raise ValidationError({path or "body": [message]})
        return data


def parse_json(body, pairs=object_without_repeats):
    """Parse JSON in UTF-8; raise `ParseError`.

    `pairs` builds an object from its (name, value) pairs.
    """
    try:
        return json.loads(
            body.decode(), parse_constant=refuse_constant, object_pairs_hook=pairs
        )
    except UnicodeDecodeError:
        raise ParseError("The body is not UTF-8. Encode the JSON as UTF-8.") from None
    except RepeatedName as error:
        raise ParseError(str(error)) from None
    except (ValueError, RecursionError) as error:
        place = f" at line {error.lineno}" if hasattr(error, "lineno") else ""
        raise ParseError(f"The body is not valid JSON{place}.") from None


def parse_recording(stream):
    """Parse recorded third-party text, truncated to what can be stored.

    Raise `BodyTooLarge` before reading a body over API_RESULT_READ_SIZE, and `ParseError` if
    it is not JSON.
    """
    max_bytes, budget = settings.API_RESULT_READ_SIZE, settings.API_RESULT_MAX_SIZE
    length = int(stream.META.get("CONTENT_LENGTH") or 0)
    if length > max_bytes:
        raise BodyTooLarge(max_bytes)
    if length > budget:
        # A string may use half of the budget, so that others fit too.
        return parse_truncated(stream, length, budget, max_string=budget // 2)
    body = read_complete(stream, budget, length)
    try:
        # Repeated names are allowed here, and the last value counts: the object may be a
        # recorded response, which the runner cannot change.
        data = parse_json(body, dict)
    except ParseError as error:
        # A body that is too deep for json can still be truncated.
        if not isinstance(error.__context__, RecursionError):
            raise
    else:
        if depth_of(data) <= MAX_DEPTH:
            data = replace_unstorable(data)
            if not any(storage_problems(data)):
                return data
    return parse_truncated(io.BytesIO(body), len(body), budget, max_string=budget)


def read_complete(stream, max_bytes, length):
    """Read a body of `length` bytes; raise `IncompleteBody` if fewer arrive."""
    try:
        body = stream.read(max_bytes)
    except OSError:
        raise IncompleteBody from None
    if len(body) < length:
        raise IncompleteBody
    return body


def parse_truncated(stream, length, budget, max_string):
    """Parse JSON from a stream without the values that are too deep or too large.

    Raise `IncompleteBody` if fewer than `length` bytes arrive.
    """
    counting = CountingStream(stream)
    try:
        return replace_unstorable(Truncator(budget, max_string).read(counting))
    except Unreadable as error:
        if counting.is_exhausted and counting.length < length:
            raise IncompleteBody from None
        raise ParseError(f"The body is not valid JSON, or too much. {error}") from None
    except OSError:
        raise IncompleteBody from None


class CountingStream:
    """Counts the bytes read from a stream."""

    def __init__(self, stream):
        self.stream = stream
        self.length = 0
        self.is_exhausted = False

    def read(self, size=-1):
        data = self.stream.read(size)
        self.is_exhausted = not data
        self.length += len(data)
        return data


def depth_of(data):
    """Return the nesting depth of a value, at most MAX_DEPTH + 1. Does not recurse."""
    level, depth = [data], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for value in level
            if isinstance(value, (list, dict))
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    return depth


def replace_unstorable(value):
    """Replace characters that no column can store with U+FFFD.

    Used for recorded third-party text: the client cannot change it, and refusing the body
    would lose the record.
    """
    if isinstance(value, str):
        return UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [replace_unstorable(item) for item in value]
    if isinstance(value, dict):
        pairs = value.items()
        return {replace_unstorable(k): replace_unstorable(v) for k, v in pairs}
    return value


def storage_problems(data):
    """Yield (path, message) for each part of a JSON value that no column can store."""
    pending = [("", data, 1)]
    while pending:
        path, value, depth = pending.pop()
        if depth > MAX_DEPTH:
            yield path, f"This is nested deeper than {MAX_DEPTH} levels."
        elif complaint := value_complaint(value):
            yield path, complaint
        # Paths are built only for containers and for complaints. A list of a million
        # numbers must not cost a million paths.
        elif isinstance(value, list):
            pending += [
                (extend_path(path, f"[{index}]"), inner, depth + 1)
                for index, inner in enumerate(value)
                if must_be_checked(inner)
            ]
        elif isinstance(value, dict):
            for name, inner in value.items():
                if complaint := text_complaint(name):
                    yield path, f"A field name cannot be stored. {complaint}"
                elif must_be_checked(inner):
                    step = f".{name}" if path else name
                    pending.append((extend_path(path, step), inner, depth + 1))


def must_be_checked(value):
    """Whether the value is a container, or cannot be stored."""
    return isinstance(value, (list, dict)) or bool(value_complaint(value))


def extend_path(path, step):
    """Append a step to a path, unless the path is longer than MAX_PATH already."""
    return path if len(path) > MAX_PATH else path + step[:MAX_PATH]


def value_complaint(value):
    """Return why the databases cannot store the value, or an empty string."""
    if isinstance(value, str):
        return text_complaint(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "This number is too large."
    return ""


def text_complaint(text):
    """Return why the databases cannot store the text, or an empty string."""
    if "\x00" in text:
        return "Null characters are not allowed."
    if SURROGATES.search(text):
        return "Unpaired surrogates are not allowed."
    return ""
