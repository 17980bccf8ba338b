"""Reports of leaked keys: find the keys among texts, stop them, e-mail their people.

Only the whole key proves a leak: its public id is shown everywhere. The texts are compared,
never stored, logged or repeated.
"""

from collections import defaultdict
from typing import NamedTuple

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from apikeys import contact_mail, tokens
from apikeys.actors import LEAK_REPORTER, Actor
from apikeys.audit.events import leak_reported
from apikeys.contact_mail import unlinked
from apikeys.exceptions import MalformedKey
from apikeys.models import ApiKey, AuditEvent, ContactAddress
from echopoint.core import rate_limits
from echopoint.core.client_address import network
from echopoint.core.client_metadata import Client
from echopoint.core.locks import for_change
from echopoint.organizations.models import Membership

MAX_TEXTS = 100  # in a report without a credential
MAX_KEYS_TO_CONTACT = 50  # in one mail
# Reported keys of an organization on a day (UTC), above which its contacts get no mail. An
# admin can report and resume the same key, each time with another stranger as its contact.
MAX_REPORTS_TO_CONTACTS = 200
STOPPED = "reported as leaked and stopped"


class Finding(NamedTuple):
    """A text that may be a key, and where it was found, as far as that is known."""

    text: str
    found_in: str = ""
    url: str = ""


class Reporter(NamedTuple):
    """Who reports: the actor, and the source as `ApiKey.report_leak` takes it.

    `site_url` is the base of the links in mail, without a slash at the end.
    """

    by: Actor
    source: str
    site_url: str

    @classmethod
    def of(cls, request, source, label=LEAK_REPORTER):
        """Return the reporter who sent the request."""
        via = "page" if source == "page" else "api"
        actor = Actor.reporter(Client.of(request), via=via, label=label)
        return cls(actor, source, request.build_absolute_uri("/").rstrip("/"))


def count_report(client):
    """Count a report of this client's address; return its `RateLimit`."""
    limit = settings.LEAK_REPORTS_PER_MINUTE
    return rate_limits.hit("leak-reports", network(client.ip), limit)


def report(findings, reporter, *, at=None):
    """Stop the live keys among the findings, and mail the people concerned.

    Return the set of the texts that are keys of this site, in any state. All keys are
    stopped, or none.
    """
    at = at or timezone.now()
    keys, texts = proven(findings)
    if keys:
        stop(keys, reporter, at)
    return texts


def proven(findings):
    """Return {primary key: finding} of the presented keys, and the set of their texts."""
    parsed = list(with_tokens(findings))
    rows = {
        row.public_id: row
        for row in ApiKey.objects.filter(
            public_id__in={token.public_id for token, _ in parsed}
        ).only("public_id", "digest", "pepper_version")
    }
    keys, texts = {}, set()
    for token, finding in parsed:
        # Compared even without a row, so that a real id takes no longer than another one.
        row = rows.get(token.public_id)
        if tokens.matches(token, row and row.digest, row and row.pepper_version):
            keys.setdefault(row.pk, finding)
            texts.add(finding.text)
    return keys, texts


def with_tokens(findings):
    """Yield (token, finding) of the texts that have the form of a key.

    Spaces around it are removed; a text that holds a key and anything else is not one.
    """
    for finding in findings:
        try:
            yield tokens.parse(finding.text.strip()), finding
        except MalformedKey:
            continue


@transaction.atomic
def stop(findings, reporter, at):
    """Stop the keys, {primary key: finding}, and queue the mail in the same transaction."""
    # Lock order: keys by id, then audit chains by organization.
    keys = list(for_change(ApiKey.objects.filter(pk__in=findings)).order_by("pk"))
    keys.sort(key=lambda key: (key.organization_id, key.pk))
    stopped = [
        (key, findings[key.pk])
        for key in keys
        if key.report_leak(
            by=reporter.by,
            source=reporter.source,
            found_in=findings[key.pk].found_in,
            url=findings[key.pk].url,
            at=at,
        )
    ]
    for user, concerned in people_concerned(stopped).items():
        mail(user, concerned, reporter)
    for address, keys in contacts_concerned(stopped, at).items():
        mail_contact(address, keys, at)


def people_concerned(stopped):
    """Return {user: [(key, finding), …]}: owners of the organization, creator and owner.

    A creator or owner who is no longer a member gets no mail about the organization.
    """
    concerned = defaultdict(list)
    for key, finding in stopped:
        members = Membership.objects.filter(
            Q(role=Membership.Role.OWNER)
            | Q(user=key.created_by_id)
            | Q(user=key.owner_id),
            organization=key.organization_id,
            user__is_active=True,
        )
        for membership in members.select_related("user").order_by("pk"):
            concerned[membership.user].append((key, finding))
    return concerned


def contacts_concerned(stopped, at):
    """Return {address: [key, …]}, sorted in lock order."""
    concerned = defaultdict(list)
    with_contact = [key for key, _ in stopped if key.contact_email]
    organizations = {key.organization for key in with_contact}
    allowed = {one for one in organizations if may_mail_contacts(one, at)}
    for key in with_contact:
        if key.organization in allowed:
            concerned[key.contact_email].append(key)
    return dict(sorted(concerned.items()))


def may_mail_contacts(organization, at):
    """Whether few enough of the organization's keys were reported on this day."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    reports = AuditEvent.objects.for_org(organization).filter(
        action=AuditEvent.Action.LEAK_REPORTED, at__gte=day
    )
    first = reports[: MAX_REPORTS_TO_CONTACTS + 1]
    return first.count() <= MAX_REPORTS_TO_CONTACTS


def mail_contact(address, keys, at):
    """Queue a mail to the contact, unless its mail is stopped or it got the maximum today."""
    if not ContactAddress.objects.count_leak_mail(address, at):
        return
    shown = keys[:MAX_KEYS_TO_CONTACT]
    context = {
        "keys": [
            (unlinked(key.name), unlinked(key.organization.name), key) for key in shown
        ],
        "more": len(keys) - len(shown),
        "site_url": settings.SITE_URL,
    }
    body = render_to_string("apikeys/mail/leaked_keys_contact.txt", context)
    subject = f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{what(keys)} {STOPPED}"
    contact_mail.message(address, subject, body).send()


def mail(user, concerned, reporter):
    """Queue one mail about all these keys."""
    context = {
        "keys": [
            (key, leak_reported(None, source=reporter.source, **place(finding)))
            for key, finding in concerned
        ],
        "ip": reporter.by.client.ip,
        "site_url": reporter.site_url,
    }
    EmailMessage(
        f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{what(concerned)} {STOPPED}",
        render_to_string("apikeys/mail/leaked_keys.txt", context),
        to=[user.email],
    ).send()


def what(keys):
    return "An API key was" if len(keys) == 1 else f"{len(keys)} API keys were"


def place(finding):
    return {"found_in": finding.found_in, "url": finding.url}
