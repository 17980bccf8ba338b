"""Read a JSON body that is too large or nested too deep to store, without the excess.

A runner whose result is refused drops the job, and the job is run again. So what a
program recorded is cut instead. A value is left out whole: half a secret could not be
masked any more.
"""

import math
from contextlib import suppress

from ijson import JSONError
from ijson import utils as ijson_utils
from ijson.backends import python as ijson  # that in C crashes on some numbers

MAX_DEPTH = 64
# Down to this depth the fields are the protocol's own: body, result, execution_results,
# record; or body, events, event, payload.
ENVELOPE = 4
MARKED = (2, 4)  # depths whose objects may get a marker beside their own fields
SHORT = 256  # characters; kept in the envelope when the room is used up
SHORT_ROOM = 2_000_000  # bytes of all of those
OVERHEAD = 16  # bytes counted for each value beside its text
CHUNK = 64 * 1024  # bytes
MOST_NAMED = 20  # fields that a marker names
MOST_VALUES = 1_000_000  # parsing more takes many seconds
LONGEST_PATH = 100  # characters
OPENING, CLOSING = ("start_map", "start_array"), ("end_map", "end_array")
LEFT_OUT = "[truncated]"


class Unreadable(Exception):
    """The bytes are not JSON, or have too many values."""


class Frame:
    """An object or a list that is being read."""

    def __init__(self, container):
        self.container = container
        self.name = None

    def place(self, value):
        if isinstance(self.container, dict):
            self.container[self.name] = value
        else:
            self.container.append(value)

    def step(self, ahead):
        """Return the path to the value that comes (`ahead` is 0) or came last (1)."""
        if isinstance(self.container, dict):
            return f".{self.name}"
        return f"[{len(self.container) - ahead}]"


class Shortener:
    """Build a value from the events of a JSON text, leaving out what does not fit.

    `room` is in bytes, roughly; `longest` is that of one string in characters. An object
    from which something was left out gets `truncated: true`, and `truncated_fields` with
    the paths of the first of them.
    """

    def __init__(self, room, longest):
        self.room, self.longest = room, longest
        self.short_room = SHORT_ROOM
        self.frames = []
        self.skipping = 0  # open objects and lists that are left out
        self.parts = 0
        self.root = Frame([])

    def read(self, stream):
        """Return the value in a binary stream; raise `Unreadable`."""
        events = ijson_utils.sendable_list()
        parser = ijson.basic_parse_coro(events)
        try:
            while data := stream.read(CHUNK):
                parser.send(data)
                self.take_all(events)
            parser.close()
            self.take_all(events)
        # Numbers of thousands of digits raise the last two.
        except (JSONError, ValueError, ArithmeticError) as error:
            raise Unreadable(str(error)) from error
        finally:
            # A parser that is left in the middle complains when it is collected.
            with suppress(JSONError, ValueError):
                parser.close()
        return self.root.container[0]

    def take_all(self, events):
        self.parts += len(events)
        if self.parts > MOST_VALUES:
            raise Unreadable(f"It has more than {MOST_VALUES} parts.")
        for event, value in events:
            self.take(event, value)
        del events[:]

    def take(self, event, value):
        if self.skipping:
            self.skipping += (event in OPENING) - (event in CLOSING)
        elif event in CLOSING:
            self.frames.pop()
        elif event == "map_key":
            self.frames[-1].name = value
        elif event in OPENING:
            self.open({} if event == "start_map" else [])
        else:
            self.keep(as_json(value) if event == "number" else value)

    @property
    def parent(self):
        """Return the frame that the next value belongs to."""
        return self.frames[-1] if self.frames else self.root

    def open(self, container):
        depth = len(self.frames) + 1
        if depth > MAX_DEPTH or not self.fits(OVERHEAD, is_short=depth <= ENVELOPE):
            self.mark()
            self.skipping = 1
            return
        self.parent.place(container)
        self.frames.append(Frame(container))

    def keep(self, value):
        size = len(value) if isinstance(value, str) else 0
        is_short = size <= SHORT and len(self.frames) <= ENVELOPE
        is_number = isinstance(value, float) and not math.isfinite(value)
        can_be_kept = not is_number and size <= self.longest
        if can_be_kept and self.fits(size + OVERHEAD, is_short=is_short):
            self.parent.place(value)
            return
        self.mark()
        if len(self.frames) == 1 and isinstance(value, str):
            # The body itself has no marker that is stored.
            self.parent.place(LEFT_OUT)

    def fits(self, size, *, is_short):
        """Take the room for a value and its name; return whether there was some."""
        size += len(self.parent.name or "")
        if size <= self.room:
            self.room -= size
            return True
        if is_short and size <= self.short_room:
            self.short_room -= size
            return True
        return False

    def mark(self):
        """Write into the objects around it that a value was left out."""
        around = []
        for depth in (one for one in MARKED if one <= len(self.frames)):
            container = self.frames[depth - 1].container
            if isinstance(container, dict):
                container["truncated"] = True
                around.append((depth, container))
        if around:
            depth, nearest = around[-1]
            self.name_in(nearest.setdefault("truncated_fields", []), depth)

    def name_in(self, paths, depth):
        """Add the path of the value that comes, if there is room, to paths of ours."""
        if isinstance(paths, list) and len(paths) < MOST_NAMED:
            path = self.path_below(depth)
            if path not in paths:
                paths.append(path)

    def path_below(self, depth):
        """Return the path of the value that comes, from the object at a depth.

        It ends before the step that makes it too long: half of a name could be half of a
        secret.
        """
        *outer, last = self.frames[depth - 1 :]
        path = ""
        for step in (*(one.step(1) for one in outer), last.step(0)):
            if len(path) + len(step) > LONGEST_PATH:
                path += "…"
                break
            path += step
        return path.removeprefix(".")


def as_json(number):
    """Return an int as it is, and a decimal number as a float."""
    return number if isinstance(number, int) else float(number)
