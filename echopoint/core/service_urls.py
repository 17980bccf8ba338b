"""Settings that are URLs, and EMAIL_FROM. A mistyped value stops the start.

Error messages never quote a URL, because it contains the password.
"""

import re
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from echopoint.core.environment import env, parse_boolean, query_options, string

MAIL_BOOLEANS = {"EMAIL_USE_TLS", "EMAIL_USE_SSL"}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
REDIS_SCHEMES = {"redis", "rediss", "unix"}
REDIS_BOOLEANS = {"retry_on_timeout", "socket_keepalive", "ssl_check_hostname"}

INVALID_EMAIL_URL = (
    "EMAIL_URL is not a valid mail server URL. Set it to"
    " smtp+tls://user:password@host:587."
)
INVALID_SITE_URL = "SITE_URL is not a valid URL. Set it to https://keys.example.com."
INVALID_REDIS_URL = "REDIS_URL is not a valid Redis URL. Set it to redis://host:6379/0."


def mail_settings(url):
    """Return Django's settings for a mail server URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in env.EMAIL_SCHEMES:
            raise ImproperlyConfigured(INVALID_EMAIL_URL)
        config = env.email_url_config(url)
    except ValueError:
        raise ImproperlyConfigured(INVALID_EMAIL_URL) from None
    if parts.scheme.startswith("smtp") and not parts.hostname:
        raise ImproperlyConfigured(INVALID_EMAIL_URL)
    config.pop("OPTIONS", None)
    config |= {
        option.upper(): mail_option(option, value)
        for option, value in query_options(url)
    }
    if config.get("EMAIL_USE_TLS") and config.get("EMAIL_USE_SSL"):
        raise ImproperlyConfigured("EMAIL_URL asks for both TLS and SSL. Choose one.")
    return config


def mail_option(option, value):
    if option.upper() not in MAIL_BOOLEANS:
        raise ImproperlyConfigured(
            "EMAIL_URL has an unknown option. It takes email_use_tls and email_use_ssl."
        )
    return parse_boolean(f"{option} in EMAIL_URL", value)


def require_sender(value):
    """Raise unless the value is a valid sender."""
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


def https_url(name):
    """Return an https URL from a variable, or an empty string; http only to this machine."""
    value = string(name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port  # the port raises if it is invalid
    except ValueError:
        host = None
    is_safe = host and (parts.scheme == "https" or host in LOOPBACK)
    if not is_safe or parts.scheme not in {"http", "https"} or "@" in parts.netloc:
        raise ImproperlyConfigured(
            f"{name} is not an https URL. Set it to one, or leave it out."
        )
    return value


def site_url(url, hosts, *, is_https, port):
    """Return the base URL of the site, without a trailing slash.

    Without a URL, it is that of the first host that is not a wildcard; empty if there is
    none.
    """
    if not url:
        names = [host for host in hosts if not host.startswith(("*", "."))]
        if not names:
            return ""
        return f"https://{names[0]}" if is_https else f"http://{names[0]}:{port}"
    try:
        parts = urlsplit(url)
        is_base = parts.hostname and not (parts.query or parts.fragment)
        parts.port  # noqa: B018, raises if invalid
    except ValueError:
        is_base = False
    if not is_base or parts.username or parts.scheme not in ("http", "https"):
        raise ImproperlyConfigured(INVALID_SITE_URL)
    return url.rstrip("/")


def require_redis(url):
    try:
        parts = urlsplit(url)
        port = parts.port  # noqa: F841, raises if invalid
    except ValueError:
        raise ImproperlyConfigured(INVALID_REDIS_URL) from None
    if parts.scheme not in REDIS_SCHEMES:
        raise ImproperlyConfigured(INVALID_REDIS_URL)
    # The client silently uses database 0 if the path is not a number.
    if parts.scheme != "unix" and not re.fullmatch(r"(/[0-9]*)?", parts.path):
        raise ImproperlyConfigured(INVALID_REDIS_URL)
    for option, value in query_options(url):
        if option in REDIS_BOOLEANS:
            parse_boolean(f"{option} in REDIS_URL", value)
