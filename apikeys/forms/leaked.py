"""The form that reports leaked keys."""

from django import forms

from apikeys.leaks import MAX_TEXTS


class SecretTextarea(forms.Textarea):
    """A text area whose text is never sent back: it may be a secret."""

    def get_context(self, name, value, attrs):
        return super().get_context(name, None, attrs)


class LeakedKeysForm(forms.Form):
    """Texts that may be keys, one on each line."""

    keys = forms.CharField(
        label="Leaked keys, one on each line",
        help_text=f"The complete keys, up to {MAX_TEXTS}. Texts that are no keys are ignored.",
        widget=SecretTextarea(
            attrs={"rows": 6, "autocomplete": "off", "spellcheck": "false"}
        ),
        error_messages={"required": "Enter at least one key."},
    )

    def clean_keys(self):
        """Return the texts."""
        texts = [
            line for line in self.cleaned_data["keys"].splitlines() if line.strip()
        ]
        if len(texts) > MAX_TEXTS:
            raise forms.ValidationError(
                f"Enter at most {MAX_TEXTS} keys; you entered {len(texts)}. Enter them again,"
                " in parts."
            )
        return texts
