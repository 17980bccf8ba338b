"""Indexes for text within the labels of actors and keys: PostgreSQL only, like 0006.

SQLite reads the events of the organization for these filters.
"""

from django.db import migrations

from echopoint.core.migrating import RunWithoutModels

# As Django writes `icontains`.
INDEXES = {
    "audit_event_actor_text": "organization_id, upper(actor_label::text) gin_trgm_ops",
    "audit_event_target_text": "organization_id, upper(target_label::text) gin_trgm_ops",
}


def create(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name, columns in INDEXES.items():
            schema_editor.execute(
                f"CREATE INDEX {name} ON apikeys_auditevent USING gin ({columns})"
            )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0011_audit_event_version")]

    operations = [RunWithoutModels(create, drop)]
