"""System checks: every routed API action is declared, and every declared one is routed."""

from collections import defaultdict

from django.core import checks

from apikeys.models import ApiKey
from apikeys.scopes import SCOPES
from echopoint.api.operations import routed_operations
from echopoint.api.viewsets import ApiViewSet
from echopoint.organizations import roles

WITHOUT_BODY = {"GET", "HEAD"}


@checks.register(checks.Tags.urls)
def check_actions(app_configs, **kwargs):
    operations = list(routed_operations())
    return [
        *(error for operation in operations for error in operation_errors(operation)),
        *unrouted_errors(operations),
        *repeated_id_errors(operations),
    ]


def operation_errors(operation):
    """Yield the errors of one operation's declaration."""
    if operation.action not in operation.view.api_actions:
        yield undeclared_error(operation)
        return
    if parts := missing_parts(operation):
        yield incomplete_error(operation, parts)
    if names := unknown_scopes(operation):
        yield unknown_scopes_error(operation, names)
    if operation.declared.body and operation.method in WITHOUT_BODY:
        yield unread_body_error(operation)


def undeclared_error(operation):
    return checks.Error(
        f"{describe(operation)} has no declaration. Its requests are server errors.",
        hint=(
            f'Add "{operation.action}": Action(id=…, scopes=[…]) to'
            f" {operation.view.__name__}.api_actions, or remove the route."
        ),
        id="api.E001",
    )


def missing_parts(operation):
    """Return the names of the required parts that are absent."""
    view, declared = operation.view, operation.declared
    answers = declared.answer or view.serializer_class or declared.status == 204
    present = {
        "id": declared.id,
        "scopes": declared.scopes,
        "answer": answers,
        "method": hasattr(view, operation.action),
    }
    return [name for name, value in present.items() if not value]


HINTS = {
    "id": "id is the operationId of the OpenAPI document.",
    "scopes": "scopes is a list, or ANY_CALLER to admit every authenticated caller.",
    "answer": "answer is a serializer class; the viewset's serializer_class is its"
    " default, and an action with status=204 needs none.",
    "method": "method is a method of the viewset with the name of the action.",
}


def incomplete_error(operation, parts):
    return checks.Error(
        f"{describe(operation)} lacks: {', '.join(parts)}.",
        hint=" ".join(HINTS[part] for part in parts),
        id="api.E002",
    )


def unknown_scopes(operation):
    """Return the declared scopes that no API key, or no role, can have."""
    takes_keys = ApiKey in operation.view.accepts
    known = SCOPES.keys() if takes_keys else roles.ADMIN
    by_session = set(operation.declared.session_scopes)
    return sorted((set(operation.scopes) - known) | (by_session - roles.ADMIN))


def unknown_scopes_error(operation, names):
    return checks.Error(
        f"{describe(operation)} requires unknown scopes: {', '.join(names)}.",
        hint=(
            "Use names from apikeys/scopes.py. Actions that accept no API keys, and"
            " session_scopes, may use all of ADMIN in echopoint/organizations/roles.py."
        ),
        id="api.E003",
    )


def unrouted_errors(operations):
    """Yield an error for each declared action without a route."""
    for view in subclasses_of(ApiViewSet):
        # A routed subclass may inherit the action from this viewset.
        routes = {o.action for o in operations if issubclass(o.view, view)}
        for action in vars(view).get("api_actions", {}):
            if action not in routes:
                yield checks.Error(
                    f"{view.__name__}.{action} is declared, but has no route.",
                    hint=(
                        "Add it to the urls.py of its app, or remove it from"
                        f" {view.__name__}.api_actions."
                    ),
                    id="api.E004",
                )


def subclasses_of(view):
    for subclass in view.__subclasses__():
        yield subclass
        yield from subclasses_of(subclass)


def repeated_id_errors(operations):
    """Yield an error for each operation id that is used more than once."""
    by_id = defaultdict(list)
    for operation in operations:
        if operation.operation_id:  # else E001 or E002 names it
            by_id[operation.operation_id].append(describe(operation))
    for operation_id, places in by_id.items():
        if len(places) > 1:
            yield checks.Error(
                f'The operation id "{operation_id}" is used {len(places)} times:'
                f" {', '.join(places)}.",
                hint="Client generators use it as a method name. Choose unique ids.",
                id="api.E005",
            )


def unread_body_error(operation):
    return checks.Error(
        f"{describe(operation)} declares a body, which clients and proxies do not send with"
        f" {operation.method}.",
        hint="Route the action with POST, or use query parameters instead of a body.",
        id="api.E006",
    )


def describe(operation):
    """Return "ViewSet.action (METHOD path)", for messages."""
    name = f"{operation.view.__name__}.{operation.action}"
    return f"{name} ({operation.method} {operation.path})"
