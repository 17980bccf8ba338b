"""The background thread that sends queued mail, if there is a mail server."""

from django.conf import settings

from echopoint.core.background_sender import BackgroundSender
from echopoint.mail.models import MailMessage

sender = BackgroundSender(
    "mail", MailMessage.objects.send_due, lambda: bool(settings.EMAIL_URL)
)
