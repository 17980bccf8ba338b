"""Which operations a scope opens, read from what the endpoints declare."""

from functools import cache
from typing import NamedTuple

from django.urls import URLPattern, get_resolver

from apikeys.models import ApiKey
from apikeys.permissions import ANY_CALLER
from echopoint.api.viewsets import ApiViewSet


class Operation(NamedTuple):
    """A method of a path, and the viewset action behind it."""

    method: str
    path: str
    operation_id: str
    scopes: tuple
    session_scopes: tuple
    view: type
    action: str


@cache
def operations():
    """Return every operation of the API, in the URLconf's order."""
    found = []
    for path, callback in patterns(get_resolver().url_patterns):
        view = getattr(callback, "cls", None)
        if isinstance(view, type) and issubclass(view, ApiViewSet):
            for method, action in callback.actions.items():
                if method != "head":
                    found.append(describe(method, path, view, action))
    return found


def patterns(entries, prefix=""):
    """Yield (path, callback) for all views below these URL patterns."""
    for entry in entries:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from patterns(entry.url_patterns, path)


def describe(method, path, view, action):
    """Return the operation, its path in the spelling of OpenAPI."""
    path = "/" + path.replace("<str:", "{").replace(">", "}")
    scopes = view.required_scopes.get(action, ())
    scopes = () if scopes == ANY_CALLER else tuple(scopes)
    return Operation(
        method.upper(),
        path,
        view.operation_ids.get(action, ""),
        scopes,
        tuple(view.session_scopes.get(action, scopes)),
        view,
        action,
    )


def opened_by(scope):
    """Return the operations that a key needs the scope for, as JSON values."""
    return [
        {
            "method": operation.method,
            "path": operation.path,
            "operation_id": operation.operation_id,
        }
        for operation in operations()
        if scope in operation.scopes and ApiKey in operation.view.accepts
    ]
