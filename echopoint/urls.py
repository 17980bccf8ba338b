"""All URLs: the API at the root, pages below /orgs/, the console, the API docs."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from apikeys.views.leaked import LeakedKeysView

# Sign in to the console through allauth, with second factor and rate limits.
admin.site.login = secure_admin_login(admin.site.login)

urlpatterns = [
    path("", include("echopoint.api.urls")),
    path("", include("echopoint.keys_api.urls")),
    path("", include("echopoint.flows.urls")),
    path("", include("echopoint.webhooks.urls")),
    path("", include("echopoint.collections.urls")),
    path("", include("echopoint.environments.urls")),
    path("", include("echopoint.executions.urls")),
    path("", include("echopoint.organizations.urls")),
    path("leaked/", LeakedKeysView.as_view(), name="leaked"),
    # Without the slash, as people type it.
    path("leaked", RedirectView.as_view(pattern_name="leaked")),
    path("accounts/notices/", include("echopoint.notices.urls")),
    path("accounts/", include("echopoint.accounts.urls")),
    path("orgs/<str:organization>/api-keys/", include("apikeys.urls")),
    path(
        "orgs/<str:organization>/notice-webhook/",
        include("echopoint.notices.webhook_urls"),
    ),
    path("admin/", admin.site.urls),
    # Without the slash, as people type them.
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("docs", RedirectView.as_view(pattern_name="docs")),
]

if settings.DEMO:
    urlpatterns.append(path("", include("echopoint.demo.service")))

handler400 = "echopoint.error_views.bad_request"
handler403 = "echopoint.error_views.forbidden"
handler404 = "echopoint.error_views.not_found"
handler429 = "echopoint.accounts.attempts.too_many_requests"
handler500 = "echopoint.error_views.unexpected"
