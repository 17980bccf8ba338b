"""JSON as RFC 8259 means it, and nothing that the databases cannot store."""

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
from echopoint.api.truncation import MAX_DEPTH, Shortener, Unreadable

SURROGATES = re.compile("[\ud800-\udfff]")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_PATH = 100  # characters


# A body that is of no endpoint: it has no rules of its own.
NO_VIEW = SimpleNamespace(declared=UNDECLARED)


class EndedEarly(ParseError):
    """A body of which only a part arrived: what is missing can be sent again."""

    default_code = "BAD_REQUEST"
    default_detail = "The body ended too early. Send it again."


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


class BodyTooLarge(RequestDataTooBig):
    """A body over the `limit` in bytes that its own kind has."""

    def __init__(self, limit):
        super().__init__(f"More than {limit} bytes.")
        self.limit = limit


class RepeatedName(Exception):
    """An object that names a field twice, so that one of the values would be lost."""


def once_each(pairs):
    """Return the object with these fields."""
    data = dict(pairs)
    if len(data) < len(pairs):
        seen = set()
        # add() returns None, so this is the first name that was there before.
        repeated = next(n for n, _ in pairs if n in seen or seen.add(n))
        # The answer is UTF-8, which half of a surrogate pair is not.
        named = replace_unstorable(repeated[:60])
        raise RepeatedName(f'The field "{named}" is there twice. Send it once.')
    return data


class StrictJSONParser(BaseParser):
    """Parse a JSON body, or say what keeps it from being one."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        view = (parser_context or {}).get("view", NO_VIEW)
        if view.declared.recording:
            return recording(stream)
        # This property applies DATA_UPLOAD_MAX_MEMORY_SIZE; read() would not.
        data = parsed(stream.body)
        for path, message in unstorable(data):
            raise ValidationError({path or "body": [message]})
        return data


def parsed(body, pairs=once_each):
    """Return the value of a JSON text in UTF-8; raise `ParseError`.

    `pairs` makes an object of its (name, value) pairs.
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


def recording(stream):
    """Return what a program recorded of others, cut to what can be stored.

    Raise `BodyTooLarge` for a body that is not read, `ParseError` for no JSON.
    """
    most, room = settings.API_RESULT_READ_SIZE, settings.API_RESULT_MAX_SIZE
    length = int(stream.META.get("CONTENT_LENGTH") or 0)
    if length > most:
        raise BodyTooLarge(most)
    if length > room:
        # Half of the room for a string leaves some for all others.
        return shortened(stream, length, room, longest=room // 2)
    body = received(stream, room, length)
    try:
        # If an object repeats a name, the last value counts: the object may be part of a
        # service's response that the runner recorded.
        data = parsed(body, dict)
    except ParseError as error:
        if not isinstance(error.__context__, RecursionError):
            raise
    else:
        if depth_of(data) <= MAX_DEPTH:
            data = replace_unstorable(data)
            if not any(unstorable(data)):
                return data
    return shortened(io.BytesIO(body), len(body), room, longest=room)


def received(stream, most, length):
    """Return the bytes of a body that is `length` long; raise `EndedEarly` for fewer."""
    try:
        body = stream.read(most)
    except OSError:
        raise EndedEarly from None
    if len(body) < length:
        raise EndedEarly
    return body


def shortened(stream, length, room, longest):
    """Return the JSON value of a stream without what is too deep or too large.

    Raise `EndedEarly` for fewer bytes than its `length`.
    """
    counted = Counted(stream)
    try:
        return replace_unstorable(Shortener(room, longest).read(counted))
    except Unreadable as error:
        if counted.has_ended and counted.length < length:
            raise EndedEarly from None
        raise ParseError(f"The body is not valid JSON, or too much. {error}") from None
    except OSError:
        raise EndedEarly from None


class Counted:
    """A stream that counts the bytes that are read of it."""

    def __init__(self, stream):
        self.stream = stream
        self.length = 0
        self.has_ended = False

    def read(self, size=-1):
        data = self.stream.read(size)
        self.has_ended = not data
        self.length += len(data)
        return data


def depth_of(data):
    """Return how deep the value is nested, without recursion; deeper than allowed is one more."""
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
    """Return the value with U+FFFD for what no column holds of a text.

    For what a program recorded of another: it had no say in the text, and refusing it
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
