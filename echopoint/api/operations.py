"""The operations of the API, read from the URLconf and the declared actions."""

from functools import cache
from typing import NamedTuple

from django.urls import URLPattern, get_resolver

from apikeys.models import ApiKey
from echopoint.api.actions import UNDECLARED
from echopoint.api.viewsets import ApiViewSet


class Operation(NamedTuple):
    """An HTTP method of a path, and the viewset action that handles it."""

    method: str
    path: str
    view: type
    action: str

    @property
    def declared(self):
        return self.view.api_actions.get(self.action, UNDECLARED)

    @property
    def operation_id(self):
        return self.declared.id

    @property
    def accepts(self):
        return self.view.accepts

    @property
    def scopes(self):
        return self.declared.key_scopes

    @property
    def session_scopes(self):
        return self.declared.member_scopes


@cache
def operations():
    """Return all operations, in the order of the URLconf."""
    return list(routed_operations())


def routed_operations():
    """Yield the operations of the current URLconf, without the cache."""
    for path, callback in view_patterns(get_resolver().url_patterns):
        if is_api_view(callback):
            view = callback.cls
            for method, action in callback.actions.items():
                # DRF routes HEAD to the action of GET; it is no operation of its own.
                if method != "head" or action != callback.actions.get("get"):
                    yield Operation(method.upper(), openapi_path(path), view, action)


def is_api_view(callback):
    """Return True if the view function serves actions of the REST API."""
    view = getattr(callback, "cls", None)
    return isinstance(view, type) and issubclass(view, ApiViewSet)


def view_patterns(entries, prefix=""):
    """Yield (path, callback) for each view of the URL patterns."""
    for entry in entries:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from view_patterns(entry.url_patterns, path)


def openapi_path(path):
    """Return the path in OpenAPI syntax, with `{id}` for `<str:id>`."""
    return "/" + path.replace("<str:", "{").replace(">", "}")


def operations_for_scope(scope):
    """Return the operations that require the scope from API keys, as JSON objects."""
    return [
        {
            "method": operation.method,
            "path": operation.path,
            "operation_id": operation.operation_id,
        }
        for operation in operations()
        if scope in operation.scopes and ApiKey in operation.accepts
    ]
