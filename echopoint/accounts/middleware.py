"""Middleware that requires a sign-in for all views by default."""

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import resolve_url

from echopoint.core.url_redaction import redacted_url


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Redirects to the sign-in page and back, with API keys removed from the URL."""

    def handle_no_permission(self, request, view_func):
        return redirect_to_login(
            redacted_url(request),
            resolve_url(self.get_login_url(view_func)),
            self.get_redirect_field_name(view_func),
        )
