"""Build flows and run them."""

import asyncio

from echopoint.cli.engine import run_flow


def node(kind, name, data, **rest):
    return {
        "id": name,
        "display_name": name.title(),
        "type": kind,
        "data": data,
        **rest,
    }


def request(name, url, *, outputs=None, assertions=(), **data):
    return node(
        "request",
        name,
        {"method": "GET", "url": url, **data},
        outputs=[output(key, path) for key, path in (outputs or {}).items()],
        assertions=list(assertions),
    )


def variables(name, **values):
    return node("set_variable", name, {"variables": values})


def output(name, path):
    return {"name": name, "extractor": {"type": "jsonPath", "path": path}}


def assertion(operator, value=None, *, kind="statusCode", **data):
    return {
        "extractor_type": kind,
        "extractor_data": data,
        "operator_type": operator,
        "operator_data": {"value": value},
    }


def edge(source, target, kind="success"):
    return {
        "id": f"{source}-{target}",
        "source": source,
        "target": target,
        "type": kind,
    }


def flow(*nodes, edges=()):
    return {"name": "Flow", "version": "1", "nodes": list(nodes), "edges": list(edges)}


def chain(*nodes):
    names = [each["id"] for each in nodes]
    return flow(*nodes, edges=list(map(edge, names, names[1:])))


def package(definition, *, inputs=None, secrets=()):
    inputs = inputs or {}
    return {
        "execution_id": "5c1f2a52-7d4e-4a55-9b86-0f5d2b0a8a10",
        "flow_id": "2f1b7a0e-5c52-4d0b-9d4e-0a6f6c1f7d11",
        "flow_definition": definition,
        "inputs": inputs,
        "referenced_flows": {},
        "secret_input_keys": list(secrets),
    }


def run(definition, *, progress=None, inputs=None, secrets=(), **options):
    """Return the result document of the flow."""
    run_options = options | ({"progress": progress} if progress else {})
    ready = package(definition, inputs=inputs, secrets=secrets)
    return asyncio.run(run_flow(ready, **run_options))


def run_node(single, **options):
    """Run a flow with only this node and return its result."""
    document = run(flow(single), **options)
    return document["result"]["execution_results"][single["id"]]
