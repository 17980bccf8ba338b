"""The home page and the list of the user's organizations."""

from django.urls import path
from django.views.generic import RedirectView

from echopoint.organizations.views import OrganizationListView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="organizations"), name="home"),
    path("orgs/", OrganizationListView.as_view(), name="organizations"),
]
