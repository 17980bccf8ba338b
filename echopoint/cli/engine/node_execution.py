"""Run one node: its action, its assertions and its outputs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from echopoint.cli.engine import assertions, http_request
from echopoint.cli.engine.bounded_work import run_bounded
from echopoint.cli.engine.context import RunContext
from echopoint.cli.engine.dynamic_variables import GeneratedValues
from echopoint.cli.engine.exceptions import NodeFailed, NothingFound
from echopoint.cli.engine.extractors import Source, extract
from echopoint.cli.engine.http_response import response_fields
from echopoint.cli.engine.http_send import send
from echopoint.cli.engine.redirects import Redirects
from echopoint.cli.engine.templates import (
    MISSING,
    Renderer,
    TooLong,
    references,
)
from echopoint.flow_language.dynamic import is_dynamic
from echopoint.flow_language.results import SKIPPED
from echopoint.masking.mask import MASK

MAX_MISSING = 100  # names in one record


def empty_result(node: dict[str, Any]) -> dict[str, Any]:
    """Return the initial result of a node.

    `executed_at` is the end of the node, as in results of the public runner.
    """
    return {
        "node_id": node["id"],
        "display_name": node["display_name"],
        "node_type": node["type"],
        "inputs": {},
        "outputs": {},
        "started_at": now(),
        "executed_at": now(),
        "duration_ms": 0,
    }


def now() -> str:
    """Return the current time in UTC (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class NodeExecution:
    """The execution of one node. `result` is valid at any time, also after cancellation."""

    def __init__(self, node: dict[str, Any], context: RunContext):
        self.node = node
        self.data = node["data"]
        self.context = context
        self.recorder = context.recorder
        # Real and masked, for later nodes.
        self.outputs: tuple[dict[str, Any], dict[str, Any]] = {}, {}
        generated = GeneratedValues(context.made)
        self.real = Renderer(context.real.find, generated)
        self.masked = Renderer(context.masked.find, generated)
        self.result = empty_result(node) | {
            "display_name": self.recorder.text(node["display_name"])
        }

    def begin(self) -> None:
        """Start the clock: the node may have waited for a free slot."""
        self.result["started_at"] = now()
        self._began = time.monotonic()

    async def run(self) -> None:
        """Run the node to its end and record any error in the result."""
        try:
            self.result["inputs"] = await run_bounded(
                "Recording the inputs", "Read shorter values.", self._recorded_inputs
            )
            if self.context.is_strict:
                self._require_resolved()
            source, outputs = await ACTIONS[self.node["type"]](self)
            evaluated = await run_bounded(
                "Checking the assertions and taking the outputs",
                "Make their paths simpler, or ask the service for less.",
                *(self._evaluate, source, outputs),
            )
            outputs, masked_outputs, self.result["outputs"] = evaluated
            self.outputs = outputs, masked_outputs
        except NodeFailed as failure:
            self.fail(failure.code, failure.message)
        except TooLong as error:
            self.fail("FLOW_VALIDATION_FAILED", str(error))
        except Exception as error:  # noqa: BLE001 - the other nodes must still run
            code = "REQUEST_FAILED" if self.node["type"] == "request" else "NODE_ERROR"
            reason = str(error).rstrip(".")
            self.fail(code, f"The node failed: {type(error).__name__}: {reason}.")
        self.finish()

    def fail(self, code: str, message: str) -> None:
        self.result |= {
            "error_code": code,
            "error_message": self.recorder.text(message),
        }

    def skip(self, reason: str, message: str) -> None:
        """Record that the node did not run: a code and a message."""
        self.result |= {"error_code": SKIPPED, "skip_reason": reason}
        self.result["error_message"] = self.recorder.text(message)
        self.finish()

    def finish(self) -> None:
        self.result["executed_at"] = now()
        self.result["duration_ms"] = round((time.monotonic() - self._began) * 1000)
        if results := self.result.get("assertion_results"):
            # A thread past its time limit may still append to this list.
            self.result["assertion_results"] = list(results)
        if missing := list(self.real.missing)[:MAX_MISSING]:
            self.result["missing_inputs"] = [
                self.recorder.text(name) for name in missing
            ]

    def _recorded_inputs(self) -> dict[str, Any]:
        """Return the masked values that the templates of the node read."""
        inputs = {}
        for name in self.references():
            if self.context.real.find(name) is not MISSING:
                value = self.context.masked.find(name)
                inputs[name] = MASK if value is MISSING else self.recorder.value(value)
        return inputs

    def references(self) -> Iterator[str]:
        """Yield the references of the templates of the node."""
        operands = [each["operator_data"] for each in self._items("assertions")]
        return references([self.data, operands])

    def _require_resolved(self) -> None:
        """Raise NodeFailed for a template with an unknown reference."""
        for name in self.references():
            if not is_dynamic(name) and self.context.real.find(name) is MISSING:
                self.real.missing[name] = None
        if missing := list(self.real.missing)[:MAX_MISSING]:
            names = ", ".join(f"{{{{{name}}}}}" for name in missing)
            raise NodeFailed(
                "NODE_INPUT_VALIDATION_FAILED",
                f"No value for {names}. Set a variable of that name, or use the output "
                "of a node that runs before.",
            )

    def _items(self, key: str) -> list[dict[str, Any]]:
        return self.node.get(key) or []

    def _evaluate(
        self, source: Source, own: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return the outputs: real, masked, and as recorded.

        Raises NodeFailed at the first assertion that fails, before any output is extracted.
        """
        if listed := self._items("assertions"):
            results = self.result["assertion_results"] = []
            assertions.check(
                listed,
                source,
                real=self.real,
                masked=self.masked,
                recorder=self.recorder,
                results=results,
            )
        outputs = own | dict(self._extract_outputs(source))
        masked_outputs = {
            name: self.context.mask.value(item) for name, item in outputs.items()
        }
        return outputs, masked_outputs, self.recorder.values(masked_outputs)

    def _extract_outputs(self, source: Source) -> Iterator[tuple[str, object]]:
        for output in self._items("outputs"):
            extractor = output["extractor"]
            try:
                yield output["name"], extract(extractor["type"], extractor, source)
            except NothingFound as error:
                raise NodeFailed(
                    "OUTPUT_EXTRACTION_FAILED",
                    f'The output "{output["name"]}" could not be extracted: {error}.',
                ) from None

    async def _request(self) -> tuple[Source, dict[str, Any]]:
        parts = http_request.render(self.data, self.real)
        masked = http_request.render(self.data, self.masked)
        self.result |= {
            "request_method": parts.method,
            "request_url": self.recorder.value(masked.url),
        }
        client = await self.context.client()
        request = http_request.build(parts, client)
        private, is_body_private, fields = await run_bounded(
            "Recording the request",
            "Send less.",
            *(http_request.describe, request, masked, self.recorder),
        )
        self.result |= fields
        redirects = Redirects(
            client.cookies,
            private=private,
            is_body_private=is_body_private,
            cookie=parts.cookie,
        )
        is_followed = self.data.get("follow_redirects") is not False
        response = await send(
            client,
            request,
            timeout=self.data.get("timeout") or 0,
            redirects=redirects if is_followed else None,
        )
        self.result |= await run_bounded(
            "Recording the response",
            "Ask the service for less.",
            *(response_fields, response, self.recorder),
        )
        return response, {}

    async def _delay(self) -> tuple[Source, dict[str, Any]]:
        await asyncio.sleep(self.data["duration"] / 1000)
        return Source(None), {}

    async def _set_variable(self) -> tuple[Source, dict[str, Any]]:
        variables = self._render(self.data["variables"])
        return Source(variables), dict(variables)

    async def _assert(self) -> tuple[Source, dict[str, Any]]:
        target = self.data.get("target")
        # The default target is the initial inputs.
        if target is None:
            return Source(self.context.real.inputs), {}
        return Source(self._render(target)), {}

    def _render(self, value: Any) -> Any:
        """Render the value. Both renderers must see the same templates in the same order."""
        self.masked.render(value)
        return self.real.render(value)


Action = Callable[[NodeExecution], Awaitable[tuple[Source, dict[str, Any]]]]
ACTIONS: dict[str, Action] = {
    "request": NodeExecution._request,
    "delay": NodeExecution._delay,
    "set_variable": NodeExecution._set_variable,
    "assert": NodeExecution._assert,
}
