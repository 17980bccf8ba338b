"""Events of people, in the chains of their organizations or of the installation.

A sign-in waits at most 50 ms for a locked chain. Failed sign-ins cannot fill a chain: per
account it has at most one for each IP address, reason and minute, and `PER_HOUR` in total.
All attempts at unknown accounts count as one account.
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
    """The id and label of an account in the audit; the id of an unknown account is empty."""

    id: str
    label: str

    @classmethod
    def of(cls, user):
        return cls(user.pk, str(user)) if user else cls("", NO_ACCOUNT)


class SignIn(NamedTuple):
    """A sign-in, successful or failed, to be recorded."""

    action: str
    person: Person
    actor: Actor
    at: datetime
    details: dict

    @property
    def identity(self):
        """Return what is recorded once: each successful sign-in, and alike failures."""
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
    """Record events of people, through a write buffer if a chain is locked."""

    @transaction.atomic
    def record(self, action, person, *, actor, at=None, **details):
        """Append the event to each chain of the person, in the transaction of the change."""
        for organization in chains_of(person):
            self.append(organization, action, person, actor=actor, at=at, **details)

    def append(self, organization, action, person, *, actor, at, **details):
        """Append the event to the chain of the organization, or else of the installation."""
        details |= {"target": ("user", *person), "actor": actor, "at": at}
        if organization:
            AuditEvent.objects.record(action, organization=organization, **details)
        else:
            self.model.objects.record(action, **details)

    def signed_in(self, user, actor, methods, *, at=None):
        """Record a sign-in; if a chain is locked, within seconds.

        Otherwise a long transaction in one organization would block its members from
        signing in.
        """
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
        """Record a failed sign-in within seconds, without a query now.

        A query would take longer for existing accounts, and the time of the response
        would reveal which e-mail addresses have one.
        """
        details = {"reason": reason}
        at = at or timezone.now()
        failed = SignIn(Action.SIGN_IN_FAILED, Person.of(user), actor, at, details)
        self.enqueue(failed.identity, failed)

    def merge(self, older, newer):
        return older

    def store(self, entries):
        self.write_each(sorted(entries.values(), key=lambda sign_in: sign_in.at))

    def write_each(self, sign_ins):
        """Append each sign-in to its chains, in the lock order of chains."""
        chains = [
            (organization, sign_in)
            for sign_in in sign_ins
            for organization in chains_of(sign_in.person)
        ]
        # Sorting is stable, so the events of a chain stay in the order of their times.
        for organization, sign_in in sorted(chains, key=lock_order):
            details = self.details_within_limit(organization, sign_in)
            if details is not None:
                values = {"actor": sign_in.actor, "at": sign_in.at, **details}
                self.append(organization, sign_in.action, sign_in.person, **values)

    def details_within_limit(self, organization, sign_in):
        """Return the details of the event, or None if the limit of failures is reached."""
        if sign_in.action != Action.SIGN_IN_FAILED:
            return sign_in.details
        count = self.count_failures(organization, sign_in)
        if count is None:
            return None
        is_last = count + 1 == PER_HOUR
        return sign_in.details | {"is_last": True} if is_last else sign_in.details

    def count_failures(self, organization, failed):
        """Return the number of the account's failures in this hour, or None at the limit.

        Locks the chain, so that two processes cannot both record the last one.
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
        recorded = {
            (ip, details.get("reason"), minute(at)) for ip, details, at in known
        }
        return None if alike in recorded or len(known) >= PER_HOUR else len(known)

    def prune_on_write(self):
        """Do nothing: events are pruned with their chain."""


def chains_of(person):
    """Return the organizations of the person by id, or [None] for the installation."""
    rows = Organization.objects.filter(memberships__user_id=person.id).order_by("pk")
    return list(rows) or [None]


def lock_order(chain):
    """Return the lock order: the installation first, then organizations by id."""
    organization, _ = chain
    return organization.pk if organization else ""
