"""The inputs of an execution: plain values, and secrets that are stored encrypted."""

import json

from django.db import models

from echopoint.environments.resolve import resolve
from echopoint.executions.referenced_flows import referenced_flows
from echopoint.executions.result_masking import Masker
from echopoint.masking.mask import MASK


class ExecutionInputs(models.Model):
    """The part of an execution that stores its inputs and decrypts their secrets."""

    class Meta:
        abstract = True

    def set_inputs(self):
        """Resolve the inputs of the flow and of the flows that it calls.

        Secrets go to `sealed_inputs`; in all other columns their value is `***`. Raise
        `UnknownEnvironment`, or `ExecutionConflict` for a called flow that is missing.
        """
        resolved = resolve(self.flow, self.environment_key)
        called = referenced_flows(self.flow)
        secrets = {"inputs": {}, "referenced_flows": {}}
        self.runner_inputs, secrets["inputs"] = split_secrets(resolved)
        for id, (definition, overrides) in called.items():
            plain, hidden = split_secrets(overrides)
            self.referenced_flows[id] = {
                "flow_definition": definition,
                "input_overrides": plain,
                "secret_input_keys": sorted(hidden),
            }
            if hidden:
                secrets["referenced_flows"][id] = hidden
        self.secret_input_keys = sorted(secrets["inputs"])
        if any(secrets.values()):
            self.sealed_inputs = json.dumps(secrets)

    set_inputs.alters_data = True

    def decrypt_secrets(self):
        """Return {"inputs": {key: value}, "referenced_flows": {flow id: {key: value}}}.

        Empty once the execution has ended. Never log it.
        """
        if self.sealed_inputs is None:
            return {"inputs": {}, "referenced_flows": {}}
        return json.loads(self.sealed_inputs.decrypt())

    def resolved_inputs(self):
        """Return the inputs with their secrets; only for the launcher or the runner."""
        return self.runner_inputs | self.decrypt_secrets()["inputs"]

    def resolved_referenced_flows(self):
        """Return the called flows with the secrets among their variables.

        Only for the launcher or the runner.
        """
        secrets = self.decrypt_secrets()["referenced_flows"]
        return {
            id: called
            | {"input_overrides": called["input_overrides"] | secrets.get(id, {})}
            for id, called in self.referenced_flows.items()
        }

    def masker(self):
        """Return a `Masker` for all secrets of the execution."""
        secrets = self.decrypt_secrets()
        groups = [secrets["inputs"], *secrets["referenced_flows"].values()]
        return Masker(value for group in groups for value in group.values())


def split_secrets(resolved):
    """Return (the values with secrets as `***`, the secrets alone)."""
    secrets = {key: resolved.values[key] for key in resolved.secret_keys}
    return resolved.values | dict.fromkeys(secrets, MASK), secrets
