"""Forms that create a secret. Only the response to the POST contains it."""

from django.db import transaction

from apikeys.exceptions import KeyConflict
from apikeys.models import SpentNonce
from apikeys.models.nonce import SpentForm, StaleForm
from echopoint.core.refusals import Refused

STALE = (
    "This form has expired or belongs to another session. No key was created. Check"
    " your input, then submit it again."
)


class OneTimeFormMixin:
    """A form that can be submitted once."""

    def nonce_scope(self):
        """Return the arguments that bind a nonce to this user and page."""
        return {"user": self.request.user, "page": self.request.path}

    def get_initial(self):
        nonce = SpentNonce.objects.issue(**self.nonce_scope())
        return super().get_initial() | {"nonce": nonce}


class CreateKeyMixin(OneTimeFormMixin):
    """A form that creates a key and can be submitted once.

    Subclasses return extra form arguments from `form_options()` and create the key in
    `make()`.
    """

    def form_options(self):
        """Return the form's arguments besides the submitted data."""
        return {}

    def make(self, **values):
        """Create the key; return (key, secret)."""
        raise NotImplementedError

    def get_form_kwargs(self):
        return super().get_form_kwargs() | self.form_options()

    def rerender(self, error=None, **values):
        """Render the form with the submitted input, overridden by `values`, and a new nonce."""
        typed = self.request.POST.dict() | {
            "scopes": self.request.POST.getlist("scopes")
        }
        start = self.get_initial()
        initial = start | typed | {"nonce": start["nonce"]} | values
        form = self.form_class(initial=initial, **self.form_options())
        return self.render_to_response(self.get_context_data(form=form, error=error))

    def form_valid(self, form):
        values = form.cleaned_data
        nonce = values.pop("nonce")
        try:
            with transaction.atomic():
                submission = SpentNonce.objects.spend(nonce, **self.nonce_scope())
                key, secret = self.make(**values)
                submission.set_key(key)
        except StaleForm:
            return self.rerender(error=STALE)
        except SpentForm as spent:
            return self.render_page("apikeys/issued_before.html", 409, key=spent.key)
        except Refused as refusal:
            return self.refuse(form, refusal)
        return self.render_secret(key, secret)

    def refuse(self, form, refusal):
        """Add the refusal to its field."""
        is_of_scopes = not isinstance(refusal, KeyConflict)
        field = refusal.field or ("scopes" if is_of_scopes else None)
        form.add_error(field if field in form.fields else None, refusal.message)
        return self.form_invalid(form)

    def render_secret(self, key, secret):
        return self.render_secret_page("apikeys/issued.html", key=key, secret=secret)
