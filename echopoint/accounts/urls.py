"""Account URLs: ours first, then allauth's."""

from functools import wraps

from allauth.account.views import password_reset_from_key
from allauth.mfa.recovery_codes.views import generate_recovery_codes
from django.db import transaction
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from echopoint.accounts.views import PasswordResetView, SignInView, SignUpView
from echopoint.core.audit_log import audit_log


def locking_audit_chains(view):
    """Lock the audit chains of the user's organizations before the view locks the user.

    Prevents a deadlock: issuing a key locks a chain first, and then the user's row through
    its foreign key.
    """

    @wraps(view)
    def locking(request, *args, **kwargs):
        with transaction.atomic():
            if request.method == "POST":
                audit_log().lock_chains_of(request.user)
            return view(request, *args, **kwargs)

    return locking


urlpatterns = [
    path("login/", SignInView.as_view(), name="account_login"),
    path("signup/", SignUpView.as_view(), name="account_signup"),
    # Only operators change e-mail addresses.
    path("email/", RedirectView.as_view(pattern_name="mfa_index")),
    path("password/reset/", PasswordResetView.as_view(), name="account_reset_password"),
    # allauth's own pattern does not match the underscore of our user ids.
    re_path(
        r"^password/reset/key/(?P<uidb36>\w+)-(?P<key>.+)/$",
        password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "2fa/recovery-codes/generate/",
        locking_audit_chains(generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path("", include("allauth.urls")),
]
