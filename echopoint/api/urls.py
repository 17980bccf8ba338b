"""The paths of the OpenAPI document, and of the page that shows it."""

from django.contrib.auth.decorators import login_not_required
from django.urls import path
from drf_spectacular.views import SpectacularSwaggerSplitView

from echopoint.api.document import DocumentView

READS = ["get", "head"]

urlpatterns = [
    path(
        "openapi.json",
        login_not_required(DocumentView.as_view(http_method_names=READS)),
        name="openapi",
    ),
    path(
        "docs/",
        login_not_required(
            SpectacularSwaggerSplitView.as_view(
                url_name="openapi",
                template_name="docs.html",
                http_method_names=READS,
            )
        ),
        name="docs",
    ),
]
