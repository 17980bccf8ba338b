"""Mask secrets in the results of runners."""

from echopoint.flow_language import results
from echopoint.masking.result_mask import ResultMask

STRUCTURE = results.STRUCTURE | {"passed", "success"}
# Includes the fields that the API adds when it truncates a result.
FIELDS = results.FIELDS | {
    "truncated",
    "truncated_fields",
    "from_events",
}


class Masker(ResultMask):
    """Masks what runners publish. In other objects than these, a service chose the keys."""

    structure = STRUCTURE
    fields = FIELDS
    flow_named = frozenset({"inputs", "outputs", "final_outputs"})

    def result(self, result):
        if not isinstance(result, dict) or not self._known:
            return result
        return super().result(result)
