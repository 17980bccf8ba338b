from django.contrib import admin

from echopoint.collections.models import Collection, Folder, SavedRequest


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows to be read or deleted; they are written through the API, which validates."""

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdmin):
    """Collections of all organizations."""

    list_display = ["name", "organization", "source", "updated_at"]
    list_filter = ["organization"]
    search_fields = ["name", "=id"]


@admin.register(Folder)
class FolderAdmin(ReadOnlyAdmin):
    """Folders of collections."""

    list_display = ["name", "collection", "parent", "updated_at"]
    list_select_related = ["collection", "parent"]
    search_fields = ["name", "=id", "=collection__id"]


@admin.register(SavedRequest)
class SavedRequestAdmin(ReadOnlyAdmin):
    """Saved requests, without what may hold a customer's credentials."""

    list_display = ["name", "collection", "method", "updated_at"]
    list_select_related = ["collection"]
    search_fields = ["name", "=id", "=collection__id"]
    exclude = ["auth", "headers", "body"]
