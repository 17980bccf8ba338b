"""The page that says what a key would be allowed to do, operation by operation."""

from django.utils import timezone
from django.views.generic import TemplateView

from apikeys.api_operations import api_operations, operation_with_id
from apikeys.dry_run import accepts_keys, would_be_allowed
from apikeys.forms.check import CheckForm, KeysByOperationForm, resource_of
from apikeys.models import ApiKey
from apikeys.views.base import ApiKeysMixin
from apikeys.views.key import SingleKeyMixin
from apikeys.views.pagination import KeysetPaginationMixin
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
        for_keys = [answer for answer in answers if accepts_keys(answer.operation)]
        return super().get_context_data(
            form=form,
            ip=ip,
            at=at,
            answer=next((a for a in answers if a.operation == operation), None),
            answers=sorted(for_keys, key=lambda a: resource_of(a.operation)),
            allowed_count=sum(answer.is_allowed for answer in for_keys),
            for_people=len(answers) - len(for_keys),
            **kwargs,
        )


def usual_question(view):
    """Return the initial values: the address of the last use, or else of the reader."""
    return {"address": view.key.last_used_ip or address(view.request) or ""}


class KeysByOperationView(KeysetPaginationMixin, ApiKeysMixin, TemplateView):
    """Say for each key of the organization whether it may call an operation."""

    template_name = "apikeys/keys_by_operation.html"

    def get_filters(self):
        return KeysByOperationForm.read(self.request.GET)

    def get_rows(self, filters):
        keys = ApiKey.objects.for_org(self.organization).unrevoked()
        return keys if filters.cleaned_data["operation"] else keys.none()

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        asked = context["filters"].cleaned_data
        operation = operation_with_id(asked["operation"])
        ip = asked["address"]
        return context | {
            "operation": operation,
            "ip": ip,
            "answers": [
                (key, would_be_allowed(key, operation, ip=ip or an_address_of(key)))
                for key in context["listed"]
            ],
        }


def an_address_of(key):
    """Return an address that the key allows; None if any address may use it, or none."""
    networks = key.effective_networks
    return networks[0].partition("/")[0] if networks else None
