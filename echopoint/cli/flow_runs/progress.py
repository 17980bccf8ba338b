"""Progress on stderr: plain lines, or a live view on a terminal."""

import os
import sys
from typing import Any, Protocol

from echopoint.cli.flow_runs.launch import LaunchedExecution
from echopoint.cli.flow_runs.outcome import Outcome, unresolved_message
from echopoint.cli.output import write_stderr
from echopoint.cli.printable_text import one_line
from echopoint.cli.settings import Settings
from echopoint.cli.streams import TolerantStream, is_terminal
from echopoint.cli.tables import console_for
from echopoint.flow_language.events import (
    NODE_COMPLETED,
    NODE_FAILED,
    NODE_STARTED,
)

WORDS = {
    0: "✓ passed",
    1: "✗ failed",
    2: "■ cancelled",
    3: "✗ error",
    4: "✗ out of time",
}


class Progress(Protocol):
    """Shows the launch, the events and the outcome of each flow."""

    def show_launch(self, launched: LaunchedExecution) -> None: ...

    def show_event(self, flow_id: str, event: dict[str, Any]) -> None: ...

    def show_outcome(self, outcome: Outcome) -> None: ...


def progress_for(
    settings: Settings, *, verbose: bool
) -> "PlainProgress | LiveProgress":
    """Return live progress for a person at a terminal, else plain lines."""
    is_live = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
    if is_live and not os.environ.get("CI"):
        return LiveProgress(settings)
    return PlainProgress(settings, verbose=verbose)


class PlainProgress:
    """One line per event, for CI logs."""

    def __init__(self, settings: Settings, *, verbose: bool):
        self.settings = settings
        self.verbose = verbose
        self.names: dict[str, str] = {}

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def show_launch(self, launched: LaunchedExecution) -> None:
        self.names[launched.flow_id] = launched.name
        how = "resumed as" if launched.replayed else "launched as"
        self.write_line(launched.flow_id, f"{how} execution {launched.id}")

    def show_event(self, flow_id: str, event: dict[str, Any]) -> None:
        if line := line_of(event, verbose=self.verbose):
            self.write_line(flow_id, line)

    def show_outcome(self, outcome: Outcome) -> None:
        self.names[outcome.flow_id] = outcome.name or outcome.flow_id
        self.write_line(outcome.flow_id, outcome_line(outcome))

    def write_line(self, flow_id: str, text: str) -> None:
        name = self.names.get(flow_id, flow_id)
        write_stderr(f"[{name}] {text}", settings=self.settings)


class LiveProgress:
    """The flows with their nodes, redrawn at each event."""

    def __init__(self, settings: Settings) -> None:
        from rich.live import Live

        self.settings = settings
        self.lines: dict[str, dict[str, Any]] = {}
        # Other lines on stderr appear above the live view.
        self.live = Live(
            console=console_for(TolerantStream(sys.stderr)), refresh_per_second=8
        )

    def __enter__(self) -> "LiveProgress":
        self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.live.stop()

    def show_launch(self, launched: LaunchedExecution) -> None:
        self.set(launched.flow_id, "", launched.name, is_running=True)

    def show_event(self, flow_id: str, event: dict[str, Any]) -> None:
        payload = event.get("payload") or {}
        node_id = str(payload.get("nodeId") or "")
        if node_id:
            is_running = event.get("type") == NODE_STARTED
            self.set(
                flow_id, node_id, line_of(event, verbose=True), is_running=is_running
            )

    def show_outcome(self, outcome: Outcome) -> None:
        # The results follow on stdout, with the nodes.
        text = f"{outcome.name or outcome.flow_id}: {outcome_line(outcome)}"
        self.set(outcome.flow_id, "", text, is_running=False)

    def set(self, flow_id: str, node_id: str, text: str, *, is_running: bool) -> None:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        text = one_line(self.settings.scrub(text))
        shown = Text(("  " if node_id else "") + text)
        line = Spinner("dots", shown) if is_running else shown
        self.lines.setdefault(flow_id, {})[node_id] = line
        rows = [line for flow in self.lines.values() for line in flow.values()]
        self.live.update(Group(*rows))


def line_of(event: dict[str, Any], *, verbose: bool) -> str:
    """Return the line for an event, or an empty string."""
    payload = event.get("payload") or {}
    name = payload.get("displayName") or payload.get("nodeId")
    if event.get("type") == NODE_STARTED:
        return f"… {name}" if verbose else ""
    if event.get("type") == NODE_COMPLETED:
        return f"✓ {name} passed in {duration_of(payload)}{unresolved_warning(payload)}"
    if event.get("type") == NODE_FAILED:
        reason = reason_of(payload)
        return f"✗ {name} failed in {duration_of(payload)}: {reason}{unresolved_warning(payload)}"
    return ""


def unresolved_warning(payload: dict[str, Any]) -> str:
    """Return a warning if the node has unresolved templates."""
    missing = payload.get("missingInputs")
    return f" (warning: {unresolved_message(missing)})" if missing else ""


def duration_of(payload: dict[str, Any]) -> str:
    return f"{payload.get('duration') or 0} ms"


def reason_of(payload: dict[str, Any]) -> str:
    error = payload.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return str(error or (payload.get("result") or {}).get("error_message") or "")


def outcome_line(outcome: Outcome) -> str:
    text = WORDS[outcome.exit_code]
    if outcome.replayed:
        text += f" ({outcome.replay_note})"
    return f"{text}: {outcome.error_message}" if outcome.error_message else text
