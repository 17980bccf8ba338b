"""Notes on what the policy refuses, for the pages that issue and rotate keys."""

from typing import NamedTuple

from django.urls import reverse

from apikeys import policy
from apikeys.audit.wording import count_in_words
from apikeys.required_fields import lacks_contact, lacks_description
from apikeys.scope_policy import (
    beyond,
    granted_by_role,
    granted_in_words,
    how_to_change,
    needing_list,
)


class Note(NamedTuple):
    """A sentence about the policy, and a link to the page that resolves the problem."""

    text: str
    is_warning: bool = False
    url: str = ""
    label: str = ""


def notes_of_issue(organization, role):
    """Return the notes for a new key."""
    notes = room_notes(organization)
    granted = granted_by_role(organization, role)
    if granted is not None:
        notes.append(
            Note(
                f"The policy of {organization.name} lets {role}s grant"
                f" {granted_in_words(granted)}."
            )
        )
    if organization.listed_scopes:
        listed = " or ".join(organization.listed_scopes)
        notes.append(Note(f"A key with {listed} needs a list of allowed addresses."))
    if organization.require_contact:
        text = f"The policy of {organization.name} requires an owner or a contact of each key."
        notes.append(Note(text))
    return notes


def notes_of_copy(key, copied):
    """Return the notes for a new key with the settings of this one."""
    text = (
        f"The form has the settings of {key.name} ({key.display_id}). Give the new key a"
        " name; it gets a secret of its own."
    )
    notes = [Note(text)]
    if copied.refused:
        text = f"Left out, because you may not grant them: {', '.join(copied.refused)}."
        notes.append(Note(text, is_warning=True))
    if copied.lapsed:
        lapsed = ", ".join(copied.lapsed)
        text = f"Left out, because no longer in the scope catalog: {lapsed}."
        notes.append(Note(text, is_warning=True))
    if copied.has_unreadable_list:
        text = (
            f"The list of allowed addresses of {key.name} cannot be read. Enter the addresses"
            " again, or any address may use the new key."
        )
        notes.append(Note(text, is_warning=True))
    return notes


def room_notes(organization):
    """Return a note on how many keys can still be created, if there is a maximum."""
    maximum = organization.max_keys
    if not maximum:
        return []
    left = maximum - organization.api_keys.counted().count()
    if left <= 0:
        return [Note(policy.no_room(organization), is_warning=True)]
    return [
        Note(
            f"{count_in_words(left, 'more key')} can be created: the policy of"
            f" {organization.name} allows {maximum:,}."
        )
    ]


def notes_of_rotation(key, role):
    """Return the notes for a successor with the scopes of the key."""
    organization, notes = key.organization, []
    scopes = [name for name in key.scopes if name not in key.lapsed_scopes]
    if refused := beyond(granted_by_role(organization, role), scopes):
        text = (
            f"The policy of {organization.name} does not let {role}s grant"
            f" {', '.join(refused)}. Untick any that the new key does not need, or"
            f" {how_to_change(role)}."
        )
        notes.append(Note(text, is_warning=True))
    sensitive = needing_list(organization, scopes)
    if sensitive and not key.is_restricted:
        text = (
            f"The policy of {organization.name} requires a list of allowed addresses for"
            f" keys with {', '.join(sensitive)}, and this key has none. Set its list first,"
            " or untick these scopes."
        )
        url = reverse("apikeys:networks", args=[organization.pk, key.public_id])
        notes.append(Note(text, True, url, "Set the allowed addresses"))
    if lacks_description(organization, key.description):
        notes.append(missing_note(organization, "a description"))
    if lacks_contact(organization, key.owner_id, key.contact_email):
        notes.append(missing_note(organization, "an owner or a contact"))
    if organization.max_keys:
        maximum = count_in_words(organization.max_keys, "key")
        text = (
            "This key and its successor count as one key; the policy allows at most"
            f" {maximum}."
        )
        notes.append(Note(text))
    return notes


def missing_note(organization, what):
    return Note(
        f"The policy of {organization.name} requires {what} of each key, and this key has"
        " none. Enter it for the new key below."
    )
