"""The owner of a key (a member) and its contact (an address without an account)."""

from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction

from apikeys import policy
from apikeys.actors import Actor
from apikeys.exceptions import InvalidKeyRequest
from apikeys.models.audit import AuditEvent
from apikeys.models.contact_address import ContactAddress
from apikeys.required_fields import require_contact
from echopoint.core.locks import for_change
from echopoint.core.names import name_error
from echopoint.organizations.models import Membership, Organization, User

Action = AuditEvent.Action
SAME = object()  # sentinel: no change
CREATOR = object()  # sentinel: the person who issues the key; no owner for a command
# Different contacts of an organization's keys. Each may be a stranger who then gets mail.
MAX_CONTACTS = 50
MAX_ADDRESS = 254  # characters, RFC 5321
NO_MEMBER = (
    "No member of this organization has this e-mail address. Enter another one, or leave it"
    " empty."
)
NOT_ONE_ADDRESS = (
    "Enter one e-mail address, such as team@example.com. It may have letters, digits and"
    " . _ + - before the @."
)
TOO_MANY = (
    f"The keys of this organization have {MAX_CONTACTS} different contacts already. Use"
    " one of these addresses, or change or revoke keys with other contacts."
)


class Ownership(models.Model):
    """The owner and the contact of a key."""

    class Meta:
        abstract = True

    @property
    def owner_email(self):
        return self.owner.email if self.owner else None

    @property
    def gets_contact_mail(self):
        """Whether the key has a contact that has not stopped its e-mails."""
        return ContactAddress.objects.wants_mail(self.contact_email)

    def set_owner(self, owner_email, *, by, at=None):
        """Make the member with this e-mail address the owner; None or "" removes the owner.

        Return whether it changed. Raise as `set_ownership` does.
        """
        return self.set_ownership(owner_email=owner_email, by=by, at=at)

    set_owner.alters_data = True

    def _change_owner(self, owner, *, by, at=None):
        """Store and record another owner; return whether it changed.

        The caller has locked the key and the owner's membership.
        """
        before = self.owner
        if before == owner:
            return False
        self.owner = owner
        self.save(update_fields=["owner"])
        record_owner(self, before, owner, by, at=at)
        return True

    _change_owner.alters_data = True

    def set_contact_email(self, contact_email, *, by, at=None):
        """Set the address that also gets the key's notices; None or "" removes it.

        Return whether it changed. Raise as `set_ownership` does.
        """
        return self.set_ownership(contact_email=contact_email, by=by, at=at)

    set_contact_email.alters_data = True

    @transaction.atomic
    def set_ownership(self, *, by, owner_email=SAME, contact_email=SAME, at=None):
        """Set the owner, the contact, or both; return whether anything changed.

        Raise `InvalidKeyRequest` if no member has the owner's address, for an invalid
        contact, or if the policy requires one of them and this would remove the last one,
        and `KeyConflict` for a revoked key.
        """
        by.require_fresh()
        organization = self.organization
        # Lock order: the organization, the membership, then the key.
        current = policy.locked(organization)
        if owner_email is not SAME:
            owner = member_with_email(organization, owner_email)
        if contact_email is not SAME:
            contact_email = checked_contact(organization, contact_email)
        key = self.locked_unrevoked()
        if owner_email is SAME:
            owner = key.owner
        if contact_email is SAME:
            contact_email = key.contact_email
        if key.owner or key.contact_email:
            require_contact(current, owner, contact_email)
        changes = [
            key._change_owner(owner, by=by, at=at),
            key._change_contact(contact_email, by=by, at=at),
        ]
        self.owner, self.contact_email = owner, contact_email
        return any(changes)

    set_ownership.alters_data = True

    def _change_contact(self, contact_email, *, by, at=None):
        """Store and record another contact of the locked key; return whether it changed."""
        before = self.contact_email
        if before == contact_email:
            return False
        self.contact_email = contact_email
        self.save(update_fields=["contact_email"])
        self.record(
            Action.CONTACT_CHANGED, by, at=at, before=before, after=contact_email
        )
        return True

    _change_contact.alters_data = True

    def locked_unrevoked(self):
        """Lock and return the key; raise `KeyConflict` if it is revoked."""
        related = type(self).objects.select_related("organization", "owner")
        key = for_change(related).get(pk=self.pk)
        key.require_unrevoked()
        return key


class HandOver(NamedTuple):
    """Keys whose owner leaves the organization, and their new owner, if any."""

    organization: Organization
    before: User
    after: User | None
    count: int
    keys: list  # empty if there are too many to record an event for each

    def record(self):
        """Record an event about the member, and one for each key."""
        if not self.count:
            return
        by = Actor.present()
        AuditEvent.objects.record(
            Action.KEYS_HANDED_OVER,
            organization=self.organization,
            actor=by,
            target=("user", self.before.pk, str(self.before)),
            keys=self.count,
            after=self.after and str(self.after),
        )
        for key in self.keys:
            record_owner(key, self.before, self.after, by)


def record_owner(key, before, after, by, **more):
    """Record a change of the key's owner; None means no owner."""
    labels = {"before": before and str(before), "after": after and str(after)}
    key.record(Action.OWNER_CHANGED, by, **labels, **more)


def member_with_email(organization, email):
    """Return the member with this address, None for no address. Locks the membership.

    The lock prevents the member from leaving before the key is committed.
    """
    if not email:
        return None
    email = User.objects.normalize_email(email.strip())
    # Look up valid addresses only: the database refuses some other texts.
    is_address = not address_error(email)
    user = is_address and locked_member(organization, user__email=email)
    if not user:
        raise InvalidKeyRequest("owner_email", NO_MEMBER)
    return user


def first_owner(organization, email, by):
    """Return the owner of a new key: a member, or None."""
    if email is not CREATOR:
        return member_with_email(organization, email)
    return by.user and locked_member(organization, user=by.user)


def locked_member(organization, **which):
    """Lock the matching membership and return its user, or None."""
    members = Membership.objects.filter(organization=organization, **which)
    membership = for_change(members).select_related("user").first()
    return membership and membership.user


def checked_contact(organization, email):
    """Return the canonical address, or "" for none; raise `InvalidKeyRequest`."""
    if not email:
        return ""
    email = User.objects.normalize_email(email.strip())
    if message := name_error(email) or address_error(email):
        raise InvalidKeyRequest("contact_email", message)
    # Two concurrent requests may exceed the limit by one. It only has to bound abuse.
    known = organization.api_keys.contacts(organization, MAX_CONTACTS)
    if email not in known and len(known) >= MAX_CONTACTS:
        raise InvalidKeyRequest(
            "contact_email", TOO_MANY, metadata={"maximum": MAX_CONTACTS}
        )
    return email


def address_error(email):
    """Return the error for a text that is not one plain e-mail address, or ""."""
    # Quoted local parts may contain spaces, commas and control characters.
    if '"' in email or len(email) > MAX_ADDRESS:
        return NOT_ONE_ADDRESS
    try:
        validate_email(email)
    except ValidationError:
        return NOT_ONE_ADDRESS
    return ""
