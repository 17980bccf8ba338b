"""Secret values of a package, kept out of what an external runner says."""

import base64
import binascii
from typing import Any

from echopoint.flow_language import results
from echopoint.masking.mask import Mask

SHORTEST_OVERRIDE = 6  # characters
# What others look up, and the fields of the document around a result: the API checks
# those by themselves, and masks the result alone.
KEPT = results.STRUCTURE | {"status", "started_at", "completed_at"}
# The names of a result's own fields: whatever a secret is, the result has to be read.
FIELDS = results.FIELDS | {"result"}


class Secrets:
    """Cleans the result document of a runner that may not know what is secret."""

    def __init__(self, package: dict):
        inputs = package["inputs"]
        keys = package["secret_input_keys"]
        secrets = [inputs[key] for key in keys if key in inputs]
        public = [value for key, value in inputs.items() if key not in keys]
        for flow in package["referenced_flows"].values():
            secrets += overrides_of(flow, public)
        self.mask = Mask(secrets)

    def clean_line(self, line: str) -> str:
        """Return one line of what the runner says."""
        return self.mask.text(line)

    def clean(self, value: Any, name: str = "") -> Any:
        """Return a JSON value of the result; `name` is the field that it stands in."""
        if name in KEPT:
            return value
        if name == "response_body" and isinstance(value, str):
            return self.clean_body(value)
        if isinstance(value, dict):
            of_nodes = name == "execution_results"
            return {
                key if of_nodes else self.clean_name(key): self.clean(
                    inner, "" if of_nodes else key
                )
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self.clean(item) for item in value]
        return self.mask.value(value)

    def clean_name(self, name: str) -> str:
        return name if name in FIELDS else self.mask.text(name)

    def clean_body(self, text: str) -> str:
        """Return a recorded body, which is base64 of whatever came."""
        try:
            body = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return self.mask.text(text)
        return base64.b64encode(self.mask.body(body)).decode()


def overrides_of(flow: Any, public: list[Any]) -> list[Any]:
    """Return the inputs of a referenced flow that are secret.

    Where the API does not say which are, all are taken for it that are neither public
    nor too short to be told from other text.
    """
    flow = flow if isinstance(flow, dict) else {}
    overrides = flow.get("input_overrides")
    overrides = overrides if isinstance(overrides, dict) else {}
    if isinstance(named := flow.get("secret_input_keys"), list):
        return [value for key, value in overrides.items() if key in named]
    return [
        value
        for value in overrides.values()
        if len(str(value)) >= SHORTEST_OVERRIDE and value not in public
    ]
