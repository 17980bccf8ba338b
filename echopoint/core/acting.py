"""Who acts at present: whoever sent the request that is served, or a command."""

from contextlib import contextmanager
from contextvars import ContextVar

from allauth.core import context

running = ContextVar("running", default="")


def request():
    """Return the request that is served, or None."""
    return context.request


def command():
    """Return the name of the command that runs, or an empty string."""
    return running.get()


@contextmanager
def as_command(name):
    """Say that this command makes the changes."""
    token = running.set(name)
    try:
        yield
    finally:
        running.reset(token)


def is_in_console(request):
    """Whether the request is for a page of the admin console."""
    match = request.resolver_match
    return bool(match) and match.app_name == "admin"
