"""The networks from which a key may be used."""

from django.db import models, transaction

from apikeys import policy
from apikeys.exceptions import AddressNotAllowed
from apikeys.models.audit import AuditEvent
from apikeys.models.network_range import ALLOWED, NetworkRange
from apikeys.networks import parse_address, read_allow_list
from apikeys.scope_policy import require_list
from echopoint.core.locks import for_change

KEEP_ONE = "Keep at least one address."


class AddressRestriction(models.Model):
    """The part of a key that limits the addresses of its clients.

    `allow_list` is the stored `AllowList`. NULL is no list: any address may use the key. Any
    other text that cannot be read allows no address.
    """

    class Meta:
        abstract = True

    @property
    def is_restricted(self):
        return self.allow_list is not None

    @property
    def allowed(self):
        """Return the `AllowList`; None without a list, or if it cannot be read."""
        return read_allow_list(self.allow_list) if self.is_restricted else None

    @property
    def allowed_networks(self):
        """Return the networks and names of ranges in the list, or None without a list."""
        if not self.is_restricted:
            return None
        return list(self.allowed.entries) if self.allowed else []

    @property
    def effective_networks(self):
        """Return the networks that these stand for, or None without a list."""
        if not self.is_restricted:
            return None
        return list(self.allowed.networks) if self.allowed else []

    def allows_address(self, ip):
        """Whether a client with this address may use the key; None is an unknown address."""
        # First, and without any other work: most keys have no list.
        if self.allow_list is None:
            return True
        allowed, address = read_allow_list(self.allow_list), parse_address(ip)
        return bool(allowed and address) and address in allowed.coverage

    def require_address(self, ip):
        """Raise `AddressNotAllowed` unless a client with this address may use the key."""
        if not self.allows_address(ip):
            raise AddressNotAllowed(parse_address(ip))

    @transaction.atomic
    def set_allowed_networks(self, entries, *, by, at=None):
        """Replace the list; None removes it. Return whether anything changed.

        `entries` are networks, addresses, and names of the organization's ranges. Allowing
        an address that was not allowed before needs a recent sign-in. Raise
        `InvalidKeyRequest` for an invalid list, or if the policy requires one and this would
        remove it, and `KeyConflict` for a revoked key.
        """
        # Lock order: the organization, the ranges, then the key.
        current = policy.locked(self.organization)
        chosen = NetworkRange.objects.resolve(self.organization, entries)
        key = for_change(type(self).objects).get(pk=self.pk)
        if not key.stays_within(chosen):
            by.require_fresh()
        key.require_unrevoked()
        before, stored = key.allowed_networks, chosen and chosen.stored
        if key.is_restricted and stored is None:
            require_list(current, key.scopes, field=ALLOWED, advice=KEEP_ONE)
        self.allow_list = stored
        if key.allow_list == stored:
            return False
        self.save(update_fields=["allow_list"])
        self.record(
            AuditEvent.Action.NETWORKS_CHANGED,
            by,
            at=at,
            before=before,
            after=self.allowed_networks,
        )
        return True

    set_allowed_networks.alters_data = True

    def stays_within(self, chosen):
        """Whether the `AllowList`, or None, allows no address that is not allowed now."""
        if not self.is_restricted:
            return True
        if chosen is None or self.allowed is None:
            return False
        return self.allowed.coverage.covers(chosen.coverage)
