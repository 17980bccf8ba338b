"""Mask secrets in the results of runners."""

import base64
import binascii
import re

from echopoint.flow_language import results
from echopoint.masking.mask import Mask

# Node result fields that are never masked: identifiers, codes and numbers. Masking them
# would break every reader, for example if a secret is the word "request".
STRUCTURE = results.STRUCTURE | {"passed", "success"}
# The keys of these objects come from the flow, and are not masked. In other objects a
# called service chose the keys, which can be secrets.
FLOW_NAMED = {"inputs", "outputs", "final_outputs"}
# Known field names, including those that a runner or the API adds when it truncates.
FIELDS = results.FIELDS | {
    "truncated",
    "truncated_fields",
    "from_events",
}
# Shorter secrets occur in base64 by chance: "abc" in one of 4,096 bodies of 64 letters.
MIN_PLAIN_LENGTH = 8
CODE = re.compile("[A-Z][A-Z0-9_]{0,99}")


class Masker(Mask):
    """Replaces secrets by `***` in results without changing their structure."""

    def result(self, result):
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
        """Mask a result or node result: unknown names, and the values by their field."""
        return {
            name if name in FIELDS else self.text(name): self.field(name, value)
            for name, value in record.items()
        }

    def field(self, name, value):
        if name == "error_code" and isinstance(value, str):
            return self.code(value)
        # Structure is exempt only as a plain value. A runner may send an object in its
        # place, which could contain anything.
        if name in STRUCTURE and not isinstance(value, dict | list):
            return value
        if name in FLOW_NAMED and isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if name == "assertion_results" and isinstance(value, list):
            return [
                self.fields(item) if isinstance(item, dict) else self.value(item)
                for item in value
            ]
        if name == "response_body" and isinstance(value, str):
            return self.encoded(value)
        return self.value(value)

    def code(self, code):
        """Leave an error code as it is; mask anything else as text."""
        return code if CODE.fullmatch(code) else self.text(code)

    def encoded(self, body):
        """Mask a base64 body in its decoded form; if it is not base64, as text."""
        try:
            plain = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return self.text(body)
        # A plain text of letters and digits is also valid base64. Decoding it would hide
        # its secrets from the masker.
        if any(
            len(known) >= MIN_PLAIN_LENGTH and known in body for known in self._known
        ):
            return self.text(body)
        return base64.b64encode(self.body(plain)).decode()
