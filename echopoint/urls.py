"""All paths: the API at the root, the pages below /orgs/, the console, the documents."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("echopoint.api.urls")),
    path("admin/", admin.site.urls),
]
