"""Variables of organizations, environments and flows."""

from echopoint.environments.models.sets import (
    MAX_ENVIRONMENTS,
    MAX_TOTAL_LENGTH,
    MAX_VARIABLES,
    Environment,
    VariableSet,
)
from echopoint.environments.models.variable import MAX_VALUE_LENGTH, Variable

__all__ = [
    "MAX_ENVIRONMENTS",
    "MAX_TOTAL_LENGTH",
    "MAX_VALUE_LENGTH",
    "MAX_VARIABLES",
    "Environment",
    "Variable",
    "VariableSet",
]
