"""The audit log of an organization: page, export and verification."""

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpResponseRedirect
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
from apikeys.views.base import ApiKeysMixin, ReplicaPageMixin
from apikeys.views.download import download
from apikeys.views.pagination import KeysetPaginationMixin, PostOnlyMixin

EXPORT = "api_key:create"


class AuditMixin(ApiKeysMixin):
    """Base of the audit views."""

    @cached_property
    def chain(self):
        chains = AuditChain.objects.db_manager(self.database)
        return chains.of(self.organization)

    def get_filters(self):
        events = self.get_queryset()
        actions = events.actions() if self.chain.has_unused else choices()
        return AuditFilterForm.read(
            self.request.GET, organization=self.organization, actions=actions
        )

    def get_queryset(self):
        events = AuditEvent.objects.using(self.database)
        return events.for_org(self.organization)

    def get_success_url(self):
        return reverse("apikeys:audit", args=[self.organization.pk])


class AuditListView(ReplicaPageMixin, AuditMixin, KeysetPaginationMixin, TemplateView):
    """List the events, newest first."""

    template_name = "apikeys/audit.html"
    extra_context = {"tab": "audit"}

    def get_rows(self, filters):
        return filters.listed(self.get_queryset())

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        entries = [Entry(event, in_words(event)) for event in context["listed"]]
        return context | {
            "entries": entries,
            "chain": self.chain,
            "may_export": EXPORT in self.membership.permissions,
        }


class AuditExportView(PostOnlyMixin, AuditMixin, View):
    """Export the filtered events. The export is itself recorded in the audit log."""

    permission = EXPORT
    redirect_url_name = "apikeys:audit"

    def post(self, request, *args, **kwargs):
        format = request.POST.get("format")
        if format not in FORMATS:
            raise BadRequest
        filters, events, extent = self.read_replica(self.read_extent)
        record_export(
            extent,
            self.organization,
            by=self.actor,
            format=format,
            filters=filters.params,
        )
        return self.file_response(format, events)

    def read_extent(self):
        """Return the filters, the events that they match, and the extent of these."""
        filters = self.get_filters()
        # An ignored filter must not turn into an export of all events.
        if filters.ignored:
            raise BadRequest
        # Streaming may take long. Without this bound the file would include events
        # recorded in the meantime, among them this export.
        rows = filters.apply(self.get_queryset())
        events = rows.filter(sequence__lte=self.chain.length).order_by("sequence")
        return filters, events, events.extent()

    def file_response(self, format, events):
        lines, content_type = FORMATS[format]
        name = f"audit-{self.organization.pk}-{timezone.now():%Y%m%dT%H%M%SZ}.{format}"
        return download(lines(events), content_type, name)


class AuditVerifyView(PostOnlyMixin, AuditMixin, View):
    """Verify the hash chain and report the result."""

    redirect_url_name = "apikeys:audit"
    only_reads = True

    def post(self, request, *args, **kwargs):
        walk = AuditEvent.objects.walk(self.organization)
        if walk.broken:
            sequence, reason = walk.broken
            finding = f"The audit is broken: event {sequence} {reason}."
            messages.error(request, f"{finding} {report.advice(walk.broken)}")
        else:
            messages.success(request, report.page_message(walk))
        return HttpResponseRedirect(self.get_success_url())
