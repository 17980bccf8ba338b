from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from echopoint.mail.models import MailMessage
from echopoint.mail.sender import sender


class QueuedBackend(BaseEmailBackend):
    """Django's way to send mail, which writes it down in the transaction of the change.

    A change that is undone mails nobody, and no request waits for a mail server.
    """

    def send_messages(self, email_messages):
        for message in email_messages:
            MailMessage.objects.put(message)
        transaction.on_commit(sender.wake)
        return len(email_messages)
