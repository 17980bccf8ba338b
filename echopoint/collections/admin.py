from django.contrib import admin

from echopoint.collections.models import Collection, Folder, SavedRequest
from echopoint.organizations.console import DeletableAdmin


@admin.register(Collection)
class CollectionAdmin(DeletableAdmin):
    """Collections of all organizations."""

    owner = "organization_id"
    list_display = ["name", "organization", "source", "updated_at"]
    list_filter = ["organization"]
    search_fields = ["name", "=id"]


@admin.register(Folder)
class FolderAdmin(DeletableAdmin):
    """Folders of collections."""

    owner = "collection.organization_id"
    list_display = ["name", "collection", "parent", "updated_at"]
    list_select_related = ["collection", "parent"]
    search_fields = ["name", "=id", "=collection__id"]


@admin.register(SavedRequest)
class SavedRequestAdmin(DeletableAdmin):
    """Saved requests, without the fields that may contain credentials of a customer."""

    owner = "collection.organization_id"
    list_display = ["name", "collection", "method", "updated_at"]
    list_select_related = ["collection"]
    search_fields = ["name", "=id", "=collection__id"]
    exclude = ["auth", "headers", "body"]
