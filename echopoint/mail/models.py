"""Mail that waits for its server, in the database, so that no restart loses it.

The libraries that do this keep the links of a message readable, and after it was sent;
here the text is encrypted, and goes as soon as it is sent or given up.
"""

import json
from datetime import timedelta
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import models, transaction
from django.utils import timezone

from echopoint.environments.keyring import Unreadable
from echopoint.environments.sealed import SealedTextField

# The links in it are good for three days, and a reader needs some of that.
GIVEN_UP_AFTER = timedelta(days=2)
# A process that dies as it sends holds a message for so long; whether the message was
# sent is not known then, so that it is sent again.
LEASE = timedelta(minutes=10)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
TOO_OLD = "was not sent in two days"
PERMANENT = 500  # RFC 5321, section 4.2.1: from here on, trying again is of no use


class MailManager(models.Manager):
    """Takes messages, and sends them."""

    def put(self, message, at=None):
        """Write a message of Django's down; it is sent within seconds, or later."""
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

    put.alters_data = True

    def send_due(self, at=None):
        """Send what is due; return how many were sent.

        Stop at the first failure of the server's: it would not take the others either.
        """
        sent = 0
        while message := self.claim(at or timezone.now()):
            if not message.attempt(at or timezone.now()):
                break
            sent += message.state == MailMessage.State.SENT
        return sent

    send_due.alters_data = True

    @transaction.atomic
    def claim(self, at):
        """Return a message that is due, which no other process has or takes; or None."""
        due = self.filter(state=MailMessage.State.QUEUED, next_attempt_at__lte=at)
        free = due.select_for_update(skip_locked=True)
        message = free.order_by("next_attempt_at", "pk").first()
        if message:
            message.attempts += 1
            message.next_attempt_at = at + LEASE
            message.save(update_fields=["attempts", "next_attempt_at"])
        return message

    def sizes(self):
        """Return the number of messages by state."""
        counted = self.values_list("state").annotate(models.Count("pk"))
        return dict.fromkeys(MailMessage.State.values, 0) | dict(counted)

    def ended(self, before):
        """Return the messages that were written before, and wait no more; oldest first."""
        past = self.filter(created_at__lt=before).order_by("pk")
        return past.exclude(state=MailMessage.State.QUEUED)


class MailMessage(models.Model):
    """A message to people, and what became of it."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waits"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"

    recipients = models.JSONField()
    subject = models.CharField(max_length=255)
    # Text, sender and headers; gone when nothing more is to be sent.
    sealed = SealedTextField(null=True)
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
        """Try to send it; return whether the server works, as far as this shows."""
        if at - self.created_at > GIVEN_UP_AFTER:
            self.end(self.State.FAILED, at, self.last_error or TOO_OLD)
            return True
        try:
            self.opened().send()
        except Unreadable:
            self.end(self.State.FAILED, at, "cannot be decrypted")
        except (SMTPException, OSError, ValueError) as error:
            if is_permanent(error):
                self.end(self.State.FAILED, at, told(error))
            else:
                self.postpone(at, told(error))
                return False
        else:
            self.end(self.State.SENT, at)
        return True

    attempt.alters_data = True

    def opened(self):
        """Return the message as Django sends it; raise `Unreadable`."""
        content = json.loads(self.sealed.reveal())
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
        """Try again later, each time after twice as long."""
        pause = min(FIRST_PAUSE * 2 ** min(self.attempts - 1, 10), LONGEST_PAUSE)
        self.write(next_attempt_at=at + pause, last_error=error)

    postpone.alters_data = True

    def write(self, **values):
        """Change the row, unless another process has claimed it since."""
        same = type(self).objects.filter(pk=self.pk, attempts=self.attempts)
        same.filter(state=self.State.QUEUED).update(**values)
        for name, value in values.items():
            setattr(self, name, value)

    write.alters_data = True


def codes_of(error):
    """Return the codes that the mail server gave, if it did."""
    if isinstance(error, SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, SMTPResponseException) else []


def is_permanent(error):
    """Whether the same message would fail the same way: for its text, or its address."""
    codes = codes_of(error)
    refused = bool(codes) and min(codes) >= PERMANENT
    # A server that refuses our password refuses all mail, until someone mends it.
    is_about_us = type(error).__name__ == "SMTPAuthenticationError"
    return isinstance(error, ValueError) or (refused and not is_about_us)


def told(error):
    """Return the kind and the code; what a server says may repeat anything."""
    return " ".join([type(error).__name__, *map(str, sorted(set(codes_of(error))))])
