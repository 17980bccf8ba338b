"""Types of the events that a runner reports."""

FLOW_STARTED = "flow.started"
NODE_STARTED = "node.started"
NODE_COMPLETED = "node.completed"
NODE_FAILED = "node.failed"
EVENT_TYPES = (FLOW_STARTED, NODE_STARTED, NODE_COMPLETED, NODE_FAILED)
