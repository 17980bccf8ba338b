"""The base of an organization's pages, and the list of organizations."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.views.generic import ListView

from echopoint.accounts import reauthentication
from echopoint.core.replica.writes import mark_written
from echopoint.organizations.models import Membership


class RoleRefused(PermissionDenied):
    """The member's role lacks the permission of the page."""


class OrgViewMixin:
    """A page of one organization. Non-members get 404, a role without permission 403.

    `permission` is required for every method, `post_permission` also for POST. With
    `requires_recent_sign_in`, users whose sign-in is too old re-authenticate first. Their
    submitted form is stored and restored afterwards.
    """

    # Django's FormView treats PUT as POST, which would bypass the checks for POST.
    http_method_names = ["get", "head", "options", "post"]
    permission = None
    post_permission = None
    requires_recent_sign_in = False
    only_reads = False  # its POST changes nothing

    def dispatch(self, request, *args, **kwargs):
        self.membership = Membership.objects.of(request.user, kwargs["organization"])
        if self.membership is None:
            raise Http404
        self.organization = self.membership.organization
        self.require(self.permission)
        if request.method == "POST" and self.post_permission:
            self.require(self.post_permission)
        if self.requires_recent_sign_in and not reauthentication.is_recent(request):
            return self.redirect_to_confirm()
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            if request.method == "POST" and not self.only_reads:
                mark_written(self.organization.pk)

    def redirect_to_confirm(self):
        """Redirect to the re-authentication; keep the submitted form until afterwards."""
        if self.request.method == "POST":
            reauthentication.store_form(self.request)
        return reauthentication.redirect_to_confirm(self.request)

    def require(self, permission):
        """Raise `RoleRefused` unless the member's role has the permission."""
        if permission not in self.membership.permissions:
            raise RoleRefused

    def get_initial(self):
        typed = reauthentication.pop_form(self.request)
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
    """The organizations of the user. Redirects if there is only one."""

    template_name = "organizations/list.html"

    def get_queryset(self):
        memberships = self.request.user.memberships.select_related("organization")
        return memberships.order_by("organization__name", "pk")

    def get(self, request, *args, **kwargs):
        memberships = self.get_queryset()[:2]
        if len(memberships) == 1:
            return redirect("apikeys:list", memberships[0].organization_id)
        return super().get(request, *args, **kwargs)
