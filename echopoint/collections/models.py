"""Collections: saved requests in folders."""

import uuid

from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from echopoint.api.quotas import QuotaCounted
from echopoint.collections.tree import FolderTree
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet


class Named(models.Model):
    """Fields of collections, folders and saved requests."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(null=True, blank=True)  # noqa: DJ001, the API distinguishes null from ""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]

    def __str__(self):
        return self.name


def count_of(model):
    """Return an expression that counts the rows of a model in the collection."""
    rows = model.objects.filter(collection=OuterRef("pk")).order_by()
    count = rows.values("collection").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count), 0)


class CollectionQuerySet(OrgOwnedQuerySet):
    """Collections of organizations, with counts."""

    def counted(self):
        """Annotate `folder_count` and `request_count`."""
        return self.annotate(
            folder_count=count_of(Folder), request_count=count_of(SavedRequest)
        )


class Collection(Named, OrgOwned):
    """Saved requests of an organization, in folders."""

    class Source(models.TextChoices):
        MANUAL = "manual", "Manual"
        OPENAPI = "openapi", "OpenAPI"

    source = models.CharField(
        max_length=10, choices=Source.choices, default=Source.MANUAL
    )

    objects = CollectionQuerySet.as_manager()

    # The default for new collections; `counted` annotates the others.
    folder_count = request_count = 0

    class Meta(Named.Meta):
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"], name="collection_list"
            )
        ]

    @property
    def tree(self):
        """The current folder tree; reads the database."""
        return FolderTree(dict(self.folders.values_list("pk", "parent")))


class Folder(Named):
    """A folder of a collection, at its root or in another folder."""

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="folders"
    )
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="folders",
    )


class SavedRequest(QuotaCounted, Named):
    """A request to send, in a folder of a collection or at its root.

    `auth` contains credentials of the customer in plain text. Only the API shows it: the
    admin must exclude it.
    """

    measured_fields = ("headers", "auth", "body", "response_spec", "description", "url")
    organization_path = "collection__organization"

    collection = models.ForeignKey(
        Collection, on_delete=models.CASCADE, related_name="requests"
    )
    folder = models.ForeignKey(
        Folder,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="requests",
    )
    method = models.CharField(max_length=10)
    url = models.CharField(max_length=2048)
    headers = models.JSONField(null=True, blank=True)
    auth = models.JSONField(null=True, blank=True)
    body = models.JSONField(null=True, blank=True)
    timeout = models.PositiveIntegerField(
        null=True, blank=True, help_text="In milliseconds."
    )
    response_spec = models.JSONField(null=True, blank=True)

    class Meta(Named.Meta):
        indexes = [
            models.Index(
                fields=["collection", "-created_at", "-id"], name="saved_request_list"
            )
        ]
