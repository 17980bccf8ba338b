"""A flow definition on the wire: what is refused of it, and what is warned of."""

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


class Written(NamedTuple):
    """A definition as it is to be stored, and where two spellings in it differed."""

    flow_definition: dict
    differing: list[FlowWarning]


def is_same(one, other):
    """Whether two JSON values are the same, which 1 and true are not."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@extend_schema_field({"$ref": "#/components/schemas/FlowDefinition"})
class Definition(serializers.Field):
    """A flow definition, refused with the place of each mistake in it."""

    def to_internal_value(self, data):
        stored = self.parent.instance
        if stored is not None and is_same(data, stored.flow_definition):
            # It may be older than some rule. Who sends it back wants no change of it.
            return Written(stored.flow_definition, [])
        definition, differing = canonical(data)
        self.refuse_problems(definition)
        warnings = [
            FlowWarning(SPELLINGS_DIFFER, message, field)
            for field, message in differing
        ]
        return Written(in_both_spellings(definition), warnings)

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
    """What not every engine runs: a code for programs, and words for people."""

    code = serializers.ChoiceField(
        choices=CODES,
        help_text="\n".join(f"- `{code}`: {meaning}" for code, meaning in CODES),
    )
    message = serializers.CharField()
    field = serializers.SerializerMethodField()

    def get_field(self, warning) -> str:
        return f"flow_definition.{warning.field}"
