"""System checks of the API's actions: each routed one is declared, each declared one routed."""

from collections import defaultdict

from django.core import checks

from apikeys.models import ApiKey
from apikeys.scopes import SCOPES
from echopoint.api.operations import routed
from echopoint.api.viewsets import ApiViewSet
from echopoint.organizations import roles

WITHOUT_BODY = {"GET", "HEAD"}


@checks.register(checks.Tags.urls)
def check_actions(app_configs, **kwargs):
    """Return what is wrong with the actions that the URLconf routes."""
    operations = list(routed())
    return [
        *(error for operation in operations for error in faults(operation)),
        *unrouted(operations),
        *repeated_ids(operations),
    ]


def faults(operation):
    """Yield what is wrong with the operation itself."""
    if operation.action not in operation.view.api_actions:
        yield undeclared(operation)
        return
    if parts := missing_parts(operation):
        yield incomplete(operation, parts)
    if names := unknown_scopes(operation):
        yield unknown(operation, names)
    if operation.declared.body and operation.method in WITHOUT_BODY:
        yield body_unread(operation)


def undeclared(operation):
    return checks.Error(
        f"{place(operation)} has no declaration. Its requests are server errors.",
        hint=(
            f'Add "{operation.action}": Action(id=…, scopes=[…]) to'
            f" {operation.view.__name__}.api_actions, or remove the route."
        ),
        id="api.E001",
    )


def missing_parts(operation):
    """Return the names of the parts that the action needs and does not have."""
    view, declared = operation.view, operation.declared
    answers = declared.answer or view.serializer_class or declared.status == 204
    found = {
        "id": declared.id,
        "scopes": declared.scopes,
        "answer": answers,
        "method": hasattr(view, operation.action),
    }
    return [name for name, value in found.items() if not value]


HINTS = {
    "id": "id is the operationId of the OpenAPI document.",
    "scopes": "scopes is a list, or ANY_CALLER to admit every authenticated caller.",
    "answer": "answer is a serializer class; the viewset's serializer_class is its"
    " default, and an action with status=204 needs none.",
    "method": "The method has the action's name, and answers its requests.",
}


def incomplete(operation, parts):
    return checks.Error(
        f"{place(operation)} lacks: {', '.join(parts)}.",
        hint=" ".join(HINTS[part] for part in parts),
        id="api.E002",
    )


def unknown_scopes(operation):
    """Return the declared scopes that no key, or no member's role, can hold."""
    takes_keys = ApiKey in operation.view.accepts
    known = SCOPES.keys() if takes_keys else roles.ADMIN
    by_session = set(operation.declared.session_scopes)
    return sorted((set(operation.scopes) - known) | (by_session - roles.ADMIN))


def unknown(operation, names):
    return checks.Error(
        f"{place(operation)} requires unknown scopes: {', '.join(names)}.",
        hint=(
            "Declare a list of names from apikeys/scopes.py. An action that takes no API"
            " keys, and session_scopes, may have all of ADMIN in"
            " echopoint/organizations/roles.py."
        ),
        id="api.E003",
    )


def unrouted(operations):
    """Yield an error for each declared action that no path leads to."""
    for view in below(ApiViewSet):
        # What a subclass routes, it may have from this viewset.
        routes = {o.action for o in operations if issubclass(o.view, view)}
        for action in vars(view).get("api_actions", {}):
            if action not in routes:
                yield checks.Error(
                    f"{view.__name__}.{action} is declared, but no path leads to it.",
                    hint=(
                        "Route it in the urls.py of its app, or remove it from"
                        f" {view.__name__}.api_actions."
                    ),
                    id="api.E004",
                )


def below(view):
    """Yield all subclasses of the class."""
    for subclass in view.__subclasses__():
        yield subclass
        yield from below(subclass)


def repeated_ids(operations):
    """Yield an error for each operation id that several operations have."""
    places = defaultdict(list)
    for operation in operations:
        if operation.operation_id:  # else E001 or E002 names it
            places[operation.operation_id].append(place(operation))
    for id, several in places.items():
        if len(several) > 1:
            yield checks.Error(
                f'The operation id "{id}" is used {len(several)} times:'
                f" {', '.join(several)}.",
                hint="Clients name their methods by it: choose another for all but one.",
                id="api.E005",
            )


def body_unread(operation):
    return checks.Error(
        f"{place(operation)} declares a body, which clients and proxies do not send with"
        f" {operation.method}.",
        hint="Route the action at POST, or read the query instead of a body.",
        id="api.E006",
    )


def place(operation):
    """Return the viewset, the action and the route, for people."""
    name = f"{operation.view.__name__}.{operation.action}"
    return f"{name} ({operation.method} {operation.path})"
