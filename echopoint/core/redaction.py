"""Keys leave no trace: what goes to a log or a stored text is cleaned here first."""

import logging
import re

from django.conf import settings
from django.views.debug import ExceptionReporter

FORMATTER = logging.Formatter()


def redact(text: str) -> str:
    """Return the text with every key in it, whole or cut short, ended at its public id."""
    prefix = settings.API_KEY_PREFIX
    if f"{prefix}_" not in text:
        return text
    return re.sub(rf"({prefix}_[0-9A-Za-z]{{12}}_)[0-9A-Za-z]+", r"\1…", text)


class SecretsRedacted(logging.Filter):
    """Clean a record, its arguments and its traceback, whatever was passed to the log."""

    def filter(self, record):
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # A mistake in a call to the log must not become one of the request.
            message = f"{record.msg} {record.args}"
        record.msg, record.args = redact(message), ()
        if record.exc_info:
            record.exc_text = redact(FORMATTER.formatException(record.exc_info))
        return True


class RedactedReporter(ExceptionReporter):
    """Django's account of a failure, on the debug page too, without the keys in it."""

    def get_traceback_html(self):
        return redact(super().get_traceback_html())

    def get_traceback_text(self):
        return redact(super().get_traceback_text())
