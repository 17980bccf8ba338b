from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.db import transaction

from echopoint.core.audit_log import audit_log
from echopoint.organizations.console import ReadOnlyAdmin, ValidatedTextAdmin
from echopoint.organizations.console_audit import AuditedAdmin
from echopoint.organizations.departures import (
    HandsOverKeys,
    OrganizationForm,
    report_departure,
)
from echopoint.organizations.models import Membership, Organization, User


class EmailUserCreationForm(AdminUserCreationForm):
    """Creates a user by e-mail address."""

    class Meta:
        model = User
        fields = ["email"]
        field_classes = {}


class EmailUserChangeForm(UserChangeForm):
    """Changes a user."""

    class Meta:
        model = User
        fields = "__all__"
        field_classes = {}


@admin.register(User)
class UserAdmin(HandsOverKeys, AuditedAdmin, ValidatedTextAdmin, DjangoUserAdmin):
    """Users, who sign in by e-mail address."""

    add_form = EmailUserCreationForm
    form = EmailUserChangeForm
    ordering = ["email"]
    list_display = ["email", "name", "is_active", "is_staff"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    readonly_fields = ["created_at", "last_login"]
    fieldsets = [
        (None, {"fields": ["email", "password", "name"]}),
        ("Rights", {"fields": ["is_active", "is_staff", "is_superuser", "groups"]}),
        ("Dates", {"fields": ["created_at", "last_login"]}),
    ]
    filter_horizontal = ["groups"]
    add_fieldsets = [
        (None, {"fields": ["email", "usable_password", "password1", "password2"]})
    ]

    def user_change_password(self, request, id, form_url=""):
        with transaction.atomic():
            if request.method == "POST":
                audit_log().lock_installation()
            return super().user_change_password(request, id, form_url)

    def delete_model(self, request, obj):
        self.delete_queryset(request, User.objects.filter(pk=obj.pk))

    def delete_queryset(self, request, queryset):
        with transaction.atomic():
            audit_log().lock_installation()
            memberships = Membership.objects.filter(user__in=queryset)
            changes = memberships.end(self.keys_to(request))
            super().delete_queryset(request, queryset)
        for change in changes:
            # The keys have no creator any more, only the label.
            report_departure(
                request, change, created_by=None, created_by_label=change.before
            )


class MembershipInline(admin.TabularInline):
    """The members of an organization."""

    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Organization)
class OrganizationAdmin(HandsOverKeys, AuditedAdmin, ValidatedTextAdmin):
    """Organizations. They cannot be deleted."""

    form = OrganizationForm
    list_display = ["name", "id", "created_at"]
    search_fields = ["name", "=id"]
    readonly_fields = [
        "id",
        "created_at",
        "default_lifetime_days",
        "max_lifetime_days",
        "allow_non_expiring",
        "max_overlap_days",
        "requests_per_minute",
        "keep_captured_requests_days",
        "keep_executions_days",
        "leak_action",
        "max_keys",
        "review_every_days",
        "review_period_days",
        "unconfirmed_action",
        "owner_scopes",
        "admin_scopes",
        "listed_scopes",
        "notice_days",
        "require_description",
        "require_contact",
        "frozen_at",
        "frozen_by_label",
        "freeze_reason",
    ]
    inlines = [MembershipInline]

    def has_delete_permission(self, request, obj=None):
        return False

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if not change:
            audit_log().organization_created(obj)
        elif fields := [name for name in form.changed_data if name != "keys_to"]:
            before = form.initial["name"]
            audit_log().organization_changed(obj, fields=fields, before=before)

    def save_formset(self, request, form, formset, change):
        for change in save_memberships(formset, form.cleaned_data["keys_to"]):
            report_departure(request, change, created_by=change.before.pk)

    def changeform_view(self, request, *args, **kwargs):
        return self.refusing(super().changeform_view, request, *args, **kwargs)

    def record_addition(self, row):
        """Do nothing: `save_model` records it, before the members are added."""

    def record_change(self, row, fields):
        """Do nothing: `save_model` records it."""


def save_memberships(formset, keys_to):
    """Save the memberships of an inline formset; each change is audited.

    Return the `HandOver` of each removed member's keys, which go to the user `keys_to`.
    """
    memberships = formset.save(commit=False)
    ended = [membership.pk for membership in formset.deleted_objects]
    changes = Membership.objects.filter(pk__in=ended).end(keys_to)
    for membership in memberships:
        membership.put()
    return changes


@admin.register(Membership)
class MembershipAdmin(HandsOverKeys, AuditedAdmin, admin.ModelAdmin):
    """Memberships of users in organizations."""

    list_display = ["user", "organization", "role"]
    list_filter = ["role"]
    search_fields = ["user__email", "organization__name"]
    autocomplete_fields = ["user", "organization"]
    list_select_related = ["user", "organization"]

    def save_model(self, request, obj, form, change):
        obj.put()

    def delete_model(self, request, obj):
        self.delete_queryset(request, Membership.objects.filter(pk=obj.pk))

    def delete_queryset(self, request, queryset):
        for change in queryset.end(self.keys_to(request)):
            report_departure(request, change, created_by=change.before.pk)

    def record_addition(self, row):
        """Do nothing: the membership records it."""

    def record_change(self, row, fields):
        """Do nothing: the membership records it."""


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(ValidatedTextAdmin, DjangoGroupAdmin):
    """Groups of console permissions."""


admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(AuditedAdmin, ValidatedTextAdmin, AllauthEmailAddressAdmin):
    """The verified e-mail addresses of users."""

    @admin.action(description="Mark selected e-mail addresses as verified")
    @transaction.atomic
    def make_verified(self, request, queryset):
        audit_log().lock_installation()
        before = list(queryset.filter(verified=False).values_list("pk", flat=True))
        super().make_verified(request, queryset)
        for row in self.model.objects.filter(pk__in=before, verified=True):
            self.record_change(row, ["verified"])


admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors, without their secrets; delete one that its owner has lost."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    search_fields = ["user__email"]
    list_select_related = ["user"]
    fields = list_display

    def has_delete_permission(self, request, obj=None):
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def record_deletion(self, rows):
        """Do nothing: a signal of the row records it on the chains of the user."""
