"""Header lines as the client sent them, which WSGI merges and servers drop.

WSGI writes X-Api-Key and X_Api_Key under one name, so gunicorn drops names with an
underscore. Here they are taken out of what the site reads, whatever they are, and all
lines of a request to a webhook are passed beside it, to be shown and never believed.
"""

RECEIVER = "/webhook/"
HEADER_LINES = "echopoint.header_lines"
# Not a header name (RFC 9110, section 5.1), so that no client can send it.
CARRIER = "ECHOPOINT HEADER LINES"


def set_apart(request):
    """Remove names with an underscore from a request of gunicorn, before WSGI sees them."""
    lines = tuple(request.headers)
    request.headers = [line for line in lines if "_" not in line[0]]
    if request.path.startswith(RECEIVER):
        request.headers.append((CARRIER, lines))


class HeaderLines:
    """Move the lines from the header that carries them to the environ."""

    def __init__(self, application):
        self.application = application

    def __call__(self, environ, start_response):
        lines = environ.pop(f"HTTP_{CARRIER}", None)
        # A client's header would be a string, whatever server lets it pass.
        if isinstance(lines, tuple):
            environ[HEADER_LINES] = lines
        return self.application(environ, start_response)
