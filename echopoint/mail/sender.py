"""The background thread that sends queued mail, one in each server process."""

import logging
import os
import threading

from django.conf import settings
from django.db import Error, connections

from echopoint.mail.models import MailMessage

logger = logging.getLogger(__name__)

POLL_SECONDS = 30  # for messages that wait to be tried again


class Sender:
    """Sends due mail when woken, and every `POLL_SECONDS`."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Reset after a fork: threads and locks of the parent do not exist in the child."""
        self._starting = threading.Lock()
        self._woken = threading.Event()
        self._thread = None

    def start(self):
        """Start the thread, if there is a mail server and it is not running yet."""
        # Tests set None and send explicitly.
        seconds = getattr(settings, "MAIL_POLL_SECONDS", POLL_SECONDS)
        with self._starting:
            if self._thread is None and settings.EMAIL_URL and seconds is not None:
                self._thread = threading.Thread(
                    target=self.run, args=[seconds], name="mail", daemon=True
                )
                self._thread.start()

    def wake(self):
        """Send due mail now."""
        self.start()
        self._woken.set()

    def run(self, seconds):
        while True:
            self._woken.wait(seconds)
            self._woken.clear()
            self.send_due()

    def send_due(self):
        """Send due mail. Database errors are logged, because they would end the thread."""
        try:
            MailMessage.objects.send_due()
        except Error as error:
            kind = type(error).__name__
            logger.warning("Mail is delayed: the database does not answer (%s).", kind)
        finally:
            connections.close_all()


sender = Sender()
os.register_at_fork(after_in_child=sender.reset)
