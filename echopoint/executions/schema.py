"""OpenAPI schemas of executions that no serializer describes."""

from echopoint.executions.launch_serializers import GIT

ANYTHING = {"type": "object", "additionalProperties": True}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


SHAPES = {
    "RunnerInputs": ANYTHING | {"description": "Values by variable key."},
    "SecretInputKeys": {
        "type": "array",
        "items": {"type": "string"},
        "description": "The keys of the secret inputs.",
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
        "description": "The flows that module nodes call, by flow id.",
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
        "description": "`trigger_type` determines which of them.",
    },
}


def add_shapes(result, generator, request, public):
    """Add the schemas; a drf-spectacular post-processing hook."""
    result["components"]["schemas"] |= SHAPES
    return result
