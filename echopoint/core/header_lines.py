"""Raw header lines of webhook requests.

WSGI maps X-Api-Key and X_Api_Key to the same variable, so a client could forge a header
with an underscore, and gunicorn drops such names by default. We remove them from every
request too. For webhooks, all lines are passed separately: they are displayed and never
used to authenticate.
"""

RECEIVER = "/webhook/"
HEADER_LINES = "echopoint.header_lines"
# Spaces make this an invalid header name (RFC 9110, section 5.1): no client can send it.
CARRIER = "ECHOPOINT HEADER LINES"


def extract_header_lines(request):
    """Drop header names with an underscore from a gunicorn request; carry a webhook's lines."""
    lines = tuple(request.headers)
    request.headers = [line for line in lines if "_" not in line[0]]
    if request.path.startswith(RECEIVER):
        request.headers.append((CARRIER, lines))


class HeaderLines:
    """WSGI middleware: move the lines from the carrier header to the environ."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        lines = environ.pop(f"HTTP_{CARRIER}", None)
        # A header sent by a client is a string, even if the server accepts the name.
        if isinstance(lines, tuple):
            environ[HEADER_LINES] = lines
        return self.application(environ, start_response)
