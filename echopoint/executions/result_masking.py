"""Take secrets out of what a runner tells of an execution."""

import base64
import binascii
import re

from echopoint.flow_language import results
from echopoint.masking.mask import Mask

# Of a node's result: what no secret is in, and what a mask would make unreadable.
STRUCTURE = results.STRUCTURE | {"passed", "success"}
# Names in here are ours, or the flow's; in all other objects they may be anyone's.
NAMED_BY_THE_FLOW = {"inputs", "outputs", "final_outputs"}
# Includes the fields that the API adds when it truncates a result.
FIELDS = results.FIELDS | {
    "truncated",
    "truncated_fields",
    "from_events",
}
# A secret of this length is not in base64 by chance.
CERTAIN = 8
CODE = re.compile("[A-Z][A-Z0-9_]{0,99}")


class Masker(Mask):
    """Replaces secrets by `***` in results, and leaves their structure as it is."""

    def result(self, result):
        """Return a runner's `result` without secrets, its structure as it was."""
        if not isinstance(result, dict) or not self._known:
            return result
        nodes = result.get("execution_results")
        masked = self.fields(result)
        if isinstance(nodes, dict):
            masked["execution_results"] = {
                id: self.fields(node) if isinstance(node, dict) else self.value(node)
                for id, node in nodes.items()
            }
        return masked

    def fields(self, record):
        """Return a record whose field names are known, its values without secrets."""
        return {
            name if name in FIELDS else self.text(name): self.field(name, value)
            for name, value in record.items()
        }

    def field(self, name, value):
        if name == "error_code" and isinstance(value, str):
            return self.code(value)
        if name in STRUCTURE and not isinstance(value, dict | list):
            return value
        if name in NAMED_BY_THE_FLOW and isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if name == "assertion_results" and isinstance(value, list):
            return [
                self.fields(one) if isinstance(one, dict) else self.value(one)
                for one in value
            ]
        if name == "response_body" and isinstance(value, str):
            return self.encoded(value)
        return self.value(value)

    def code(self, code):
        """Return a code as it is; what has not the form of one is a text."""
        return code if CODE.fullmatch(code) else self.text(code)

    def encoded(self, body):
        """Return a body in base64 without secrets; one that is not base64, as text."""
        try:
            plain = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return self.text(body)
        if any(len(known) >= CERTAIN and known in body for known in self._known):
            # Letters and digits alone can be plain text that looks like base64.
            return self.text(body)
        return base64.b64encode(self.body(plain)).decode()
