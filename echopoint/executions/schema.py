"""The parts of executions in the OpenAPI document that no serializer can say."""

from echopoint.executions.launch_serializers import GIT

ANYTHING = {"type": "object", "additionalProperties": True}


def ref(name):
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


SHAPES = {
    "RunnerInputs": ANYTHING | {"description": "Values by the names of variables."},
    "SecretInputKeys": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The names of the inputs that are secrets.",
    },
    "RunnerJobProgressEventPayload": ANYTHING
    | {
        "description": "flow.started: execution_id, flowName, timestamp. node.started:"
        " nodeId, displayName, nodeType, timestamp. node.completed and node.failed:"
        " nodeId, displayName, duration, timestamp, and success, result, error."
    },
    "ReferencedFlow": {
        "type": "object",
        "required": ["flow_definition"],
        "properties": {
            "flow_definition": ref("FlowDefinition"),
            "input_overrides": ANYTHING
            | {"description": "The called flow's own variables."},
            "secret_input_keys": {"type": "array", "items": {"type": "string"}},
        },
    },
    "ReferencedFlows": {
        "type": "object",
        "additionalProperties": ref("ReferencedFlow"),
        "description": "The flows that module nodes call, by id.",
    },
    "GitTriggerMetadata": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in GIT},
    },
    "ManualTriggerMetadata": {
        "type": "object",
        "required": ["actor_type"],
        "properties": {
            "actor_type": {"type": "string", "enum": ["user", "api_key"]},
            "actor_id": {"type": "string"},
        },
    },
    "TriggerMetadata": {
        "anyOf": [ref("GitTriggerMetadata"), ref("ManualTriggerMetadata")],
        "description": "Of the kind that `trigger_type` names.",
    },
}


def add_shapes(result, generator, request, public):
    """Publish the shapes; a post-processing hook."""
    result["components"]["schemas"] |= SHAPES
    return result
