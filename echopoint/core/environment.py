"""The one reader of the environment. A mistyped value stops the start.

No message repeats a URL or a line of .env, as it may hold a secret.
"""

import os
import re
from email.utils import parseaddr
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from psycopg import ProgrammingError
from psycopg.conninfo import make_conninfo

env = environ.Env()

ON, OFF = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
ENV_LINE = re.compile(r"(export )?[A-Za-z_0-9]+=.*|\s*(#.*)?")
NUMBER = re.compile(r"-?[0-9]{1,9}")
# What Django accepts in the Host header, a wildcard, or a domain with its subdomains.
KEY_ID = re.compile("key_[0-9A-Za-z]{1,40}")
HOST = re.compile(r"\*|\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]")
# What `holds_a_key` looks for before an id.
PREFIX = re.compile(r"[a-z]+(_[a-z]+)*")
PREFIX_MAX_LENGTH = 32

DATABASE_SCHEMES = {"sqlite", "postgres", "postgresql", "psql", "pgsql"}
DATABASE_SWITCHES = {
    "ATOMIC_REQUESTS",
    "AUTOCOMMIT",
    "CONN_HEALTH_CHECKS",
    "DISABLE_SERVER_SIDE_CURSORS",
}
CONNECTION_SWITCHES = {"pool", "server_side_binding"}
# What libpq would only refuse as it connects, or take for its default.
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
    # Those of psycopg, from READ UNCOMMITTED to SERIALIZABLE.
    "isolation_level": ("1", "2", "3", "4"),
}
CONNECTION_NUMBERS = {
    *("connect_timeout", "tcp_user_timeout"),
    *("keepalives_idle", "keepalives_interval", "keepalives_count"),
}
OPTIONS_OF_DJANGO = CONNECTION_SWITCHES | {"isolation_level", "assume_role"}
MAIL_SWITCHES = {"EMAIL_USE_TLS", "EMAIL_USE_SSL"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}
REDIS_SWITCHES = {"retry_on_timeout", "socket_keepalive", "ssl_check_hostname"}

NO_DATABASE = (
    "DATABASE_URL is not the URL of a database. Set it to"
    " postgres://user:password@host:5432/name or sqlite:///file."
)
UNESCAPED = (
    "DATABASE_URL has a #, /, ? or @ where none can be. Write %23, %2F, %3F and %40 for"
    " those in the password."
)
NO_DATABASE_NAME = (
    "DATABASE_URL names no database. Add the name at its end:"
    " postgres://user:password@host:5432/name."
)
UNKNOWN_OPTION = (
    "DATABASE_URL has an option after its ? that neither Django nor PostgreSQL has. Write"
    " it in lower case, as pool=true and sslmode=require, or remove it."
)
NO_PREFIX = (
    "API_KEY_PREFIX is nothing that a key can begin with. Set it to lower-case words"
    " joined by underscores, 32 characters at most, such as epk_live."
)
NO_MAIL_SERVER = (
    "EMAIL_URL is not the URL of a mail server. Set it to"
    " smtp+tls://user:password@host:587."
)
NO_REDIS = (
    "REDIS_URL is not the URL of a Redis database. Set it to redis://host:6379/0."
)


def read_file(path):
    """Add the variables of a .env file to those of the process."""
    lines = path.read_text().splitlines() if path.is_file() else []
    for number, line in enumerate(lines, start=1):
        if not ENV_LINE.fullmatch(line):
            raise ImproperlyConfigured(
                f"Line {number} of {path.name} is not NAME=value. Write it without"
                " spaces around the name."
            )
    env.read_env(path)


def text(name, default=""):
    """Return the variable; an empty one counts as absent."""
    value = os.environ.get(name, "")
    if value.startswith("$") and value.lstrip("$") not in os.environ:
        # environ would take it for absent.
        raise ImproperlyConfigured(
            f"{name} begins with $, so it stands for another variable, which is not set."
        )
    return env.str(name, default="") or default


def required(name, how):
    """Return the variable, or stop the start with how to set it."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {how}")
    return value


def flag(name, default):
    """Return a true or false variable, or stop the start."""
    value = text(name)
    return switch(name, value) if value else default


def switch(name, value):
    """Return the boolean that the text means: a typing error means neither."""
    if value.lower() in ON | OFF:
        return value.lower() in ON
    raise ImproperlyConfigured(f"{name} is {value!r}. Set it to true or false.")


def choice(name, default, *others):
    """Return one of the words, in any case, or stop the start."""
    value = text(name, default).lower()
    if value not in (default, *others):
        raise ImproperlyConfigured(
            f"{name} is {value!r}. Set it to one of: {', '.join((default, *others))}."
        )
    return value


def token(name):
    """Return a secret of at least 32 characters, or nothing, or stop the start."""
    value = text(name)
    if value and not re.fullmatch(r"[!-~]{32,}", value):
        raise ImproperlyConfigured(
            f"{name} is too short, or has spaces. Set it to 32 characters or more, or leave"
            " it out."
        )
    return value


def number(name, default, *, least=0, most=None):
    """Return a whole number, or stop the start."""
    return whole(name, text(name, str(default)), least, most)


def whole(name, value, least, most):
    if not NUMBER.fullmatch(value):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number.")
    if int(value) < least or (most is not None and int(value) > most):
        limits = f"{least} or more" if most is None else f"{least} to {most}"
        raise ImproperlyConfigured(f"{name} is {value}. Set it to {limits}.")
    return int(value)


def prefix(name, default):
    """Return what keys begin with, or stop the start."""
    value = text(name, default)
    # It is not repeated: it may be a whole key.
    if not PREFIX.fullmatch(value) or len(value) > PREFIX_MAX_LENGTH:
        raise ImproperlyConfigured(NO_PREFIX)
    return value


def hosts(name):
    """Return a comma-separated list of host names, or stop the start."""
    found = [host.strip() for host in text(name).split(",") if host.strip()]
    for host in found:
        if not HOST.fullmatch(host):
            raise ImproperlyConfigured(
                f"{name} has {host!r}. Set it to host names without scheme and port,"
                " comma-separated."
            )
    return found


def key_ids(name):
    """Return the ids of API keys in a comma-separated list, or stop the start."""
    found = {id.strip() for id in text(name).split(",") if id.strip()}
    if not all(KEY_ID.fullmatch(id) for id in found):
        # Not repeated: somebody may have put a whole key there.
        raise ImproperlyConfigured(
            f"{name} has what is no id of a key. Set it to ids, key_…, comma-separated."
        )
    return frozenset(found)


def options(url):
    """Return the (name, value) pairs after the question mark of a URL."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


def database(url):
    """Return Django's settings for a database URL, or stop the start."""
    if url == "sqlite://:memory:":
        return env.db_url_config(url)
    try:
        parts = urlsplit(url)
        if parts.scheme not in DATABASE_SCHEMES:
            raise ImproperlyConfigured(NO_DATABASE)
        if parts.scheme == "sqlite":
            require_file(parts)
        else:
            require_database(url, parts)
        config = env.db_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(NO_DATABASE) from None
    set_switches(config, DATABASE_SWITCHES)
    set_switches(config.get("OPTIONS", {}), CONNECTION_SWITCHES)
    if "CONN_MAX_AGE" in config:
        age = str(config["CONN_MAX_AGE"])
        config["CONN_MAX_AGE"] = whole("conn_max_age in DATABASE_URL", age, 0, None)
    return config


def require_database(url, parts):
    """Stop the start unless a URL of PostgreSQL has a name and options that are known."""
    cut_short = not parts.path and "@" in parts.query
    if "#" in url or "@" in parts.path or cut_short:
        raise ImproperlyConfigured(UNESCAPED)
    given = options(url)
    if not parts.path.strip("/") and "service" not in dict(given):
        raise ImproperlyConfigured(NO_DATABASE_NAME)
    for option, value in given:
        require_option(option, value)


def require_option(option, value):
    if option.upper() in DATABASE_SWITCHES | {"CONN_MAX_AGE"}:
        return  # looked at as they are set
    if not is_known(option):
        raise ImproperlyConfigured(UNKNOWN_OPTION)
    named = f"{option} in DATABASE_URL"
    choices = CONNECTION_CHOICES.get(option, [value])
    if value not in choices:
        raise ImproperlyConfigured(
            f"{named} is {value!r}. Set it to one of: {', '.join(choices)}."
        )
    if option in CONNECTION_SWITCHES:
        switch(named, value)
    if option in CONNECTION_NUMBERS:
        whole(named, value, 0, None)


def is_known(option):
    """Whether Django has the option for PostgreSQL, or libpq itself."""
    try:
        make_conninfo(**({} if option in OPTIONS_OF_DJANGO else {option: "1"}))
    except ProgrammingError:
        return False
    return True


def set_switches(config, names):
    """Turn options into booleans; environ leaves a text, which is always true."""
    for name in names & config.keys():
        option = f"{name.lower()} in DATABASE_URL"
        config[name] = switch(option, str(config[name]))


def require_file(parts):
    """Stop the start unless a sqlite URL is a path and nothing else.

    environ would ignore a host, and open a database in memory without a path.
    """
    if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
        raise ImproperlyConfigured(
            "DATABASE_URL is not the path of a SQLite file. Set it to sqlite:///file,"
            " with three slashes and without options."
        )


def mail(url):
    """Return Django's settings for the URL of a mail server, or stop the start."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in env.EMAIL_SCHEMES:
            raise ImproperlyConfigured(NO_MAIL_SERVER)
        config = env.email_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(NO_MAIL_SERVER) from None
    if parts.scheme.startswith("smtp") and not parts.hostname:
        raise ImproperlyConfigured(NO_MAIL_SERVER)
    config.pop("OPTIONS", None)
    config |= {
        option.upper(): mail_switch(option, value) for option, value in options(url)
    }
    if config.get("EMAIL_USE_TLS") and config.get("EMAIL_USE_SSL"):
        raise ImproperlyConfigured("EMAIL_URL asks for both TLS and SSL. Choose one.")
    return config


def mail_switch(option, value):
    if option.upper() not in MAIL_SWITCHES:
        raise ImproperlyConfigured(
            "EMAIL_URL has an unknown option. It takes email_use_tls and email_use_ssl."
        )
    return switch(f"{option} in EMAIL_URL", value)


def require_sender(value):
    """Stop the start unless mail can be sent in this name."""
    address = parseaddr(value)[1]
    try:
        validate_email(address)
    except ValidationError:
        address = ""
    if not address or address not in value:
        raise ImproperlyConfigured(
            "EMAIL_FROM is not an e-mail address. Set it to keys@example.com or"
            " Name <keys@example.com>."
        )


def require_redis(url):
    """Stop the start unless the text is the URL of a Redis database."""
    try:
        parts = urlsplit(url)
        port = parts.port  # noqa: F841, raises for what is no port
    except ValueError:
        raise ImproperlyConfigured(NO_REDIS) from None
    if parts.scheme not in REDIS_SCHEMES:
        raise ImproperlyConfigured(NO_REDIS)
    # The client takes database 0 for a path that is no number.
    if parts.scheme != "unix" and not re.fullmatch(r"(/[0-9]*)?", parts.path):
        raise ImproperlyConfigured(NO_REDIS)
    for option, value in options(url):
        if option in REDIS_SWITCHES:
            switch(f"{option} in REDIS_URL", value)
