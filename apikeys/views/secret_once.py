"""Forms that make a key: the secret is in the answer to the POST, and nowhere after."""

from django.db import transaction

from apikeys.models import SpentNonce
from apikeys.models.nonce import SpentForm, StaleForm
from echopoint.core.refusals import Refused

STALE = (
    "This form has expired or belongs to another session. No key was created. Check"
    " your input, then submit it again."
)


class SecretOnceMixin:
    """A page whose form, good for one submission, makes a key.

    The page says what the form is told besides its data, in `form_options`, and makes
    the key in `make`.
    """

    def form_options(self):
        """Return the arguments of the form, without what was sent."""
        return {}

    def make(self, **values):
        """Make the key; return it with its secret."""
        raise NotImplementedError

    def submission(self):
        """Return what a nonce of this page is bound to."""
        return {"user": self.request.user, "page": self.request.path}

    def get_initial(self):
        nonce = SpentNonce.objects.issue(**self.submission())
        return super().get_initial() | {"nonce": nonce}

    def get_form_kwargs(self):
        return super().get_form_kwargs() | self.form_options()

    def again(self, error=None, **values):
        """Show the form once more with all that was typed, and these values instead."""
        typed = self.request.POST.dict() | {
            "scopes": self.request.POST.getlist("scopes")
        }
        initial = typed | self.get_initial() | values
        form = self.form_class(initial=initial, **self.form_options())
        return self.render_to_response(self.get_context_data(form=form, error=error))

    def form_valid(self, form):
        values = form.cleaned_data
        nonce = values.pop("nonce")
        try:
            with transaction.atomic():
                submission = SpentNonce.objects.spend(nonce, **self.submission())
                key, secret = self.make(**values)
                submission.made(key)
        except StaleForm:
            return self.again(error=STALE)
        except SpentForm as spent:
            return self.show("apikeys/issued_before.html", 409, key=spent.key)
        except Refused as refusal:
            return self.refused(form, refusal)
        return self.show_secret(key, secret)

    def refused(self, form, refusal):
        """Say at its field why no key was made."""
        field = refusal.field or "scopes"
        form.add_error(field if field in form.fields else None, refusal.message)
        return self.form_invalid(form)

    def show_secret(self, key, secret):
        response = self.show("apikeys/issued.html", 200, key=key, secret=secret)
        response["Referrer-Policy"] = "no-referrer"
        return response
