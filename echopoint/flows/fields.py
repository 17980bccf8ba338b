"""The serializer field of a flow definition, and the serializer of its warnings."""

import json
from typing import NamedTuple

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from echopoint.flows.definition.spelling import canonical, in_both_spellings
from echopoint.flows.definition.validation import problems
from echopoint.flows.definition.warnings import (
    CODES,
    SPELLINGS_DIFFER,
    FlowWarning,
)


class DefinitionToStore(NamedTuple):
    """A validated definition, and warnings about fields sent under two names."""

    flow_definition: dict
    spelling_differences: list[FlowWarning]


def is_equal_json(first, other):
    """Compare two JSON values. Python's == would take 1 and true for equal."""
    return json.dumps(first, sort_keys=True) == json.dumps(other, sort_keys=True)


@extend_schema_field({"$ref": "#/components/schemas/FlowDefinition"})
class Definition(serializers.Field):
    """A flow definition; the error names the path of each problem."""

    def to_internal_value(self, data):
        stored = self.parent.instance
        if stored is not None and is_equal_json(data, stored.flow_definition):
            # An old definition may break a newer rule. Clients that change another field
            # send the whole flow back, so an unchanged definition is not validated again.
            return DefinitionToStore(stored.flow_definition, [])
        definition, spelling_differences = canonical(data)
        self.refuse_problems(definition)
        warnings = [
            FlowWarning(SPELLINGS_DIFFER, message, field)
            for field, message in spelling_differences
        ]
        return DefinitionToStore(in_both_spellings(definition), warnings)

    def refuse_problems(self, definition):
        found = {}
        for problem in problems(definition):
            messages = found.setdefault(problem.field or "non_field_errors", [])
            messages.append(problem.message)
        if found:
            raise serializers.ValidationError(found)

    def to_representation(self, value):
        return value


class FlowWarningSerializer(serializers.Serializer):
    """A part that some engine does not support: a code for programs, a text for people."""

    code = serializers.ChoiceField(
        choices=CODES,
        help_text="\n".join(f"- `{code}`: {meaning}" for code, meaning in CODES),
    )
    message = serializers.CharField()
    field = serializers.SerializerMethodField()

    def get_field(self, warning) -> str:
        return f"flow_definition.{warning.field}"
