"""Events of people: in the chains of their organizations, or the installation's.

Signing in never waits long for a chain, and failures cannot fill one: each chain has at
most one of them for an account, an address, a reason and a minute, and `PER_HOUR` for an
account. All that is tried without an account counts as one.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import OperationalError, transaction
from django.utils import timezone

from apikeys.actors import Actor
from apikeys.audit.events import Action
from apikeys.db.write_buffers import BufferedManager
from apikeys.models.audit import AuditChain, AuditEvent
from apikeys.models.audit_chain import EventQuerySet
from echopoint.core.lock_timeouts import is_lock_timeout, without_waiting
from echopoint.organizations.models import Organization

PER_HOUR = 30
NO_ACCOUNT = "an unknown account"


class Person(NamedTuple):
    """An account as the audit names it; without an id, none."""

    id: str
    label: str

    @classmethod
    def of(cls, user):
        return cls(user.pk, str(user)) if user else cls("", NO_ACCOUNT)


class SignIn(NamedTuple):
    """A sign-in that is to be recorded, or a failed one."""

    action: str
    person: Person
    actor: Actor
    at: datetime
    details: dict

    @property
    def identity(self):
        """Return what there is one event of; of sign-ins that succeed, each counts."""
        if self.action == Action.SIGNED_IN:
            return (self.action, self.person.id, self.at)
        ip, reason = self.actor.client.ip, self.details["reason"]
        return (self.action, self.person.id, ip, reason, self.minute)

    @property
    def minute(self):
        return minute(self.at)


def minute(at):
    return at.replace(second=0, microsecond=0)


class PersonEventManager(BufferedManager.from_queryset(EventQuerySet)):
    """Records events of people; the write buffer takes those whose chain is locked."""

    @transaction.atomic
    def record(self, action, person, *, actor, at=None, **details):
        """Append the event to each chain of the person's, in the transaction of a change."""
        for organization in chains_of(person):
            self.append(organization, action, person, actor=actor, at=at, **details)

    def append(self, organization, action, person, *, actor, at, **details):
        """Append the event to one chain; without an organization the installation's."""
        details |= {"target": ("user", *person), "actor": actor, "at": at}
        if organization:
            AuditEvent.objects.record(action, organization=organization, **details)
        else:
            self.model.objects.record(action, **details)

    def signed_in(self, user, actor, methods, *, at=None):
        """Record a sign-in; where a chain is locked for long, within seconds."""
        details = {"methods": methods}
        at = at or timezone.now()
        sign_in = SignIn(Action.SIGNED_IN, Person.of(user), actor, at, details)
        try:
            with without_waiting(self.db):
                self.write_each([sign_in])
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            self.enqueue(sign_in.identity, sign_in)

    def sign_in_failed(self, user, actor, reason, *, at=None):
        """Record a failed sign-in within seconds, without a query now."""
        details = {"reason": reason}
        at = at or timezone.now()
        failed = SignIn(Action.SIGN_IN_FAILED, Person.of(user), actor, at, details)
        self.enqueue(failed.identity, failed)

    def merge(self, older, newer):
        return older

    def store(self, entries):
        self.write_each(sorted(entries.values(), key=lambda one: one.at))

    def write_each(self, sign_ins):
        """Append each to its chains, the chains in the order in which they are locked."""
        chains = [
            (organization, one)
            for one in sign_ins
            for organization in chains_of(one.person)
        ]
        # Sorting is stable: within a chain the older come first.
        for organization, one in sorted(chains, key=lock_order):
            details = self.bounded(organization, one)
            if details is not None:
                told = {"actor": one.actor, "at": one.at, **details}
                self.append(organization, one.action, one.person, **told)

    def bounded(self, organization, one):
        """Return the details of the event, or None if the chain has enough alike."""
        if one.action != Action.SIGN_IN_FAILED:
            return one.details
        count = self.count_alike(organization, one)
        if count is None:
            return None
        is_last = count + 1 == PER_HOUR
        return one.details | {"is_last": True} if is_last else one.details

    def count_alike(self, organization, failed):
        """Return how many of the account's failures the hour has, None if that is enough.

        Locks the chain, so that no other process counts the same.
        """
        if organization:
            AuditChain.objects.lock(organization)
            events = AuditEvent.objects.for_org(organization)
        else:
            self.model.lock_chain()
            events = self.model.objects.all()
        hour = failed.at.replace(minute=0, second=0, microsecond=0)
        known = events.filter(
            target_id=failed.person.id,
            action=failed.action,
            at__gte=hour,
            at__lt=hour + timedelta(hours=1),
        ).values_list("ip", "details", "at")
        alike = failed.actor.client.ip or "", failed.details["reason"], failed.minute
        found = {(ip, details.get("reason"), minute(at)) for ip, details, at in known}
        return None if alike in found or len(known) >= PER_HOUR else len(known)

    def prune_on_write(self):
        """Leave events alone; they are kept for good."""


def chains_of(person):
    """Return the organizations of the person by their ids, or [None]."""
    rows = Organization.objects.filter(memberships__user_id=person.id).order_by("pk")
    return list(rows) or [None]


def lock_order(chain):
    """Return where the chain comes: the installation's first, then by the ids."""
    organization, _ = chain
    return organization.pk if organization else ""
