from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from echopoint.mail.models import MailMessage
from echopoint.mail.sender import sender


class QueuedBackend(BaseEmailBackend):
    """Email backend that queues messages in the current transaction.

    A rolled-back change sends no mail, and no request waits for the mail server.
    """

    def send_messages(self, email_messages):
        for message in email_messages:
            MailMessage.objects.enqueue(message)
        transaction.on_commit(sender.wake)
        return len(email_messages)
