"""The only reader of environment variables. A mistyped value stops the start.

Error messages never quote a URL or a line of .env, because it may contain a secret.
"""

import os
import re
from urllib.parse import parse_qsl, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()

TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
ENV_LINE = re.compile(r"(export )?[A-Za-z_0-9]+=.*|\s*(#.*)?")
INTEGER = re.compile(r"-?[0-9]{1,9}")
KEY_ID = re.compile("key_[0-9A-Za-z]{1,40}")
# What Django accepts in the Host header, a wildcard, or a domain with its subdomains.
HOST = re.compile(r"\*|\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*|\[[0-9A-Fa-f:.]+\]")
# Must match what `holds_a_key` looks for before an id, or keys would not be redacted.
KEY_PREFIX = re.compile(r"[a-z]+(_[a-z]+)*")
KEY_PREFIX_MAX_LENGTH = 32
INVALID_KEY_PREFIX = (
    "API_KEY_PREFIX is not valid. Set it to lower-case words joined by underscores, 32"
    " characters at most, such as epk_live."
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


def string(name, default=""):
    """Return a variable. An empty value counts as unset; $OTHER is expanded."""
    value = os.environ.get(name, "")
    if value.startswith("$") and value.lstrip("$") not in os.environ:
        # environ would treat it as unset.
        raise ImproperlyConfigured(
            f"{name} begins with $, so it refers to another variable, which is not set."
        )
    return env.str(name, default="") or default


def required_string(name, hint):
    """Return a variable, or raise `ImproperlyConfigured` with a hint how to set it."""
    value = string(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {hint}")
    return value


def boolean(name, default):
    value = string(name)
    return parse_boolean(name, value) if value else default


def parse_boolean(name, value):
    """Parse true or false. A mistyped value is an error, not false."""
    if value.lower() in TRUE | FALSE:
        return value.lower() in TRUE
    raise ImproperlyConfigured(f"{name} is {value!r}. Set it to true or false.")


def enum(name, default, *others):
    """Return one of the allowed words, in any case."""
    value = string(name, default).lower()
    if value not in (default, *others):
        raise ImproperlyConfigured(
            f"{name} is {value!r}. Set it to one of: {', '.join((default, *others))}."
        )
    return value


def optional_secret(name):
    """Return a secret of at least 32 characters, or an empty string."""
    value = string(name)
    if value and not re.fullmatch(r"[!-~]{32,}", value):
        raise ImproperlyConfigured(
            f"{name} is too short or contains spaces. Set it to at least 32 characters,"
            " or leave it out."
        )
    return value


def integer(name, default, *, least=0, most=None):
    return parse_integer(name, string(name, str(default)), least, most)


def parse_integer(name, value, least, most):
    if not INTEGER.fullmatch(value):
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number.")
    if int(value) < least or (most is not None and int(value) > most):
        limits = f"{least} or more" if most is None else f"{least} to {most}"
        raise ImproperlyConfigured(f"{name} is {value}. Set it to {limits}.")
    return int(value)


def key_prefix(name, default):
    value = string(name, default)
    # Not quoted: somebody may have pasted a complete key.
    if not KEY_PREFIX.fullmatch(value) or len(value) > KEY_PREFIX_MAX_LENGTH:
        raise ImproperlyConfigured(INVALID_KEY_PREFIX)
    return value


def host_names(name):
    """Return a comma-separated list of host names."""
    hosts = [host.strip() for host in string(name).split(",") if host.strip()]
    for host in hosts:
        if not HOST.fullmatch(host):
            raise ImproperlyConfigured(
                f"{name} has {host!r}. Set it to host names without scheme and port,"
                " comma-separated."
            )
    return hosts


def key_ids(name):
    """Return a comma-separated list of API key ids."""
    ids = {id.strip() for id in string(name).split(",") if id.strip()}
    if not all(KEY_ID.fullmatch(id) for id in ids):
        # Not quoted: somebody may have pasted a complete key.
        raise ImproperlyConfigured(
            f"{name} has a value that is not a key id. Set it to ids, key_…,"
            " comma-separated."
        )
    return frozenset(ids)


def query_options(url):
    """Return the (name, value) pairs of the query string."""
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)
