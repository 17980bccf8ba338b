"""URL paths of collections, folders and saved requests."""

from django.urls import path

from echopoint.collections.api import (
    CollectionViewSet,
    FolderViewSet,
    SavedRequestViewSet,
)

urlpatterns = [
    path("collections", CollectionViewSet.as_view({"get": "list", "post": "create"})),
    path(
        "collections/<str:id>",
        CollectionViewSet.as_view(
            {"get": "retrieve", "put": "update", "delete": "destroy"}
        ),
    ),
    path(
        "collections/<str:id>/folders",
        FolderViewSet.as_view({"get": "list", "post": "create"}),
    ),
    path(
        "collections/<str:collectionId>/folders/<str:folderId>",
        FolderViewSet.as_view({"put": "update", "delete": "destroy"}),
    ),
    path(
        "collections/<str:id>/requests",
        SavedRequestViewSet.as_view({"get": "list", "post": "create"}),
    ),
    path(
        "collections/<str:collectionId>/requests/<str:requestId>",
        SavedRequestViewSet.as_view(
            {"get": "retrieve", "put": "update", "delete": "destroy"}
        ),
    ),
]
