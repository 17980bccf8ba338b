"""Mask secrets in the result document of a run."""

import base64
import binascii
import re
from typing import Any, ClassVar

from echopoint.flow_language import results
from echopoint.masking.mask import Mask

# Shorter secrets occur in base64 by chance: "abc" in one of 4,096 bodies of 64 letters.
MIN_PLAIN_LENGTH = 8  # characters
CODE = re.compile("[A-Z][A-Z0-9_]{0,99}")


class ResultMask(Mask):
    """Replaces secrets by `***` in results without changing their structure.

    Only records (a result, a node result, an assertion result) have fields that are not
    masked. An object anywhere else, such as a parsed response body, may use any field name
    for a secret.

    structure   fields that are never masked: identifiers, numbers and times. Masking them
                would break every reader, for example if a secret is the word "request"
    fields      all field names of our own. A secret that equals one must not make the
                result unreadable
    flow_named  fields with an object whose keys come from the flow, and are not masked
    """

    structure: ClassVar[frozenset[str]] = results.STRUCTURE
    fields: ClassVar[frozenset[str]] = results.FIELDS
    flow_named: ClassVar[frozenset[str]] = frozenset()

    def result(self, result: dict[str, Any]) -> dict[str, Any]:
        masked = self.record(result)
        if isinstance(nodes := result.get("execution_results"), dict):
            masked["execution_results"] = {
                id: self.record_or_value(node) for id, node in nodes.items()
            }
        return masked

    def record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Mask a record: unknown names, and the values by their field."""
        return {
            name if name in self.fields else self.text(name): self.field(name, value)
            for name, value in record.items()
        }

    def record_or_value(self, value: Any) -> Any:
        return self.record(value) if isinstance(value, dict) else self.value(value)

    def field(self, name: str, value: Any) -> Any:
        if name == "error_code":
            return self.code(value)
        # Structure is exempt only as a plain value. A runner may send an object in its
        # place, which could contain anything.
        if name in self.structure and not isinstance(value, dict | list):
            return value
        if name in self.flow_named and isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
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
        """Mask a base64 body in its decoded form; if it is not base64, as text."""
        try:
            plain = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return self.text(body)
        # Plain text of letters and digits can be valid base64. Decoding it would hide its
        # secrets from the mask.
        if any(
            len(known) >= MIN_PLAIN_LENGTH and known in body for known in self._known
        ):
            return self.text(body)
        return base64.b64encode(self.body(plain)).decode()
