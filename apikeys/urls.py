"""The paths of the API Keys pages, below an organization."""

from django.urls import path

from apikeys.views import ApiKeyIssueView, ApiKeyListView, ApiKeyRevokeView

app_name = "apikeys"
urlpatterns = [
    path("", ApiKeyListView.as_view(), name="list"),
    path("new/", ApiKeyIssueView.as_view(), name="issue"),
    path("<str:public_id>/revoke/", ApiKeyRevokeView.as_view(), name="revoke"),
]
