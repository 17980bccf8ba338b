"""The words that a flow definition may use where it may not use any text.

The site accepts a definition by them, and the command's engine runs it by them.
"""

# Flows send them, saved requests have one of them, and webhooks receive them.
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
    # Not in the first version of the API: the public runner does not know these.
    "exists",
    "notExists",
)
# These compare with nothing.
UNARY_OPERATORS = frozenset({"empty", "notEmpty", "exists", "notExists"})
RUN_WHEN = ("on_success", "always")
EDGE_TYPES = ("success", "failure")
