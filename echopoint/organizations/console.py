"""What the pages of the admin console share."""

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

from echopoint.accounts import fresh_sign_in
from echopoint.core.addresses import address_of, holds_one, public, shown
from echopoint.core.names import refuse_secret, validate_name
from echopoint.organizations.console_audit import Recorded

SEARCHED = "_search"  # what a posted search is told from other forms by
KEY_IN_ADDRESS = (
    "The address of this page contained an API key, or part of one. Browser histories and"
    " logs store addresses: if it was a whole key, revoke it. Paste keys into the search"
    " box only."
)
NOT_SEARCHED = (
    "This looks like the secret of an API key, or part of one. Secrets are not stored, so"
    " it was not searched for. Search for the id of the key instead."
)
NO_TIME = (
    "The address of this page contained a time that cannot be compared with others, so"
    " that filter was ignored."
)
# The date of a filter; Django works out the day, month or year that follows.
DATE_PART = re.compile("__(year|month|day)(__|$)")


class Console(admin.AdminSite):
    """The admin console. Changes need a fresh sign-in, as on the other pages.

    Searches are posted, as someone may paste a key, and only the public part of what was
    typed gets into the address.
    """

    def register(self, models, admin_class=None, **options):
        # Also of libraries: no page of the console makes a change without its event.
        pages = admin_class or admin.ModelAdmin
        if not issubclass(pages, Recorded):
            own = {"__doc__": pages.__doc__, "owner": getattr(pages, "owner", "")}
            pages = type(pages.__name__, (Recorded, pages), own)
        super().register(models, pages, **options)

    def admin_view(self, view, cacheable=False):
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request, *args, **kwargs):
            if answer := elsewhere(request):
                return answer
            is_change = request.method == "POST" and request.user.is_authenticated
            if (
                is_change
                and view != self.logout
                and not fresh_sign_in.is_fresh(request)
            ):
                return self.ask(request)
            return inner(request, *args, **kwargs)

        return guarded

    def ask(self, request):
        """Say that nothing was changed; the form can be sent again with Back."""
        context = self.each_context(request) | {
            "title": "Nothing was changed yet",
            "sign_in": fresh_sign_in.where(request),
        }
        template = "admin/sign_in_again.html"
        return TemplateResponse(request, template, context, status=403)


def elsewhere(request):
    """Return the way to the address that a request should have had, or None."""
    if request.method == "POST" and SEARCHED in request.POST:
        return to_results(request)
    if odd := [name for name in request.GET if has_odd_time(name, request.GET)]:
        return without(odd, request)
    if not holds_one(request):
        return None
    messages.warning(request, KEY_IN_ADDRESS)
    return HttpResponseRedirect(address_of(request))


def has_odd_time(name, query):
    """Whether a filter is for a time that databases or Django cannot compare."""
    values = query.getlist(name)
    if DATE_PART.search(name):
        return not all(re.fullmatch("[0-9]{1,4}", v) and v != "9999" for v in values)
    return any(map(is_odd, values))


def is_odd(text):
    """Whether the text is a time that is in no year in UTC, or has an offset of its own."""
    try:
        time = parse_datetime(text)
        offset = time and time.utcoffset()
        return bool(offset and (offset.microseconds or not time.astimezone(UTC)))
    except ValueError:
        return False  # no time; Django says so where it asks for one
    except OverflowError:
        return True


def without(names, request):
    """Return the way to the page without these filters, which says so."""
    query = shown(request.GET)
    for name in names:
        query.pop(name, None)
    messages.warning(request, NO_TIME)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def to_results(request):
    """Return the way to what a posted search finds, among what was filtered."""
    query = shown(request.GET)
    query.pop(PAGE_VAR, None)
    text = request.POST.get(SEARCH_VAR, "").strip()
    query[SEARCH_VAR] = public(text)
    if text and not query[SEARCH_VAR]:
        messages.error(request, NOT_SEARCHED)
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


class NamesChecked(admin.ModelAdmin):
    """Rows that are written here: what names them is seen by all, and no secret.

    The model has the same rules, but the console shows a text that only it refused, in
    the title of the page.
    """

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.CharField):
            area = isinstance(field.widget, forms.Textarea)
            field.validators.append(refuse_secret if area else validate_name)
        return field


class DeletableAdmin(Recorded, admin.ModelAdmin):
    """Rows to be looked at or deleted; they are written through the API alone."""

    def get_queryset(self, request):
        # Lists show a hundred rows, of which each can hold megabytes.
        large = (TextField, JSONField)
        columns = self.model._meta.concrete_fields
        unseen = [f.name for f in columns if isinstance(f, large)]
        return (
            super().get_queryset(request).defer(*set(unseen) - set(self.list_display))
        )

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class ReadOnlyAdmin(DeletableAdmin):
    """Rows to be looked at: they come to be, change and end by the model's own verbs."""

    def has_delete_permission(self, request, obj=None):
        return False
