"""What the pages of the admin console share."""

from functools import wraps

from django.contrib import admin
from django.template.response import TemplateResponse

from echopoint.organizations import fresh


class Console(admin.AdminSite):
    """The admin console. Its changes need a fresh sign-in, as those of the pages do."""

    def admin_view(self, view, cacheable=False):
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def asking(request, *args, **kwargs):
            is_change = request.method == "POST" and request.user.is_authenticated
            if is_change and view != self.logout and not fresh.is_fresh(request):
                return self.ask(request)
            return inner(request, *args, **kwargs)

        return asking

    def ask(self, request):
        """Say that nothing was changed; the form can be sent again with Back."""
        context = self.each_context(request) | {
            "title": "Nothing was changed yet",
            "sign_in": fresh.where(request),
        }
        template = "admin/sign_in_again.html"
        return TemplateResponse(request, template, context, status=403)


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
