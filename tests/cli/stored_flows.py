"""Nodes of flow definitions in the form that the API stores, with all fields."""


def node(id, type, data, **fields):
    base = {"id": id, "display_name": id.title(), "type": type, "data": data}
    return base | {"run_when": "on_success", "outputs": [], "assertions": []} | fields


def request(id, url, *, status="200", **data):
    return node(
        id,
        "request",
        {"method": "GET", "url": url} | data,
        assertions=[
            {
                "extractor_type": "statusCode",
                "extractor_data": {},
                "operator_type": "equals",
                "operator_data": {"value": status},
            }
        ],
    )
