"""Django's database settings from a URL. A mistyped option stops the start.

Error messages never quote the URL, because it contains the password.
"""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo

from echopoint.core.environment import (
    env,
    parse_boolean,
    parse_integer,
    query_options,
)

DATABASE_SCHEMES = {"sqlite", "postgres", "postgresql", "psql", "pgsql"}
DJANGO_BOOLEANS = {
    "ATOMIC_REQUESTS",
    "AUTOCOMMIT",
    "CONN_HEALTH_CHECKS",
    "DISABLE_SERVER_SIDE_CURSORS",
}
CONNECTION_BOOLEANS = {"pool", "server_side_binding"}
# libpq checks these values only when it connects, or falls back to the default.
PREFER = ("disable", "prefer", "require")
CONNECTION_CHOICES = {
    "sslmode": ("disable", "allow", *PREFER[1:], "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "channel_binding": PREFER,
    "gssencmode": PREFER,
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "load_balance_hosts": ("disable", "random"),
    "target_session_attrs": (
        *("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    ),
    **dict.fromkeys(
        ("keepalives", "sslsni", "sslcompression", "gssdelegation"), ("0", "1")
    ),
    # psycopg's IsolationLevel: READ UNCOMMITTED to SERIALIZABLE.
    "isolation_level": ("1", "2", "3", "4"),
}
CONNECTION_NUMBERS = {
    *("connect_timeout", "tcp_user_timeout"),
    *("keepalives_idle", "keepalives_interval", "keepalives_count"),
}
DJANGO_OPTIONS = CONNECTION_BOOLEANS | {"isolation_level", "assume_role"}

# %s is the name of the environment variable.
INVALID_URL = (
    "%s is not a valid database URL. Set it to"
    " postgres://user:password@host:5432/name or sqlite:///file."
)
UNESCAPED = (
    "%s has an unescaped #, /, ? or @. Write %%23, %%2F, %%3F and %%40 for those in the"
    " password."
)
MISSING_NAME = (
    "%s names no database. Add the name at its end:"
    " postgres://user:password@host:5432/name."
)
UNKNOWN_OPTION = (
    "%s has an unknown option after its ?, which neither Django nor PostgreSQL accepts."
    " Write it in lower case, as pool=true and sslmode=require, or remove it."
)
NOT_A_PATH = (
    "%s is not the path of a SQLite file. Set it to sqlite:///file, with three slashes and"
    " without options."
)


def database_settings(url, variable="DATABASE_URL"):
    """Return Django's settings for a database URL; errors name its variable."""
    if url == "sqlite://:memory:":
        return env.db_url_config(url)
    try:
        parts = urlsplit(url)
        if parts.scheme not in DATABASE_SCHEMES:
            raise ImproperlyConfigured(INVALID_URL % variable)
        if parts.scheme == "sqlite":
            require_file(parts, variable)
        else:
            require_database(url, parts, variable)
        config = env.db_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(INVALID_URL % variable) from None
    parse_booleans(config, DJANGO_BOOLEANS, variable)
    parse_booleans(config.get("OPTIONS", {}), CONNECTION_BOOLEANS, variable)
    if "CONN_MAX_AGE" in config:
        age = str(config["CONN_MAX_AGE"])
        config["CONN_MAX_AGE"] = parse_integer(
            f"conn_max_age in {variable}", age, 0, None
        )
    return config


def require_database(url, parts, variable):
    """Raise unless a PostgreSQL URL has a database name and only known options."""
    # An unescaped ? in the password moves the host into the query.
    cut_short = not parts.path and "@" in parts.query
    if "#" in url or "@" in parts.path or cut_short:
        raise ImproperlyConfigured(UNESCAPED % variable)
    options = query_options(url)
    if not parts.path.strip("/") and "service" not in dict(options):
        raise ImproperlyConfigured(MISSING_NAME % variable)
    for option, value in options:
        require_option(option, value, variable)


def require_option(option, value, variable):
    if option.upper() in DJANGO_BOOLEANS | {"CONN_MAX_AGE"}:
        return  # checked by `database_settings`
    if not is_known(option):
        raise ImproperlyConfigured(UNKNOWN_OPTION % variable)
    label = f"{option} in {variable}"
    choices = CONNECTION_CHOICES.get(option, [value])
    if value not in choices:
        raise ImproperlyConfigured(
            f"{label} is {value!r}. Set it to one of: {', '.join(choices)}."
        )
    if option in CONNECTION_BOOLEANS:
        parse_boolean(label, value)
    if option in CONNECTION_NUMBERS:
        parse_integer(label, value, 0, None)


def is_known(option):
    """Return True if Django or libpq accepts the option."""
    try:
        make_conninfo(**({} if option in DJANGO_OPTIONS else {option: "1"}))
    except ProgrammingError:
        return False
    return True


def parse_booleans(config, names, variable):
    """Parse options in place. environ leaves strings, and "false" is truthy."""
    for name in names & config.keys():
        option = f"{name.lower()} in {variable}"
        config[name] = parse_boolean(option, str(config[name]))


def require_file(parts, variable):
    """Raise unless a sqlite URL is just a path.

    environ would ignore a host, and use an in-memory database if there is no path.
    """
    if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
        raise ImproperlyConfigured(NOT_A_PATH % variable)
