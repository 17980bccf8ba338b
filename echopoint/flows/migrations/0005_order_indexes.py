"""Indexes for the orders of the search for flows."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("flows", "0004_stored_bytes")]

    operations = [
        AddIndex(
            "flow",
            models.Index(
                fields=["organization", "name", "id"],
                name="flow_by_name",
            ),
        ),
        AddIndex(
            "flow",
            models.Index(
                fields=["organization", "updated_at", "id"],
                name="flow_by_update",
            ),
        ),
    ]
