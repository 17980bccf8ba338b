"""HTTP over a socket, for malformed requests."""

import socket


def exchange(site, request):
    """Send the text as it is; return the complete response."""
    host, port = site.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").read().decode()
