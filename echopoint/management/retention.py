"""What is deleted for its age: counts, spent forms, sessions, and what settings and policies
bound."""

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.contrib.sessions.models import Session

from apikeys.actors import Actor
from apikeys.models import (
    AuditChain,
    AuditEvent,
    InstallationChain,
    InstallationEvent,
    KeyPlace,
    KeyUsage,
    Refusal,
    SpentNonce,
)
from apikeys.models.audit_chain import BrokenChain
from echopoint.core.batches import delete_in_batches
from echopoint.executions.models import Execution
from echopoint.mail.models import MailMessage
from echopoint.organizations.models import Organization
from echopoint.webhooks.models import CapturedRequest, Webhook


class Fading:
    """Rows that know themselves how long they are kept."""

    def __init__(self, noun, model):
        self.noun, self.manager = noun, model.objects

    def count(self, at):
        return self.manager.expired(at).count()

    def delete(self, at):
        return self.manager.prune_all(at=at)


class Aged:
    """Rows that `past(at)` yields, as querysets that an index orders by age."""

    def __init__(self, noun, past):
        self.noun, self.past = noun, past

    def count(self, at):
        return sum(rows.count() for rows in self.past(at))

    def delete(self, at):
        return sum(delete_in_batches(rows) for rows in self.past(at))


def open_and_ended_sessions(at):
    yield Session.objects.order_by("expire_date")


def ended_sessions(at):
    yield Session.objects.filter(expire_date__lt=at).order_by("expire_date")


def old_captured_requests(at):
    """Yield those of each webhook that were received too long ago."""
    for organization, end in ends("keep_captured_requests_days", at):
        webhooks = Webhook.objects.for_org(organization).order_by("pk")
        for webhook in webhooks.values_list("pk", flat=True):
            rows = CapturedRequest.objects.filter(webhook=webhook, received_at__lt=end)
            yield rows.order_by("received_at", "pk")


def old_executions(at):
    """Yield those of each organization that started too long ago, and have ended."""
    for organization, end in ends("keep_executions_days", at):
        rows = Execution.objects.for_org(organization).filter(started_at__lt=end)
        yield rows.exclude(completed_at=None).order_by("started_at", "pk")


class OldAudit:
    """Events of every chain that are older than KEEP_AUDIT_DAYS."""

    noun = "audit events"

    def __init__(self):
        self.complaints = []

    def count(self, at):
        events = 0
        for manager, rows, end, _ in chains():
            if before := oldest_kept(at):
                end.base = manager.last_before(rows, end, before)
            events += rows.pruned_events(end).count()
        return events

    def delete(self, at):
        """Seal each chain behind its old events, then delete those; return how many.

        What an earlier run sealed and did not delete is deleted too. A broken chain stays
        as it is, and is named in `complaints`.
        """
        self.complaints, deleted = [], 0
        for _, rows, end, prune in chains():
            try:
                if before := oldest_kept(at):
                    end = prune(before, by=Actor.command("prune"), at=at)
            except BrokenChain as error:
                self.complaints.append(f"Old events of {end} were kept. {error}")
            deleted += delete_in_batches(rows.pruned_events(end))
        return deleted


def oldest_kept(at):
    """Return before when events of the audit are too old, or None."""
    days = settings.KEEP_AUDIT_DAYS
    return at - timedelta(days=days) if days else None


def chains():
    """Yield (manager, events, end, what prunes it) of each chain."""
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


def ends(name, at):
    """Yield each organization that does not keep everything, with the time before which
    rows are too old: by its policy or by the setting, whichever is later."""
    of_site = getattr(settings, name.upper())
    for organization in Organization.objects.order_by("pk").only("pk", name):
        days = [n for n in (getattr(organization, name), of_site) if n]
        if days:
            yield organization, at - timedelta(days=min(days))


KINDS = {
    "spent_forms": Fading("forms that were sent", SpentNonce),
    "refusals": Fading("counts of refused requests", Refusal),
    "key_usage": Fading("counts of use", KeyUsage),
    "key_places": Fading("places of use", KeyPlace),
    "sessions": Aged("sessions", ended_sessions),
    "captured_requests": Aged("captured requests", old_captured_requests),
    "executions": Aged("executions", old_executions),
    "mail": Aged("messages by mail", ended_mail),
    "audit": OldAudit(),
}


def kinds(*, all_sessions=False):
    """Return what is pruned, by name; with `all_sessions` also those that have not ended."""
    everyone = {"sessions": Aged("sessions", open_and_ended_sessions)}
    return KINDS | (everyone if all_sessions else {})
