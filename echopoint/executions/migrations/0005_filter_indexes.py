"""Indexes for the filters of the list of executions."""

from django.db import migrations, models

from echopoint.core.migrating import AddIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executions", "0004_deadlines")]

    operations = [
        AddIndex(
            "execution",
            models.Index(
                fields=["organization", "status", "-started_at", "-id"],
                name="execution_by_status",
            ),
        ),
        AddIndex(
            "execution",
            models.Index(
                fields=["organization", "trigger_type", "-started_at", "-id"],
                name="execution_by_trigger",
            ),
        ),
        AddIndex(
            "execution",
            models.Index(
                fields=["organization", "flow", "status", "-started_at", "-id"],
                name="execution_of_flow_by_status",
            ),
        ),
    ]
