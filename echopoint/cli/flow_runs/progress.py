"""Progress on stderr: plain lines, or live where a person watches a terminal."""

import os
import sys
from contextlib import AbstractContextManager
from typing import Any, Protocol

from echopoint.cli.flow_runs.launch import Launched
from echopoint.cli.flow_runs.outcome import Outcome, words_of
from echopoint.cli.settings import Settings
from echopoint.cli.streams import Tolerant, is_terminal
from echopoint.cli.tables import console_for
from echopoint.cli.terminal import say
from echopoint.cli.text import one_line
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
    """Where it is told what happens."""

    def launched(self, launched: Launched) -> None: ...

    def event(self, flow_id: str, event: dict) -> None: ...

    def ended(self, outcome: Outcome) -> None: ...


def progress_for(settings: Settings, *, verbose: bool) -> AbstractContextManager:
    """Return the progress that suits who reads stderr."""
    is_live = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
    if is_live and not os.environ.get("CI"):
        return LiveProgress(settings)
    return PlainProgress(settings, verbose=verbose)


class PlainProgress:
    """One line for each thing that happens, as a CI log wants it."""

    def __init__(self, settings: Settings, *, verbose: bool):
        self.settings = settings
        self.verbose = verbose
        self.names: dict[str, str] = {}

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def launched(self, launched: Launched) -> None:
        self.names[launched.flow_id] = launched.name
        how = "taken up again as" if launched.replayed else "launched as"
        self.tell(launched.flow_id, f"{how} execution {launched.id}")

    def event(self, flow_id: str, event: dict) -> None:
        if line := line_of(event, verbose=self.verbose):
            self.tell(flow_id, line)

    def ended(self, outcome: Outcome) -> None:
        self.names[outcome.flow_id] = outcome.name or outcome.flow_id
        self.tell(outcome.flow_id, end_of(outcome))

    def tell(self, flow_id: str, text: str) -> None:
        name = self.names.get(flow_id, flow_id)
        say(f"[{name}] {text}", settings=self.settings)


class LiveProgress:
    """The flows with their nodes, redrawn as they go on."""

    def __init__(self, settings: Settings) -> None:
        from rich.live import Live

        self.settings = settings
        self.lines: dict[str, dict[str, Any]] = {}
        # What is said on stderr meanwhile appears above.
        self.live = Live(
            console=console_for(Tolerant(sys.stderr)), refresh_per_second=8
        )

    def __enter__(self) -> "LiveProgress":
        self.live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.live.stop()

    def launched(self, launched: Launched) -> None:
        self.set(launched.flow_id, "", launched.name, running=True)

    def event(self, flow_id: str, event: dict) -> None:
        payload = event.get("payload") or {}
        node_id = str(payload.get("nodeId") or "")
        if node_id:
            running = event.get("type") == NODE_STARTED
            self.set(flow_id, node_id, line_of(event, verbose=True), running=running)

    def ended(self, outcome: Outcome) -> None:
        # The results follow on stdout, with the nodes.
        text = f"{outcome.name or outcome.flow_id}: {end_of(outcome)}"
        self.set(outcome.flow_id, "", text, running=False)

    def set(self, flow_id: str, node_id: str, text: str, *, running: bool) -> None:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        text = one_line(self.settings.scrub(text))
        shown = Text(("  " if node_id else "") + text)
        line = Spinner("dots", shown) if running else shown
        self.lines.setdefault(flow_id, {})[node_id] = line
        rows = [line for flow in self.lines.values() for line in flow.values()]
        self.live.update(Group(*rows))


def line_of(event: dict, *, verbose: bool) -> str:
    """Return what a line says of an event; nothing for one that needs none."""
    payload = event.get("payload") or {}
    name = payload.get("displayName") or payload.get("nodeId")
    if event.get("type") == NODE_STARTED:
        return f"… {name}" if verbose else ""
    if event.get("type") == NODE_COMPLETED:
        return f"✓ {name} passed in {took(payload)}{unresolved(payload)}"
    if event.get("type") == NODE_FAILED:
        reason = reason_of(payload)
        return f"✗ {name} failed in {took(payload)}: {reason}{unresolved(payload)}"
    return ""


def unresolved(payload: dict) -> str:
    """Return a warning of templates that named nothing, if there were any."""
    missing = payload.get("missingInputs")
    return f" (warning: {words_of(missing)})" if missing else ""


def took(payload: dict) -> str:
    return f"{payload.get('duration') or 0} ms"


def reason_of(payload: dict) -> str:
    error = payload.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return str(error or (payload.get("result") or {}).get("error_message") or "")


def end_of(outcome: Outcome) -> str:
    said = WORDS[outcome.exit_code]
    if outcome.replayed:
        said += f" ({outcome.replay_note})"
    return f"{said}: {outcome.error_message}" if outcome.error_message else said
