"""The webhook of an organization, which receives notices of its keys."""

import ipaddress
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from apikeys import policy
from apikeys.actors import Actor
from apikeys.models import AuditEvent
from echopoint.core.locks import for_change
from echopoint.core.names import validate_machine_name
from echopoint.core.refusals import InvalidField, Refused
from echopoint.environments.encrypted_text import EncryptedTextField
from echopoint.notices import standard_webhooks
from echopoint.notices.public_post import is_public
from echopoint.organizations.models import Organization

Action = AuditEvent.Action
BOTH_SIGN_FOR = timedelta(hours=24)  # the new secret and the one before it
MAX_URL = 500
DELIVERY = Actor("system", "notices", "the delivery of notices", "command")


class NoWebhook(Refused):
    """The organization has no webhook, or no more."""

    code = "CONFLICT"
    status = HTTPStatus.CONFLICT

    def __init__(self):
        super().__init__("There is no webhook. Enter its URL first.")


class NoticeWebhookManager(models.Manager):
    """Find and change the webhook of an organization.

    Each verb locks the organization first, because the webhook may be created or removed
    meanwhile.
    """

    def of(self, organization):
        """Return the organization's webhook, or None."""
        return self.filter(organization=organization).first()

    def lock(self, organization):
        """Return the webhook, or None; no other transaction can change it until the end."""
        for_change(Organization.objects).get(pk=organization.pk)
        return self.of(organization)

    def require(self, organization):
        """Return the webhook as `lock` does; raise `NoWebhook`."""
        if row := self.lock(organization):
            return row
        raise NoWebhook

    @transaction.atomic
    def set_url(self, organization, url, *, by):
        """Create the webhook, or change its URL and enable it again.

        Return (whether that is a change, the secret of a new webhook or None). Raise
        `ScopeDenied` for an actor without the permission, `InvalidField` for a bad URL.
        """
        policy.require_permission(organization, by)
        require_url(url)
        row, secret = self.lock(organization), None
        if row is None:
            secret = standard_webhooks.generate_secret()
            row = self.create(organization=organization, url=url, secret=secret)
        elif not row.change_url(url):
            return False, None
        row.record(Action.NOTICE_WEBHOOK_SET, by, host=urlsplit(url).netloc)
        return True, secret

    set_url.alters_data = True

    @transaction.atomic
    def remove(self, organization, *, by):
        """Delete the webhook and its queue; return whether there was one."""
        policy.require_permission(organization, by)
        row = self.lock(organization)
        if row is None:
            return False
        row.organization.notice_deliveries.filter(state="queued").delete()
        row.record(Action.NOTICE_WEBHOOK_REMOVED, by)
        row.delete()
        return True

    remove.alters_data = True


class NoticeWebhook(models.Model):
    """A URL of the organization. It may contain a secret, so it is encrypted too."""

    organization = models.OneToOneField(
        Organization,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="notice_webhook",
    )
    url = EncryptedTextField()
    secret = EncryptedTextField()
    previous_secret = EncryptedTextField(null=True)
    both_sign_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    disabled_at = models.DateTimeField(null=True)

    objects = NoticeWebhookManager()

    def __str__(self):
        return f"webhook of {self.organization_id}"

    @property
    def is_enabled(self):
        return self.disabled_at is None

    def is_rotating(self, at=None):
        """Whether the secret before the last rotation still signs."""
        until = self.both_sign_until
        return until is not None and (at or timezone.now()) < until

    def signing_secrets(self, at=None):
        """Return the secrets that sign at this moment, the newest first."""
        rows = [self.secret]
        if self.is_rotating(at):
            rows.append(self.previous_secret)
        return [row.decrypt() for row in rows]

    def change_url(self, url):
        """Set the URL and enable the webhook; return whether that is a change."""
        if self.url.decrypt() == url and self.is_enabled:
            return False
        self.url, self.disabled_at = url, None
        self.save(update_fields=["url", "disabled_at"])
        return True

    change_url.alters_data = True

    @transaction.atomic
    def rotate_secret(self, *, by, at=None):
        """Generate another secret and return it. Both sign for a day. Raise `NoWebhook`.

        A second rotation in that time replaces the new secret, not the old one: the
        receiver still has the old one, and a new one in use needs no second rotation.
        """
        policy.require_permission(self.organization, by)
        at = at or timezone.now()
        row = type(self).objects.require(self.organization)
        if not row.is_rotating(at):
            row.previous_secret = row.secret
        row.both_sign_until = at + BOTH_SIGN_FOR
        row.secret = secret = standard_webhooks.generate_secret()
        row.save()
        row.record(Action.NOTICE_WEBHOOK_SECRET_ROTATED, by)
        self.refresh_from_db()
        return secret

    rotate_secret.alters_data = True

    @transaction.atomic
    def disable(self, at=None):
        """Stop deliveries, because the receiver asked for it; once."""
        row = type(self).objects.lock(self.organization)
        if row and row.is_enabled:
            row.disabled_at = at or timezone.now()
            row.save(update_fields=["disabled_at"])
            row.record(Action.NOTICE_WEBHOOK_DISABLED, DELIVERY)

    disable.alters_data = True

    def record(self, action, by, **details):
        """Append an audit event about this webhook."""
        AuditEvent.objects.record(
            action,
            organization=self.organization,
            actor=by,
            target=("organization", self.organization_id, self.organization.name),
            **details,
        )

    record.alters_data = True


def require_url(url):
    """Raise `InvalidField` unless deliveries to the URL are possible.

    Whether its host has public addresses only shows at a delivery: names change.
    """
    if message := url_error(url):
        raise InvalidField("url", message)


def url_error(url):
    """Return why the URL cannot be used, or an empty string. Never quotes it."""
    try:
        validate_machine_name(url)
        parts = urlsplit(url)
        parts.port  # noqa: B018, raises if invalid
    except ValidationError as error:
        return error.messages[0]
    except ValueError:
        return "Enter a valid URL, such as https://hooks.example.com/keys."
    if len(url) > MAX_URL:
        return f"Use at most {MAX_URL} characters."
    if parts.scheme != "https" or not parts.hostname:
        return "Enter a URL that begins with https://."
    if parts.username or parts.password or parts.fragment:
        return "Remove the user name, the password and the part after #."
    if not url.isascii() or " " in url:
        return "Write the URL in ASCII, with %20 for spaces and xn-- for other letters."
    return literal_address_error(parts.hostname)


def literal_address_error(host):
    """Return why a host that is an address cannot be used, or an empty string."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ""
    if settings.NOTICES_TO_PRIVATE_NETWORKS or is_public(host):
        return ""
    return "Use an address of the public Internet."
