"""What `prune` deletes: old counters, form nonces, sessions, and rows past their retention."""

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.contrib.sessions.models import Session

from apikeys.actors import Actor
from apikeys.models import (
    AuditChain,
    AuditEvent,
    AuditLabel,
    InstallationChain,
    InstallationEvent,
    KeyPlace,
    KeyUsage,
    Refusal,
    SpentNonce,
)
from apikeys.models.audit_chain import BrokenChain
from echopoint.core.batch_deletion import delete_in_batches
from echopoint.executions.models import Execution
from echopoint.mail.models import MailMessage
from echopoint.notices.models import (
    ContactDigest,
    ExpiryNotice,
    NoticeDelivery,
    NoticeDigest,
)
from echopoint.organizations.models import Organization
from echopoint.webhooks.models import CapturedRequest, Webhook


class ManagedRows:
    """Rows whose manager knows their retention period."""

    def __init__(self, noun, model):
        self.noun, self.manager = noun, model.objects

    def count(self, at):
        return self.manager.expired(at).count()

    def delete(self, at):
        return self.manager.prune_all(at=at)


class SelectedRows:
    """Rows of the querysets that `select(at)` yields, ordered by an index on age."""

    def __init__(self, noun, select):
        self.noun, self.select = noun, select

    def count(self, at):
        return sum(rows.count() for rows in self.select(at))

    def delete(self, at):
        return sum(delete_in_batches(rows) for rows in self.select(at))


def all_sessions(at):
    yield Session.objects.order_by("expire_date")


def expired_sessions(at):
    yield Session.objects.filter(expire_date__lt=at).order_by("expire_date")


def old_captured_requests(at):
    for organization, cutoff in cutoffs("keep_captured_requests_days", at):
        webhooks = Webhook.objects.for_org(organization).order_by("pk")
        for webhook in webhooks.values_list("pk", flat=True):
            rows = CapturedRequest.objects.filter(
                webhook=webhook, received_at__lt=cutoff
            )
            yield rows.order_by("received_at", "pk")


def old_executions(at):
    """Running executions stay, however old they are."""
    for organization, cutoff in cutoffs("keep_executions_days", at):
        rows = Execution.objects.for_org(organization).filter(started_at__lt=cutoff)
        yield rows.exclude(completed_at=None).order_by("started_at", "pk")


class OldAuditEvents:
    """Audit events older than KEEP_AUDIT_DAYS, in all chains."""

    noun = "audit events"

    def __init__(self):
        self.failures = []

    def count(self, at):
        events = 0
        for manager, rows, end, _ in chains():
            if before := audit_cutoff(at):
                end.base = manager.last_before(rows, end, before)
            events += rows.pruned_events(end).count()
        return events

    def delete(self, at):
        """Record `audit.pruned` in each chain, then delete the events before it.

        Also finishes deletions that an earlier run was interrupted in. A broken chain is
        left alone and reported in `failures`. Returns the number of deleted events.
        """
        self.failures, deleted = [], 0
        for _, rows, end, prune in chains():
            try:
                if before := audit_cutoff(at):
                    end = prune(before, by=Actor.command("prune"), at=at)
            except BrokenChain as error:
                self.failures.append(f"Old events of {end} were not deleted. {error}")
            deleted += delete_in_batches(rows.pruned_events(end))
            if end.base and end.owner:
                AuditLabel.objects.delete_unused(end.organization)
        return deleted


def audit_cutoff(at):
    """Return the time before which events are deleted, or None."""
    days = settings.KEEP_AUDIT_DAYS
    return at - timedelta(days=days) if days else None


def chains():
    """Yield (manager, events, chain end, prune function) for each chain."""
    manager = AuditEvent.objects
    for end in AuditChain.objects.select_related("organization").order_by("pk"):
        prune = partial(manager.prune, end.organization)
        yield manager, manager.for_org(end.organization), end, prune
    manager = InstallationEvent.objects
    end = InstallationChain.objects.get_end()
    if end.length:
        yield manager, manager.all(), end, manager.prune


def ended_mail(at):
    yield MailMessage.objects.ended(at - timedelta(days=settings.KEEP_MAIL_DAYS))


def cutoffs(name, at):
    """Yield (organization, cutoff) for organizations with a retention period.

    `name` is a field of the policy; the setting has the same name in upper case. The
    shorter of the two applies.
    """
    site_days = getattr(settings, name.upper())
    for organization in Organization.objects.order_by("pk").only("pk", name):
        days = [n for n in (getattr(organization, name), site_days) if n]
        if days:
            yield organization, at - timedelta(days=min(days))


TARGETS = {
    "spent_forms": ManagedRows("form nonces", SpentNonce),
    "refusals": ManagedRows("counts of refused requests", Refusal),
    "key_usage": ManagedRows("counts of use", KeyUsage),
    "key_places": ManagedRows("places of use", KeyPlace),
    "sessions": SelectedRows("sessions", expired_sessions),
    "captured_requests": SelectedRows("captured requests", old_captured_requests),
    "executions": SelectedRows("executions", old_executions),
    "mail": SelectedRows("mail messages", ended_mail),
    "notices": ManagedRows("notices of expiring keys", ExpiryNotice),
    "notice_deliveries": ManagedRows("events of webhooks", NoticeDelivery),
    "notice_digests": ManagedRows("digests of notices", NoticeDigest),
    "contact_digests": ManagedRows("digests to contacts of keys", ContactDigest),
    "audit": OldAuditEvents(),
}


def targets(*, include_open_sessions=False):
    """Return the prune targets by name."""
    if include_open_sessions:
        return TARGETS | {"sessions": SelectedRows("sessions", all_sessions)}
    return TARGETS
