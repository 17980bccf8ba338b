"""The pages of an organization's named ranges."""

from django import forms
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import FormView, TemplateView

from apikeys.forms.networks import NetworkRangeForm, NewNetworkRangeForm
from apikeys.models import NetworkRange
from apikeys.views.base import ActionFormMixin, ApiKeysMixin


class NetworkRangesMixin(ApiKeysMixin):
    """A view of the named ranges."""

    extra_context = {"tab": "ranges"}

    def get_success_url(self):
        return reverse("apikeys:ranges", args=[self.organization.pk])

    def get_queryset(self):
        return NetworkRange.objects.for_org(self.organization)

    @cached_property
    def range(self):
        """Return the range in the path; raise Http404."""
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["range_id"])


class NetworkRangeListView(NetworkRangesMixin, TemplateView):
    """List the ranges."""

    template_name = "apikeys/ranges.html"

    def get(self, request, *args, **kwargs):
        rows = self.get_queryset().order_by("name_key")
        return self.render_to_response(self.get_context_data(ranges=rows))


class NetworkRangeActionView(ActionFormMixin, NetworkRangesMixin, FormView):
    """Base of the pages that change ranges.

    The model asks for a recent sign-in if the change allows more addresses.
    """

    permission = "api_key:create"


class NetworkRangeCreateView(NetworkRangeActionView):
    """Create a range."""

    form_class = NewNetworkRangeForm
    template_name = "apikeys/range_new.html"

    def perform(self, name, networks):
        row = NetworkRange.objects.add(
            self.organization, name=name, networks=networks, by=self.actor
        )
        return f"The range {row.name} is created. Lists of keys can refer to it now."


class NetworkRangeChangeView(NetworkRangeActionView):
    """Change the networks of a range, also for the keys that refer to it."""

    form_class = NetworkRangeForm
    template_name = "apikeys/range.html"

    def get_initial(self):
        return {"networks": "\n".join(self.range.networks)} | super().get_initial()

    def get_context_data(self, **kwargs):
        keys = self.range.keys()
        return super().get_context_data(range=self.range, keys=keys, **kwargs)

    def perform(self, networks):
        if self.range.change(networks, by=self.actor):
            return f"The range {self.range.name} is changed, also for the keys that use it."
        return f"{self.range.name} already has these networks; nothing changed."


class NetworkRangeDeleteView(NetworkRangeActionView):
    """Delete a range that no key uses."""

    permission = "api_key:delete"
    form_class = forms.Form
    template_name = "apikeys/range_delete.html"

    def get_context_data(self, **kwargs):
        keys = self.range.keys()
        return super().get_context_data(range=self.range, keys=keys, **kwargs)

    def perform(self):
        self.range.remove(by=self.actor)
        return f"The range {self.range.name} is deleted."
