"""The permissions of each role, as `resource:action` like scopes.

Only people have the permissions `api_key:*` and `policy:*`. No key can hold them.
"""

MANAGE_KEYS = frozenset({"api_key:create", "api_key:delete"})
READ_KEYS = frozenset({"api_key:read"})
SET_POLICY = frozenset({"policy:update"})
BUILD = frozenset(
    {
        "flows:read",
        "flows:create",
        "flows:update",
        "flows:delete",
        "flows:execute",
        "webhooks:read",
        "webhooks:create",
        "webhooks:delete",
        "collections:read",
        "collections:create",
        "collections:update",
        "collections:delete",
        "environment:read",
    }
)
CONFIGURE = frozenset(
    {"environment:create", "environment:update", "environment:delete"}
)
# People do not use these; they need them to grant them to a key.
RUN = frozenset({"runner:claim", "runner:complete"})

ADMIN = READ_KEYS | MANAGE_KEYS | BUILD | CONFIGURE | RUN

PERMISSIONS = {
    "owner": ADMIN | SET_POLICY,
    "admin": ADMIN,
    "member": READ_KEYS | BUILD,
}
# The roles that may create, change and revoke keys.
MANAGING_ROLES = tuple(
    role for role, held in PERMISSIONS.items() if held >= MANAGE_KEYS
)
