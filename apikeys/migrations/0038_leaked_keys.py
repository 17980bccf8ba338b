"""Index for the unrevoked keys that were reported as leaked. Few keys are in it."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("apikeys", "0037_key_warnings")]

    operations = [
        AddIndex(
            "apikey",
            models.Index(
                condition=models.Q(leak_reported_at__isnull=False, revoked_at=None),
                fields=["organization", "leak_reported_at"],
                name="api_key_leaked",
            ),
        ),
    ]
