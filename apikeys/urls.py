"""The paths of the API Keys pages, below an organization."""

from django.urls import path

from apikeys.views.audit import AuditExportView, AuditListView, AuditVerifyView
from apikeys.views.check import ApiKeyCheckView, KeysByOperationView
from apikeys.views.detail import ApiKeyDetailView
from apikeys.views.freezing import FreezeView, UnfreezeView
from apikeys.views.issue import ApiKeyIssueView
from apikeys.views.limit import ApiKeyLimitView
from apikeys.views.list import ApiKeyFindView, ApiKeyListView, ApiKeyRevokeSelectedView
from apikeys.views.naming import ApiKeyNamingView
from apikeys.views.network_ranges import (
    NetworkRangeChangeView,
    NetworkRangeCreateView,
    NetworkRangeDeleteView,
    NetworkRangeListView,
)
from apikeys.views.networks import ApiKeyNetworksView
from apikeys.views.ownership import ApiKeyOwnershipView, ApiKeyTransferView
from apikeys.views.pause import ApiKeyResumeView, ApiKeySuspendView
from apikeys.views.policy import PolicyView
from apikeys.views.posture import PostureView
from apikeys.views.reviews import (
    ReviewExportView,
    ReviewListView,
    ReviewSignOffView,
    ReviewStartView,
    ReviewView,
)
from apikeys.views.revoke import ApiKeyRevokeView
from apikeys.views.revoke_related import ApiKeyRevokeCreatorView, ApiKeyRevokeFamilyView
from apikeys.views.rotation import (
    ApiKeyCancelRotationView,
    ApiKeyRetireView,
    ApiKeyRotateView,
    ApiKeyUnretireView,
    RotationStatusView,
)
from apikeys.views.scope_use import ScopeUseExportView, ScopeUseView

app_name = "apikeys"
urlpatterns = [
    path("", ApiKeyListView.as_view(), name="list"),
    path("new/", ApiKeyIssueView.as_view(), name="issue"),
    path("find/", ApiKeyFindView.as_view(), name="find"),
    path("revoke/", ApiKeyRevokeSelectedView.as_view(), name="revoke_selected"),
    path("freeze/", FreezeView.as_view(), name="freeze"),
    path("unfreeze/", UnfreezeView.as_view(), name="unfreeze"),
    path("audit/", AuditListView.as_view(), name="audit"),
    path("audit/export/", AuditExportView.as_view(), name="audit_export"),
    path("audit/verify/", AuditVerifyView.as_view(), name="audit_verify"),
    path("policy/", PolicyView.as_view(), name="policy"),
    path("posture/", PostureView.as_view(), name="posture"),
    path("reviews/", ReviewListView.as_view(), name="reviews"),
    path("reviews/start/", ReviewStartView.as_view(), name="review_start"),
    path("reviews/<int:number>/", ReviewView.as_view(), name="review"),
    path(
        "reviews/<int:number>/sign-off/",
        ReviewSignOffView.as_view(),
        name="review_sign_off",
    ),
    path(
        "reviews/<int:number>/export/", ReviewExportView.as_view(), name="review_export"
    ),
    path("operations/", KeysByOperationView.as_view(), name="keys_by_operation"),
    path("scopes/", ScopeUseView.as_view(), name="scope_use"),
    path("scopes/export/", ScopeUseExportView.as_view(), name="scope_use_export"),
    path("ranges/", NetworkRangeListView.as_view(), name="ranges"),
    path("ranges/new/", NetworkRangeCreateView.as_view(), name="range_new"),
    path("ranges/<uuid:range_id>/", NetworkRangeChangeView.as_view(), name="range"),
    path(
        "ranges/<uuid:range_id>/delete/",
        NetworkRangeDeleteView.as_view(),
        name="range_delete",
    ),
    path("<str:public_id>/revoke/", ApiKeyRevokeView.as_view(), name="revoke"),
    path(
        "<str:public_id>/revoke-family/",
        ApiKeyRevokeFamilyView.as_view(),
        name="revoke_family",
    ),
    path(
        "<str:public_id>/revoke-creator/",
        ApiKeyRevokeCreatorView.as_view(),
        name="revoke_creator",
    ),
    path(
        "<str:public_id>/transfer-creator/",
        ApiKeyTransferView.as_view(),
        name="transfer_creator",
    ),
    path("<str:public_id>/", ApiKeyDetailView.as_view(), name="detail"),
    path("<str:public_id>/rotate/", ApiKeyRotateView.as_view(), name="rotate"),
    path("<str:public_id>/retire/", ApiKeyRetireView.as_view(), name="retire"),
    path("<str:public_id>/unretire/", ApiKeyUnretireView.as_view(), name="unretire"),
    path(
        "<str:public_id>/cancel-rotation/",
        ApiKeyCancelRotationView.as_view(),
        name="cancel_rotation",
    ),
    path(
        "<str:public_id>/rotation/",
        RotationStatusView.as_view(),
        name="rotation_status",
    ),
    path("<str:public_id>/limit/", ApiKeyLimitView.as_view(), name="limit"),
    path("<str:public_id>/check/", ApiKeyCheckView.as_view(), name="check"),
    path("<str:public_id>/networks/", ApiKeyNetworksView.as_view(), name="networks"),
    path("<str:public_id>/edit/", ApiKeyNamingView.as_view(), name="edit"),
    path("<str:public_id>/owner/", ApiKeyOwnershipView.as_view(), name="owner"),
    path("<str:public_id>/suspend/", ApiKeySuspendView.as_view(), name="suspend"),
    path("<str:public_id>/resume/", ApiKeyResumeView.as_view(), name="resume"),
]
