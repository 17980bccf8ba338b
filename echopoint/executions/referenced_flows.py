"""The flows that a flow calls with module nodes, those that these call, and so on."""

import json
from collections import deque

from echopoint.environments.resolve import own_inputs
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.flows.definition.spelling import in_both_spellings
from echopoint.flows.models import Flow

MAX_REFERENCED = 100
MAX_SIZE = 4 * 1024 * 1024  # characters of JSON, of all that is called together


def referenced_flows(flow):
    """Return {flow id: (definition, the flow's own variables)} of all that is called.

    Raise `ExecutionConflict` for a module whose flow is not in the organization, and for
    more than an execution can keep. A flow that calls itself, or the one that called it,
    is there once.
    """
    found = {}
    size = 0
    waiting = deque(module_ids(flow.flow_definition))
    while waiting:
        id = waiting.popleft()
        if id in found:
            continue
        if len(found) == MAX_REFERENCED:
            raise ExecutionConflict(
                f"This flow calls more than {MAX_REFERENCED} others, counting those that"
                " they call. Launch some of them by themselves."
            )
        called = Flow.objects.for_org(flow.organization).filter(pk=id).first()
        if called is None:
            raise ExecutionConflict(
                f"A module node calls the flow {id}, which is not there. Change the"
                " node, or make the flow again."
            )
        inputs = own_inputs(called)
        definition = in_both_spellings(called.flow_definition)
        found[id] = (definition, inputs)
        size += len(json.dumps([definition, inputs.values]))
        if size > MAX_SIZE:
            raise ExecutionConflict(
                f"The flows that this one calls are larger than {MAX_SIZE} characters"
                " together, their variables included. Launch some of them by themselves."
            )
        waiting.extend(module_ids(called.flow_definition))
    return found


def module_ids(flow):
    """Yield the flow ids of the module nodes of a definition, and of bodies in it."""
    for node in flow["nodes"]:
        data = node["data"]
        if node["type"] == "module":
            yield data["flow_id"].lower()
        elif node["type"] in ("loop", "poll"):
            yield from module_ids(data["body"])
