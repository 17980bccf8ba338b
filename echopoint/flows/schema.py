"""OpenAPI schemas of flow definitions."""

from echopoint.flows.definition.schemas import SCHEMAS

METADATA = {
    "type": "object",
    "description": "Data of flow editors.",
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
    """Add the schemas used for validation; a post-processing hook of drf-spectacular."""
    result["components"]["schemas"] |= SCHEMAS | {"FlowMetadata": METADATA}
    return result
