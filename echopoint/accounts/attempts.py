"""Rate limits on passwords and codes.

Attempts are limited per client address, and per client address and account. Attackers at
other addresses cannot exhaust these limits. An attacker with many addresses could still try
many passwords, so attempts are also limited per account over all addresses. Anyone can
exhaust that limit, so these ways to sign in remain open:

- a known browser of the user, which has its own limit instead of all others;
- a known address of the user, within the limits of the address;
- the correct password of an account with a second factor, which is checked next. All other
  attempts are refused after the password check, whether it was correct or not, so that the
  refusal does not reveal the result;
- a password reset by e-mail, which makes the browser known.

A successful attempt is refunded, so that users behind one address do not exhaust each
other's limits. The numbers are in ACCOUNT_RATE_LIMITS of
`echopoint/settings.py`.
"""

import math
import time
from contextlib import contextmanager

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.cache import cache
from django.shortcuts import render

from echopoint.accounts import known_browser
from echopoint.core.audit_log import audit_log

APP = "allauth.account"
# Pages that allauth limits itself: URL name to (app, action).
LIMITED_PAGES = {
    "account_signup": (APP, "signup"),
    "account_reset_password": (APP, "reset_password"),
    "account_reset_password_from_key": (APP, "reset_password_from_key"),
    "account_change_password": (APP, "change_password"),
    "account_set_password": (APP, "change_password"),
    "mfa_login_webauthn": ("allauth.mfa", "webauthn_login"),
}


class TooManyAttempts(ImmediateHttpResponse):
    """Renders the 429 page, raised from anywhere in a request."""

    def __init__(self, request, seconds, **context):
        super().__init__(too_many_attempts_page(request, seconds, **context))


def too_many_attempts_page(request, seconds, **context):
    """Return the 429 page with the time until the next attempt is allowed."""
    seconds = max(1, math.ceil(seconds))
    context |= {"wait": in_words(seconds)}
    response = render(request, "429.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response


def in_words(seconds):
    if seconds < 120:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if seconds < 2 * 60 * 60:
        return f"{math.ceil(seconds / 60)} minutes"
    return f"{math.ceil(seconds / 60 / 60)} hours"


def too_many_requests(request):
    """Handle a request that one of allauth's own limits refused."""
    app, action = LIMITED_PAGES[request.resolver_match.url_name]
    keys = {action: getattr(request, "limited_key", None)}
    return too_many_attempts_page(request, wait(request, keys, app))


def wait(request, keys, app=APP):
    """Return the seconds until all actions are below their limits, or 0.

    `keys` maps each action to its key. Limits per address or per user need no key.
    """
    return max(
        (
            seconds_until_free(request, app, action, rate, key)
            for action, key in keys.items()
            for rate in ratelimit.get_rates(app=app, action=action)
            if key is not None or rate.per != "key"
        ),
        default=0,
    )


def seconds_until_free(request, app, action, rate, key):
    cache_key = ratelimit.get_cache_key(
        request, app=app, action=action, rate=rate, key=key
    )
    newest_first = cache.get(cache_key, [])
    if len(newest_first) < rate.amount:
        return 0
    return max(0, newest_first[rate.amount - 1] + rate.duration - time.time())


def count(request, keys):
    """Count an attempt; return the usages for `refund`. Raise `TooManyAttempts`.

    A refused attempt does not count, so that the reported waiting time stays correct.
    """
    if seconds := wait(request, keys):
        raise TooManyAttempts(request, seconds)
    counted = []
    for action, key in keys.items():
        usage = ratelimit.consume(request, app=APP, action=action, key=key)
        if usage is None:  # a concurrent request took the last one
            refund(counted)
            raise TooManyAttempts(request, wait(request, keys))
        counted.append(usage)
    return counted


def refund(counted):
    """Uncount a successful attempt."""
    for usage in counted:
        usage.rollback()


def limit_keys(kind, request, user):
    """Return (limits of this client, limits of the account over all addresses).

    Both map actions to keys, as in `count`. `kind` is "sign_in", "password" or "code".
    """
    if browser := known_browser_key(request, user):
        return {f"{kind}_in_known_browser": browser}, {}
    own = {
        f"{kind}_by_address": None,
        f"{kind}_by_address_and_account": f"{ratelimit.get_ip(request)}:{user.email}",
    }
    if known_browser.is_known_address(request, user):
        return own, {}
    return own, {f"{kind}_by_account": user.email}


def known_browser_key(request, user):
    """Return the rate limit key of a known browser of the user, else None."""
    if request.user.is_authenticated and request.user == user:
        return f"session:{request.session.session_key}"
    browser = known_browser.known_browser_id(request, user)
    return browser and f"{browser}:{user.pk}"


@contextmanager
def auditing_refusal(user):
    """Record a refused attempt in the audit log; `user` is None if unknown."""
    try:
        yield
    except TooManyAttempts:
        audit_log().sign_in_failed(user, "too_many_attempts")
        raise


def check_password(request, account, check):
    """Return the user that `check()` returns, or None. Raise `TooManyAttempts`.

    For an unknown address, `account` is an unsaved user with it, so that both cases do the
    same work and take the same time.
    """
    with auditing_refusal(None if account._state.adding else account):
        return check_within_limits(request, account, check)


def check_within_limits(request, account, check):
    count(request, limit_keys("sign_in", request, account)[0])
    own, shared = limit_keys("password", request, account)
    counted = count(request, own)
    seconds_left = wait(request, shared)
    if not seconds_left:
        counted += count(request, shared)
    is_exempt = not seconds_left or has_second_factor(account)
    user = check()
    if user and is_exempt:
        refund(counted)
        return user
    if seconds_left:
        seconds = max(seconds_left, wait(request, own))
        context = {"by_strangers": True, "resets_by_mail": bool(settings.EMAIL_URL)}
        raise TooManyAttempts(request, seconds, **context)
    return None


def has_second_factor(account):
    return Authenticator.objects.filter(user_id=account.pk).exists()
