"""The options of `flows run`."""

import math
import re
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from echopoint.cli.exceptions import CommandError
from echopoint.cli.flow_runs import github
from echopoint.cli.flow_runs.variables import Variables
from echopoint.cli.network import Tls
from echopoint.cli.network_faults import EnvironmentFault
from echopoint.cli.output import write_stderr

LONGEST_KEY = 255
LONGEST_TIMEOUT = 604_800  # seconds; a week


@dataclass(frozen=True)
class RunOptions:
    """How to launch and run flows.

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
        """Raise `CommandError` for options that cannot work with these flows."""
        _ = self.tls  # raises for unusable files
        if self.idempotency_key == "":
            raise CommandError(
                "The idempotency key is empty. Set one, or leave out the option."
            )
        if (
            not self.idempotency_key
            and github.is_present()
            and github.missing_variables()
        ):
            write_stderr(
                f"Warning: {', '.join(github.missing_variables())} not set. Another job may"
                " have the same idempotency key, and its results would be returned. Use"
                " --idempotency-key."
            )
        keys = [self.key_for(id, several=len(flow_ids) > 1) for id in flow_ids]
        if not all(re.fullmatch(r"[!-~]([ -~]*[!-~])?", key) for key in keys):
            raise CommandError(
                "The idempotency key contains characters that are not allowed in a header."
                " Use visible ASCII characters."
            )
        if max(map(len, keys)) > LONGEST_KEY:
            raise CommandError(
                f"The idempotency key is too long: at most {LONGEST_KEY} characters, or"
                f" {LONGEST_KEY - 17} for several flows."
            )

    @cached_property
    def tls(self) -> Tls:
        """Return the certificates; raise `CommandError` for unusable files."""
        named = {
            "ca": ("--ca-cert", self.ca_cert),
            "certificate": ("--client-cert", self.client_cert),
            "key": ("--client-key", self.client_key),
        }
        if self.client_key and not self.client_cert:
            raise CommandError(
                "--client-key needs the certificate: --client-cert FILE."
            )
        files = {name: (flag, path) for name, (flag, path) in named.items() if path}
        tls = Tls(**files)
        if files:
            try:
                tls.context()
            except EnvironmentFault as error:
                raise CommandError(str(error)) from error
        return tls

    @property
    def timeout_seconds(self) -> int:
        """Return the time limit of the execution in whole seconds, a week at most."""
        longest = math.ceil(self.time_limit + self.cleanup_timeout)
        return min(max(1, longest), LONGEST_TIMEOUT)

    @property
    def base_key(self) -> str | None:
        if self.idempotency_key:
            return self.idempotency_key
        if not github.is_present():
            return None
        # A step with other values must not get the results of this one.
        values = f"-{self.variables_digest}" if self.variables_digest else ""
        return github.idempotency_key() + values

    def key_for(self, flow_id: str, *, several: bool) -> str:
        """Return the idempotency key of one flow's launch.

        The default is random: without a key, a launch could not be repeated safely after
        its response was lost.
        """
        base = self.base_key
        if base is None:
            return f"cli-{uuid.uuid4().hex}"
        return f"{base}-{github.digest(f'{base}:{flow_id}')}" if several else base

    def body(self) -> dict[str, Any]:
        """Return the body of a launch."""
        body: dict[str, Any] = {"runner_type": "ephemeral"}
        if self.environment:
            body["environment_key"] = self.environment
        if self.version_id:
            body["version_id"] = self.version_id
        if github.is_present():
            metadata = github.trigger_metadata()
            return body | {"trigger_type": "git", "trigger_metadata": metadata}
        # The API takes the actor from the key.
        return body | {"trigger_type": "manual"}
