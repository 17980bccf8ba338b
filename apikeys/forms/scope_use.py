"""The filter form of the report on the use of scopes."""

from django.db.models import F

from apikeys.db import keyset
from apikeys.forms.filters import Choice, FilterForm
from apikeys.models.querysets import SCOPE_IDLE_SINCE
from apikeys.models.scope_use import UNUSED_DAYS

EVERY = "all"


class ScopeUseForm(FilterForm):
    """The choice of keys in the report; keys with the longest unused scope come first."""

    keys = Choice(
        label="Keys",
        choices=[
            ("", "With unused scopes"),
            (EVERY, "All unrevoked keys"),
        ],
    )

    order = keyset.Order(SCOPE_IDLE_SINCE, False, keyset.parse_time)

    @property
    def file_order(self):
        """Return an order in which few keys that are used during an export appear twice.

        A use moves a key towards the end of `order`. With the filter on unused scopes, it
        mostly removes the key from the rows instead: the key appears again only if another
        of its scopes is unused.
        """
        if self.cleaned_data["keys"] == EVERY:
            return keyset.Order(F("created_at"), False, keyset.parse_time)
        return self.order

    def apply(self, keys):
        """Return the unrevoked keys that the report shows."""
        if self.cleaned_data["keys"] == EVERY:
            return keys.unrevoked()
        return keys.with_unused_scopes(UNUSED_DAYS)
