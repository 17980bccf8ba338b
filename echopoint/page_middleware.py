"""The middleware of pages, which requests with an API key skip.

Such a request has no session, no cookies and no forms: `ApiKeyAuthentication` alone decides
about it, and these classes would only take time.
"""

from functools import cache

from csp.middleware import CSPMiddleware
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import PermissionDenied

from apikeys.authentication import KEY_META
from echopoint.accounts.known_browser import KnownBrowserMiddleware
from echopoint.accounts.middleware import SignInRequiredMiddleware
from echopoint.accounts.reauthentication import ReauthenticationMiddleware
from echopoint.api.keyless_views import is_keyless
from echopoint.api.operations import is_api_view, operations

# For a response that a browser shows although it is none (OWASP, "REST Security").
API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class KeyRequestMiddleware:
    """Set `request.skips_pages`, and the security headers of a response without a page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.skips_pages = (
            KEY_META in request.META and first_segment(request.path_info) in api_roots()
        )
        response = self.get_response(request)
        if request.skips_pages:
            response.headers.setdefault("Content-Security-Policy", API_POLICY)
        return response

    def process_view(self, request, view, args, kwargs):
        # Otherwise a page below a path of the API would skip the page middleware, and so
        # its sign-in.
        if request.skips_pages and not (is_api_view(view) or is_keyless(view)):
            raise PermissionDenied


def first_segment(path):
    return path.partition("/")[2].partition("/")[0]


@cache
def api_roots():
    """Return the first segments of all paths of the REST API."""
    return {first_segment(operation.path) for operation in operations()}


def for_pages(middleware):
    """Return a subclass of the middleware that passes on requests with an API key."""

    class ForPages(middleware):
        def __call__(self, request):
            if request.skips_pages:
                return self.get_response(request)
            return super().__call__(request)

        if hasattr(middleware, "process_view"):

            def process_view(self, request, *view):
                if request.skips_pages:
                    return None
                return super().process_view(request, *view)

    return ForPages


# MIDDLEWARE in the settings names these.
ContentSecurityPolicy = for_pages(CSPMiddleware)
Session = for_pages(SessionMiddleware)
Authentication = for_pages(AuthenticationMiddleware)
SignInRequired = for_pages(SignInRequiredMiddleware)
Message = for_pages(MessageMiddleware)
Reauthentication = for_pages(ReauthenticationMiddleware)
KnownBrowser = for_pages(KnownBrowserMiddleware)
