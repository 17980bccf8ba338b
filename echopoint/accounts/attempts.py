"""How often passwords and codes may be wrong, and who gets in all the same.

Attempts count by address and account, and by address over all accounts: nobody at another
address can use these up. But each of many addresses has attempts of its own, so they count
by account over all addresses too. Strangers can use that up; past it comes

- a person in a browser that knows them, which has limits of its own and none of the others;
- a person at an address where they signed in before, within the limits of that address;
- who has the right password of an account with a second factor, which is asked next. The
  others are refused after the password was checked, right or wrong, so that the refusal
  tells nothing of it;
- who sets a new password by a link in the mail, as that browser knows them then.

A right attempt is taken back, so that people do not use up each other's. The numbers are in
ACCOUNT_RATE_LIMITS.
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
from echopoint.core.trail import trail

APP = "allauth.account"
# What allauth limits by itself: (app, action) by the name of the page.
PAGES = {
    "account_signup": (APP, "signup"),
    "account_reset_password": (APP, "reset_password"),
    "account_reset_password_from_key": (APP, "reset_password_from_key"),
    "account_change_password": (APP, "change_password"),
    "account_set_password": (APP, "change_password"),
    "mfa_login_webauthn": ("allauth.mfa", "webauthn_login"),
}


class TooManyAttempts(ImmediateHttpResponse):
    """Answers 429 from wherever it is raised in a request of a page."""

    def __init__(self, request, seconds, **context):
        super().__init__(refusal(request, seconds, **context))


def refusal(request, seconds, **context):
    """Return the page that says in how many seconds another attempt is allowed."""
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
    """Answer what allauth refuses by a limit of its own."""
    app, action = PAGES[request.resolver_match.url_name]
    keys = {action: getattr(request, "limited_key", None)}
    return refusal(request, wait(request, keys, app))


def wait(request, keys, app=APP):
    """Return the seconds until no limit of the actions is reached, 0 if none is now.

    `keys` has what each action counts by, besides the address and the person.
    """
    return max(
        (
            until_free(request, app, action, rate, key)
            for action, key in keys.items()
            for rate in ratelimit.get_rates(app=app, action=action)
            if key is not None or rate.per != "key"
        ),
        default=0,
    )


def until_free(request, app, action, rate, key):
    cache_key = ratelimit.get_cache_key(
        request, app=app, action=action, rate=rate, key=key
    )
    newest_first = cache.get(cache_key, [])
    if len(newest_first) < rate.amount:
        return 0
    return max(0, newest_first[rate.amount - 1] + rate.duration - time.time())


def count(request, keys):
    """Count an attempt, and return what `take_back` takes; raise `TooManyAttempts`.

    A refused attempt does not count, so that the wait that was told stays true.
    """
    if seconds := wait(request, keys):
        raise TooManyAttempts(request, seconds)
    counted = []
    for action, key in keys.items():
        usage = ratelimit.consume(request, app=APP, action=action, key=key)
        if usage is None:  # a concurrent request took the last one
            take_back(counted)
            raise TooManyAttempts(request, wait(request, keys))
        counted.append(usage)
    return counted


def take_back(counted):
    """Let a right attempt count no more."""
    for usage in counted:
        usage.rollback()


def near_and_anywhere(kind, request, user):
    """Return the limits that nobody elsewhere can use up, and the one that strangers can.

    Both are as `count` takes them; a kind of attempt need not have all of them.
    """
    if browser := known_as(request, user):
        return {f"{kind}_in_known_browser": browser}, {}
    near = {
        f"{kind}_by_address": None,
        f"{kind}_by_address_and_account": f"{ratelimit.get_ip(request)}:{user.email}",
    }
    if known_browser.is_known_address(request, user):
        return near, {}
    return near, {f"{kind}_by_account": user.email}


def known_as(request, user):
    """Return by what the browser of a person is known, or None if it is not."""
    if request.user.is_authenticated and request.user == user:
        return f"session:{request.session.session_key}"
    browser = known_browser.browser_of(request, user)
    return browser and f"{browser}:{user.pk}"


@contextmanager
def recorded(user):
    """Let the audit have it when an attempt is refused; the user is None if unknown."""
    try:
        yield
    except TooManyAttempts:
        trail.audit.sign_in_failed(user, "too_many_attempts")
        raise


def at_password(request, account, check):
    """Return what `check` makes of a password, within the limits; it is None if wrong.

    `account` is a person, or an unsaved one with the address that nobody has: the work is
    the same. Raise `TooManyAttempts`.
    """
    with recorded(None if account._state.adding else account):
        return checked(request, account, check)


def checked(request, account, check):
    count(request, near_and_anywhere("sign_in", request, account)[0])
    near, anywhere = near_and_anywhere("password", request, account)
    counted = count(request, near)
    used_up = wait(request, anywhere)
    if not used_up:
        counted += count(request, anywhere)
    passes = not used_up or has_second_factor(account)
    person = check()
    if person and passes:
        take_back(counted)
        return person
    if used_up:
        seconds = max(used_up, wait(request, near))
        ways_in = {"by_strangers": True, "resets_by_mail": bool(settings.EMAIL_URL)}
        raise TooManyAttempts(request, seconds, **ways_in)
    return None


def has_second_factor(account):
    return Authenticator.objects.filter(user_id=account.pk).exists()
