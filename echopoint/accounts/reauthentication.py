"""Re-authentication: sensitive pages require a recent sign-in."""

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

from echopoint.core.redaction import holds_a_secret
from echopoint.core.url_redaction import redacted_url

SESSION_KEY = "unsubmitted_form"
NEVER_STORED = ("csrfmiddlewaretoken", "nonce")


def is_recent(request):
    """Whether the user authenticated within ACCOUNT_REAUTHENTICATION_TIMEOUT."""
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < REAUTHENTICATION_TIMEOUT


def url_for(request):
    """Return the path of the page on which the user re-authenticates."""
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    return methods[0]["url"] if methods else resolve_url(settings.LOGIN_URL)


def redirect_to_confirm(request):
    """Redirect to the re-authentication page, which leads back to this one."""
    path = redacted_url(request)
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    if not methods:
        logout(request)
        return redirect_to_login(path)
    query = urlencode({REDIRECT_FIELD_NAME: path})
    return HttpResponseRedirect(f"{methods[0]['url']}?{query}")


def store_form(request):
    """Store the submitted form in the session, for the same page only."""
    typed = request.POST.copy()
    for name in NEVER_STORED:
        typed.pop(name, None)
    for name, values in typed.lists():
        # A key pasted into the wrong field must not be stored in the session.
        typed.setlist(name, [v for v in values if not holds_a_secret(v)])
    request.session[SESSION_KEY] = {"path": request.path, "form": typed.urlencode()}


def pop_form(request):
    """Remove and return the form stored for this page; empty if there is none."""
    stored = request.session.get(SESSION_KEY)
    if request.method != "GET" or not stored or stored["path"] != request.path:
        return QueryDict()
    del request.session[SESSION_KEY]
    return QueryDict(stored["form"])


class ReauthenticationMiddleware:
    """Redirects allauth's own pages to re-authentication, and marks them as uncacheable.

    allauth would store the whole request in the session, including its headers.
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
            return redirect_to_confirm(request)
        return None
