"""The audit: what happened in the organization, as a page and as a file."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.views.generic import TemplateView, View

from apikeys.audit import report
from apikeys.audit.events import choices
from apikeys.audit.export import FORMATS, record_export
from apikeys.audit.timeline import Entry, in_words
from apikeys.forms.audit_filters import AuditFilterForm
from apikeys.models import AuditChain, AuditEvent
from apikeys.views.base import ApiKeyPage
from apikeys.views.pagination import KeysetPage, PostOnly

EXPORT = "api_key:create"


class AuditPage(ApiKeyPage):
    """What the pages of the audit share."""

    @cached_property
    def chain(self):
        """Return the end of the organization's chain as the page shows it."""
        return AuditChain.objects.of(self.organization)

    def get_filters(self):
        events = self.get_queryset()
        actions = events.actions() if self.chain.has_unused else choices()
        return AuditFilterForm.read(self.request.GET, actions=actions)

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
        return context | {
            "entries": entries,
            "chain": self.chain,
            "may_export": EXPORT in self.membership.permissions,
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
        # The file ends where it was taken, however long it takes to read.
        rows = self.get_rows(filters).filter(sequence__lte=self.chain.length)
        events = rows.order_by("sequence")
        record_export(
            events,
            self.organization,
            by=self.actor,
            format=format,
            filters=filters.chosen,
        )
        return self.file(format, events)

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
        walk = AuditEvent.objects.walk(self.organization)
        if walk.broken:
            sequence, reason = walk.broken
            said = f"The audit is broken: event {sequence} {reason}."
            messages.error(request, f"{said} {report.advice(walk.broken)}")
        else:
            messages.success(request, report.on_page(walk))
        return HttpResponseRedirect(self.get_success_url())
