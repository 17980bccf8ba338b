"""Masks the secrets of a package in the output of an external runner."""

from typing import Any

from echopoint.flow_language import results
from echopoint.masking.result_mask import ResultMask

SHORTEST_OVERRIDE = 6  # characters
# Fields of the document around the result. `runner_result` has checked their form.
CHECKED = frozenset({"status", "started_at", "completed_at"})
FIELDS = results.FIELDS | {"result"}


class RunnerOutputMask(ResultMask):
    """Masks the output of a runner, which may not know the secrets."""

    fields = FIELDS

    def document(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the result document, whose form must have been checked, masked."""
        masked = self.record(document)
        masked |= {name: document[name] for name in CHECKED & document.keys()}
        if isinstance(result := document.get("result"), dict):
            masked["result"] = self.result(result)
        return masked


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
