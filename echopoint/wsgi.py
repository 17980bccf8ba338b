"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echopoint.settings")

application = get_wsgi_application()

from echopoint.api.chunked_bodies import ChunkedBodyMiddleware  # noqa: E402, needs Django to be set up
from echopoint.core.availability import bound_waiting  # noqa: E402
from echopoint.core.header_lines import HeaderLines  # noqa: E402

bound_waiting()
application = HeaderLines(ChunkedBodyMiddleware(application))
