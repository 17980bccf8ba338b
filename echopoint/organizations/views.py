"""Pages that belong to an organization, and the way to them."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.views.generic import ListView

from echopoint.accounts import fresh_sign_in
from echopoint.organizations.models import Membership


class RoleRefused(PermissionDenied):
    """The member's role lacks the permission of a page."""


class OrgViewMixin:
    """A page of one organization: strangers get 404, a role without the permission 403.

    `permission` is asked for every method, `post_permission` for POST beside it.
    `needs_fresh` lets in who signed in lately, and asks others to do it once more;
    a form finds again what was typed in it.
    """

    # Django's FormView takes PUT for POST, which the rules for POST would not see.
    http_method_names = ["get", "head", "options", "post"]
    permission = None
    post_permission = None
    needs_fresh = False

    def dispatch(self, request, *args, **kwargs):
        self.membership = Membership.objects.of(request.user, kwargs["organization"])
        if self.membership is None:
            raise Http404
        self.organization = self.membership.organization
        self.require(self.permission)
        if request.method == "POST" and self.post_permission:
            self.require(self.post_permission)
        if self.needs_fresh and not fresh_sign_in.is_fresh(request):
            if request.method == "POST":
                fresh_sign_in.keep_typed(request)
            return fresh_sign_in.ask(request)
        return super().dispatch(request, *args, **kwargs)

    def require(self, permission):
        """Raise unless the member's role has the permission."""
        if permission not in self.membership.permissions:
            raise RoleRefused

    def get_initial(self):
        typed = fresh_sign_in.typed_before(self.request)
        if typed:
            text = "Nothing was submitted yet. Check your input, then submit it again."
            messages.info(self.request, text)
        fields = self.get_form_class().base_fields.items()
        return super().get_initial() | {
            name: field.widget.value_from_datadict(typed, {}, name)
            for name, field in fields
            if name in typed
        }

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            organization=self.organization, membership=self.membership, **kwargs
        )


class OrganizationListView(ListView):
    """The organizations of the person who is signed in; the only one opens at once."""

    template_name = "organizations/list.html"

    def get_queryset(self):
        memberships = self.request.user.memberships.select_related("organization")
        return memberships.order_by("organization__name", "pk")

    def get(self, request, *args, **kwargs):
        memberships = self.get_queryset()[:2]
        if len(memberships) == 1:
            return redirect("apikeys:list", memberships[0].organization_id)
        return super().get(request, *args, **kwargs)
