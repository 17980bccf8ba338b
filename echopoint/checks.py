"""System checks of a deployment: what `check --deploy` can know of how it is served."""

import ipaddress
import re

from django.conf import settings
from django.core import checks

GIVEN = re.compile(r"(?:^|\s)(?:-b|--bind)[\s=]*([^\s]+)")


@checks.register(checks.Tags.security, deploy=True)
def check_bind(app_configs, **kwargs):
    """Return a warning where other machines reach gunicorn without a proxy.

    A --bind on the command line is not known here; gunicorn.conf.py warns of it.
    """
    given = GIVEN.findall(settings.GUNICORN_CMD_ARGS)
    places = given or settings.BIND.split(",")
    return [exposed(place) for place in map(str.strip, places) if is_exposed(place)]


def exposed(place):
    return checks.Warning(
        f"gunicorn listens on {place}, which other machines may reach. Slow clients can"
        " hold all its threads.",
        hint=(
            "Set BIND=127.0.0.1:8000 or unix:/path, and put a proxy that buffers requests"
            " in front, as echopoint/nginx.conf does. If the proxy is on another machine"
            " and nothing else reaches this one, add echopoint.W001 to"
            " SILENCED_SYSTEM_CHECKS."
        ),
        id="echopoint.W001",
    )


def is_exposed(place):
    """Whether the place is of an address that is not this machine's own."""
    if place.startswith(("unix:", "fd:")):
        return False
    host = place.rpartition(":")[0] if ":" in place else place
    try:
        return not ipaddress.ip_address(host.strip("[]") or "0.0.0.0").is_loopback  # noqa: S104, compared
    except ValueError:
        return host != "localhost"
