"""The policy on what each key must have: a description, and an owner or a contact.

Existing keys without them work as before. A new key, a successor, and a change that would
remove the last one are refused.
"""

from apikeys.exceptions import InvalidKeyRequest

REQUIRED = "required_by_policy"  # in the metadata of a refusal
OPTIONS = {
    "description": "--description",
    "owner_email": "--owner",
    "contact_email": "--contact",
}


def lacks_description(organization, description):
    """Whether the policy requires a description and this one is empty."""
    return organization.require_description and not description


def lacks_contact(organization, owner, contact_email):
    """Whether the policy requires an owner or a contact, and there is neither.

    Any address counts as a contact, also one whose e-mails were stopped. Addresses are not
    verified, and a stranger who stops the mail must not make a rotation fail.
    """
    return organization.require_contact and not (owner or contact_email)


def require_description(organization, description):
    """Raise `InvalidKeyRequest` if `lacks_description`."""
    if lacks_description(organization, description):
        raise InvalidKeyRequest(
            "description",
            f"The policy of {organization.name} requires a description of each key. Say"
            " what the key is for.",
            metadata={REQUIRED: ["description"]},
        )


def require_contact(organization, owner, contact_email):
    """Raise `InvalidKeyRequest` if `lacks_contact`."""
    if lacks_contact(organization, owner, contact_email):
        raise InvalidKeyRequest(
            "contact_email",
            f"The policy of {organization.name} requires an owner or a contact of each key."
            " Choose an owner, or enter the e-mail address of a contact.",
            metadata={REQUIRED: ["owner_email", "contact_email"]},
        )


def advice_of_commands(refusal):
    """Return the message of a refusal; if a field is required, with its options of commands."""
    fields = (refusal.metadata or {}).get(REQUIRED, ())
    options = " or ".join(OPTIONS[field] for field in fields)
    return f"{refusal.message} Use {options}." if options else refusal.message
