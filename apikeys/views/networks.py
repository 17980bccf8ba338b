"""The page that sets the networks from which a key may be used."""

from django.db import transaction

from apikeys.forms.networks import NetworksForm
from apikeys.models import NetworkRange
from apikeys.models.seen_addresses import left_out, refused_addresses, seen_networks
from apikeys.network_entries import split_entries
from apikeys.networks import parse_address
from apikeys.scope_policy import needing_list
from apikeys.views.key import KeyActionView
from echopoint.core.client_address import address
from echopoint.core.refusals import Refused

FIELD = "allowed_networks"


class ApiKeyNetworksView(KeyActionView):
    """Change the list of a key.

    Allowing more addresses needs a recent sign-in, which the model asks for. A list that
    would refuse addresses of recent uses is shown again with these, to be confirmed.
    """

    permission = "api_key:create"
    requires_recent_sign_in = False
    form_class = NetworksForm
    template_name = "apikeys/networks.html"

    def unavailable_reason(self):
        return "This key is revoked; this is final." if self.key.revoked_at else ""

    def get_initial(self):
        now = {FIELD: "\n".join(self.key.allowed_networks or ())}
        initial = now | super().get_initial()
        if found := parse_address(self.request.GET.get("add")):
            initial[FIELD] = with_entry(initial[FIELD], str(found))
        return initial

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            seen=seen_networks(self.key),
            refused=refused_addresses(self.key),
            ranges=NetworkRange.objects.for_org(self.organization).order_by("name_key"),
            own_address=address(self.request),
            sensitive=needing_list(self.organization, self.key.scopes),
            **kwargs,
        )

    def post(self, request, *args, **kwargs):
        if entry := request.POST.get("add"):
            return self.rerender(entry)
        return super().post(request, *args, **kwargs)

    def rerender(self, entry):
        """Show the form as it was typed, with one more entry."""
        typed = self.request.POST.get(FIELD, "")
        form = self.form_class(initial={FIELD: with_entry(typed, entry)})
        return self.render_to_response(self.get_context_data(form=form))

    def form_valid(self, form):
        is_confirmed = "confirm" in self.request.POST
        lost = not is_confirmed and self.uses_left_out(form.cleaned_data[FIELD])
        if lost:
            context = self.get_context_data(form=form, left_out=lost)
            return self.render_to_response(context)
        return super().form_valid(form)

    def uses_left_out(self, entries):
        """Return the recent uses that the new list refuses; none if the list does not change."""
        try:
            with transaction.atomic():
                chosen = NetworkRange.objects.resolve(self.organization, entries)
        except Refused:
            return []  # the change reports it
        if chosen and chosen.stored == self.key.allow_list:
            return []
        return left_out(self.key, chosen)

    def perform(self, allowed_networks):
        if not self.key.set_allowed_networks(allowed_networks, by=self.actor):
            return "The key already has this list; nothing changed."
        if allowed_networks is None:
            return "Any address may use the key from now on."
        return "Only the listed addresses may use the key from now on."


def with_entry(text, entry):
    """Return the text of the field with one more entry, unless it is there."""
    entries = split_entries(text)
    return "\n".join(entries if entry in entries else [*entries, entry])
