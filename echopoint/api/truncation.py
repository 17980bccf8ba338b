"""Parse a JSON body that is too large or too deep to store, and leave out the excess.

A runner drops a job whose result is refused, and the job runs again. So results are
truncated instead. Values are left out whole: masking would not recognize half a secret.
"""

import math
from contextlib import suppress

from ijson import JSONError
from ijson import utils as ijson_utils
from ijson.backends import python as ijson  # the C backend crashes on some numbers

MAX_DEPTH = 64
# Down to this depth, fields are defined by the protocol: body, result, execution_results,
# record; or body, events, event, payload. Deeper fields come from third parties.
ENVELOPE_DEPTH = 4
MARKER_DEPTHS = (2, 4)  # depths at which the protocol has fields for the markers
SHORT_STRING = 256  # characters; longer strings have no claim on SHORT_BUDGET
SHORT_BUDGET = 2_000_000  # bytes reserved for short strings of the envelope, such as ids and statuses
VALUE_OVERHEAD = 16  # bytes charged for each value in addition to its text
CHUNK = 64 * 1024  # bytes
MAX_TRUNCATED_FIELDS = 20  # paths in one marker
MAX_PARSE_EVENTS = 1_000_000  # more take many seconds to parse
MAX_PATH_LENGTH = 100  # characters
OPENING, CLOSING = ("start_map", "start_array"), ("end_map", "end_array")
TRUNCATED_TEXT = "[truncated]"


class Unreadable(Exception):
    """The bytes are not JSON, or have too many values."""


class OpenContainer:
    """An object or list whose end has not been parsed yet."""

    def __init__(self, container):
        self.container = container
        self.name = None

    def add(self, value):
        if isinstance(self.container, dict):
            self.container[self.name] = value
        else:
            self.container.append(value)

    def path_step(self, ahead):
        """Return the path step of the next value (`ahead` 0) or of the last one (1)."""
        if isinstance(self.container, dict):
            return f".{self.name}"
        return f"[{len(self.container) - ahead}]"


class Truncator:
    """Builds a value from the events of a JSON parser, without the values that do not fit.

    budget      approximate size of the result in bytes
    max_string  length of one string in characters

    Objects with omitted values get `truncated: true` and `truncated_fields`, the paths of
    the first ones.
    """

    def __init__(self, budget, max_string):
        self.budget, self.max_string = budget, max_string
        self.short_budget = SHORT_BUDGET
        self.open_containers = []
        self.skipped_depth = 0  # nesting inside an omitted object or list; 0 outside
        self.event_count = 0
        self.document = OpenContainer([])

    def read(self, stream):
        """Return the value in a binary stream; raise `Unreadable`."""
        events = ijson_utils.sendable_list()
        parser = ijson.basic_parse_coro(events)
        try:
            while data := stream.read(CHUNK):
                parser.send(data)
                self.handle_events(events)
            parser.close()
            self.handle_events(events)
        # Numbers with thousands of digits raise ValueError or ArithmeticError.
        except (JSONError, ValueError, ArithmeticError) as error:
            raise Unreadable(str(error)) from error
        finally:
            # An unfinished parser raises when it is garbage-collected, where nothing could
            # catch the error.
            with suppress(JSONError, ValueError):
                parser.close()
        return self.document.container[0]

    def handle_events(self, events):
        self.event_count += len(events)
        if self.event_count > MAX_PARSE_EVENTS:
            raise Unreadable(f"It has more than {MAX_PARSE_EVENTS} parts.")
        for event, value in events:
            self.handle(event, value)
        del events[:]

    def handle(self, event, value):
        if self.skipped_depth:
            self.skipped_depth += (event in OPENING) - (event in CLOSING)
        elif event in CLOSING:
            self.open_containers.pop()
        elif event == "map_key":
            self.open_containers[-1].name = value
        elif event in OPENING:
            self.open_container({} if event == "start_map" else [])
        else:
            self.add_value(as_json(value) if event == "number" else value)

    @property
    def parent(self):
        """Return the container of the next value."""
        return self.open_containers[-1] if self.open_containers else self.document

    def open_container(self, container):
        depth = len(self.open_containers) + 1
        if depth > MAX_DEPTH or not self.reserve(
            VALUE_OVERHEAD, is_short=depth <= ENVELOPE_DEPTH
        ):
            self.mark_truncated()
            self.skipped_depth = 1
            return
        self.parent.add(container)
        self.open_containers.append(OpenContainer(container))

    def add_value(self, value):
        size = len(value) if isinstance(value, str) else 0
        is_short = size <= SHORT_STRING and len(self.open_containers) <= ENVELOPE_DEPTH
        is_infinite = isinstance(value, float) and not math.isfinite(value)
        is_allowed = not is_infinite and size <= self.max_string
        if is_allowed and self.reserve(size + VALUE_OVERHEAD, is_short=is_short):
            self.parent.add(value)
            return
        self.mark_truncated()
        if len(self.open_containers) == 1 and isinstance(value, str):
            # Markers of the body itself are not stored, so this text is the marker.
            self.parent.add(TRUNCATED_TEXT)

    def reserve(self, size, *, is_short):
        """Charge a value and its name to the budget; return False if it does not fit."""
        # Names count too: otherwise an object of long names and null values would be free.
        size += len(self.parent.name or "")
        if size <= self.budget:
            self.budget -= size
            return True
        # Without this second budget, a large value could crowd out the ids and statuses
        # after it, and the result could not be stored at all.
        if is_short and size <= self.short_budget:
            self.short_budget -= size
            return True
        return False

    def mark_truncated(self):
        """Mark the enclosing objects at MARKER_DEPTHS as truncated."""
        marked = []
        for depth in (
            depth for depth in MARKER_DEPTHS if depth <= len(self.open_containers)
        ):
            container = self.open_containers[depth - 1].container
            if isinstance(container, dict):
                container["truncated"] = True
                marked.append((depth, container))
        if marked:
            depth, nearest = marked[-1]
            self.add_path(nearest.setdefault("truncated_fields", []), depth)

    def add_path(self, paths, depth):
        """Add the path of the next value, up to MAX_TRUNCATED_FIELDS paths."""
        # The body may contain a field of this name, with any value.
        if isinstance(paths, list) and len(paths) < MAX_TRUNCATED_FIELDS:
            path = self.path_below(depth)
            if path not in paths:
                paths.append(path)

    def path_below(self, depth):
        """Return the path of the next value, relative to the object at a depth.

        A path over MAX_PATH_LENGTH ends before the step that exceeds it, not within it: half
        of a field name could be half of a secret, which masking would not recognize.
        """
        *outer, last = self.open_containers[depth - 1 :]
        path = ""
        steps = [container.path_step(1) for container in outer]
        for step in [*steps, last.path_step(0)]:
            if len(path) + len(step) > MAX_PATH_LENGTH:
                path += "…"
                break
            path += step
        return path.removeprefix(".")


def as_json(number):
    # ijson parses decimal numbers as Decimal, which json cannot write.
    return number if isinstance(number, int) else float(number)
