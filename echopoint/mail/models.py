"""The mail queue, in the database, so that a restart loses no message.

Existing libraries store messages in clear text, also after sending. Here the text, which
contains password reset links, is encrypted, and deleted once it is sent or given up.
"""

import json
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import models
from django.utils import timezone

from echopoint.core.leased_queue import LeasedQueueItem, LeasedQueueManager
from echopoint.environments.encrypted_text import EncryptedTextField
from echopoint.environments.keyring import DecryptionError

# Links in a message expire after three days; this leaves a day to use them.
GIVEN_UP_AFTER = timedelta(days=2)
LEASE = timedelta(minutes=10)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
TOO_OLD = "was not sent in two days"
PERMANENT = 500  # RFC 5321, section 4.2.1: 5xx replies are permanent failures


class MailManager(LeasedQueueManager):
    """Queue and send messages."""

    lease = LEASE

    def enqueue(self, message, at=None):
        """Queue a Django message."""
        at = at or timezone.now()
        content = {
            "subject": message.subject,
            "body": message.body,
            "from_email": message.from_email,
            "headers": message.extra_headers,
            "alternatives": [list(a) for a in getattr(message, "alternatives", [])],
        }
        return self.create(
            recipients=message.recipients(),
            subject=message.subject[:255],
            sealed=json.dumps(content),
            next_attempt_at=at,
            created_at=at,
        )

    enqueue.alters_data = True

    def send_due(self, at=None):
        """Send the due messages; return how many were sent.

        Stops at the first temporary failure, because the server would reject the others
        too.
        """
        sent = 0
        while message := self.claim(at or timezone.now()):
            if not message.attempt(at or timezone.now()):
                break
            sent += message.state == MailMessage.State.SENT
        return sent

    send_due.alters_data = True

    def ended(self, before):
        """Return the sent and failed messages created before that time, oldest first."""
        past = self.filter(created_at__lt=before).order_by("pk")
        return past.exclude(state=MailMessage.State.QUEUED)


class MailMessage(LeasedQueueItem, models.Model):
    """A message and its delivery state."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waits"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    recipients = models.JSONField()
    subject = models.CharField(max_length=255)
    # Text, sender and headers. Deleted once the message is sent or given up.
    sealed = EncryptedTextField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = MailManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="queued", sealed__isnull=False)
                | models.Q(state__in=["sent", "failed"], sealed=None),
                name="mail_ended_without_text",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=models.Q(state="queued"),
                name="mail_queue",
            )
        ]

    def __str__(self):
        return f"{self.subject} ({self.get_state_display()})"

    def attempt(self, at):
        """Try to send the message; return False if the server failed temporarily."""
        if at - self.created_at > GIVEN_UP_AFTER:
            self.end(self.State.FAILED, at, self.last_error or TOO_OLD)
            return True
        try:
            self.build_email().send()
        except DecryptionError:
            self.end(self.State.FAILED, at, "cannot be decrypted")
        except (SMTPException, OSError, ValueError) as error:
            if is_permanent(error):
                self.end(self.State.FAILED, at, error_summary(error))
            else:
                self.postpone(at, error_summary(error))
                return False
        else:
            self.end(self.State.SENT, at)
        return True

    attempt.alters_data = True

    def build_email(self):
        """Decrypt the message; raise `DecryptionError` if the encryption key is missing."""
        content = json.loads(self.sealed.decrypt())
        message = EmailMultiAlternatives(
            content["subject"],
            content["body"],
            content["from_email"],
            self.recipients,
            connection=get_connection(settings.MAIL_TRANSPORT),
            headers=content["headers"],
        )
        for text, kind in content["alternatives"]:
            message.attach_alternative(text, kind)
        return message

    def end(self, state, at, error=""):
        self.write(state=state, sealed=None, ended_at=at, last_error=error)

    end.alters_data = True

    def postpone(self, at, error):
        """Try again later, with exponential backoff."""
        pause = min(FIRST_PAUSE * 2 ** min(self.attempts - 1, 10), LONGEST_PAUSE)
        self.write(next_attempt_at=at + pause, last_error=error)

    postpone.alters_data = True


def smtp_codes(error):
    """Return the SMTP reply codes of an error, if it has any."""
    if isinstance(error, SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, SMTPResponseException) else []


def is_permanent(error):
    """Return True if the message would always fail, because of its text or recipients."""
    codes = smtp_codes(error)
    refused = bool(codes) and min(codes) >= PERMANENT
    # A rejected password fails all mail until an operator fixes it, so it is temporary.
    is_sign_in = type(error).__name__ == "SMTPAuthenticationError"
    return isinstance(error, ValueError) or (refused and not is_sign_in)


def error_summary(error):
    """Return the class and codes. The server's text may quote the message."""
    return " ".join([type(error).__name__, *map(str, sorted(set(smtp_codes(error))))])
