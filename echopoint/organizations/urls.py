"""The way in: signing in and out, and the organizations of a person."""

from django.urls import path
from django.views.generic import RedirectView

from echopoint.organizations.views import (
    OrganizationListView,
    SignInView,
    SignOutView,
)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="organizations"), name="home"),
    path("orgs/", OrganizationListView.as_view(), name="organizations"),
    path("accounts/login/", SignInView.as_view(), name="account_login"),
    path("accounts/logout/", SignOutView.as_view(), name="account_logout"),
]
