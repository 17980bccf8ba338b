"""The form of the policy."""

import math

from django import forms
from django.conf import settings

from apikeys.audit.wording import count_in_words
from apikeys.forms.policy_fields import (
    ListedScopesField,
    NoticeDaysField,
    RoleScopesField,
    joined,
    listed_scopes_in_words,
    notice_days_in_words,
    role_scopes_in_words,
)
from apikeys.policy import (
    LIMITS,
    MAX_NOTICE_DAYS,
    MAX_NOTICES,
    NOTICE_DAYS,
    beyond_site,
)
from echopoint.organizations.models import (
    MAX_REVIEW_PERIOD_DAYS,
    LeakAction,
    Organization,
    ReviewInterval,
    UnconfirmedAction,
)

LABELS = {
    "default_lifetime_days": "Default lifetime, in days",
    "max_lifetime_days": "Maximum lifetime, in days",
    "allow_non_expiring": "Allow keys without an expiry",
    "max_overlap_days": "Maximum overlap of a rotation, in days",
    "requests_per_minute": "Requests per minute of a key",
    "keep_captured_requests_days": "Keep captured requests, in days",
    "keep_executions_days": "Keep executions, in days",
    "leak_action": "A key that is reported as leaked",
    "max_keys": "Maximum number of keys",
    "owner_scopes": "Scopes that owners may grant",
    "admin_scopes": "Scopes that admins may grant",
    "listed_scopes": "Scopes that need a list of allowed addresses",
    "notice_days": "Notices before a key expires, in days",
    "require_description": "Require a description",
    "require_contact": "Require an owner or a contact",
    "review_every_days": "Access reviews",
    "review_period_days": "Period of a review, in days",
    "unconfirmed_action": "A key that a review did not confirm",
}
# The setting that applies if a policy sets no limit.
SITE_SETTINGS = {
    "requests_per_minute": "API_REQUESTS_PER_MINUTE",
    "keep_captured_requests_days": "KEEP_CAPTURED_REQUESTS_DAYS",
    "keep_executions_days": "KEEP_EXECUTIONS_DAYS",
}
GROUPED = ("owner_scopes", "admin_scopes", "listed_scopes")  # many checkboxes
HELP_OF_ROLE = (
    "A key may have the chosen scopes, or exactly the scopes of a chosen preset. This"
    " does not limit the operator’s commands."
)


class PolicyForm(forms.ModelForm):
    """The limits. `shown_limits` are the limits in force when the form was rendered."""

    shown_limits = forms.CharField(
        widget=forms.HiddenInput, required=False, max_length=3000
    )
    owner_scopes = RoleScopesField(label=LABELS["owner_scopes"], help_text=HELP_OF_ROLE)
    admin_scopes = RoleScopesField(label=LABELS["admin_scopes"], help_text=HELP_OF_ROLE)
    listed_scopes = ListedScopesField(
        label=LABELS["listed_scopes"],
        help_text="A key with one of these scopes cannot be created or rotated without a list of"
        " allowed addresses, and its list cannot be removed.",
    )
    notice_days = NoticeDaysField(
        label=LABELS["notice_days"],
        help_text=f"Up to {MAX_NOTICES} numbers from 1 to {MAX_NOTICE_DAYS}, separated by"
        " commas. There is always a notice on the day itself. Empty:"
        f" {joined(NOTICE_DAYS)}.",
    )

    class Meta:
        model = Organization
        fields = LIMITS
        labels = LABELS
        error_messages = {
            name: {
                "required": "Enter a whole number of days.",
                "invalid": "Enter a whole number.",
                "min_value": "Enter %(limit_value)s or more.",
                "max_value": "Enter %(limit_value)s or less.",
            }
            for name in LIMITS
        }
        help_texts = {
            "allow_non_expiring": "Let people create keys that never expire.",
            "leak_action": "Applies if someone proves that they have the complete secret. A"
            " suspended key can be rotated or resumed; a revoked one never works again.",
            "max_keys": "Revoked and expired keys do not count. A key that is being"
            " rotated and its successor count as one, so that a rotation is always possible."
            " Empty: no maximum.",
            "require_description": "Refuse to create or rotate a key without a description,"
            " and to remove a description.",
            "require_contact": "Refuse to create or rotate a key that has neither, and to"
            " remove the last of them. An owner is a member. A contact is any e-mail address: it is not"
            " verified, and may have stopped its e-mails. If an owner leaves, their keys stay"
            " without one.",
            "review_every_days": "In a review, owners and admins confirm each key that is still"
            " needed. The first one opens at the next run of the command run_access_reviews,"
            " later ones this long after the one before.",
            "review_period_days": f"1 to {MAX_REVIEW_PERIOD_DAYS}. Keys can be confirmed until"
            " the period ends or the review is signed off. Applies to reviews that open after"
            " the change.",
            "unconfirmed_action": "Applies when a review ends. A suspended key can be resumed."
            " Applies to reviews that open after the change.",
        }

    def __init__(self, *args, instance, **kwargs):
        super().__init__(*args, instance=instance, **kwargs)
        # Validation changes the instance, so the current limits are copied here.
        self.before = {name: getattr(instance, name) for name in LIMITS}
        self.initial["shown_limits"] = self.fingerprint()
        for name in SITE_SETTINGS:
            self.fields[name].help_text = limit_help(name)
        for name in GROUPED:
            self.fields[name].summary = in_words(name, self.before[name])
        self.fields["review_every_days"].choices = [
            ("", "Off"),
            *ReviewInterval.choices,
        ]

    def clean(self):
        """Report a default lifetime above the maximum at its own field."""
        cleaned = super().clean()
        default = cleaned.get("default_lifetime_days")
        maximum = cleaned.get("max_lifetime_days")
        if default and maximum and default > maximum:
            text = (
                f"Enter at most the maximum lifetime, {count_in_words(maximum, 'day')}."
            )
            self.add_error("default_lifetime_days", text)
        return cleaned

    def _post_clean(self):
        super()._post_clean()
        for name, message in beyond_site(self.instance).items():
            if name not in self.errors:
                self.add_error(name, message)

    def fingerprint(self):
        """Return the limits in force as one string, to detect a concurrent change."""
        return " ".join(str(value) for value in self.before.values())

    def is_stale(self):
        """Whether the policy was changed since the form was opened."""
        return self.cleaned_data["shown_limits"] != self.fingerprint()

    @property
    def limits(self):
        """Return the submitted limits."""
        return {name: self.cleaned_data[name] for name in LIMITS}

    def shortens_retention(self):
        """Whether captured requests or executions would be deleted sooner than now."""
        return any(
            retention_days(name, self.limits[name])
            < retention_days(name, self.before[name])
            for name in ("keep_captured_requests_days", "keep_executions_days")
        )

    def changed_limits(self):
        """Return the names of the limits that differ from those in force."""
        return {n for n, value in self.limits.items() if value != self.before[n]}

    def changes(self):
        """Return the changed limits, as [(label, before, after)]."""
        changed = self.changed_limits()
        return [
            (LABELS[name], in_words(name, self.before[name]), in_words(name, value))
            for name, value in self.limits.items()
            if name in changed
        ]


def in_words(name, value):
    """Return the value of a limit as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in WORDS:
        return WORDS[name](value)
    if value is None:
        return f"{default_in_words(name)} (default)"
    return count_in_words(value, "day")


def leak_action_in_words(value):
    return "suspended" if value == LeakAction.SUSPEND else "revoked"


def review_interval_in_words(value):
    return f"every {count_in_words(value, 'day')}" if value else "off"


def unconfirmed_action_in_words(value):
    return "suspended" if value == UnconfirmedAction.SUSPEND else "only reported"


def max_keys_in_words(value):
    return count_in_words(value, "key") if value else "no maximum"


def rate_in_words(value):
    if value is None:
        return f"{default_in_words('requests_per_minute')} (default)"
    return count_in_words(value, "request")


# Limits that are not numbers of days.
WORDS = {
    "requests_per_minute": rate_in_words,
    "leak_action": leak_action_in_words,
    "max_keys": max_keys_in_words,
    "owner_scopes": role_scopes_in_words,
    "admin_scopes": role_scopes_in_words,
    "listed_scopes": listed_scopes_in_words,
    "notice_days": notice_days_in_words,
    "review_every_days": review_interval_in_words,
    "unconfirmed_action": unconfirmed_action_in_words,
}


def retention_days(name, value):
    """Return the retention in days; `math.inf` if rows are never deleted."""
    return value or getattr(settings, SITE_SETTINGS[name]) or math.inf


def default_in_words(name):
    """Return the site's default for a limit as text."""
    value = getattr(settings, SITE_SETTINGS[name])
    return in_words(name, value) if value else "forever"


def limit_help(name):
    """Return the help text of a limit that may be empty."""
    default = default_in_words(name)
    if name == "requests_per_minute":
        most = settings.API_MAX_REQUESTS_PER_MINUTE
        return f"Applies to keys without their own limit. Empty: {default}. At most {most}."
    return f"Older ones are deleted and cannot be restored. Empty: kept {default}."


def facts(organization):
    """Return the limits in force, as [(label, value)]."""
    return [
        (LABELS[name], in_words(name, getattr(organization, name))) for name in LIMITS
    ]
