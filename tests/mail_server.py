"""A fixture for a real mail server, to which the queue of the site sends."""

import pytest

from tests.faults.services import Mail


@pytest.fixture
def mail_server(settings):
    """Return a real mail server; its `letters` are what arrived."""
    server = Mail()
    server.start()
    host, port = server.server_address
    settings.EMAIL_BACKEND = "echopoint.mail.backend.QueuedBackend"
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = host, port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_TIMEOUT = 1
    yield server
    server.hangs.clear()  # or its threads would never end
    server.shutdown()
    server.server_close()
