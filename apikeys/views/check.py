"""The page that says what a key would be allowed to do, operation by operation."""

from django.utils import timezone
from django.views.generic import TemplateView

from apikeys.api_operations import api_operations
from apikeys.dry_run import would_be_allowed
from apikeys.forms.check import CheckForm, resource_of
from apikeys.views.key import SingleKeyMixin
from echopoint.core.client_address import address


class ApiKeyCheckView(SingleKeyMixin, TemplateView):
    """Answer for one operation, and for all of them; nothing is done or recorded."""

    template_name = "apikeys/check.html"
    form_class = CheckForm

    def get_context_data(self, **kwargs):
        asked = self.request.GET
        form = self.form_class(asked or None, initial=usual_question(self))
        if asked and not form.is_valid():
            return super().get_context_data(form=form, **kwargs)
        ip, at = form.initial["address"] or None, timezone.now()
        operation = None
        if asked:
            ip, at = form.cleaned_data["address"], form.cleaned_data["at"]
            operation = form.cleaned_data["operation"]
        answers = [
            would_be_allowed(self.key, one, ip=ip, at=at) for one in api_operations()
        ]
        return super().get_context_data(
            form=form,
            ip=ip,
            at=at,
            answer=next((a for a in answers if a.operation == operation), None),
            answers=sorted(answers, key=lambda a: resource_of(a.operation)),
            allowed_count=sum(answer.is_allowed for answer in answers),
            **kwargs,
        )


def usual_question(view):
    """Return the initial values: the address of the last use, or else of the reader."""
    return {"address": view.key.last_used_ip or address(view.request) or ""}
