"""What the API Keys pages share."""

from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from apikeys.actors import Actor
from echopoint.organizations.views import OrgViewMixin


class ApiKeyPage(OrgViewMixin):
    """A page of the keys of an organization."""

    permission = "api_key:read"

    def get_success_url(self):
        return reverse("apikeys:list", args=[self.organization.pk])

    @method_decorator(never_cache)
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)

    @property
    def actor(self):
        """Return who acts, for the audit."""
        return Actor.from_request(self.request, via="page")

    def show(self, template, status, **context):
        """Answer with a page that is not the view's own."""
        context |= {"organization": self.organization, "membership": self.membership}
        context["api_url"] = self.api_url
        return render(self.request, template, context, status=status)

    @property
    def api_url(self):
        """Return where programs reach the API, without a slash at the end."""
        return self.request.build_absolute_uri("/").rstrip("/")
