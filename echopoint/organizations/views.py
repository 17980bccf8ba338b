"""Pages that belong to an organization, and the way to them."""

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from echopoint.organizations.models import Membership


class OrgViewMixin:
    """A page of one organization: strangers get 404, a role without the permission 403.

    `permission` is asked for every method, `post_permission` for POST beside it.
    """

    permission = None
    post_permission = None

    def dispatch(self, request, *args, **kwargs):
        self.membership = Membership.objects.of(request.user, kwargs["organization"])
        if self.membership is None:
            raise Http404
        self.organization = self.membership.organization
        self.require(self.permission)
        if request.method == "POST" and self.post_permission:
            self.require(self.post_permission)
        return super().dispatch(request, *args, **kwargs)

    def require(self, permission):
        """Raise unless the member's role has the permission."""
        if permission not in self.membership.permissions:
            raise PermissionDenied

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


class SignInForm(AuthenticationForm):
    """E-mail and password."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "That e-mail and password do not match. Passwords are"
        " case-sensitive; e-mail addresses are not."
    }

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # When the form comes back with errors, these get the focus.
        self.fields["username"].widget.attrs["autofocus"] = not self.is_bound


@method_decorator(never_cache, name="dispatch")
class SignInView(LoginView):
    """Sign in."""

    template_name = "account/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


class SignOutView(LogoutView):
    """Sign out; POST only, so that no link on another page can do it."""
