"""Collections: requests that people saved, in folders."""

import uuid

from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from echopoint.api.quotas import QuotaCounted
from echopoint.collections.tree import FolderTree
from echopoint.organizations.models import OrgOwned, OrgOwnedQuerySet


class Named(models.Model):
    """What collections, folders and saved requests have in common."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=255)
    description = models.TextField(null=True, blank=True)  # noqa: DJ001, the wire tells null from ""
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]

    def __str__(self):
        return self.name


def count_of(model):
    """Return how many of the model's rows are in the collection, as an expression."""
    rows = model.objects.filter(collection=OuterRef("pk")).order_by()
    count = rows.values("collection").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(count), 0)


class CollectionQuerySet(OrgOwnedQuerySet):
    """Collections with what they hold."""

    def counted(self):
        """Add `folder_count` and `request_count`, in the same query."""
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

    # A new one; `counted` tells of the others.
    folder_count = request_count = 0

    class Meta(Named.Meta):
        indexes = [
            models.Index(
                fields=["organization", "-created_at", "-id"], name="collection_list"
            )
        ]

    @property
    def tree(self):
        """Return how the folders lie in each other, as of now."""
        return FolderTree(dict(self.folders.values_list("pk", "parent")))


class Folder(Named):
    """A folder of a collection, in another or at its root."""

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

    `auth` holds credentials of the customer, as given: it is for the API alone.
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
