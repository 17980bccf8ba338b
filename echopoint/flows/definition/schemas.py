"""Limits, node types and JSON Schemas of flow definitions, as plain data.

The schemas are components of an OpenAPI 3.1 document, so each refers to the others
by `#/components/schemas/<name>`.
"""

from echopoint.flow_language.words import (
    EDGE_TYPES,
    EXTRACTORS,
    HTTP_METHODS,
    OPERATORS,
    RUN_WHEN,
)

# Limits of a flow, including the bodies of its loops and polls.
MAX_NODES = 500
MAX_EDGES = 2000
MAX_BODY_DEPTH = 10

NODE_SCHEMAS = {
    "request": "RequestFlowNode",
    "delay": "DelayFlowNode",
    "module": "ModuleFlowNode",
    "set_variable": "SetVariableFlowNode",
    "assert": "AssertFlowNode",
    "branch": "BranchFlowNode",
    "loop": "LoopFlowNode",
    "poll": "PollFlowNode",
    "sse": "SseFlowNode",
}

# Outputs of each node of a type, in addition to its declared `outputs`.
OWN_OUTPUTS = {
    "branch": ["matched", "matchedIndex"],
    "loop": ["results", "count"],
    "poll": ["attempts", "result"],
    "sse": ["events", "count", "last"],
}
# The field of `data` whose keys are outputs of the node.
NAMED_OUTPUTS = {"set_variable": "variables", "module": "output_bindings"}
# The field of `data` with references to nodes of another body or flow.
FOREIGN_FIELD = {"loop": "body", "poll": "body", "module": "output_bindings"}


def _ref(name: str) -> dict:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str, **rules) -> dict:
    return {"type": "array", "items": _ref(name), **rules}


def _enum(*values: str, **rules) -> dict:
    return {"type": "string", "enum": list(values), **rules}


def _object(properties: dict, required: tuple = (), **rules) -> dict:
    schema = {"type": "object", "properties": properties, **rules}
    return schema | ({"required": list(required)} if required else {})


def _node(kind: str, data: str) -> dict:
    own = {"type": {"type": "string", "const": kind}, "data": _ref(data)}
    return {"allOf": [_ref("BaseFlowNode"), _object(own, ("data",))]}


_ANY: dict = {}
_TEXT = {"type": "string"}
_EDGE_ID = {"type": "string", "maxLength": 255}
_NODE_ID = _EDGE_ID | {"minLength": 1}
_FLAG = {"type": "boolean"}
_AMOUNT = {"type": "integer", "minimum": 0}
_ANYTHING_BY_NAME = {"type": "object", "additionalProperties": True}
_TEXT_BY_NAME = {"type": "object", "additionalProperties": _TEXT}

SCHEMAS: dict[str, dict] = {
    "HttpMethod": _enum(*HTTP_METHODS),
    "ExtractorType": _enum(*EXTRACTORS),
    "OperatorType": _enum(*OPERATORS),
    "FlowNodeRunWhen": _enum(*RUN_WHEN, default="on_success"),
    "FlowDefinition": _object(
        {
            "name": _TEXT,
            "description": _TEXT,
            "version": _TEXT,
            "nodes": _list("FlowNode", maxItems=MAX_NODES),
            "edges": _list("FlowEdge", maxItems=MAX_EDGES),
        },
        ("name", "version", "nodes", "edges"),
        description="When a flow is written, null is read as absent, `edges` may be "
        "absent, a node without a `display_name` gets its id, an empty `run_when` is "
        "`on_success`, and assertions may be in camelCase. Responses follow this "
        "schema.",
    ),
    "InlineFlowDefinition": _object(
        {"nodes": _list("FlowNode"), "edges": _list("FlowEdge")},
        ("nodes",),
        description="The nodes of a body refer to each other, not to nodes outside it.",
    ),
    "FlowEdge": _object(
        {
            "id": _EDGE_ID,
            "source": _TEXT,
            "target": _TEXT,
            "source_handle": _TEXT,
            "target_handle": _TEXT,
            "type": _enum(*EDGE_TYPES),
        },
        ("id", "source", "target", "type"),
    ),
    "FlowNode": {
        "oneOf": [_ref(name) for name in NODE_SCHEMAS.values()],
        "discriminator": {
            "propertyName": "type",
            "mapping": {
                kind: _ref(name)["$ref"] for kind, name in NODE_SCHEMAS.items()
            },
        },
    },
    "BaseFlowNode": _object(
        {
            "id": _NODE_ID,
            "display_name": _TEXT,
            "type": _TEXT,
            "run_when": _ref("FlowNodeRunWhen"),
            "outputs": _list("Output"),
            "assertions": _list("CompositeAssertion"),
        },
        ("id", "display_name", "type"),
    ),
    "RequestFlowNode": _node("request", "RequestNodeData"),
    "DelayFlowNode": _node("delay", "DelayNodeData"),
    "ModuleFlowNode": _node("module", "ModuleNodeData"),
    "SetVariableFlowNode": _node("set_variable", "SetVariableNodeData"),
    "AssertFlowNode": _node("assert", "AssertNodeData"),
    "BranchFlowNode": _node("branch", "BranchNodeData"),
    "LoopFlowNode": _node("loop", "LoopNodeData"),
    "PollFlowNode": _node("poll", "PollNodeData"),
    "SseFlowNode": _node("sse", "SseNodeData"),
    "RequestNodeData": _object(
        {
            "method": _ref("HttpMethod"),
            # A URL once the {{variables}} in it have values.
            "url": {"type": "string"},
            "headers": _TEXT_BY_NAME,
            "query_params": _ANYTHING_BY_NAME,
            "queryParams": _ANYTHING_BY_NAME,
            "body": _ANY,
            "timeout": _AMOUNT,
            "follow_redirects": _FLAG | {"default": True},
        },
        ("method", "url"),
        description="`timeout` is in milliseconds. Templates such as `{{login.token}}` "
        "may stand in the url, headers, query parameters and body. `queryParams` is "
        "another spelling of `query_params`: send either, responses have both. Where they "
        "differ, `query_params` counts.",
    ),
    "DelayNodeData": _object(
        {"duration": _AMOUNT},
        ("duration",),
        description="`duration` is in milliseconds.",
    ),
    "ModuleNodeData": _object(
        {
            "flow_id": {"type": "string", "format": "uuid"},
            "input_bindings": _ANYTHING_BY_NAME,
            "output_bindings": _TEXT_BY_NAME,
        },
        ("flow_id",),
    ),
    "SetVariableNodeData": _object({"variables": _ANYTHING_BY_NAME}, ("variables",)),
    "AssertNodeData": _object(
        {"target": _ANY},
        description="Without a `target`, the initial inputs of the flow are asserted.",
    ),
    "BranchNodeData": _object(
        {"target": _ANY, "cases": _list("BranchCase"), "default": _TEXT},
        ("cases",),
        description="`default` is the id of the next node if no case matches.",
    ),
    "BranchCase": _object(
        {"when": _ref("CompositeAssertion"), "target": _TEXT},
        ("when", "target"),
        description="`target` is the id of the next node.",
    ),
    "LoopNodeData": _object(
        {
            "items": _ANY,
            "body": _ref("InlineFlowDefinition"),
            "item_var": _TEXT | {"default": "item"},
            "index_var": _TEXT | {"default": "index"},
            "max_iterations": _AMOUNT,
            "continue_on_error": _FLAG | {"default": False},
        },
        ("items", "body"),
    ),
    "PollNodeData": _object(
        {
            "body": _ref("InlineFlowDefinition"),
            "max_attempts": _AMOUNT | {"default": 10},
            "interval_ms": _AMOUNT | {"default": 1000},
            "timeout_ms": _AMOUNT,
        },
        ("body",),
    ),
    "SseNodeData": _object(
        {
            "url": _TEXT,
            "method": _ref("HttpMethod") | {"default": "GET"},
            "headers": _TEXT_BY_NAME,
            "max_events": _AMOUNT | {"default": 100},
            "timeout_ms": _AMOUNT | {"default": 30000},
            "completion_event": _TEXT,
            "stop_on_assertion_failure": _FLAG | {"default": True},
        },
        ("url",),
    ),
    "Output": _object(
        {
            "name": _TEXT,
            "extractor": _object(
                {
                    "type": _ref("ExtractorType"),
                    "path": _TEXT,
                    "header_name": _TEXT,
                    "headerName": _TEXT,
                },
                ("type",),
                description="jsonPath and xmlPath need a `path`, header needs a "
                "`header_name`; `headerName` is another spelling of it: send either, "
                "responses have both. Where they differ, `header_name` counts.",
            ),
        },
        ("name", "extractor"),
    ),
    "CompositeAssertion": _object(
        {
            "extractor_type": _ref("ExtractorType"),
            "extractor_data": _ANYTHING_BY_NAME,
            "operator_type": _ref("OperatorType"),
            "operator_data": _ANYTHING_BY_NAME,
        },
        ("extractor_type", "extractor_data", "operator_type", "operator_data"),
        description="`extractor_data` holds the `path` or `header_name` as an Output's "
        "extractor does; `operator_data` holds the expected `value`, for between a "
        "list of two numbers. empty, notEmpty, exists and notExists need none.",
    ),
}
