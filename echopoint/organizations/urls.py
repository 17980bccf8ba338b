"""The way in: accounts, and the organizations of a person."""

from allauth.account.views import password_reset_from_key
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from echopoint.organizations.views import (
    OrganizationListView,
    PasswordResetView,
    SignInView,
    SignUpView,
)

accounts = [
    path("login/", SignInView.as_view(), name="account_login"),
    path("signup/", SignUpView.as_view(), name="account_signup"),
    # An e-mail address is changed by an operator.
    path("email/", RedirectView.as_view(pattern_name="mfa_index")),
    path("password/reset/", PasswordResetView.as_view(), name="account_reset_password"),
    # allauth's own pattern has no underscore, which our ids of people have.
    re_path(
        r"^password/reset/key/(?P<uidb36>\w+)-(?P<key>.+)/$",
        password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("", include("allauth.urls")),
]
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="organizations"), name="home"),
    path("orgs/", OrganizationListView.as_view(), name="organizations"),
    path("accounts/", include(accounts)),
]
