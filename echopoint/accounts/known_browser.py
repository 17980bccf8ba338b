"""Browsers and addresses from which a user signed in with their current password.

A known browser gains no access. Its sign-in attempts have their own rate limits, which
attackers elsewhere cannot exhaust (OWASP, "Slow Down Online Guessing Attacks with Device
Cookies"). A browser is known by a signed cookie; an address by a cache entry, which may be
evicted.
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
MAX_USERS = 5  # per browser, the most recent ones: the size of a cookie is limited
SECONDS = 180 * 24 * 60 * 60


def password_mark(user):
    """Return a digest that changes with the password, so that a change revokes it."""
    text = f"{user.pk}:{user.password}"
    return salted_hmac(COOKIE, text, algorithm="sha256").hexdigest()


def read_cookie(request):
    """Return (browser id, {user id: mark}) of the cookie, or a new browser id."""
    try:
        return signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=COOKIE, max_age=SECONDS
        )
    except signing.BadSignature:
        return secrets.token_urlsafe(16), {}


def known_browser_id(request, user):
    """Return the browser id if the cookie has the user's current mark, else None."""
    browser, users = read_cookie(request)
    is_known = constant_time_compare(users.get(user.pk, ""), password_mark(user))
    return browser if is_known else None


def address_key(request, user):
    """Return the cache key of the client's address, or None if that is unknown."""
    ip = address(request)
    return ip and f"known-address:{truncate_ip(ip)}:{password_mark(user)}"


def is_known_address(request, user):
    key = address_key(request, user)
    return bool(key and cache.get(key))


def remember(request, response, user):
    """Record the browser and the address as known for the user."""
    browser, users = read_cookie(request)
    users.pop(user.pk, None)
    users = dict([*users.items(), (user.pk, password_mark(user))][-MAX_USERS:])
    response.set_cookie(
        COOKIE,
        signing.dumps([browser, users], salt=COOKIE),
        max_age=SECONDS,
        path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    if key := address_key(request, user):
        cache.set(key, True, SECONDS)


class KnownBrowserMiddleware:
    """Records the browser after a successful authentication in the request."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if user := getattr(request, "authenticated_user", None):
            remember(request, response, user)
        return response


# A reset link proves control of the mailbox. It lets users without a second factor sign in
# while an attacker exhausts the limit of their account.
@receiver(
    [
        user_logged_in,
        signals.password_reset,
        signals.password_changed,
        signals.password_set,
    ]
)
def set_authenticated_user(sender, request, user, **kwargs):
    if request is not None:
        request.authenticated_user = user
