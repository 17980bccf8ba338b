"""The form of the report on the use of scopes."""

from django.db.models import F

from apikeys.db import keyset
from apikeys.forms.filters import Choice, FilterForm
from apikeys.models.querysets import SCOPE_IDLE_SINCE
from apikeys.models.scope_use import UNUSED_DAYS

EVERY = "all"


class ScopeUseForm(FilterForm):
    """Which keys the report shows; those with the longest unused scope are first."""

    keys = Choice(
        label="Keys",
        choices=[
            ("", "With unused scopes"),
            (EVERY, "All that are not revoked"),
        ],
    )

    order = keyset.Order(SCOPE_IDLE_SINCE, False, keyset.parse_time)

    @property
    def file_order(self):
        """Return an order in which no key comes twice when it is used during an export.

        A use moves a key to the end of `order`, but out of the keys with unused scopes.
        """
        if self.cleaned_data["keys"] == EVERY:
            return keyset.Order(F("created_at"), False, keyset.parse_time)
        return self.order

    def apply(self, keys):
        """Return the unrevoked keys that the report shows."""
        if self.cleaned_data["keys"] == EVERY:
            return keys.unrevoked()
        return keys.with_unused_scopes(UNUSED_DAYS)
