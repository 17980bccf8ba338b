"""The audit: what happened in the organization, as a page and as a file."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView, View

from apikeys.audit_export import FORMATS
from apikeys.audit_filters import AuditFilterForm
from apikeys.history import Entry, in_words
from apikeys.models import AuditChain, AuditEvent
from apikeys.pages import KeysetPage, PostOnly
from apikeys.views import ApiKeyPage

EXPORT = "api_key:create"
WHEN_BROKEN = (
    "Somebody wrote to the database past Echopoint. Export the events as they are now,"
    " and tell an operator."
)


class AuditPage(ApiKeyPage):
    """What the pages of the audit share."""

    def get_filters(self):
        return AuditFilterForm.read(self.request.GET)

    def get_queryset(self):
        return AuditEvent.objects.for_org(self.organization)

    def get_rows(self, filters):
        return filters.apply(self.get_queryset())

    def get_success_url(self):
        return reverse("apikeys:audit", args=[self.organization.pk])


class AuditListView(AuditPage, KeysetPage, TemplateView):
    """The events, newest first."""

    template_name = "apikeys/audit.html"
    extra_context = {"tab": "audit"}

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        entries = [Entry(event, in_words(event)) for event in context["listed"]]
        length = AuditChain.objects.length_of(self.organization)
        may_export = EXPORT in self.membership.permissions
        return context | {
            "entries": entries,
            "length": length,
            "may_export": may_export,
        }


class AuditExportView(PostOnly, AuditPage, View):
    """The events that the filters leave, as a file; taking one is an event itself."""

    permission = EXPORT
    back_to = "apikeys:audit"

    def post(self, request, *args, **kwargs):
        format = request.POST.get("format")
        filters = self.get_filters()
        # A filter that is not understood must not become a file of everything.
        if format not in FORMATS or filters.left_out:
            raise BadRequest
        event = AuditEvent.objects.record(
            AuditEvent.Action.AUDIT_EXPORTED,
            organization=self.organization,
            actor=self.actor,
            target=("organization", self.organization.pk, self.organization.name),
            format=format,
            filters=filters.chosen,
        )
        # The file ends where it was taken, however long it takes to read.
        events = self.get_rows(filters).filter(sequence__lt=event.sequence)
        return self.file(format, events.order_by("sequence"))

    def file(self, format, events):
        lines, content_type = FORMATS[format]
        response = StreamingHttpResponse(lines(events), content_type=content_type)
        name = f"audit-{self.organization.pk}-{timezone.now():%Y%m%dT%H%M%SZ}.{format}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


class AuditVerifyView(PostOnly, AuditPage, View):
    """Walk the chain, and say whether each event is as it was written."""

    back_to = "apikeys:audit"

    def post(self, request, *args, **kwargs):
        broken = AuditEvent.objects.verify(self.organization)
        if broken:
            text = f"The audit is broken: event {broken.sequence} {broken.reason}."
            messages.error(request, f"{text} {WHEN_BROKEN}")
        else:
            length = AuditChain.objects.length_of(self.organization)
            events = "1 event" if length == 1 else f"{length} events"
            messages.success(request, f"{events}, intact.")
        return HttpResponseRedirect(self.get_success_url())
