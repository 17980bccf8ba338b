"""What `flows run` was asked to do, in one place."""

import math
import re
import uuid
from dataclasses import dataclass, field
from functools import cached_property

from echopoint.cli.exceptions import CommandError
from echopoint.cli.flow_runs import github
from echopoint.cli.flow_runs.variables import Variables
from echopoint.cli.network import Tls
from echopoint.cli.network_faults import EnvironmentFault
from echopoint.cli.terminal import say

LONGEST_KEY = 255
LONGEST_TIMEOUT = 604_800  # seconds; a week


@dataclass(frozen=True)
class Order:
    """How flows are to be launched and run.

    `time_limit` and `cleanup_timeout` are in seconds, for each flow.
    """

    environment: str | None = None
    version_id: str | None = None
    idempotency_key: str | None = None
    time_limit: float = 1800.0
    cleanup_timeout: float = 30.0
    parallel: int = 1
    runner_binary: str | None = None
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    strict_variables: bool = False
    verbose: bool = False
    variables: Variables = field(default_factory=Variables)
    variables_digest: str = ""

    def check(self, flow_ids: list[str]) -> None:
        """Raise `CommandError` for an order that could not be carried out."""
        _ = self.tls  # raises for files that cannot be used
        if self.idempotency_key == "":
            raise CommandError(
                "The idempotency key is empty. Leave it out, or give one."
            )
        if not self.idempotency_key and github.is_present() and github.unnamed():
            say(
                f"Warning: {', '.join(github.unnamed())} not set, so that this job may be"
                " taken for another and answered from it. Use --idempotency-key."
            )
        keys = [self.key_for(id, several=len(flow_ids) > 1) for id in flow_ids]
        if not all(re.fullmatch(r"[!-~]([ -~]*[!-~])?", key) for key in keys):
            raise CommandError(
                "The idempotency key holds what no header can. Use visible ASCII"
                " characters."
            )
        if max(map(len, keys)) > LONGEST_KEY:
            raise CommandError(
                f"The idempotency key is too long: {LONGEST_KEY} characters are taken,"
                " 17 of them for telling flows apart where there are several."
            )

    @cached_property
    def tls(self) -> Tls:
        """Return the certificates; raise `CommandError` for files that cannot be used."""
        named = {
            "ca": ("--ca-cert", self.ca_cert),
            "certificate": ("--client-cert", self.client_cert),
            "key": ("--client-key", self.client_key),
        }
        if self.client_key and not self.client_cert:
            raise CommandError(
                "--client-key needs the certificate: --client-cert FILE."
            )
        given = {name: pair for name, pair in named.items() if pair[1]}
        tls = Tls(**given)
        if given:
            try:
                tls.context()
            except EnvironmentFault as error:
                raise CommandError(str(error)) from error
        return tls

    @property
    def timeout_seconds(self) -> int:
        """Return how long a flow may take, as a launch takes it: whole seconds, a week at most."""
        longest = math.ceil(self.time_limit + self.cleanup_timeout)
        return min(max(1, longest), LONGEST_TIMEOUT)

    @property
    def base_key(self) -> str | None:
        if self.idempotency_key:
            return self.idempotency_key
        if not github.is_present():
            return None
        # Other values make another run: a step must not be answered from one with these.
        values = f"-{self.variables_digest}" if self.variables_digest else ""
        return github.idempotency_key() + values

    def key_for(self, flow_id: str, *, several: bool) -> str:
        """Return the idempotency key of one flow's launch.

        Without one a launch whose answer was lost could not be sent again, so a random
        one is made.
        """
        base = self.base_key
        if base is None:
            return f"cli-{uuid.uuid4().hex}"
        return f"{base}-{github.digest(f'{base}:{flow_id}')}" if several else base

    def body(self) -> dict:
        """Return the body of a launch."""
        body: dict = {"runner_type": "ephemeral"}
        if self.environment:
            body["environment_key"] = self.environment
        if self.version_id:
            body["version_id"] = self.version_id
        if github.is_present():
            metadata = github.trigger_metadata()
            return body | {"trigger_type": "git", "trigger_metadata": metadata}
        # Who launches is known to the API, from the key.
        return body | {"trigger_type": "manual"}
