"""Flow definitions for tests."""


def node(id, **more):
    return {
        "id": id,
        "display_name": id.title(),
        "type": "request",
        "data": {"method": "GET", "url": "{{base_url}}/health"},
    } | more


def definition(*nodes):
    return {"name": "f", "version": "1.0", "nodes": list(nodes), "edges": []}
