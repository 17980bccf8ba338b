"""Base of the API Keys views."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from apikeys.actors import Actor
from apikeys.exceptions import FreshSignInRequired
from echopoint.core.refusals import Refused
from echopoint.core.replica.reads import ReplicaReads
from echopoint.organizations.views import OrgViewMixin


class ReplicaPageMixin:
    """A page that may be read from the replica."""

    def get(self, request, *args, **kwargs):
        page = super().get
        # Rendered too, because a template may read rows.
        return self.read_replica(lambda: page(request, *args, **kwargs).render())


class ApiKeysMixin(ReplicaReads, OrgViewMixin):
    """A view of an organization's API Keys pages."""

    permission = "api_key:read"

    def get_success_url(self):
        return reverse("apikeys:list", args=[self.organization.pk])

    @method_decorator(never_cache)
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)

    @property
    def actor(self):
        return Actor.from_request(self.request, via="page")

    def replica_subjects(self):
        return [self.organization.pk, self.membership.user_id]

    def render_page(self, template, status, **context):
        """Render a template other than the view's own."""
        context |= {"organization": self.organization, "membership": self.membership}
        context["api_url"] = self.api_url
        return render(self.request, template, context, status=status)

    def render_secret_page(self, template, **context):
        """Render a page with a secret; later requests do not name it as their referrer."""
        response = self.render_page(template, 200, **context)
        response["Referrer-Policy"] = "no-referrer"
        return response

    @property
    def api_url(self):
        """Return the base URL of the API, without a trailing slash."""
        return self.request.build_absolute_uri("/").rstrip("/")


class ActionFormMixin:
    """A form that calls a verb of a model.

    `perform()` makes the change and returns the success message.
    """

    def perform(self, **values):
        """Make the change with the form's values; return the success message."""
        raise NotImplementedError

    def form_valid(self, form):
        try:
            message = self.perform(**form.cleaned_data)
        except FreshSignInRequired:
            # The model decides which changes need a recent sign-in.
            return self.redirect_to_confirm()
        except Refused as refusal:
            return self.refuse(form, refusal)
        messages.success(self.request, message)
        return HttpResponseRedirect(self.get_success_url())

    def refuse(self, form, refusal):
        add_refusal(form, refusal)
        return self.form_invalid(form)


def add_refusal(form, refusal):
    """Add the message to the field of the refusal, or to the form if it has no such field."""
    known = refusal.field in form.fields
    form.add_error(refusal.field if known else None, refusal.message)
