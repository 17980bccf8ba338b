"""Browsers and addresses in which a person has signed in since they set their password.

Being known opens nothing. Attempts there have limits of their own, which strangers cannot
use up (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). A browser is known
by a signed cookie; an address by the cache, which may forget it.
"""

import secrets

from allauth.account import signals
from allauth.core.internal.ratelimit import truncate_ip
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.core.cache import cache
from django.dispatch import receiver
from django.utils.crypto import constant_time_compare, salted_hmac

from echopoint.core.client_address import address

COOKIE = "known_browser"
PEOPLE = 5  # of one browser, the last who signed in; headers are bounded
SECONDS = 180 * 24 * 60 * 60


def mark(user):
    """Return what changes with the password: who had an old one is not known by it."""
    text = f"{user.pk}:{user.password}"
    return salted_hmac(COOKIE, text, algorithm="sha256").hexdigest()


def read(request):
    """Return the id of the browser, and the marks of the people it knows, by their ids."""
    try:
        return signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=COOKIE, max_age=SECONDS
        )
    except signing.BadSignature:
        return secrets.token_urlsafe(16), {}


def browser_of(request, user):
    """Return the id of a browser that knows the person, or None."""
    browser, people = read(request)
    is_known = constant_time_compare(people.get(user.pk, ""), mark(user))
    return browser if is_known else None


def place(request, user):
    """Return the cache's key of the client's address, or None if that is unknown."""
    ip = address(request)
    return ip and f"known-address:{truncate_ip(ip)}:{mark(user)}"


def is_known_address(request, user):
    key = place(request, user)
    return bool(key and cache.get(key))


def remember(request, response, user):
    """Let the browser, and the address, know the person from now on."""
    browser, people = read(request)
    people.pop(user.pk, None)
    people = dict([*people.items(), (user.pk, mark(user))][-PEOPLE:])
    response.set_cookie(
        COOKIE,
        signing.dumps([browser, people], salt=COOKIE),
        max_age=SECONDS,
        path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    if key := place(request, user):
        cache.set(key, True, SECONDS)


class KnownBrowserMiddleware:
    """Remembers the browser in which a person has just proved who they are."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if user := getattr(request, "proved_to_be", None):
            remember(request, response, user)
        return response


# A link that sets a new password proves the mailbox: the way in for a person whom strangers
# keep from signing in, and who has no second factor.
@receiver(
    [
        user_logged_in,
        signals.password_reset,
        signals.password_changed,
        signals.password_set,
    ]
)
def prove(sender, request, user, **kwargs):
    if request is not None:
        request.proved_to_be = user
