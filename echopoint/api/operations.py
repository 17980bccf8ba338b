"""Which operations a scope opens, read from what the endpoints declare."""

from functools import cache
from typing import NamedTuple

from django.urls import URLPattern, get_resolver

from apikeys.models import ApiKey
from echopoint.api.actions import UNDECLARED
from echopoint.api.viewsets import ApiViewSet


class Operation(NamedTuple):
    """A method of a path, and the viewset action behind it."""

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
    def scopes(self):
        return self.declared.key_scopes

    @property
    def session_scopes(self):
        return self.declared.member_scopes


@cache
def operations():
    """Return every operation of the API, in the URLconf's order."""
    return list(routed())


def routed():
    """Yield the operations that the URLconf has now."""
    for path, callback in patterns(get_resolver().url_patterns):
        view = getattr(callback, "cls", None)
        if isinstance(view, type) and issubclass(view, ApiViewSet):
            for method, action in callback.actions.items():
                # DRF answers HEAD with the action of GET.
                if method != "head" or action != callback.actions.get("get"):
                    yield Operation(method.upper(), spelled(path), view, action)


def patterns(entries, prefix=""):
    """Yield (path, callback) for all views below these URL patterns."""
    for entry in entries:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLPattern):
            yield path, entry.callback
        else:
            yield from patterns(entry.url_patterns, path)


def spelled(path):
    """Return the path in the spelling of OpenAPI."""
    return "/" + path.replace("<str:", "{").replace(">", "}")


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
