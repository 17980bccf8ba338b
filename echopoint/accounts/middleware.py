"""Pages are closed unless their view says otherwise."""

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import resolve_url

from echopoint.core.addresses import address_of


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Asks who is there, and leads back to the page, without a key that was in its address."""

    def handle_no_permission(self, request, view_func):
        return redirect_to_login(
            address_of(request),
            resolve_url(self.get_login_url(view_func)),
            self.get_redirect_field_name(view_func),
        )
