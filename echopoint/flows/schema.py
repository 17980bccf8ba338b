"""The flow definition's part of the OpenAPI document."""

from echopoint.flows.definition.schemas import SCHEMAS

METADATA = {
    "type": "object",
    "description": "What editors keep beside a flow.",
    "properties": {
        "node_positions": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"x": {"type": "number"}, "y": {"type": "number"}},
            },
        },
        "target_environment_key": {"type": "string"},
    },
    "additionalProperties": True,
}


def add_definition(result, generator, request, public):
    """Publish the schemas that definitions are validated with; a post-processing hook."""
    result["components"]["schemas"] |= SCHEMAS | {"FlowMetadata": METADATA}
    return result
