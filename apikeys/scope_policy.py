"""The policy on scopes: which ones a role may grant, and which require an address list."""

from apikeys.exceptions import InvalidKeyRequest
from apikeys.scopes import PRESETS, SCOPES, missing, preset_of

# The limit of each role that may create keys.
LIMIT_OF_ROLE = {"owner": "owner_scopes", "admin": "admin_scopes"}
LISTED = "listed_scopes"


def granted_by_role(organization, role):
    """Return the scopes and presets that a role may grant; None for every scope of the role.

    `role` is None for a command, which acts without a role.
    """
    limit = LIMIT_OF_ROLE.get(role)
    return getattr(organization, limit) if limit else None


def beyond(granted, scopes):
    """Return the scopes that are not granted, sorted.

    A preset grants exactly its own set of scopes, not a part of it and not a larger set.
    """
    if granted is None or preset_of(scopes) in granted:
        return []
    return missing(granted, scopes)


def require_granted(organization, role, scopes):
    """Raise `InvalidKeyRequest` if the policy does not let the role grant these scopes."""
    granted = granted_by_role(organization, role)
    refused = beyond(granted, scopes)
    if refused:
        raise InvalidKeyRequest(
            "scopes",
            f"The policy of {organization.name} does not let {role}s grant"
            f" {', '.join(refused)}. They may grant {granted_in_words(granted)}. Leave out"
            f" the others, or {how_to_change(role)}.",
            metadata={"not_allowed": refused},
        )


def how_to_change(role):
    """Return what a person with this role can do if the policy is too strict."""
    return (
        "change the policy" if role == "owner" else "ask an owner to change the policy"
    )


def granted_in_words(granted):
    """Return "flows:read, and exactly the scopes of the preset CI pipeline"."""
    presets = [PRESETS[name].label for name in granted if name in PRESETS]
    scopes = ", ".join(name for name in granted if name not in PRESETS)
    exactly = f"exactly the scopes of the preset {' or '.join(presets)}"
    if not presets:
        return scopes
    return f"{scopes}, and {exactly}" if scopes else exactly


def needing_list(organization, scopes):
    """Return which of the scopes need a list of allowed addresses, sorted."""
    return sorted({*scopes} & {*(organization.listed_scopes or ())})


def require_list(organization, scopes, *, field, advice):
    """Raise `InvalidKeyRequest` if a key with these scopes needs a list.

    Call it for a key without a list. `advice` says what to do next.
    """
    if sensitive := needing_list(organization, scopes):
        raise InvalidKeyRequest(
            field,
            f"The policy of {organization.name} requires a list of allowed addresses for"
            f" keys with {', '.join(sensitive)}. {advice}",
            metadata={"needs_allowed_networks": sensitive},
        )


def require_scope_limits(organization):
    """Raise `InvalidKeyRequest` for limits that have unknown names or are empty."""
    for field in LIMIT_OF_ROLE.values():
        require_names(field, getattr(organization, field), {**PRESETS, **SCOPES})
    require_names(LISTED, getattr(organization, LISTED), SCOPES)


def require_names(field, names, known):
    if names is None:
        return
    if not names:
        raise InvalidKeyRequest(field, "Choose at least one.")
    if unknown := [name for name in names if name not in known]:
        raise InvalidKeyRequest(field, f"Not in the scope catalog: {unknown[0]!r}.")
