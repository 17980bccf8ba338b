"""System checks for `check --deploy`: the address that gunicorn listens on."""

import ipaddress
import re

from django.conf import settings
from django.core import checks

BIND_OPTION = re.compile(r"(?:^|\s)(?:-b|--bind)[\s=]*([^\s]+)")


@checks.register(checks.Tags.security, deploy=True)
def check_bind(app_configs, **kwargs):
    """Warn if other machines may reach gunicorn directly.

    A --bind on the command line is unknown here; gunicorn.conf.py warns about it.
    """
    given = BIND_OPTION.findall(settings.GUNICORN_CMD_ARGS)
    addresses = map(str.strip, given or settings.BIND.split(","))
    return [warning(address) for address in addresses if is_exposed(address)]


def warning(address):
    return checks.Warning(
        f"gunicorn listens on {address}, which other machines may reach. Slow clients can"
        " block all its threads.",
        hint=(
            "Set BIND=127.0.0.1:8000 or unix:/path, and put a proxy that buffers requests"
            " in front, as echopoint/nginx.conf does. If the proxy is on another machine"
            " and nothing else reaches this one, add echopoint.W001 to"
            " SILENCED_SYSTEM_CHECKS."
        ),
        id="echopoint.W001",
    )


def is_exposed(address):
    """Return True unless the address is a loopback address or a unix socket."""
    if address.startswith(("unix:", "fd:")):
        return False
    host = address.rpartition(":")[0] if ":" in address else address
    try:
        return not ipaddress.ip_address(host.strip("[]") or "0.0.0.0").is_loopback  # noqa: S104, compared
    except ValueError:
        return host != "localhost"
