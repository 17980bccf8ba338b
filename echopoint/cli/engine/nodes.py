"""Run one node: act, check its assertions, take its outputs."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from echopoint.cli.engine import assertions, http_request
from echopoint.cli.engine.context import Stage
from echopoint.cli.engine.dynamic_variables import Draws
from echopoint.cli.engine.exceptions import NodeFailed, NothingFound
from echopoint.cli.engine.extractors import Answer, Source, extract
from echopoint.cli.engine.http_send import send
from echopoint.cli.engine.processing import processed
from echopoint.cli.engine.recorder import MAX_BODY
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


def blank(node: dict) -> dict:
    """Return the result of a node that has not done anything.

    `executed_at` is the end of the node, as in the results of the public runner.
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
    """Return the time as RFC 3339 has it, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Attempt:
    """One node while it runs; its `result` is sound at any moment."""

    def __init__(self, node: dict, stage: Stage):
        self.node = node
        self.data = node["data"]
        self.stage = stage
        self.recorder = stage.recorder
        # As they are and without secrets, for the nodes that follow.
        self.outputs: tuple[dict, dict] = {}, {}
        draws = Draws(stage.made)
        self.real = Renderer(stage.real.find, draws)
        self.shown = Renderer(stage.shown.find, draws)
        self.result = blank(node) | {
            "display_name": self.recorder.text(node["display_name"])
        }

    def begin(self) -> None:
        """Count the time of the node from now on: it may have waited for its turn."""
        self.result["started_at"] = now()
        self._began = time.monotonic()

    async def run(self) -> None:
        """Run the node to its end; what goes wrong is in the result."""
        try:
            self.result["inputs"] = await processed(
                "Recording the inputs", "Read shorter values.", self._inputs
            )
            if self.stage.is_strict:
                self._require_resolved()
            source, outputs = await ACTS[self.node["type"]](self)
            kept = await processed(
                "Checking the assertions and taking the outputs",
                "Make their paths simpler, or ask the service for less.",
                *(self._assessed, source, outputs),
            )
            outputs, hidden, self.result["outputs"] = kept
            self.outputs = outputs, hidden
        except NodeFailed as failure:
            self.fail(failure.code, failure.message)
        except TooLong as error:
            self.fail("FLOW_VALIDATION_FAILED", str(error))
        except Exception as error:  # noqa: BLE001 - the other nodes are to run
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
        """Record why the node did not run: a code, and words for it."""
        self.result |= {"error_code": SKIPPED, "skip_reason": reason}
        self.result["error_message"] = self.recorder.text(message)
        self.finish()

    def finish(self) -> None:
        self.result["executed_at"] = now()
        self.result["duration_ms"] = round((time.monotonic() - self._began) * 1000)
        if results := self.result.get("assertion_results"):
            # A thread that took too long may still be adding to it.
            self.result["assertion_results"] = list(results)
        if missing := list(self.real.missing)[:MAX_MISSING]:
            self.result["missing_inputs"] = [self.recorder.text(one) for one in missing]

    def _inputs(self) -> dict:
        """Return what the templates of the node read, as it may be shown."""
        inputs = {}
        for name in self.references():
            if self.stage.real.find(name) is not MISSING:
                value = self.stage.shown.find(name)
                inputs[name] = MASK if value is MISSING else self.recorder.value(value)
        return inputs

    def references(self) -> Iterator[str]:
        """Yield what the templates of the node name."""
        operands = [each["operator_data"] for each in self._listed("assertions")]
        return references([self.data, operands])

    def _require_resolved(self) -> None:
        """Raise NodeFailed for a template that names nothing."""
        for name in self.references():
            if not is_dynamic(name) and self.stage.real.find(name) is MISSING:
                self.real.missing[name] = None
        if missing := list(self.real.missing)[:MAX_MISSING]:
            named = ", ".join(f"{{{{{name}}}}}" for name in missing)
            raise NodeFailed(
                "NODE_INPUT_VALIDATION_FAILED",
                f"Nothing is known as {named}. Set a variable of that name, or take it "
                "from the output of a node that runs before.",
            )

    def _listed(self, key: str) -> list[dict]:
        return self.node.get(key) or []

    def _assessed(self, source: Source, own: dict) -> tuple[dict, dict, dict]:
        """Return the outputs: as they are, without secrets, and as recorded.

        Raises NodeFailed at the first assertion that does not hold; nothing is
        extracted then.
        """
        if listed := self._listed("assertions"):
            results = self.result["assertion_results"] = []
            assertions.check(
                listed,
                source,
                real=self.real,
                shown=self.shown,
                recorder=self.recorder,
                results=results,
            )
        outputs = own | dict(self._extracted(source))
        hidden = {name: self.stage.mask.value(item) for name, item in outputs.items()}
        return outputs, hidden, self.recorder.values(hidden)

    def _extracted(self, source: Source):
        for output in self._listed("outputs"):
            extractor = output["extractor"]
            try:
                yield output["name"], extract(extractor["type"], extractor, source)
            except NothingFound as error:
                raise NodeFailed(
                    "OUTPUT_EXTRACTION_FAILED",
                    f'The output "{output["name"]}" could not be taken: {error}.',
                ) from None

    async def _request(self) -> tuple[Source, dict]:
        parts = http_request.render(self.data, self.real)
        shown = http_request.render(self.data, self.shown)
        self.result |= {
            "request_method": parts.method,
            "request_url": self.recorder.value(shown.url),
        }
        client = await self.stage.client()
        request = http_request.build(parts, client)
        private, is_body_private, fields = await processed(
            "Recording the request",
            "Send less.",
            *(http_request.recorded, request, shown, self.recorder),
        )
        self.result |= fields
        redirects = Redirects(
            client.cookies,
            private=private,
            is_body_private=is_body_private,
            cookie=parts.cookie,
        )
        is_followed = self.data.get("follow_redirects") is not False
        answer = await send(
            client,
            request,
            timeout=self.data.get("timeout") or 0,
            redirects=redirects if is_followed else None,
        )
        self.result |= await processed(
            "Recording the answer",
            "Ask the service for less.",
            *(self._answered, answer),
        )
        return answer, {}

    def _answered(self, answer: Answer) -> dict:
        headers: dict[str, str] = {}
        for name, value in answer.headers:
            name = self.recorder.text(name)
            value = self.recorder.value(value)
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        fields = {
            "response_status_code": answer.status_code,
            "response_headers": headers,
            **self.recorder.body(answer.content),
        }
        if answer.is_json and answer.content and len(answer.content) <= MAX_BODY:
            # What is not JSON is in response_body; assertions on it say what is wrong.
            with suppress(ValueError):
                fields["response_body_parsed"] = self.recorder.value(answer.parsed)
        if cookies := answer.all("set-cookie"):
            fields["response_set_cookies"] = [self.recorder.value(c) for c in cookies]
        if answer.content and answer.text and answer.notes:
            fields["response_notes"] = [self.recorder.text(n) for n in answer.notes]
        return fields

    async def _delay(self) -> tuple[Source, dict]:
        await asyncio.sleep(self.data["duration"] / 1000)
        return Source(None), {}

    async def _set_variable(self) -> tuple[Source, dict]:
        variables = self._rendered(self.data["variables"])
        return Source(variables), dict(variables)

    async def _assert(self) -> tuple[Source, dict]:
        target = self.data.get("target")
        # Without a target, it is the initial inputs.
        if target is None:
            return Source(self.stage.real.inputs), {}
        return Source(self._rendered(target)), {}

    def _rendered(self, value: object) -> object:
        """Return the value rendered. Both renderers pass the same places, in order."""
        self.shown.render(value)
        return self.real.render(value)


ACTS: dict[str, Callable] = {
    "request": Attempt._request,
    "delay": Attempt._delay,
    "set_variable": Attempt._set_variable,
    "assert": Attempt._assert,
}
