"""Flow definitions for tests: builders of nodes and edges, and one with every node type."""

import json
import re

from echopoint.flows.definition.schemas import NODE_SCHEMAS
from echopoint.flows.definition.validation import problems

UUID = "2f1b7a0e-5c52-4d0b-9d4e-0a6f6c1f7d11"
MISSING = "This field is missing. Add it."
REMOVED = object()
JUNK = [None, True, 0, -1, 1.5, 10**400, "", "x", "{{x}}", [], [[]], {}, {"id": []}]


def node(kind, name, data, **rest):
    return {"id": name, "display_name": name, "type": kind, "data": data, **rest}


def request(name, url="https://api.test/", outputs=(), **data):
    listed = [{"name": output, "extractor": {"type": "body"}} for output in outputs]
    return node("request", name, {"method": "GET", "url": url, **data}, outputs=listed)


def loop(name, *nodes, edges=()):
    body = {"nodes": list(nodes), "edges": list(edges)}
    return node("loop", name, {"items": [1], "body": body})


def edge(source, target, **rest):
    name = f"{source}-{target}"
    return {"id": name, "source": source, "target": target, "type": "success", **rest}


def flow(*nodes, edges=()):
    return {"name": "F", "version": "1", "nodes": list(nodes), "edges": list(edges)}


def chain(*nodes):
    names = [each["id"] for each in nodes]
    return flow(*nodes, edges=map(edge, names, names[1:]))


def assertion(operator="empty", extractor="statusCode", data=None, **operand):
    return {
        "extractor_type": extractor,
        "extractor_data": data or {},
        "operator_type": operator,
        "operator_data": operand,
    }


def asserting(*args, **operand):
    return flow(request("a") | {"assertions": [assertion(*args, **operand)]})


def everything():
    """Return a flow with a node of each type and every optional field."""
    on_path = {"type": "jsonPath", "path": "$.id"}
    on_header = {"type": "header", "header_name": "Date"}
    case = {
        "when": assertion("between", "xmlPath", {"path": "/a"}, value=[1, 2]),
        "target": "loop",
    }
    body = {
        "nodes": [request("inner"), request("last")],
        "edges": [edge("inner", "last")],
    }
    data = {
        "request": {
            "method": "POST",
            "url": "{{base}}/orders",
            "headers": {"Accept": "*/*"},
            "query_params": {"page": 1},
            "body": {"name": ["{{name}}", None]},
            "timeout": 5000,
        },
        "delay": {"duration": 0},
        "module": {
            "flow_id": UUID,
            "input_bindings": {"order": "{{order}}"},
            "output_bindings": {"token": "login.token"},
        },
        "set_variable": {"variables": {"greeting": "Hi {{name}}"}},
        "assert": {"target": "{{{module.token}}}"},
        "branch": {"target": "{{name}}", "cases": [case], "default": "sse"},
        "loop": {
            "items": "{{items}}",
            "body": body,
            "item_var": "one",
            "index_var": "place",
            "max_iterations": 9,
            "continue_on_error": True,
        },
        "poll": {"body": body, "max_attempts": 3, "interval_ms": 9, "timeout_ms": 99},
        "sse": {
            "url": "https://api.test/events",
            "method": "GET",
            "headers": {"Accept": "text/event-stream"},
            "max_events": 5,
            "timeout_ms": 100,
            "completion_event": "done",
            "stop_on_assertion_failure": False,
        },
    }
    rest = {
        "run_when": "always",
        "outputs": [
            {"name": "id", "extractor": on_path},
            {"name": "at", "extractor": on_header},
        ],
        "assertions": [assertion("equals", value=200)],
    }
    nodes = [node(kind, kind, data[kind]) for kind in NODE_SCHEMAS]
    nodes[0] |= rest
    names = list(NODE_SCHEMAS)
    handles = {"source_handle": "out", "target_handle": "in"}
    pairs = [*zip(names, names[1:], strict=False), ("branch", "sse")]
    edges = [edge(*ends, **handles) for ends in pairs]
    return flow(*nodes, edges=edges) | {"description": "Each and all."}


def changed(field, value, definition=None):
    """Return a copy of the definition with another value at the field."""
    definition = json.loads(json.dumps(definition or everything()))
    *parents, last = (int(k) if k.isdigit() else k for k in re.findall(r"\w+", field))
    holder = definition
    for key in parents:
        holder = holder[key]
    if value is REMOVED:
        del holder[last]
    else:
        holder[last] = value
    return definition


def fields(value, field=""):
    """Yield the field of everything within the value."""
    dot = "." if field else ""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        inner = f"{field}[{key}]" if isinstance(key, int) else f"{field}{dot}{key}"
        yield inner
        if isinstance(item, dict | list):
            yield from fields(item, inner)


def sole(definition):
    """Return the only problem of a definition."""
    (problem,) = problems(definition)
    return problem
