"""Take secrets out of what a runner tells of an execution."""

import base64
import binascii

from echopoint.masking.mask import Mask

# Of a node's result: what no secret is in, and what a mask would make unreadable.
STRUCTURE = {
    "node_id",
    "node_type",
    "error_code",
    "started_at",
    "executed_at",
    "request_method",
    "response_status_code",
    "duration_ms",
    "index",
    "extractor",
    "operator",
    "passed",
    "success",
    "truncated",
}
# Names in here are ours, or the flow's; in all other objects they may be anyone's.
NAMED_BY_THE_FLOW = {"inputs", "outputs", "final_outputs"}


class Masker:
    """Replaces each secret by `***`, however it is written, and keeps a result's structure."""

    def __init__(self, secrets):
        self.mask = Mask(secret for secret in secrets if secret)

    def text(self, text):
        """Return the text without secrets."""
        return self.mask.text(text)

    def value(self, value):
        """Return a JSON value without secrets, in its objects' names too."""
        return self.mask.value(value)

    def result(self, result):
        """Return a runner's `result` without secrets, its structure as it was."""
        if not isinstance(result, dict):
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
        return {name: self.field(name, value) for name, value in record.items()}

    def field(self, name, value):
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

    def encoded(self, body):
        """Return a body in base64 without secrets; one that is not base64, as text."""
        try:
            plain = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return self.text(body)
        return base64.b64encode(self.mask.body(plain)).decode()
