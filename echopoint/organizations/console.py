"""What the pages of the admin console share."""

from django.contrib import admin


class DeletableAdmin(admin.ModelAdmin):
    """Rows to be looked at or deleted; they are written through the API alone."""

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class ReadOnlyAdmin(DeletableAdmin):
    """Rows to be looked at: they come to be, change and end by the model's own verbs."""

    def has_delete_permission(self, request, obj=None):
        return False
