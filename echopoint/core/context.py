"""The current request and the current management command."""

from contextlib import contextmanager
from contextvars import ContextVar

from allauth.core import context as allauth_context

command_name = ContextVar("command_name", default="")


def get_request():
    """Return the request this thread is serving, or None."""
    return allauth_context.request


def get_command():
    """Return the name of the running management command, or an empty string."""
    return command_name.get()


@contextmanager
def set_command(name):
    """Attribute the changes made in this block to the management command."""
    token = command_name.set(name)
    try:
        yield
    finally:
        command_name.reset(token)


def is_console(request):
    """Return True if the request is for a page of the admin console."""
    match = request.resolver_match
    return bool(match) and match.app_name == "admin"
