from functools import partial

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.template.response import TemplateResponse

from apikeys import tokens
from apikeys.actors import Actor
from apikeys.audit.timeline import in_words
from apikeys.forms.filters import public_id_in
from apikeys.forms.issue import RevokeApiKeyForm
from apikeys.models import (
    ApiKey,
    AuditChain,
    AuditEvent,
    ContactAddress,
    InstallationChain,
    InstallationEvent,
    KeyPlace,
    KeyUsage,
    KeyWarning,
    PepperFingerprint,
    Refusal,
    ScopeUse,
    SpentNonce,
)
from echopoint.core.refusals import Refused
from echopoint.organizations.console import ReadOnlyAdmin


def change_keys(verb, label, modeladmin, request, queryset):
    """Call a method of each selected key, after a page that asks for the reason."""
    sent = "reason" in request.POST
    form = RevokeApiKeyForm(request.POST if sent else None)
    if not (sent and form.is_valid()):
        context = modeladmin.admin_site.each_context(request) | {
            "title": f"{label} API keys",
            "label": label,
            "action": request.POST["action"],
            "keys": queryset,
            "form": form,
        }
        return TemplateResponse(request, "admin/apikeys/apikey/confirm.html", context)
    actor = Actor.from_request(request, via="admin")
    for key in queryset:
        try:
            done = getattr(key, verb)(by=actor, reason=form.cleaned_data["reason"])
        except Refused as refusal:
            messages.error(request, f"{key}: {refusal.message}")
        else:
            text = f"{key} is {key.status()}." if done else f"{key}: nothing changed."
            messages.success(request, text)
    return None


def action(verb, label):
    """Return the admin action that calls the key's method `verb`."""
    function = partial(change_keys, verb, label)
    function.__name__ = verb
    return admin.action(function, permissions=["stop"], description=f"{label} API keys")


class SearchableByKeyAdmin(ReadOnlyAdmin):
    """Searches by the id of a key, in any spelling."""

    id_format = "{}"

    def get_search_results(self, request, queryset, search_term):
        public_id = public_id_in(search_term)
        if public_id and public_id != search_term:
            search_term = self.id_format.format(public_id)
        return super().get_search_results(request, queryset, search_term)


class PepperFilter(admin.SimpleListFilter):
    """Filter unrevoked keys by the pepper of their digest.

    The choices come from the setting; reading them from the keys would read all keys.
    """

    title = "pepper of an unrevoked key"
    parameter_name = "pepper"
    OTHER = "other"

    def lookups(self, request, model_admin):
        current = tokens.current_pepper().version
        versions = [
            (
                str(version),
                f"{version}, current" if version == current else str(version),
            )
            for version in configured_versions()
        ]
        return [*versions, (self.OTHER, "not in API_KEY_PEPPERS")]

    def queryset(self, request, queryset):
        if self.value() is None:
            return queryset
        keys = queryset.unrevoked()
        versions = configured_versions()
        if self.value() == self.OTHER:
            return keys.exclude(pepper_version__in=versions)
        if self.value() not in map(str, versions):
            raise IncorrectLookupParameters
        return keys.filter(pepper_version=self.value())


def configured_versions():
    peppers = tokens.read_peppers(settings.API_KEY_PEPPERS)
    return [pepper.version for pepper in peppers]


@admin.register(ApiKey)
class ApiKeyAdmin(SearchableByKeyAdmin):
    """Keys, without the digest. The actions use the model's methods, which audit them."""

    actions = [
        action("revoke", "Revoke"),
        action("suspend", "Suspend"),
        action("resume", "Resume"),
    ]
    list_display = [
        "name",
        "display_id",
        "organization",
        "state",
        "owner",
        "created_at",
        "expires_at",
        "last_used_at",
    ]
    list_filter = ["preset", PepperFilter, "organization"]
    list_select_related = ["organization", "owner"]
    search_fields = ["name_key", "=public_id"]
    exclude = ["digest"]

    def has_stop_permission(self, request):
        """Whether the user has Django's permission to change keys."""
        return request.user.has_perm("apikeys.change_apikey")


class ActionFilter(admin.SimpleListFilter):
    """Filter by actions that are in use or were used."""

    title = parameter_name = "action"

    def lookups(self, request, model_admin):
        return model_admin.model.objects.actions()

    def queryset(self, request, queryset):
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(SearchableByKeyAdmin):
    """The audit events of organizations, read-only."""

    id_format = "key_{}"

    list_display = [
        "organization",
        "sequence",
        "at",
        "action",
        "actor_label",
        "target_label",
    ]
    list_filter = [ActionFilter, "organization"]
    list_select_related = ["organization"]
    search_fields = ["=target_id", "=actor_id", "actor_key", "target_key"]
    date_hierarchy = "at"


@admin.register(AuditChain)
class AuditChainAdmin(ReadOnlyAdmin):
    """The head of each organization's chain."""

    list_display = ["organization", "length", "head"]
    list_select_related = ["organization"]


@admin.register(InstallationEvent)
class InstallationEventAdmin(ReadOnlyAdmin):
    """Audit events that belong to no organization, read-only."""

    list_display = ["sequence", "at", "action", "actor_label", "target_label", "text"]
    list_filter = [ActionFilter]
    search_fields = ["=target_id", "=actor_id", "actor_key", "target_key"]
    date_hierarchy = "at"

    @admin.display(description="details")
    def text(self, event):
        return in_words(event)


@admin.register(InstallationChain)
class InstallationChainAdmin(ReadOnlyAdmin):
    """The head of the installation's chain."""

    list_display = ["__str__", "length", "head"]


@admin.register(Refusal)
class RefusalAdmin(SearchableByKeyAdmin):
    """Refused requests, by key, reason and minute."""

    list_display = ["key", "reason", "minute", "count", "last_ip"]
    list_filter = ["reason"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id"]


@admin.register(KeyUsage)
class KeyUsageAdmin(SearchableByKeyAdmin):
    """Requests, by key, day and scope."""

    list_display = ["key", "day", "scope", "allowed", "refused"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id"]


@admin.register(KeyPlace)
class KeyPlaceAdmin(ReadOnlyAdmin):
    """Where keys are used, by key and place."""

    list_display = ["key", "name", "address", "last_seen_at", "requests"]
    list_filter = ["kind"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id", "name", "=address"]


@admin.register(ScopeUse)
class ScopeUseAdmin(SearchableByKeyAdmin):
    """The last use of each scope, by key."""

    list_display = ["key", "scope", "last_used_at"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id"]


@admin.register(KeyWarning)
class KeyWarningAdmin(SearchableByKeyAdmin):
    """The last refused request and the last new place, by key."""

    list_display = ["key", "kind", "at"]
    list_filter = ["kind"]
    list_select_related = ["key"]
    search_fields = ["=key__public_id"]


@admin.register(PepperFingerprint)
class PepperFingerprintAdmin(ReadOnlyAdmin):
    """The versions of the pepper that this database was used with.

    `check_pepper_rotation` counts their keys, which is too slow for a page.
    """

    list_display = ["version", "state", "recorded_at"]
    exclude = ["fingerprint"]

    @admin.display(description="in API_KEY_PEPPERS")
    def state(self, row):
        if row.version not in configured_versions():
            return "no: unrevoked keys of this version cannot authenticate"
        is_current = row.version == tokens.current_pepper().version
        return "yes, the current one" if is_current else "yes"


@admin.register(SpentNonce)
class SpentNonceAdmin(ReadOnlyAdmin):
    """Nonces of submitted forms."""

    list_display = ["spent_at", "key"]
    list_select_related = ["key"]
    fields = ["key", "spent_at"]


@admin.register(ContactAddress)
class ContactAddressAdmin(ReadOnlyAdmin):
    """Contact addresses whose mail is stopped, or that got mail about leaked keys."""

    list_display = ["address", "stopped_at", "leak_mail_day", "leak_mails"]
    search_fields = ["=address"]
