"""The report on the use of scopes: page and CSV file."""

from django.core.exceptions import BadRequest
from django.utils import timezone
from django.views.generic import TemplateView, View

from apikeys.audit.export import CSV
from apikeys.forms.scope_use import ScopeUseForm
from apikeys.models import ApiKey, ScopeRecording, ScopeUse
from apikeys.models.scope_use import UNUSED_DAYS
from apikeys.scope_report import as_csv
from apikeys.views.base import ApiKeysMixin
from apikeys.views.download import download
from apikeys.views.list import recording_notices
from apikeys.views.pagination import KeysetPaginationMixin
from apikeys.views.rotation import UNUSED


class ScopeUseMixin(ApiKeysMixin):
    """Base of both views."""

    def get_filters(self):
        return ScopeUseForm.read(self.request.GET)

    def get_rows(self, filters):
        return filters.apply(ApiKey.objects.for_org(self.organization))


class ScopeUseView(ScopeUseMixin, KeysetPaginationMixin, TemplateView):
    """List keys with the last use of each of their scopes."""

    template_name = "apikeys/scope_use.html"

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        keys = context["listed"]
        uses = ScopeUse.objects.of_keys(self.organization, keys)
        began_at = ScopeRecording.objects.began_at()
        return context | {
            "keys": [(key, uses[key.pk]) for key in keys],
            "notices": context["notices"] + recording_notices(began_at),
            "began_at": began_at,
            "unused_days": UNUSED_DAYS,
            "without_unused": f"?without={UNUSED}",
        }


class ScopeUseExportView(ScopeUseMixin, View):
    """Export the report. Not audited: the page shows members the same data."""

    def get(self, request, *args, **kwargs):
        filters = self.get_filters()
        # Otherwise the file would contain other keys than the URL requests.
        if filters.ignored:
            raise BadRequest
        lines = as_csv(self.organization, self.get_rows(filters), filters.file_order)
        at = f"{timezone.now():%Y%m%dT%H%M%SZ}"
        return download(lines, CSV, f"scope-use-{self.organization.pk}-{at}.csv")
