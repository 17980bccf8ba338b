"""What the nodes of one run share."""

from contextlib import AsyncExitStack

from echopoint.cli.engine.dynamic_variables import Made
from echopoint.cli.engine.http_send import Client, new_client
from echopoint.cli.engine.recorder import Recorder
from echopoint.cli.engine.templates import Scope
from echopoint.cli.network import Tls
from echopoint.masking.mask import MASK, Mask


class Stage:
    """What the nodes of one run share: values, both real and shown, and a client."""

    def __init__(
        self,
        inputs: dict,
        secret_keys: list[str],
        *,
        execution_id: str = "",
        is_strict: bool = False,
        tls: Tls | None = None,
    ):
        self.tls = tls or Tls()
        self.made = Made(execution_id)
        self.is_strict = is_strict
        secrets = {key: inputs[key] for key in secret_keys if key in inputs}
        self.real = Scope(inputs)
        self.mask = Mask(secrets.values())
        self.recorder = Recorder(self.mask)
        hidden = {
            key: MASK if key in secrets else self.mask.value(value)
            for key, value in inputs.items()
        }
        self.shown = Scope(hidden)
        self._client: Client | None = None
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> "Stage":
        return self

    async def __aexit__(self, *error) -> None:
        await self._closing.aclose()

    async def client(self) -> Client:
        """Return the client of this run, made when the first request needs it.

        It keeps the cookies that services set, for all nodes that follow.
        """
        if self._client is None:
            # Known before anything is awaited: nodes run together, and share its cookies.
            self._client = new_client(self.tls)
            await self._closing.enter_async_context(self._client)
        return self._client

    def add(self, node_id: str, outputs: dict, hidden: dict) -> None:
        """Let the nodes that follow read these outputs, and show what is hidden of them."""
        self.real.add(node_id, outputs)
        self.shown.add(node_id, hidden)
