"""System checks of the deployment: the address that gunicorn listens on, the replica."""

import ipaddress
import re

from django.conf import settings
from django.core import checks
from django.db import Error

from echopoint.core.replica.servers import PRIMARY, has_own_replica, is_configured

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


@checks.register(checks.Tags.database)
def check_replica(app_configs, databases, **kwargs):
    """Check that the replica is a hot standby of the database.

    Nothing is read from another server, so this is not about safety: its operator believes
    that it is used.
    """
    if PRIMARY not in (databases or ()) or not is_configured():
        return []
    try:
        return [] if has_own_replica() else [FOREIGN]
    except Error:
        return [AWAY]


FOREIGN = checks.Error(
    "DATABASE_REPLICA_URL names no hot standby of the database of DATABASE_URL.",
    hint="Set it to a server that replays the WAL of that server, and to the same database"
    " name, or leave it out.",
    id="echopoint.E001",
)
AWAY = checks.Warning(
    "DATABASE_URL or DATABASE_REPLICA_URL does not answer.",
    hint="Until the replica answers, lists are read from the primary.",
    id="echopoint.W002",
)
