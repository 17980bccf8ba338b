"""Models whose deferred fields load together."""

from django.db import models


class DeferredTogether(models.Model):
    """The first use of a deferred field loads all of them, with one query."""

    class Meta:
        abstract = True

    def refresh_from_db(self, using=None, fields=None, from_queryset=None):
        deferred = self.get_deferred_fields()
        if fields is not None and not deferred.isdisjoint(fields):
            fields = {*fields, *deferred}
        super().refresh_from_db(using, fields, from_queryset)

    refresh_from_db.alters_data = True
