"""The first page, and the organizations of a person."""

from django.urls import path
from django.views.generic import RedirectView

from echopoint.organizations.views import OrganizationListView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="organizations"), name="home"),
    path("orgs/", OrganizationListView.as_view(), name="organizations"),
]
