from allauth.account.admin import EmailAddressAdmin as AllauthEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group

from echopoint.organizations.console import NamesChecked, ReadOnlyAdmin
from echopoint.organizations.models import Membership, Organization, User


class EmailUserCreationForm(AdminUserCreationForm):
    """A new user, by e-mail."""

    class Meta:
        model = User
        fields = ["email"]
        field_classes = {}


class EmailUserChangeForm(UserChangeForm):
    """A user, by e-mail."""

    class Meta:
        model = User
        fields = "__all__"
        field_classes = {}


@admin.register(User)
class UserAdmin(NamesChecked, DjangoUserAdmin):
    """People, who sign in by e-mail."""

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


class MembershipInline(admin.TabularInline):
    """The members of an organization."""

    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Organization)
class OrganizationAdmin(NamesChecked):
    """Organizations; their keys keep them from being deleted."""

    list_display = ["name", "id", "created_at"]
    search_fields = ["name", "=id"]
    readonly_fields = [
        "id",
        "created_at",
        "default_lifetime_days",
        "max_lifetime_days",
        "allow_non_expiring",
        "max_overlap_days",
    ]
    inlines = [MembershipInline]

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):
    """Who belongs where."""

    list_display = ["user", "organization", "role"]
    list_filter = ["role"]
    search_fields = ["user__email", "organization__name"]
    autocomplete_fields = ["user", "organization"]
    list_select_related = ["user", "organization"]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(NamesChecked, DjangoGroupAdmin):
    """Rights in the console that several people have."""


admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(NamesChecked, AllauthEmailAddressAdmin):
    """The addresses that people verified."""


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
