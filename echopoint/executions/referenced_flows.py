"""The flows that a flow calls with module nodes, directly and indirectly."""

import json
from collections import deque

from echopoint.environments.resolve import flow_variables
from echopoint.executions.exceptions import ExecutionConflict
from echopoint.flows.definition.spelling import in_both_spellings
from echopoint.flows.models import Flow

MAX_REFERENCED = 100
MAX_SIZE = 4 * 1024 * 1024  # characters of JSON, for all called flows together


def referenced_flows(flow):
    """Return {flow id: (definition, the flow's own variables)} of all called flows.

    Raise `ExecutionConflict` if a called flow is not in the organization, or if they are
    more than an execution can store. Flows that call each other are visited once.
    """
    called = {}
    size = 0
    pending = deque(called_flow_ids(flow.flow_definition))
    while pending:
        id = pending.popleft()
        if id in called:
            continue
        if len(called) == MAX_REFERENCED:
            raise ExecutionConflict(
                f"This flow calls more than {MAX_REFERENCED} flows, directly and"
                " indirectly. Launch some of them separately."
            )
        # The id comes from the flow's definition, which a member wrote: without the
        # organization, it could name a flow of another tenant.
        target = Flow.objects.for_org(flow.organization).filter(pk=id).first()
        if target is None:
            raise ExecutionConflict(
                f"A module node calls the flow {id}, which does not exist. Change the"
                " node, or create the flow again."
            )
        overrides = flow_variables(target)
        definition = in_both_spellings(target.flow_definition)
        called[id] = (definition, overrides)
        size += len(json.dumps([definition, overrides.values]))
        if size > MAX_SIZE:
            raise ExecutionConflict(
                f"The flows that this one calls have more than {MAX_SIZE} characters in"
                " total, including their variables. Launch some of them separately."
            )
        pending.extend(called_flow_ids(target.flow_definition))
    return called


def called_flow_ids(flow):
    """Yield the flow ids of all module nodes, including those in loop and poll bodies."""
    for node in flow["nodes"]:
        data = node["data"]
        if node["type"] == "module":
            yield data["flow_id"].lower()
        elif node["type"] in ("loop", "poll"):
            yield from called_flow_ids(data["body"])
