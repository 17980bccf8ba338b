"""The admin site, and base classes of the model admins."""

import re
from datetime import UTC
from functools import wraps

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.db.models import JSONField, TextField
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_datetime

from echopoint.accounts import reauthentication
from echopoint.core.names import refuse_secret, validate_name
from echopoint.core.url_redaction import (
    redact_query,
    redact_value,
    redacted_url,
    url_has_secret,
)
from echopoint.organizations.console_audit import AuditedAdmin

SEARCHED = "_search"  # the field that marks a POST as a search
KEY_IN_ADDRESS = (
    "The address of this page contained an API key, or part of one. Browser histories and"
    " logs store addresses: if it was a whole key, revoke it. Paste keys into the search"
    " box only."
)
NOT_SEARCHED = (
    "This looks like the secret of an API key, or part of one. Secrets are not stored, so"
    " it was not searched for. Search for the id of the key instead."
)
TIME_IGNORED = (
    "The address of this page contained a time that cannot be compared with others, so"
    " that filter was ignored."
)
# The lookup of a date hierarchy. Django computes the following day, month or year.
DATE_PART = re.compile("__(year|month|day)(__|$)")


class Console(admin.AdminSite):
    """The admin console. Changes require a recent sign-in.

    Searches are sent by POST, because a pasted key must not end up in a URL. The redirect
    contains only the public part of the search text.
    """

    def register(self, models, admin_class=None, **options):
        # Also for models of libraries, so that no change in the console goes unaudited.
        pages = admin_class or admin.ModelAdmin
        if not issubclass(pages, AuditedAdmin):
            own = {"__doc__": pages.__doc__, "owner": getattr(pages, "owner", "")}
            pages = type(pages.__name__, (AuditedAdmin, pages), own)
        super().register(models, pages, **options)

    def admin_view(self, view, cacheable=False):
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request, *args, **kwargs):
            if response := redirect_for(request):
                return response
            is_change = request.method == "POST" and request.user.is_authenticated
            if (
                is_change
                and view != self.logout
                and not reauthentication.is_recent(request)
            ):
                return self.ask(request)
            return inner(request, *args, **kwargs)

        return guarded

    def ask(self, request):
        """Return a 403 page. The browser's Back button preserves the form."""
        context = self.each_context(request) | {
            "title": "Nothing was changed yet",
            "sign_in": reauthentication.url_for(request),
        }
        template = "admin/sign_in_again.html"
        return TemplateResponse(request, template, context, status=403)


def redirect_for(request):
    """Return a redirect if the URL holds a key or an invalid time, or for a search."""
    if request.method == "POST" and SEARCHED in request.POST:
        return redirect_to_results(request)
    if odd := [name for name in request.GET if has_invalid_time(name, request.GET)]:
        return redirect_without(odd, request)
    if not url_has_secret(request):
        return None
    messages.warning(request, KEY_IN_ADDRESS)
    return HttpResponseRedirect(redacted_url(request))


def has_invalid_time(name, query):
    """Whether a filter has a time that the database or Django cannot compare."""
    values = query.getlist(name)
    if DATE_PART.search(name):
        return not all(re.fullmatch("[0-9]{1,4}", v) and v != "9999" for v in values)
    return any(map(is_incomparable, values))


def is_incomparable(text):
    """Whether the time is outside the years of UTC, or its offset has microseconds."""
    try:
        time = parse_datetime(text)
        offset = time and time.utcoffset()
        return bool(offset and (offset.microseconds or not time.astimezone(UTC)))
    except ValueError:
        return False  # not a time; Django's own validation reports it
    except OverflowError:
        return True


def redirect_without(names, request):
    """Redirect to the page without these filters, with a warning."""
    query = redact_query(request.GET)
    for name in names:
        query.pop(name, None)
    messages.warning(request, TIME_IGNORED)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def redirect_to_results(request):
    """Redirect a posted search to its results, with the filters in use."""
    query = redact_query(request.GET)
    query.pop(PAGE_VAR, None)
    text = request.POST.get(SEARCH_VAR, "").strip()
    query[SEARCH_VAR] = redact_value(text)
    if text and not query[SEARCH_VAR]:
        messages.error(request, NOT_SEARCHED)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


class ValidatedTextAdmin(admin.ModelAdmin):
    """Validates text fields of rows that are edited in the console.

    The models validate the same. But the console puts a text that only the model refused
    into the title of the page, so that a pasted secret would be displayed.
    """

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.CharField):
            area = isinstance(field.widget, forms.Textarea)
            field.validators.append(refuse_secret if area else validate_name)
        return field


class DeletableAdmin(AuditedAdmin, admin.ModelAdmin):
    """Rows that can be viewed and deleted. They are written through the API only."""

    def get_queryset(self, request):
        # A list shows 100 rows, and each may hold megabytes in these columns.
        large = (TextField, JSONField)
        columns = self.model._meta.concrete_fields
        first_invisible = [f.name for f in columns if isinstance(f, large)]
        return (
            super()
            .get_queryset(request)
            .defer(*set(first_invisible) - set(self.list_display))
        )

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class ReadOnlyAdmin(DeletableAdmin):
    """Rows that can only be viewed. The model's methods create, change and delete them."""

    def has_delete_permission(self, request, obj=None):
        return False
