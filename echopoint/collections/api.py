"""`/collections`, with folders and saved requests."""

from django.db import transaction
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from echopoint.api.actions import Action, Many
from echopoint.api.pagination import page_envelope
from echopoint.api.search import matching
from echopoint.api.viewsets import OrgScopedViewSet
from echopoint.collections.models import Collection, Folder, SavedRequest
from echopoint.collections.serializers import (
    CollectionFolderSerializer,
    CollectionRequestQuerySerializer,
    CollectionRequestSerializer,
    CollectionSerializer,
    CreateCollectionRequestSerializer,
    CreateFolderRequestSerializer,
    CreateRequestRequestSerializer,
    UpdateCollectionRequestSerializer,
    UpdateFolderRequestSerializer,
    UpdateRequestRequestSerializer,
)
from echopoint.core.locks import for_change
from echopoint.core.replica.reads import from_replica


class CollectionViewSet(OrgScopedViewSet):
    """The collections of the organization."""

    tag = "Collections"
    queryset = Collection.objects.counted()
    serializer_class = CollectionSerializer
    row_limit_setting = "MAX_COLLECTIONS"
    api_actions = {
        "list": Action(
            id="listCollections", scopes=["collections:read"], many=Many.PAGED
        ),
        "create": Action(
            id="createCollection",
            scopes=["collections:create"],
            body=CreateCollectionRequestSerializer,
            status=201,
            conflicts=True,
        ),
        "retrieve": Action(id="getCollection", scopes=["collections:read"]),
        "update": Action(
            id="updateCollection",
            scopes=["collections:update"],
            body=UpdateCollectionRequestSerializer,
        ),
        "destroy": Action(
            id="deleteCollection", scopes=["collections:delete"], status=204
        ),
    }


class ContentViewSet(OrgScopedViewSet):
    """Rows of one collection of the organization; its id is in the path.

    row_name   path parameter with the id of a row
    """

    tag = "Collections"
    queryset = Collection.objects.all()
    row_name = ""

    @cached_property
    def collection(self):
        """The collection in the path; raises Http404."""
        collections = super().get_queryset()
        if self.request.method not in SAFE_METHODS:
            # Lock the collection for changes. Otherwise two concurrent moves could put two
            # folders into each other, and a row could be added to a collection that is
            # being deleted.
            collections = for_change(collections)
        ids = self.kwargs
        return self.find(collections, ids.get("collectionId", ids.get("id")))

    def get_object(self):
        return self.find(self.get_queryset(), self.kwargs[self.row_name])

    def get_serializer_context(self):
        return super().get_serializer_context() | {"collection": self.collection}

    def retrieve(self, request, **ids):
        return self.show(self.get_object())

    @transaction.atomic
    def create(self, request, id):
        row = self.get_queryset().model(collection=self.collection)
        return self.show(self.save(row, self.body()), 201)

    @transaction.atomic
    def update(self, request, **ids):
        row = self.get_object()
        return self.show(self.save(row, self.body(row)))

    @transaction.atomic
    def destroy(self, request, **ids):
        self.get_object().delete()
        return Response(status=204)


class FolderViewSet(ContentViewSet):
    """The folders of a collection."""

    serializer_class = CollectionFolderSerializer
    row_name = "folderId"
    api_actions = {
        "list": Action(
            id="listCollectionFolders",
            scopes=["collections:read"],
            many=Many.ENVELOPED,
        ),
        "create": Action(
            id="addFolder",
            scopes=["collections:create"],
            body=CreateFolderRequestSerializer,
            status=201,
        ),
        "update": Action(
            id="updateFolder",
            scopes=["collections:update"],
            body=UpdateFolderRequestSerializer,
        ),
        "destroy": Action(id="deleteFolder", scopes=["collections:delete"], status=204),
    }

    def get_queryset(self):
        folders = Folder.objects.using(self.database)
        return folders.filter(collection=self.collection)

    @from_replica
    def list(self, request, id):
        """Return all folders, without pagination."""
        items = self.get_serializer(self.get_queryset(), many=True).data
        return Response(page_envelope(items, len(items)))

    def destroy(self, request, **ids):
        """Delete the folder and its folders; their requests move to the root."""
        return super().destroy(request, **ids)


class SavedRequestViewSet(ContentViewSet):
    """The saved requests of a collection."""

    serializer_class = CollectionRequestSerializer
    large_columns = ("headers", "auth", "body", "response_spec", "description")
    row_name = "requestId"
    api_actions = {
        "list": Action(
            id="listCollectionRequests", scopes=["collections:read"], many=Many.PAGED
        ),
        "create": Action(
            id="addRequest",
            scopes=["collections:create"],
            body=CreateRequestRequestSerializer,
            status=201,
            conflicts=True,
        ),
        "retrieve": Action(id="getCollectionRequest", scopes=["collections:read"]),
        "update": Action(
            id="updateRequest",
            scopes=["collections:update"],
            body=UpdateRequestRequestSerializer,
            conflicts=True,
        ),
        "destroy": Action(
            id="deleteRequest", scopes=["collections:delete"], status=204
        ),
    }

    def get_queryset(self):
        requests = SavedRequest.objects.using(self.database)
        return requests.filter(collection=self.collection)

    @extend_schema(parameters=[CollectionRequestQuerySerializer])
    @from_replica
    def list(self, request, id):
        """Return the requests of a folder, or at the root of the collection."""
        query = CollectionRequestQuerySerializer(
            data=request.query_params.dict(), context=self.get_serializer_context()
        )
        query.is_valid(raise_exception=True)
        rows = self.requests_in(**query.validated_data)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def requests_in(self, include_nested, folder=None, search=""):
        """Return the requests in a folder or the root, optionally including nested folders."""
        rows = matching(self.get_queryset(), search, "name", "url", "description")
        if not include_nested:
            return rows.filter(folder=folder)
        if folder is None:
            return rows
        return rows.filter(folder__in=self.collection.tree.descendants(folder.pk))
