"""Keep the WAL position of what a request wrote, so that later lists show it."""

import threading
from contextvars import ContextVar

from django.core.exceptions import MiddlewareNotUsed
from django.db import Error, connections

from echopoint.core.context import is_console
from echopoint.core.redis_cache import RedisUnavailable
from echopoint.core.replica import positions
from echopoint.core.replica.positions import EVERYONE
from echopoint.core.replica.servers import PRIMARY, is_configured, wal_position

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
# The subjects whose rows the current request has changed; None outside of requests, and
# without a replica.
written = ContextVar("written", default=None)


def mark_written(subject):
    """Note that this request changed rows of a subject, such as an organization's id.

    Its position is kept after the request, when everything is committed. Until then the
    request itself reads the primary.
    """
    subjects = written.get()
    if subjects is not None:
        subjects.add(subject)


def has_written():
    return bool(written.get())


class WrittenPositionMiddleware:
    """Keep the position of each request that wrote, before its response is sent.

    Views of an organization call `mark_written`. Other changes, such as signing in, are
    those of the person; changes in the console may concern any organization.
    """

    def __init__(self, get_response):
        if not is_configured():
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request):
        subjects = set()
        token = written.set(subjects)
        try:
            response = self.get_response(request)
        finally:
            written.reset(token)
        if not subjects and request.method not in SAFE_METHODS:
            subjects |= person_of(request)
        if subjects:
            keep_position(*subjects)
        return response


def person_of(request):
    """Return the subject of a page that belongs to no organization, in a set.

    The subject is a row's id, never a text of the request: each is an entry in Redis.
    """
    # The views of the API, which set `auth`, know whether they wrote.
    if hasattr(request, "auth") or not hasattr(request, "user"):
        return set()
    try:
        if not request.user.is_authenticated:
            return set()
    except Error:  # the session cannot be read; the response is made already
        return {EVERYONE}
    return {EVERYONE} if is_console(request) else {request.user.pk}


def keep_position(*subjects):
    """Keep the primary's position for the subjects. A failure is made up for later."""
    try:
        unkept.keep(subjects)
    except (Error, RedisUnavailable):
        unkept.add()


def keep_position_of_command():
    """Keep the position after a management command, if it used the database."""
    if is_configured() and connections[PRIMARY].connection is not None:
        keep_position(EVERYONE)


class UnkeptWrites:
    """Writes of this process whose position could not be kept.

    The process reads the primary until it has kept a later position, for everyone.
    """

    def __init__(self):
        self.count = self.settled = 0
        self.lock = threading.Lock()

    def add(self):
        with self.lock:
            self.count += 1

    def keep(self, subjects=()):
        """Keep the position for the subjects, and for everyone if there are unkept writes.

        Raise `RedisUnavailable` or an error of the primary.
        """
        # Read before the position: a write that fails meanwhile stays unkept.
        count = self.count
        if count > self.settled:
            subjects = {EVERYONE, *subjects}
        if subjects:
            positions.keep(wal_position(PRIMARY), subjects)
            self.settled = max(self.settled, count)


unkept = UnkeptWrites()
