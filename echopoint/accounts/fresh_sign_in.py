"""A fresh sign-in: what matters most asks once more who is there."""

import time
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseRedirect, QueryDict
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers

from echopoint.core.addresses import address_of
from echopoint.core.redaction import holds_a_secret

TYPED = "unsubmitted_form"
NEVER_KEPT = ("csrfmiddlewaretoken", "nonce")


def is_fresh(request):
    """Whether the person proved who they are within ACCOUNT_REAUTHENTICATION_TIMEOUT."""
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < REAUTHENTICATION_TIMEOUT


def where(request):
    """Return the path of the page on which this person can prove it again."""
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    return methods[0]["url"] if methods else resolve_url(settings.LOGIN_URL)


def ask(request):
    """Return the way to prove it again, and from there back to this page."""
    path = address_of(request)
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    if not methods:
        logout(request)
        return redirect_to_login(path)
    query = urlencode({REDIRECT_FIELD_NAME: path})
    return HttpResponseRedirect(f"{methods[0]['url']}?{query}")


def keep_typed(request):
    """Keep what was typed, for this page alone, until it is opened again."""
    typed = request.POST.copy()
    for name in NEVER_KEPT:
        typed.pop(name, None)
    for name, values in typed.lists():
        # A key that was pasted into the wrong field must not wait in the session.
        typed.setlist(name, [v for v in values if not holds_a_secret(v)])
    request.session[TYPED] = {"path": request.path, "form": typed.urlencode()}


def typed_before(request):
    """Return what was typed on this page before the person proved it again, once."""
    kept = request.session.get(TYPED)
    if request.method != "GET" or not kept or kept["path"] != request.path:
        return QueryDict()
    del request.session[TYPED]
    return QueryDict(kept["form"])


class FreshSignInMiddleware:
    """Asks in our way where allauth's own pages ask, and caches none of them.

    allauth would keep the whole request in the session, headers included.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.path.startswith("/accounts/"):
            add_never_cache_headers(response)
        return response

    def process_exception(self, request, exception):
        if isinstance(exception, ReauthenticationRequired):
            return ask(request)
        return None
