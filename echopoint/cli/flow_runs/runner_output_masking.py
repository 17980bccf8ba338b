"""Masks the secrets of a package in the output of an external runner."""

import base64
import binascii
import re
from typing import Any

from echopoint.flow_language import results
from echopoint.masking.mask import Mask

SHORTEST_OVERRIDE = 6  # characters
# Result fields that are never masked: identifiers, numbers and times.
STRUCTURE = results.STRUCTURE
# Fields of the document around the result. `runner_result` has checked their form.
CHECKED = frozenset({"status", "started_at", "completed_at"})
# Field names of our own. A secret that equals one must not make the result unreadable.
FIELDS = results.FIELDS | {"result"}
# A secret of this length does not occur in base64 by chance.
MIN_PLAIN_LENGTH = 8  # characters
CODE = re.compile("[A-Z][A-Z0-9_]{0,99}")


class RunnerOutputMask(Mask):
    """Masks the output of a runner, which may not know the secrets.

    Only records have fields that are not masked. An object anywhere else, such as a
    parsed response body, may use any field name for a secret.
    """

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the result document, whose form must have been checked, masked."""
        masked = self.record(document)
        masked |= {name: document[name] for name in CHECKED & document.keys()}
        if isinstance(result := document.get("result"), dict):
            masked["result"] = self.result(result)
        return masked

    def result(self, result: dict[str, Any]) -> dict[str, Any]:
        masked = self.record(result)
        if isinstance(nodes := result.get("execution_results"), dict):
            masked["execution_results"] = {
                id: self.record_or_value(node) for id, node in nodes.items()
            }
        return masked

    def record_or_value(self, value: Any) -> Any:
        return self.record(value) if isinstance(value, dict) else self.value(value)

    def record(self, record: dict[str, Any]) -> dict[str, Any]:
        return {
            name if name in FIELDS else self.text(name): self.field(name, value)
            for name, value in record.items()
        }

    def field(self, name: str, value: Any) -> Any:
        if name == "error_code":
            return self.code(value)
        if name in STRUCTURE and not isinstance(value, dict | list):
            return value
        if name == "assertion_results" and isinstance(value, list):
            return [self.record_or_value(item) for item in value]
        if name == "response_body" and isinstance(value, str):
            return self.encoded_body(value)
        return self.value(value)

    def code(self, code: Any) -> Any:
        """Return a code unchanged, and mask anything that does not look like one."""
        if isinstance(code, str) and CODE.fullmatch(code):
            return code
        return self.value(code)

    def encoded_body(self, body: str) -> str:
        """Return a base64 body masked; a body that is not base64 is masked as text."""
        try:
            plain = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return self.text(body)
        # Plain text of letters and digits can be valid base64.
        if any(
            len(known) >= MIN_PLAIN_LENGTH and known in body for known in self._known
        ):
            return self.text(body)
        return base64.b64encode(self.body(plain)).decode()


def secrets_of(package: dict[str, Any]) -> list[Any]:
    """Return the secret values of a package, referenced flows included."""
    inputs = package["inputs"]
    keys = package["secret_input_keys"]
    secrets = [inputs[key] for key in keys if key in inputs]
    public = [value for key, value in inputs.items() if key not in keys]
    for flow in package["referenced_flows"].values():
        secrets += secret_overrides(flow, public)
    return secrets


def secret_overrides(flow: Any, public: list[Any]) -> list[Any]:
    """Return the secret inputs of a referenced flow.

    If the API does not name them, every override counts as secret, except public values
    and values too short to be distinguished from other text.
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
