"""The form of the policy."""

from django import forms

from apikeys.policy import LIMITS
from echopoint.organizations.models import Organization

LABELS = {
    "default_lifetime_days": "Default lifetime, in days",
    "max_lifetime_days": "Maximum lifetime, in days",
    "allow_non_expiring": "Allow keys without an expiry",
    "max_overlap_days": "Maximum overlap of a rotation, in days",
}


class PolicyForm(forms.ModelForm):
    """The limits; `seen` are those that the form was opened with."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=80)

    class Meta:
        model = Organization
        fields = LIMITS
        labels = LABELS
        error_messages = {
            name: {
                "required": "Give a whole number of days.",
                "min_value": "Enter %(limit_value)s or more.",
                "max_value": "Enter %(limit_value)s or less.",
            }
            for name in LIMITS
        }
        help_texts = {
            "allow_non_expiring": "Let people create keys that never expire.",
        }

    def __init__(self, *args, instance, **kwargs):
        super().__init__(*args, instance=instance, **kwargs)
        # A form changes its instance even when it is refused.
        self.before = {name: getattr(instance, name) for name in LIMITS}
        self.initial["seen"] = self.fingerprint()

    def clean(self):
        """Say at its field what the two lifetimes must be to each other."""
        cleaned = super().clean()
        default = cleaned.get("default_lifetime_days")
        maximum = cleaned.get("max_lifetime_days")
        if default and maximum and default > maximum:
            text = f"Give at most the maximum lifetime, {in_words(maximum)}."
            self.add_error("default_lifetime_days", text)
        return cleaned

    def fingerprint(self):
        """Return the limits in force as one text."""
        return " ".join(str(value) for value in self.before.values())

    def is_stale(self):
        """Whether the policy was changed since the form was opened."""
        return self.cleaned_data["seen"] != self.fingerprint()

    @property
    def limits(self):
        """Return the limits that were sent."""
        return {name: self.cleaned_data[name] for name in LIMITS}

    def changes(self):
        """Return what would change, as [(label, before, after)]."""
        return [
            (LABELS[name], in_words(self.before[name]), in_words(value))
            for name, value in self.limits.items()
            if value != self.before[name]
        ]


def in_words(value):
    """Return the value of a limit as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "1 day" if value == 1 else f"{value} days"


def facts(organization):
    """Return the limits in force, as [(label, value)]."""
    return [(LABELS[name], in_words(getattr(organization, name))) for name in LIMITS]
