"""The time since which a fact is recorded. Pages do not claim what was not recorded."""

from datetime import timedelta

from django.apps import apps
from django.db import connections, models
from django.utils import timezone

# How long servers of the earlier version may serve after a migration. They do not record
# the fact, so it is unknown for this time.
EARLIER_SERVERS = timedelta(days=1)


class RecordingQuerySet(models.QuerySet):
    """Store and return the start of a recording."""

    def begin(self, *, has_keys, at=None):
        """Store the start once. If there are keys, servers of the earlier version may still run."""
        at = at or timezone.now()
        began_at = at + EARLIER_SERVERS if has_keys else at
        self.get_or_create(pk=1, defaults={"began_at": began_at})

    begin.alters_data = True

    def began_at(self):
        """Return the time since which the facts are complete; now if it is unknown."""
        began_at = self.values_list("began_at", flat=True).first()
        return began_at or timezone.now()


class Recording(models.Model):
    """The time since which this database has every fact of a kind; a single row."""

    began_at = models.DateTimeField()

    objects = RecordingQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self):
        return f"complete from {self.began_at:%Y-%m-%d %H:%M} UTC"


def begin_recording(using, **kwargs):
    """Store, after a migration, since when each fact is recorded."""
    tables = connections[using].introspection.table_names()
    keys = apps.get_model("apikeys", "ApiKey")._base_manager.using(using)
    for model in Recording.__subclasses__():
        # A database that was migrated back does not have the table.
        if model._meta.db_table in tables:
            model.objects.using(using).begin(has_keys=keys.exists())
