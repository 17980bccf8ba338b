"""The thread that sends what is queued, in each process that serves."""

import logging
import os
import threading

from django.conf import settings
from django.db import Error, connections

from echopoint.mail.models import MailMessage

logger = logging.getLogger(__name__)

SECONDS = 30  # between two looks, for what waits to be tried again


class Sender:
    """Looks for due mail when it is woken, and every so often."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Begin anew after a fork: threads of the parent do not exist in the child."""
        self._starting = threading.Lock()
        self._woken = threading.Event()
        self._thread = None

    def start(self):
        """Start the thread, unless there is no mail server or it runs."""
        # Tests set None and send explicitly.
        seconds = getattr(settings, "MAIL_LOOK_SECONDS", SECONDS)
        with self._starting:
            if self._thread is None and settings.EMAIL_URL and seconds is not None:
                self._thread = threading.Thread(
                    target=self.run, args=[seconds], name="mail", daemon=True
                )
                self._thread.start()

    def wake(self):
        """Look for due mail now."""
        self.start()
        self._woken.set()

    def run(self, seconds):
        while True:
            self._woken.wait(seconds)
            self._woken.clear()
            self.look()

    def look(self):
        """Send what is due; a failure is logged, never raised."""
        try:
            MailMessage.objects.send_due()
        except Error as error:
            kind = type(error).__name__
            logger.warning("Mail waits, as the database does not answer (%s).", kind)
        finally:
            connections.close_all()


sender = Sender()
os.register_at_fork(after_in_child=sender.reset)
