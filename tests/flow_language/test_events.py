"""Types of the events that runners report."""

from echopoint.flow_language.events import EVENT_TYPES


def test_the_kinds_are_those_of_the_api():
    assert EVENT_TYPES == (
        "flow.started",
        "node.started",
        "node.completed",
        "node.failed",
    )
