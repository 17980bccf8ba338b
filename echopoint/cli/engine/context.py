"""State that the nodes of one run share."""

from contextlib import AsyncExitStack
from typing import Any

from echopoint.cli.engine.dynamic_variables import ValueGenerator
from echopoint.cli.engine.http_send import FlowHttpClient, new_client
from echopoint.cli.engine.recorder import Recorder
from echopoint.cli.engine.templates import TemplateVariables
from echopoint.cli.network import Tls
from echopoint.masking.mask import MASK, Mask


class RunContext:
    """Variables (real and masked), mask, recorder and HTTP client of one run."""

    def __init__(
        self,
        inputs: dict[str, Any],
        secret_keys: list[str],
        *,
        execution_id: str = "",
        is_strict: bool = False,
        tls: Tls | None = None,
    ):
        self.tls = tls or Tls()
        self.made = ValueGenerator(execution_id)
        self.is_strict = is_strict
        secrets = {key: inputs[key] for key in secret_keys if key in inputs}
        self.real = TemplateVariables(inputs)
        self.mask = Mask(secrets.values())
        self.recorder = Recorder(self.mask)
        masked_outputs = {
            key: MASK if key in secrets else self.mask.value(value)
            for key, value in inputs.items()
        }
        self.masked = TemplateVariables(masked_outputs)
        self._client: FlowHttpClient | None = None
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> "RunContext":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._closing.aclose()

    async def client(self) -> FlowHttpClient:
        """Return the client of this run, created on first use.

        It stores the cookies of responses for all later nodes.
        """
        if self._client is None:
            # Assigned before the first await: concurrent nodes must share one client.
            self._client = new_client(self.tls)
            await self._closing.enter_async_context(self._client)
        return self._client

    def add(
        self, node_id: str, outputs: dict[str, Any], masked_outputs: dict[str, Any]
    ) -> None:
        """Make the outputs, real and masked, available to later nodes."""
        self.real.add(node_id, outputs)
        self.masked.add(node_id, masked_outputs)
