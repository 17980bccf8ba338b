"""Enumerations of a flow definition.

The site validates definitions against them, and the engine of the command runs them.
"""

# Shared by flows, saved requests and webhooks.
HTTP_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
EXTRACTORS = ("jsonPath", "xmlPath", "statusCode", "header", "body")
OPERATORS = (
    "equals",
    "notEquals",
    "contains",
    "notContains",
    "startsWith",
    "endsWith",
    "regex",
    "empty",
    "notEmpty",
    "greaterThan",
    "lessThan",
    "greaterThanOrEqual",
    "lessThanOrEqual",
    "between",
    # Added after the first version of the API; the public runner does not support them.
    "exists",
    "notExists",
)
# Operators without an expected value.
UNARY_OPERATORS = frozenset({"empty", "notEmpty", "exists", "notExists"})
RUN_WHEN = ("on_success", "always")
EDGE_TYPES = ("success", "failure")
