"""The page that changes a key's name and description."""

from django.db import transaction

from apikeys import policy
from apikeys.forms.naming import NamingForm
from apikeys.models.usability import REVOKED
from apikeys.stale_forms import digest_of
from apikeys.views.key import KeyActionView

NOTHING_CHANGED = "The key already has this name and description; nothing changed."


class KeyChanged(Exception):
    """The key got another name or description after the form was opened."""


class ApiKeyNamingView(KeyActionView):
    """Change the name and the description of a key."""

    permission = "api_key:create"
    form_class = NamingForm
    template_name = "apikeys/naming.html"

    def unavailable_reason(self):
        return REVOKED if self.key.revoked_at else ""

    def get_form_kwargs(self):
        return super().get_form_kwargs() | {"key": self.key}

    def get_initial(self):
        now = {"name": self.key.name, "description": self.key.description}
        return now | {"shown": fingerprint(self.key)} | super().get_initial()

    def form_valid(self, form):
        try:
            return super().form_valid(form)
        except KeyChanged:
            return self.ask_again(form)

    def ask_again(self, form):
        """Show what was typed beside the current name and description."""
        self.key = self.get_key()
        typed = form.cleaned_data | {"shown": fingerprint(self.key)}
        form = self.form_class(initial=typed, key=self.key)
        context = self.get_context_data(form=form, error=changed_in_words(self.key))
        return self.render_to_response(context)

    @transaction.atomic
    def perform(self, shown, name, description):
        # Lock order: the organization, then the key.
        policy.locked(self.organization)
        if fingerprint(self.key.locked_unrevoked()) != shown:
            raise KeyChanged
        # A new name locks the count of keys, which comes before the audit chain.
        changes = [
            self.key.rename(name, by=self.actor),
            self.key.set_description(description, by=self.actor),
        ]
        return "Name and description are saved." if any(changes) else NOTHING_CHANGED


def fingerprint(key):
    """Return a text that differs if the name or the description does."""
    return digest_of(key.name, key.description)


def changed_in_words(key):
    description = f"“{key.description}”" if key.description else "empty"
    return (
        "The name or the description has changed since you opened this page. The name is"
        f" “{key.name}” now, and the description is {description}. Check what you entered,"
        " then save it again."
    )
