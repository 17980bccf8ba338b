"""The background thread that sends the events of webhooks."""

from echopoint.core.background_sender import BackgroundSender
from echopoint.notices.models import NoticeDelivery

sender = BackgroundSender("notices", NoticeDelivery.objects.send_due, lambda: True)
